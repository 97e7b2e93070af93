"""A bundle's report as PDF (A4), the same bytes for equal reports.

Chinese is set in STSong-Light, one of the fonts that a PDF reader brings itself (Adobe's Asian language
packs, or the CJK fonts of the system): nothing is embedded, and no font file has to come along.
"""

from __future__ import annotations

import io
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from models.texts import Text
from storage.bundle_report import Report
from storage.bundle_report_values import Section, Table

FONT: Final = "STSong-Light"
_WIDTH: Final = A4[0] - 36 * mm
_GREY: Final = HexColor("#57606a")
_LINES: Final = TableStyle(
    [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#d0d7de")),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
)


def report_pdf(report: Report) -> bytes:
    """The report as a PDF file."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    styles = _styles()
    flow: list[Any] = [_bilingual(report.title, styles["title"]), _plain(report.subject, styles["text"])]
    for section in report.sections:
        flow += _section(section, styles)
    out = io.BytesIO()
    page = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=18 * mm,
        title=f"{report.title.zh} {report.subject}",
        author="Rollcall",
        invariant=1,  # no date of making, no random id: equal reports are equal files
    )
    page.build(flow, onFirstPage=_foot(report.subject), onLaterPages=_foot(report.subject))
    return out.getvalue()


def _styles() -> dict[str, ParagraphStyle]:
    def style(name: str, size: float, **more: Any) -> ParagraphStyle:
        # CJK wrapping breaks between any two signs: hashes and Chinese have no spaces.
        return ParagraphStyle(name, fontName=FONT, fontSize=size, leading=size * 1.45, wordWrap="CJK", **more)

    return {
        "title": style("title", 17, spaceAfter=2),
        "heading": style("heading", 12, spaceBefore=10, spaceAfter=3, keepWithNext=True),
        "text": style("text", 9, spaceAfter=3),
        "cell": style("cell", 8),
        "code": ParagraphStyle("code", fontName="Courier", fontSize=6.5, leading=9, wordWrap="CJK"),
        "head": style("head", 8, textColor=_GREY),
    }


def _section(section: Section, styles: dict[str, ParagraphStyle]) -> list[Any]:
    flow: list[Any] = [_bilingual(section.heading, styles["heading"])]
    mark = "• " if section.listed else ""
    for sentence in section.sentences:
        flow.append(_plain(f"{mark}{sentence.zh}\n{sentence.en}", styles["text"]))
    if section.table is not None and section.table.rows:
        flow.append(_table(section.table, styles))
    return [*flow, Spacer(1, 2 * mm)]


def _table(table: Table, styles: dict[str, ParagraphStyle]) -> LongTable:
    heads = [_plain(head, styles["head"]) for head in table.columns]
    rows: list[list[Any]] = [heads] if heads else []
    for row in table.rows:
        rows.append(
            [
                _plain(text, styles["code" if column in table.codes and text.isascii() else "cell"])
                for column, text in enumerate(row)
            ]
        )
    whole = sum(table.widths)
    widths = [_WIDTH * width / whole for width in table.widths]
    # A row that is taller than a page is split inside; the head comes again on every page.
    return LongTable(rows, widths, repeatRows=len(rows) - len(table.rows), style=_LINES, splitInRow=1)


def _bilingual(text: Text, style: ParagraphStyle) -> Paragraph:
    return _plain(f"{text.zh} {text.en}", style)


def _plain(text: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph of bare text: names from outside are never taken for markup."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br/>")
    # The middle dot of Latin-1 is not in the reader's Chinese font; that of the Chinese punctuation is.
    shown = safe.replace("\u00b7", "\u30fb")
    return Paragraph("".join(sign if sign.isprintable() else " " for sign in shown), style)


def _foot(subject: str) -> Any:
    def draw(canvas: Any, _page: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(_GREY)
        shown = subject if len(subject) <= 80 else f"{subject[:79]}…"
        canvas.drawString(18 * mm, 10 * mm, shown)
        canvas.drawRightString(A4[0] - 18 * mm, 10 * mm, f"{canvas.getPageNumber()}")

    return draw
