"""Flags: what a supervisor should look at, with people, reasons and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models.attendance import EvidenceLink, Reason


class FlagKind(StrEnum):
    ABSENCE = "absence"
    LATE = "late"
    LEFT_EARLY = "left_early"
    ABSENT_IN_MIDDLE = "absent_in_middle"
    LOW_TURNOUT = "low_turnout"
    STRANGER = "stranger"
    HEADCOUNT_MISMATCH = "headcount_mismatch"
    DUPLICATE_IDENTITY = "duplicate_identity"
    CAMERA_DOWN = "camera_down"
    CAMERA_COVERED = "camera_covered"
    CAMERA_FROZEN = "camera_frozen"
    FOOTAGE_GAP = "footage_gap"
    LOW_COVERAGE = "low_coverage"
    EVIDENCE = "evidence"


class FlagState(StrEnum):
    OPEN = "open"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Flag:
    """One cause, one lesson, one subject: one flag. ``subject`` is a trainee code, an unknown person's
    key, a camera id, or empty for the lesson as a whole."""

    kind: FlagKind
    lesson_id: str
    subject: str
    policy_version: str
    reasons: tuple[Reason, ...]
    evidence: tuple[EvidenceLink, ...]
    state: FlagState = FlagState.OPEN

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.kind.value, self.lesson_id, self.subject)
