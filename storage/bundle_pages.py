"""A bundle's report as one HTML page: no script, nothing loaded from elsewhere, the same bytes every time."""

from __future__ import annotations

from html import escape
from typing import Final

from models.texts import Text
from storage.bundle_report import Report
from storage.bundle_report_values import Section, Table

_STYLE: Final = (
    "body{font:15px/1.6 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:64rem;"
    "margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #c9d1d9}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;"
    "border-bottom:1px solid #e3e7eb;vertical-align:top}code{font-size:.85em;overflow-wrap:anywhere}"
    ".en{color:#57606a}@media print{h2{break-after:avoid}tr{break-inside:avoid}}"
)


def report_html(report: Report) -> bytes:
    """The report as a page, UTF-8."""
    sections = "\n".join(_section(section) for section in report.sections)
    page = (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{report.title.zh} {escape(report.subject)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n<h1>{_both(report.title)}</h1>\n<p><strong>{escape(report.subject)}</strong></p>\n"
        f"{sections}\n</body></html>\n"
    )
    return page.encode("utf-8", "replace")


def _section(section: Section) -> str:
    parts = [f"<h2>{_both(section.heading)}</h2>"]
    if section.listed:
        items = "".join(f"<li>{_sentence(sentence)}</li>" for sentence in section.sentences)
        parts.append(f"<ul>{items}</ul>")
    else:
        parts += [f"<p>{_sentence(sentence)}</p>" for sentence in section.sentences]
    if section.table is not None:
        parts.append(_table(section.table))
    return "\n".join(parts)


def _both(text: Text) -> str:
    return f"{escape(text.zh)} <span class=en>{escape(text.en)}</span>"


def _sentence(text: Text) -> str:
    return f"{escape(text.zh)}<br><span class=en>{escape(text.en)}</span>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    body = "\n".join(f"<tr>{_cells(row, table.codes)}</tr>" for row in table.rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}\n{body}</table>"


def _cells(row: tuple[str, ...], codes: tuple[int, ...]) -> str:
    texts = [escape(value).replace("\n", "<br>") for value in row]
    return "".join(
        f"<td><code>{text}</code></td>" if column in codes else f"<td>{text}</td>"
        for column, text in enumerate(texts)
    )
