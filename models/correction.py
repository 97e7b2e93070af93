"""Corrections: a person's change of a verdict, beside the machine's (domain.md, attendance, rule 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from models.attendance import Mark, Status, Verdict
from models.class_hours import planned_hours
from models.errors import Conflict, InvalidInput, NotAllowed
from models.policy import AttendancePolicy
from models.register import AttendanceRecord, Correction, Role
from models.timeline import Interval
from models.timetable import Lesson

MAY_CORRECT = frozenset({Role.OPERATOR, Role.INSTRUCTOR, Role.SUPERVISOR, Role.CHIEF})
MAY_APPROVE = frozenset({Role.SUPERVISOR, Role.CHIEF})
_MARKED = (Status.PRESENT, Status.PARTIAL)
LONGEST_NOTE = 500


class CorrectionReason(StrEnum):
    """Why a verdict is changed; ``OTHER`` needs a sentence."""

    MACHINE_MISSED = "machine_missed"
    WRONG_PERSON = "wrong_person"
    CAMERA_FAILED = "camera_failed"
    LEAVE_FILED_LATE = "leave_filed_late"
    TIMETABLE_CHANGED = "timetable_changed"
    APPEAL_UPHELD = "appeal_upheld"
    FRAUD_FOUND = "fraud_found"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts now for one trainee in one lesson; ``verdict`` is what the machine said, untouched."""

    verdict: Verdict
    status: Status
    marks: tuple[Mark, ...]
    credited_hours: float
    corrections: tuple[Correction, ...] = ()


def standing_of(verdict: Verdict, corrections: Sequence[Correction] = ()) -> Standing:
    """The verdict with accepted corrections applied, oldest first."""
    standing = Standing(verdict, verdict.status, verdict.marks, verdict.credited_hours)
    for correction in corrections:
        standing = _apply(standing, correction)
    return standing


def split_corrections(record: AttendanceRecord) -> tuple[tuple[Correction, ...], tuple[Correction, ...]]:
    """Corrections that count, and those that raise hours and lack a second person (domain.md, rule 6)."""
    accepted: list[Correction] = []
    pending: list[Correction] = []
    hours = record.verdict.credited_hours
    for correction in record.corrections:
        raised = correction.credited_hours is not None and correction.credited_hours > hours
        if raised and correction.approved_by is None:
            pending.append(correction)
            continue
        accepted.append(correction)
        hours = hours if correction.credited_hours is None else correction.credited_hours
    return tuple(accepted), tuple(pending)


def correct_verdict(
    standing: Standing,
    correction: Correction,
    lesson: Lesson,
    policy: AttendancePolicy,
    roles: Mapping[str, Role],
) -> Standing:
    """The standing after a correction. ``roles``: of the actor and the approver, by user name.

    Raises:
        Conflict: the correction is for another trainee or lesson, or changes nothing.
        InvalidInput: unknown reason, status or mark, hours out of bounds, evidence without a place.
        NotAllowed: the actor may not correct, or raised hours lack a second person who may approve.
    """
    verdict = standing.verdict
    if (correction.lesson_id, correction.trainee) != (verdict.lesson_id, verdict.trainee):
        raise Conflict("the correction is for another verdict", hint="reload the page")
    _check_reason(correction)
    _check_struck(correction, verdict)
    _check_evidence(correction, lesson, policy)
    _check_hours(correction, lesson, policy)
    if roles.get(correction.actor) not in MAY_CORRECT:
        raise NotAllowed("this role may not correct attendance", hint="ask an operator or a supervisor")
    corrected = _apply(standing, correction)
    if replace(corrected, corrections=standing.corrections) == standing:
        raise Conflict(
            "the correction changes nothing", hint="give another status or other hours, or strike a mark"
        )
    if corrected.credited_hours > standing.credited_hours:
        _check_approval(correction, roles)
    return corrected


def _apply(standing: Standing, correction: Correction) -> Standing:
    status = Status(correction.status) if correction.status is not None else standing.status
    hours = standing.credited_hours if correction.credited_hours is None else correction.credited_hours
    if status is Status.ABSENT:
        hours = 0.0
    return Standing(
        verdict=standing.verdict,
        status=status,
        marks=tuple(mark for mark in standing.marks if mark not in correction.struck)
        if status in _MARKED
        else (),
        credited_hours=hours,
        corrections=(*standing.corrections, correction),
    )


def _check_reason(correction: Correction) -> None:
    if correction.reason_code not in tuple(CorrectionReason):
        known = ", ".join(CorrectionReason)
        raise InvalidInput(
            f"unknown reason {correction.reason_code!r}", hint=f"one of {known}", place="reason_code"
        )
    if correction.reason_code == CorrectionReason.OTHER and not correction.reason.strip():
        raise InvalidInput("this reason needs a sentence", hint="say what happened", place="reason")
    if correction.status is not None and correction.status not in tuple(Status):
        known = ", ".join(Status)
        raise InvalidInput(f"unknown status {correction.status!r}", hint=f"one of {known}", place="status")


def _check_struck(correction: Correction, verdict: Verdict) -> None:
    for mark in correction.struck:
        if mark not in tuple(Mark):
            raise InvalidInput(f"unknown mark {mark!r}", hint=f"one of {', '.join(Mark)}", place="struck")
        if mark not in verdict.marks:
            raise InvalidInput(
                f"the verdict has no mark {mark}", hint="strike only marks that it has", place="struck"
            )


def _check_evidence(correction: Correction, lesson: Lesson, policy: AttendancePolicy) -> None:
    cited = correction.evidence
    if cited is None:
        return
    if len(cited.note) > LONGEST_NOTE:
        raise InvalidInput(
            f"the note is longer than {LONGEST_NOTE} characters", hint="shorten it", place="evidence"
        )
    if (cited.at is None) != (not cited.camera_id):
        raise InvalidInput(
            "an instant of footage needs its camera",
            hint="give camera and time, or neither",
            place="evidence",
        )
    if cited.at is None:
        if not cited.note.strip():
            raise InvalidInput(
                "the evidence is empty", hint="cite an instant of footage or a paper", place="evidence"
            )
        return
    if cited.camera_id not in lesson.cameras:
        raise InvalidInput(
            f"camera {cited.camera_id} did not record this lesson",
            hint="choose a camera of the lesson",
            place="evidence",
        )
    recorded = Interval(lesson.starts_at - policy.check_in_before, lesson.ends_at + policy.drain)
    if cited.at.tzinfo is None or not recorded.starts_at <= cited.at <= recorded.ends_at:
        raise InvalidInput(
            "the instant lies outside the lesson", hint="cite footage of this lesson", place="evidence"
        )


def _check_hours(correction: Correction, lesson: Lesson, policy: AttendancePolicy) -> None:
    hours = correction.credited_hours
    if hours is None:
        return
    if correction.status == Status.ABSENT and hours:
        raise InvalidInput(
            "an absent trainee earns no hours", hint="0, or another status", place="credited_hours"
        )
    most = planned_hours(lesson, policy)
    if not math.isfinite(hours) or not 0 <= hours <= most:
        raise InvalidInput("hours are out of bounds", hint=f"0 to {most:g}", place="credited_hours")
    # the plan itself is what the machine credits at most, even where it is no whole step
    if hours != most and Fraction(str(hours)) % Fraction(str(policy.hour_step)):
        raise InvalidInput(
            "hours are counted in whole steps", hint=f"steps of {policy.hour_step:g}", place="credited_hours"
        )


def _check_approval(correction: Correction, roles: Mapping[str, Role]) -> None:
    if correction.approved_by is None or correction.approved_by == correction.actor:
        raise NotAllowed("raising credited hours needs a second person", hint="ask a supervisor to approve")
    if roles.get(correction.approved_by) not in MAY_APPROVE:
        raise NotAllowed("this role may not approve raised hours", hint="ask a supervisor")
