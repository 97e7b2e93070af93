"""Flags: what a supervisor should look at, with people, reasons and evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class FlagChanges:
    """What a new look at a lesson changes: flags to create, to replace, to mark withdrawn; the rest stays."""

    new: tuple[Flag, ...]
    updated: tuple[Flag, ...]
    withdrawn: tuple[Flag, ...]
    kept: tuple[Flag, ...]

    def after(self) -> tuple[Flag, ...]:
        """All flags as they stand afterwards."""
        return _ordered((*self.new, *self.updated, *self.withdrawn, *self.kept))


def merge_flags(existing: Iterable[Flag], raised: Iterable[Flag], kinds: Collection[FlagKind]) -> FlagChanges:
    """Brings the flags of one lesson up to date. Same kind, lesson and subject: the same flag, updated, and
    opened again if it had been withdrawn. An open flag of ``kinds`` (those that were judged this time) whose
    cause is gone is withdrawn, never deleted. Merging the same twice changes nothing.
    """
    before = {flag.identity: flag for flag in existing}
    now = {flag.identity: flag for flag in raised}
    new = [flag for identity, flag in now.items() if identity not in before]
    updated: list[Flag] = []
    withdrawn: list[Flag] = []
    kept: list[Flag] = []
    for identity, flag in before.items():
        if identity in now:
            (kept if now[identity] == flag else updated).append(now[identity])
        elif flag.kind in kinds and flag.state is not FlagState.WITHDRAWN:
            withdrawn.append(replace(flag, state=FlagState.WITHDRAWN))
        else:
            kept.append(flag)
    return FlagChanges(_ordered(new), _ordered(updated), _ordered(withdrawn), _ordered(kept))


def _ordered(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=lambda flag: flag.identity))
