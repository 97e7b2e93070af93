"""Attendance as it stands: the machine's verdicts, what people added, and how they add it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.attendance import ManualEntry, ManualKind, Mark
from models.correction import MAY_APPROVE, Standing, correct_verdict, split_corrections, standing_of
from models.errors import Conflict, InvalidInput, NotFound
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_leaves import json_of
from models.flag_facts import LessonFacts
from models.flag_rules import STANDING_KINDS, standing_flags
from models.plain_text import is_blank, plain_text
from models.register import AttendanceRecord, CitedEvidence, Correction, LessonRecord, Role, User
from models.roster import Trainee
from models.timeline import Interval, as_utc, total
from storage.unit_of_work import UnitOfWork
from supervision_api.pipeline.judging import settle_flags

# stands for the colleague who may approve later; no account can have this name.
_ANYONE = "\0anyone"


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """One trainee of a judged lesson. ``pending``: corrections that wait for a second person."""

    trainee: Trainee
    standing: Standing
    pending: tuple[Correction, ...] = ()


def sheet_of(work: UnitOfWork, record: LessonRecord) -> tuple[SheetEntry, ...]:
    """The lesson's attendance by trainee code; empty until it is judged."""
    names = {trainee.code: trainee for trainee in work.roster.trainees(record.lesson.class_code)}
    return tuple(
        entry_of(names.get(one.verdict.trainee), one)
        for one in work.verdicts.records(record.lesson.lesson_id)
    )


def entry_of(trainee: Trainee | None, record: AttendanceRecord) -> SheetEntry:
    """What counts for one trainee; somebody no longer on the roster keeps the code."""
    code = record.verdict.trainee
    accepted, pending = split_corrections(record)
    return SheetEntry(trainee or Trainee(code, code, ""), standing_of(record.verdict, accepted), pending)


def find_entry(work: UnitOfWork, record: LessonRecord, code: str) -> SheetEntry:
    """One trainee's line. Raises ``NotFound`` where there is no verdict on them."""
    verdict = work.verdicts.find(record.lesson.lesson_id, code)
    if verdict is None:
        raise NotFound("no verdict on this trainee", hint="the lesson may not be judged yet")
    corrections = work.verdicts.corrections(record.lesson.lesson_id, code)
    known = [one for one in work.roster.trainees(record.lesson.class_code) if one.code == code]
    return entry_of(known[0] if known else None, AttendanceRecord(verdict, corrections))


def correct(work: UnitOfWork, record: LessonRecord, correction: Correction, actor: User) -> Correction:
    """Keep a correction, its leaf and the flags that follow from it. One that raises hours counts only once
    another person approved it.

    Raises:
        InvalidInput: no such reason, status or mark, hours out of bounds, footage that does not exist.
        NotAllowed: the role may not correct.
        Conflict: it changes nothing.
    """
    reason = plain_text(correction.reason, "reason", lines=True)
    correction = replace(
        correction,
        reason="" if is_blank(reason) else reason,
        struck=_in_order(correction.struck),
        evidence=_plain_evidence(correction.evidence),
    )
    entry = find_entry(work, record, correction.trainee)
    # judged as if approved: whether it may stand at all is one question, when it counts another.
    roles: Mapping[str, Role] = {actor.name: actor.role, _ANYONE: next(iter(MAY_APPROVE))}
    assumed = replace(correction, approved_by=_ANYONE)
    correct_verdict(entry.standing, assumed, record.lesson, record.policy.attendance, roles)
    _refuse_unrecorded(work, record, correction.evidence)
    kept = work.verdicts.correct(correction)
    work.evidence.append(_correction_leaf(kept, kept.at))
    _settle(work, record, kept.at)
    return kept


def approve(
    work: UnitOfWork, record: LessonRecord, correction_id: str, approver: User, now: datetime
) -> Correction:
    """The second person's word on raised hours, and its leaf.

    Raises:
        NotFound: no such correction in this lesson.
        Conflict: approved already, or by the person who made it.
        NotAllowed: the role may not approve.
    """
    lesson_id = record.lesson.lesson_id
    found = [one for one in work.verdicts.corrections(lesson_id) if one.correction_id == correction_id]
    if not found:
        raise NotFound("no such correction in this lesson", hint="load the sheet again")
    roles = {found[0].actor: _role_of(work, found[0].actor), approver.name: approver.role}
    entry = find_entry(work, record, found[0].trainee)
    if found[0] not in entry.pending:
        raise Conflict("this correction needs no approval", hint="load the sheet again")
    assumed = replace(found[0], approved_by=approver.name)
    correct_verdict(entry.standing, assumed, record.lesson, record.policy.attendance, roles)
    kept = work.verdicts.approve(correction_id, approver.name)
    work.evidence.append(_correction_leaf(kept, now))
    _settle(work, record, now)
    return kept


def _in_order(struck: Sequence[str]) -> tuple[str, ...]:
    """Each mark once, in the order of the marks; unknown ones stay for the rules to refuse."""
    known = [mark.value for mark in Mark if mark in struck]
    return (*known, *dict.fromkeys(mark for mark in struck if mark not in known))


def _plain_evidence(cited: CitedEvidence | None) -> CitedEvidence | None:
    if cited is None:
        return None
    note = plain_text(cited.note, "evidence", lines=True)
    at = as_utc(cited.at) if cited.at and cited.at.tzinfo else cited.at
    return replace(cited, at=at, note="" if is_blank(note) else note)


def _refuse_unrecorded(work: UnitOfWork, record: LessonRecord, cited: CitedEvidence | None) -> None:
    """Footage that is cited must exist: nobody could look at it otherwise."""
    if cited is None or cited.at is None:
        return
    segments = work.footage.segments(record.lesson.lesson_id, cited.camera_id)
    if not any(one.starts_at <= cited.at <= one.ends_at for one in segments):
        raise InvalidInput(
            f"camera {cited.camera_id} has no footage of that instant",
            place="evidence",
            hint="choose an instant that plays",
        )


def _settle(work: UnitOfWork, record: LessonRecord, now: datetime) -> None:
    """Flags that rest on the corrected standings alone: raised, changed or withdrawn with the correction."""
    standings = tuple(entry.standing for entry in sheet_of(work, record))
    facts = LessonFacts(record.lesson, record.policy, timedelta(), standings=standings)
    settle_flags(work, record.lesson.lesson_id, standing_flags(facts), STANDING_KINDS, now)


def enter_manually(
    work: UnitOfWork, record: LessonRecord, trainee: str, entry: ManualEntry, now: datetime
) -> ManualEntry:
    """A leave or an instructor's confirmation, and its leaf. A judged lesson is judged again after it.

    Raises:
        NotFound: nobody of this code is on the roster.
        InvalidInput: an interval outside the lesson, no reason.
        Conflict: the lesson is sealed.
    """
    lesson = record.lesson
    work.roster.entry(lesson.class_code, trainee)
    if is_blank(entry.reason):
        raise InvalidInput("a manual entry needs a reason", place="reason", hint="say what happened")
    if entry.interval and not _inside(entry.interval, lesson.interval):
        raise InvalidInput("the interval leaves the lesson", place="starts_at", hint="stay within the lesson")
    if entry.kind is ManualKind.INSTRUCTOR_CONFIRMED and now < lesson.starts_at:
        raise InvalidInput("nobody can confirm a lesson that has not begun", place="kind", hint="wait for it")
    work.verdicts.add_manual(lesson.lesson_id, trainee, entry, now)
    body: dict[str, JsonValue] = {"trainee": trainee, "manual": json_of(entry)}
    work.evidence.append(Leaf(LeafKind.CORRECTION, now, lesson.lesson_id, body))
    return entry


def manual_entry(
    kind: str, starts_at: datetime | None, ends_at: datetime | None, actor: str, reason: str
) -> ManualEntry:
    """A manual entry from what someone typed.

    Raises:
        InvalidInput: no such kind, half an interval, an end before its start, an instant without zone,
            a control character in the reason.
    """
    if kind not in tuple(ManualKind):
        raise InvalidInput(f"no kind {kind!r}", place="kind", hint=f"one of {', '.join(ManualKind)}")
    if (starts_at is None) != (ends_at is None):
        raise InvalidInput("an interval needs both ends", place="ends_at", hint="give both or neither")
    interval = None
    if starts_at is not None and ends_at is not None:
        try:
            interval = Interval(as_utc(starts_at), as_utc(ends_at))
        except ValueError:
            raise InvalidInput(
                "the interval has no zone or ends before it starts", place="ends_at", hint="check both ends"
            ) from None
    return ManualEntry(ManualKind(kind), interval, actor, plain_text(reason, "reason", lines=True))


def coverage_share(work: UnitOfWork, record: LessonRecord, until: datetime) -> float | None:
    """Watched share of the lesson up to ``until``, 0 to 1; ``None`` before it begins."""
    lesson = record.lesson
    end = min(until, lesson.ends_at)
    if end <= lesson.starts_at:
        return None
    elapsed = Interval(lesson.starts_at, end)
    watched = [part for parts in work.footage.coverage(lesson.lesson_id).values() for part in parts]
    seen = total(_clipped(watched, elapsed))
    return min(1.0, seen / elapsed.duration)


def _clipped(parts: Sequence[Interval], window: Interval) -> list[Interval]:
    found = []
    for part in parts:
        begin, end = max(part.starts_at, window.starts_at), min(part.ends_at, window.ends_at)
        if begin < end:
            found.append(Interval(begin, end))
    return found


def _inside(inner: Interval, outer: Interval) -> bool:
    return outer.starts_at <= inner.starts_at and inner.ends_at <= outer.ends_at


def _role_of(work: UnitOfWork, name: str) -> Role:
    user = work.users.by_name(name)
    # someone who has left could correct when it was made; that was checked then.
    return user.role if user else Role.OPERATOR


def _correction_leaf(correction: Correction, at: datetime) -> Leaf:
    body = json_of(correction)
    body.pop("lesson_id")
    # absent rather than empty: leaves of corrections without them read as they always did
    for name in ("struck", "evidence"):
        if not getattr(correction, name):
            body.pop(name)
    return Leaf(LeafKind.CORRECTION, at, correction.lesson_id, body)
