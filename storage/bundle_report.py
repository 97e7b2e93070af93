"""A bundle's readable report as values: sentences and tables, Chinese and English beside each other.

It shows what the leaves say and adds nothing to them but the trainees' names. ``bundle_pages`` writes it as
HTML, ``bundle_pdf`` as PDF.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from models.checkpoint import utc_text
from models.evidence import LeafKind
from models.texts import Text
from storage.bundle_evidence import BundleEvidence, BundleScope, FootageMode
from storage.bundle_lesson_report import (
    Body,
    bodies,
    coverage_table,
    flag_table,
    footage_table,
    gap_table,
    lesson_facts,
    local_time,
    text_of,
    verdict_table,
)
from storage.bundle_report_values import Section, Table
from storage.bundle_texts import DOES_NOT_PROVE, HOW_TO_VERIFY, PROVES

_TITLES: Final = {
    BundleScope.LESSON: Text("课次存证报告", "Lesson evidence"),
    BundleScope.CASE: Text("案件存证报告", "Case evidence"),
    BundleScope.CLASS: Text("班级档案存证报告", "Class archive evidence"),
}
_FOOTAGE: Final = {
    FootageMode.INCLUDED: Text("包内含全部录像", "all footage is in this bundle"),
    FootageMode.HASHES: Text("包内不含录像，仅有其哈希值", "no footage in this bundle, only its hashes"),
    FootageMode.SELECTED: Text(
        "包内仅含与案件有关的录像段，其余仅有哈希值", "only the case's segments are here, the others by hash"
    ),
}


@dataclass(frozen=True, slots=True)
class Report:
    """``title`` and ``subject`` head the document; sections follow in order."""

    title: Text
    subject: str
    sections: tuple[Section, ...]


def report_of(evidence: BundleEvidence, capabilities: str, names: Mapping[str, str]) -> Report:
    """The report of a bundle. ``names``: trainee codes to names."""
    request = evidence.request
    sections = [_facts(evidence, capabilities)]
    for lesson_id in request.lessons:
        sections += _lesson(evidence, lesson_id, names)
    sections += [
        _sentences(Text("本包能证明什么", "What this proves"), PROVES),
        _sentences(Text("本包不能证明什么", "What this does not prove"), DOES_NOT_PROVE),
        _sentences(
            Text("如何核验", "How to verify"), {name: (text,) for name, text in HOW_TO_VERIFY.items()}
        ),
    ]
    return Report(_TITLES[request.scope], request.subject, tuple(sections))


def _facts(evidence: BundleEvidence, capabilities: str) -> Section:
    last, request = evidence.last_checkpoint, evidence.request
    mode = _FOOTAGE[request.footage]
    facts = [
        ("编号 subject", request.subject),
        ("课次数 lessons", str(len(request.lessons))),
        ("录像 footage", f"{mode.zh}；{mode.en}"),
        ("导出时间 exported", utc_text(evidence.exported_at)),
        ("导出人 by", request.actor),
        ("日志名称 log", evidence.origin),
        ("日志条数 log size", str(last.size)),
        ("根哈希 root", last.root.hex()),
        ("检查点时间 checkpoint", utc_text(last.at)),
        ("录像存储保护 store enforces", capabilities),
    ]
    facts += [(f"公钥指纹 key {link.key.key_id.hex()}", link.key.fingerprint) for link in evidence.keys]
    return Section(Text("基本信息", "Facts"), table=Table((), tuple(facts), (2, 5), codes=(1,)))


def _lesson(evidence: BundleEvidence, lesson_id: str, names: Mapping[str, str]) -> Iterator[Section]:
    rows = evidence.rows_of(lesson_id)
    published = bodies(rows, LeafKind.LESSON_PUBLISHED)
    lesson = published[-1] if published else Body()
    title = text_of(lesson, "title") or lesson_id
    yield Section(Text(f"课次 {title}", "Lesson"), table=lesson_facts(lesson_id, lesson))
    closing = bodies(rows, LeafKind.LESSON_CLOSED)
    for heading, table in (
        (Text("录像与观察", "Footage and coverage"), coverage_table(rows)),
        (Text("录像缺口及原因", "Gaps and their causes"), gap_table(bodies(rows, LeafKind.GAP))),
        (Text("考勤结论及理由", "Verdicts and reasons"), verdict_table(rows, names)),
        (Text("预警", "Flags"), flag_table(bodies(rows, LeafKind.FLAG), names)),
    ):
        if table.rows:
            yield Section(heading, table=table)
    yield _footage(evidence, lesson_id, closing)
    files = _attached(bodies(rows, LeafKind.EXPORT))
    if files.rows:
        yield Section(Text("附件", "Attached files"), table=files)


def _footage(evidence: BundleEvidence, lesson_id: str, closing: Sequence[Body]) -> Section:
    """Every segment with its hash and its lock; of a class only the sum: months would fill a book."""
    heading = Text("录像清单", "Footage list")
    keep = local_time(closing[-1], "retain_until") if closing else "—"
    said = Text(
        f"应锁定保存至 {keep}。下列锁定均为从对象存储读回的结果。",
        f"To be locked until {keep}. Locks are shown as read back from the object store.",
    )
    table = footage_table(evidence.rows_of(lesson_id), evidence.request.carries)
    if evidence.request.scope is not BundleScope.CLASS:
        return Section(heading, (said,), table)
    locked = sum(row[-1] != "—" for row in table.rows)
    total = Text(
        f"共 {len(table.rows)} 段，{locked} 段已锁定；逐段哈希值见 leaves.jsonl。",
        f"{len(table.rows)} segments, {locked} of them locked; the hash of each is in leaves.jsonl.",
    )
    return Section(heading, (said, total))


def _attached(exports: Sequence[Body]) -> Table:
    files = exports[-1].get("files") if exports else None
    listed = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
    rows = tuple((text_of(it, "name"), text_of(it, "size_bytes"), text_of(it, "sha256")) for it in listed)
    return Table(("文件 file", "字节 bytes", "SHA-256"), rows, (3, 1, 4), codes=(2,))


def _sentences(heading: Text, lines: Mapping[str, tuple[str, ...]]) -> Section:
    pairs = zip(lines["zh_CN"], lines["en"], strict=True)
    return Section(heading, tuple(Text(zh, en) for zh, en in pairs), listed=True)
