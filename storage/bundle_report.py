"""A bundle's readable report: one page, Chinese and English, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from models.canonical_json import parse_json
from models.checkpoint import utc_text
from models.evidence import JsonValue, LeafKind
from storage.bundle_evidence import BundleEvidence
from storage.bundle_texts import DOES_NOT_PROVE, HOW_TO_VERIFY, PROVES
from storage.leaf_store import StoredLeaf

_STYLE: Final = (
    "body{font:15px/1.6 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #c9d1d9}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;"
    "border-bottom:1px solid #e3e7eb;vertical-align:top}code{font-size:.85em;overflow-wrap:anywhere}"
    ".en{color:#57606a}"
)

_STATUS: Final = {
    "present": "出勤 present",
    "partial": "部分出勤 partial",
    "absent": "缺勤 absent",
    "not_observable": "无法判定 not observable",
    "excused": "请假 excused",
}

Body = dict[str, JsonValue]


def report_html(evidence: BundleEvidence, capabilities: str) -> bytes:
    """The report, UTF-8. It shows what the leaves say and adds nothing to them."""
    rows = evidence.lesson_rows
    parts = [
        _heading(evidence, _bodies(rows, LeafKind.LESSON_PUBLISHED)),
        _facts(evidence, capabilities),
        _cameras(rows),
        _verdicts(_bodies(rows, LeafKind.VERDICT)),
        _gaps(_bodies(rows, LeafKind.GAP)),
        _files(_bodies(rows, LeafKind.EXPORT)),
        _sentences("本包能证明什么", "What this proves", PROVES),
        _sentences("本包不能证明什么", "What this does not prove", DOES_NOT_PROVE),
        _sentences("如何核验", "How to verify", {name: (text,) for name, text in HOW_TO_VERIFY.items()}),
    ]
    page = (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>存证报告 {escape(evidence.request.lesson_id)}</title><style>{_STYLE}</style></head>\n"
        "<body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )
    return page.encode("utf-8", "replace")


def _heading(evidence: BundleEvidence, published: Sequence[Body]) -> str:
    lesson = published[-1] if published else {}
    title = str(lesson.get("title") or evidence.request.lesson_id)
    times = f"{_text(lesson, 'starts_at')} – {_text(lesson, 'ends_at')}" if lesson else ""
    return (
        f"<h1>课次存证报告 <span class=en>Lesson evidence</span></h1>\n<p><strong>{escape(title)}</strong> "
        f"{escape(_text(lesson, 'class_code'))}<br>{escape(times)}</p>"
    )


def _facts(evidence: BundleEvidence, capabilities: str) -> str:
    last = evidence.last_checkpoint
    facts = [
        ("课次编号 lesson", evidence.request.lesson_id),
        ("日志名称 log", evidence.origin),
        ("导出时间 exported", utc_text(evidence.exported_at)),
        ("导出人 by", evidence.request.actor),
        ("日志条数 log size", str(last.size)),
        ("根哈希 root", last.root.hex()),
        ("检查点时间 checkpoint", utc_text(last.at)),
        ("录像存储保护 store enforces", capabilities),
    ]
    facts += [(f"公钥指纹 key {link.key.key_id.hex()}", link.key.fingerprint) for link in evidence.keys]
    return _section("基本信息", "Facts", _table((), facts, code_column=1))


def _cameras(rows: Sequence[StoredLeaf]) -> str:
    closing = _bodies(rows, LeafKind.LESSON_CLOSED)
    cameras = closing[-1].get("cameras") if closing else None
    listed = [camera for camera in cameras if isinstance(camera, dict)] if isinstance(cameras, list) else []
    keep = _text(closing[-1], "retain_until") if closing else ""
    table = _table(
        ("摄像头 camera", "录像段 segments", "缺口 gaps", "录像秒数 seconds"),
        [
            [_text(camera, name) for name in ("camera_id", "segments", "gaps", "recorded_s")]
            for camera in listed
        ],
    )
    return _section("录像", "Footage", f"<p>保存至 locked until {escape(keep)}</p>{table}")


def _verdicts(bodies: Sequence[Body]) -> str:
    latest = {_text(body, "trainee"): body for body in bodies}
    lines = []
    for trainee, body in sorted(latest.items()):
        status = _text(body, "status")
        marks = body.get("marks")
        lines.append(
            [
                trainee,
                _STATUS.get(status, status),
                ", ".join(str(mark) for mark in marks) if isinstance(marks, list) else "",
                _text(body, "present_minutes"),
                _text(body, "credited_hours"),
            ]
        )
    columns = ("学员编号 trainee", "结论 status", "标记 marks", "在场分钟 minutes", "课时 hours")
    return _section("考勤", "Attendance", _table(columns, lines)) if lines else ""


def _gaps(bodies: Sequence[Body]) -> str:
    lines = [
        [_text(body, name) for name in ("camera_id", "starts_at", "ends_at", "cause")] for body in bodies
    ]
    columns = ("摄像头 camera", "开始 from", "结束 to", "原因 cause")
    return _section("录像缺口", "Gaps", _table(columns, lines)) if lines else ""


def _files(bodies: Sequence[Body]) -> str:
    files = bodies[-1].get("files") if bodies else None
    listed = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    lines = [[_text(item, "name"), _text(item, "size_bytes"), _text(item, "sha256")] for item in listed]
    return (
        _section("附件", "Attached files", _table(("文件 file", "字节 bytes", "SHA-256"), lines))
        if lines
        else ""
    )


def _sentences(chinese: str, english: str, lines: Mapping[str, tuple[str, ...]]) -> str:
    pairs = zip(lines["zh_CN"], lines["en"], strict=True)
    items = "".join(f"<li>{escape(zh)}<br><span class=en>{escape(en)}</span></li>" for zh, en in pairs)
    return _section(chinese, english, f"<ul>{items}</ul>")


def _section(chinese: str, english: str, content: str) -> str:
    return f"<h2>{chinese} <span class=en>{english}</span></h2>\n{content}"


def _table(columns: Sequence[str], lines: Iterable[Sequence[str]], code_column: int = -1) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{_cells(line, code_column)}</tr>" for line in lines)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}\n{body}</table>"


def _cells(line: Sequence[str], code_column: int) -> str:
    texts = [escape(value) for value in line]
    return "".join(
        f"<td><code>{text}</code></td>" if column == code_column else f"<td>{text}</td>"
        for column, text in enumerate(texts)
    )


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    return "" if value is None else str(value)


def _bodies(rows: Sequence[StoredLeaf], kind: LeafKind) -> list[Body]:
    found: list[Body] = []
    for row in rows:
        record = parse_json(row.record) if row.kind is kind else None
        body = record.get("body") if isinstance(record, dict) else None
        if isinstance(body, dict):
            found.append(body)
    return found
