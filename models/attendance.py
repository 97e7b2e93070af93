"""Attendance verdicts: status, marks, minutes, reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.timeline import Interval


class Status(StrEnum):
    PRESENT = "PRESENT"
    PARTIAL = "PARTIAL"
    ABSENT = "ABSENT"
    NOT_OBSERVABLE = "NOT_OBSERVABLE"
    EXCUSED = "EXCUSED"


class Mark(StrEnum):
    LATE = "late"
    LEFT_EARLY = "left_early"
    ABSENT_IN_MIDDLE = "absent_in_middle"


@dataclass(frozen=True, slots=True)
class Presence:
    """Seen by a camera: the part of a sighting that attendance needs."""

    at: datetime
    camera_id: str
    score: float


class ManualKind(StrEnum):
    LEAVE_APPROVED = "leave_approved"
    INSTRUCTOR_CONFIRMED = "instructor_confirmed"


@dataclass(frozen=True, slots=True)
class ManualEntry:
    """A person's word: approved leave, or the non-face confirmation of presence over an interval."""

    kind: ManualKind
    interval: Interval | None
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the explanation: a stable code and its values, rendered in the reader's language."""

    code: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceLink:
    """A footage instant that supports a claim: what it shows, when, by which camera, how sure."""

    shows: str
    at: datetime
    camera_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the machine says of one trainee in one lesson; equal inputs give an equal verdict."""

    lesson_id: str
    trainee: str
    status: Status
    marks: tuple[Mark, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    present: tuple[Interval, ...]
    unobserved: tuple[Interval, ...]
    present_minutes: float
    observable_minutes: float
    required_minutes: float
    credited_hours: float
    reasons: tuple[Reason, ...]
    evidence: tuple[EvidenceLink, ...]
    policy_version: str
