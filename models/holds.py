"""Legal holds and removals: what keeps footage beyond its retention, and when it may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.errors import InvalidInput
from models.flags import Flag, FlagKind, FlagState
from models.plain_text import is_blank, plain_text
from models.retention import retain_until
from models.timetable import LessonState

LONGEST_REASON = 1000
LONGEST_CASE = 100


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's word that a lesson's footage must stay, whatever its retention.

    ``case_ref``: the case it belongs to, empty for a hold on the lesson alone. ``confirmed_at``: when the
    store had confirmed the present wish (set, or released) for every object; ``None`` while it has not.
    """

    hold_id: str
    lesson_id: str
    case_ref: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str = ""
    released_at: datetime | None = None
    release_reason: str = ""
    confirmed_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.released_at is None


def checked_reason(reason: str) -> str:
    """The reason, trimmed.

    Raises:
        InvalidInput: blank, too long, or with control characters.
    """
    if is_blank(reason):
        raise InvalidInput(
            "a hold needs a reason", place="reason", hint="say why footage must stay, or may go"
        )
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(f"a reason has at most {LONGEST_REASON} characters", place="reason")
    return plain_text(reason, "reason", lines=True).strip()


def checked_case(case_ref: str) -> str:
    """The case's name, trimmed; empty is allowed. Raises ``InvalidInput``."""
    if len(case_ref) > LONGEST_CASE:
        raise InvalidInput(f"a case has at most {LONGEST_CASE} characters", place="case_ref")
    return plain_text(case_ref, "case_ref").strip()


class RemovalBar(StrEnum):
    """Why footage whose retention is over is kept all the same."""

    TOO_YOUNG = "too_young"
    HELD = "held"
    FLAGGED = "flagged"
    NOT_SEALED = "not_sealed"
    NOT_STORED = "not_stored"


KEEPING_FLAGS = frozenset(
    {FlagKind.STRANGER, FlagKind.HEADCOUNT_MISMATCH, FlagKind.DUPLICATE_IDENTITY, FlagKind.EVIDENCE}
)
"""Open flags of these kinds speak of fraud or of the evidence itself, and only the footage can settle them.

Flags of lateness, absence or a camera's state rest on verdicts and gaps, which stay in the log for good.
"""


@dataclass(frozen=True, slots=True)
class Expiry:
    """What of a lesson's footage has outlived its retention at some instant.

    ``lesson_ends_at``: of the lesson itself. ``waiting``: objects of the lesson that are not settled in the
    store yet; ``ended_at``: when the first of them might go.
    """

    lesson_id: str
    state: LessonState
    lesson_ends_at: datetime
    objects: int
    size_bytes: int
    waiting: int = 0
    ended_at: datetime | None = None


def removal_bars(
    expiry: Expiry, holds: Iterable[Hold], flags: Iterable[Flag], now: datetime
) -> tuple[RemovalBar, ...]:
    """What stands against removing it, in a fixed order; empty where nothing does.

    Five years are kept whatever a policy once said (Heze measures, articles 15 and 19).
    """
    found: list[RemovalBar] = []
    if now < retain_until(expiry.lesson_ends_at):
        found.append(RemovalBar.TOO_YOUNG)
    if any(hold.open for hold in holds):
        found.append(RemovalBar.HELD)
    if any(flag.kind in KEEPING_FLAGS and flag.state is FlagState.OPEN for flag in flags):
        found.append(RemovalBar.FLAGGED)
    if expiry.state is not LessonState.SEALED:
        found.append(RemovalBar.NOT_SEALED)
    if expiry.waiting:
        found.append(RemovalBar.NOT_STORED)
    return tuple(found)
