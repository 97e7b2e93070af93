"""One lesson's tables in a bundle's report, from its leaves: coverage, gaps, verdicts, flags, footage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from models.attendance import Mark, Reason, Status
from models.canonical_json import parse_json
from models.evidence import JsonValue, LeafKind
from models.flags import FlagKind, FlagState
from models.footage import GapCause
from models.label_texts import label
from models.reason_texts import render_reason
from models.texts import SHANGHAI
from storage.bundle_report_values import Table
from storage.leaf_store import StoredLeaf

Body = dict[str, JsonValue]
_Kind = TypeVar("_Kind", bound=StrEnum)


def bodies(rows: Sequence[StoredLeaf], kind: LeafKind) -> list[Body]:
    """Bodies of the leaves of a kind, in log order."""
    found: list[Body] = []
    for row in rows:
        record = parse_json(row.record) if row.kind is kind else None
        body = record.get("body") if isinstance(record, dict) else None
        if isinstance(body, dict):
            found.append(body)
    return found


def text_of(body: Body, name: str) -> str:
    """A value as text; empty where there is none."""
    value = body.get(name)
    return "" if value is None else str(value)


def local_time(body: Body, name: str) -> str:
    """An instant as the wall clock in Shanghai shows it; empty where there is none."""
    raw = text_of(body, name)
    return datetime.fromisoformat(raw).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if raw else ""


def lesson_facts(lesson_id: str, lesson: Body) -> Table:
    """What the lesson was: id, class, times, room, instructor, policy."""
    policy = lesson.get("policy")
    facts = (
        ("课次编号 lesson", lesson_id),
        ("班级 class", text_of(lesson, "class_code")),
        ("时间 time", f"{local_time(lesson, 'starts_at')} – {local_time(lesson, 'ends_at')} (Asia/Shanghai)"),
        ("教室 room", text_of(lesson, "room")),
        ("教师 instructor", text_of(lesson, "instructor")),
        ("规则版本 policy", text_of(policy, "version") if isinstance(policy, dict) else ""),
    )
    return Table((), tuple(fact for fact in facts if fact[1]), (2, 5))


def coverage_table(rows: Sequence[StoredLeaf]) -> Table:
    """Per camera: segments, gaps, recorded time, and when its pictures were judged."""
    closing = bodies(rows, LeafKind.LESSON_CLOSED)
    cameras = _objects(closing[-1].get("cameras")) if closing else []
    judged = {text_of(body, "camera_id"): body for body in bodies(rows, LeafKind.COVERAGE)}
    lines = []
    for camera in cameras:
        spans = _objects(judged.get(text_of(camera, "camera_id"), {}).get("intervals"))
        watched = "；".join(f"{_clock(span, 'starts_at')}–{_clock(span, 'ends_at')}" for span in spans)
        lines.append(
            (*(text_of(camera, name) for name in ("camera_id", "segments", "gaps", "recorded_s")), watched)
        )
    columns = ("摄像头 camera", "录像段 segments", "缺口 gaps", "录像秒数 seconds", "有效观察 judged")
    return Table(columns, tuple(lines), (3, 2, 2, 2, 5))


def gap_table(gaps: Sequence[Body]) -> Table:
    """Time without footage, and why."""
    rows = tuple(
        (
            text_of(gap, "camera_id"),
            local_time(gap, "starts_at"),
            local_time(gap, "ends_at"),
            f"{_label(GapCause, gap, 'cause')} ({text_of(gap, 'cause')})",
        )
        for gap in gaps
    )
    return Table(("摄像头 camera", "自 from", "至 to", "原因 cause"), rows, (2, 3, 3, 4))


def verdict_table(rows: Sequence[StoredLeaf], names: Mapping[str, str]) -> Table:
    """The latest verdict on each trainee, with its reasons in words; a correction says so."""
    latest = {text_of(body, "trainee"): body for body in bodies(rows, LeafKind.VERDICT)}
    corrected = {text_of(body, "trainee") for body in bodies(rows, LeafKind.CORRECTION)}
    lines = []
    for trainee, body in sorted(latest.items()):
        marks = [_label(Mark, {"mark": mark}, "mark") for mark in _list(body.get("marks"))]
        note = ["另有更正，见附件 corrected: see the attached files"] if trainee in corrected else []
        lines.append(
            (
                f"{trainee} {names.get(trainee, '')}".strip(),
                "\n".join([_label(Status, body, "status"), *marks]),
                text_of(body, "present_minutes"),
                text_of(body, "credited_hours"),
                "\n".join([*reason_lines(body), *note]),
            )
        )
    columns = ("学员 trainee", "结论 status", "分钟 min", "课时 hours", "理由 reasons")
    return Table(columns, tuple(lines), (3, 3, 2, 2, 9))


def flag_table(flags: Sequence[Body], names: Mapping[str, str]) -> Table:
    """Each flag as it stands last."""
    latest = {(text_of(body, "kind"), text_of(body, "subject")): body for body in flags}
    lines = tuple(
        (
            _label(FlagKind, body, "kind"),
            f"{subject} {names.get(subject, '')}".strip(),
            _label(FlagState, body, "state"),
            "\n".join(reason_lines(body)),
        )
        for (_, subject), body in sorted(latest.items())
    )
    return Table(("种类 kind", "对象 subject", "状态 state", "理由 reasons"), lines, (3, 3, 2, 9))


def footage_table(rows: Sequence[StoredLeaf], carried: Callable[[str], bool]) -> Table:
    """Every segment: when, hash, whether it is in the bundle, and its lock as read back."""
    stored = {
        (text_of(body, "camera_id"), text_of(body, "sha256")): body
        for body in bodies(rows, LeafKind.SEGMENT_STORED)
    }
    lines = []
    for body in bodies(rows, LeafKind.SEGMENT_CLOSED):
        camera, digest = text_of(body, "camera_id"), text_of(body, "sha256")
        kept = stored.get((camera, digest), {})
        mode, until = text_of(kept, "lock_mode"), local_time(kept, "retain_until")
        lines.append(
            (
                f"{camera} {text_of(body, 'sequence')}",
                f"{_clock(body, 'starts_at')}–{_clock(body, 'ends_at')}",
                digest,
                "有 yes" if carried(digest) else "仅哈希 hash",
                f"{mode} {until}" if mode and until else "—",
            )
        )
    columns = ("录像段 segment", "时间 time", "SHA-256", "在包内 here", "锁定 lock")
    return Table(columns, tuple(lines), (3, 3, 6, 2, 4), codes=(2,))


def reason_lines(body: Body) -> list[str]:
    """Reasons of a verdict or flag as sentences, Chinese and English in turn."""
    lines = []
    for item in _objects(body.get("reasons")):
        pairs = tuple((str(pair[0]), str(pair[1])) for pair in map(_list, _list(item.get("values"))) if pair)
        reason = Reason(text_of(item, "code"), pairs)
        lines += [render_reason(reason, language) for language in ("zh_CN", "en")]
    return lines


def _label(kind: type[_Kind], body: Mapping[str, JsonValue], name: str) -> str:
    """Both short names of a value; the bare value where this release has no name for it."""
    raw = str(body.get(name) or "")
    known = [member for member in kind if member.value == raw]
    return f"{label(known[0], 'zh_CN')} {label(known[0], 'en')}" if known else raw


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _objects(value: JsonValue) -> list[Body]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _clock(body: Body, name: str) -> str:
    return local_time(body, name)[11:]
