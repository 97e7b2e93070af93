"""What an object store showed when it was tried: whether locks that it was given really held. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TrialCheck(StrEnum):
    """What was tried on a locked object."""

    LOCK_SET = "lock_set"
    HOLD_SET = "hold_set"
    DELETE = "delete"
    SHORTEN = "shorten"
    OVERWRITE = "overwrite"
    PLAIN_DELETE = "plain_delete"


class TrialWay(StrEnum):
    """How the object was written: in one piece, as segments are, or in parts, as large files are."""

    SINGLE = "single"
    PARTS = "parts"


class TrialOutcome(StrEnum):
    """``held``: the lock did what it must. ``repaired``: it was lost, and held once it was set again.
    ``broken``: it did not hold. ``failed``: the store did not answer, so nobody knows."""

    HELD = "held"
    REPAIRED = "repaired"
    BROKEN = "broken"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One check. ``detail``: the error's code, or what was seen."""

    check: TrialCheck
    way: TrialWay
    outcome: TrialOutcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StoreTrial:
    """All checks of one trial. ``store``: name of bucket or folder; ``lock_mode``: the lock asked for."""

    store: str
    capabilities: str
    lock_mode: str
    at: datetime
    results: tuple[TrialResult, ...]

    @property
    def verdict(self) -> TrialOutcome:
        """The gravest of all: broken, failed, repaired, held; nothing tried is ``failed``."""
        return gravest([result.outcome for result in self.results])

    @property
    def sound(self) -> bool:
        """Whether locks hold in the end; a lost one that was repaired does."""
        return self.verdict in (TrialOutcome.HELD, TrialOutcome.REPAIRED)


_GRAVITY = (TrialOutcome.BROKEN, TrialOutcome.FAILED, TrialOutcome.REPAIRED, TrialOutcome.HELD)


def gravest(outcomes: Sequence[TrialOutcome]) -> TrialOutcome:
    """The outcome that decides."""
    return min(outcomes, key=_GRAVITY.index, default=TrialOutcome.FAILED)
