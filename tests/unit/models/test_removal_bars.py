"""What keeps footage whose retention is over: each bar alone, and all at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.errors import InvalidInput
from models.flags import Flag, FlagKind, FlagState
from models.holds import (
    KEEPING_FLAGS,
    LONGEST_CASE,
    Expiry,
    Hold,
    RemovalBar,
    checked_case,
    checked_reason,
    removal_bars,
)
from models.retention import retain_until
from models.timetable import LessonState

ENDED = datetime(2026, 11, 23, 1, 45, tzinfo=UTC)
FREE = retain_until(ENDED)
EXPIRY = Expiry("L1", LessonState.SEALED, ENDED, 3, 3000)
HOLD = Hold("h1", "L1", "", "inquiry", "auditor", ENDED)


def flag(kind: FlagKind, state: FlagState = FlagState.OPEN) -> Flag:
    return Flag(kind, "L1", "", "default-1", (), (), state)


def test_nothing_keeps_a_sealed_lesson_after_its_time() -> None:
    assert removal_bars(EXPIRY, (), (), FREE) == ()


def test_five_years_are_kept_to_the_last_second_whatever_the_policy_said() -> None:
    assert removal_bars(EXPIRY, (), (), FREE - timedelta(seconds=1)) == (RemovalBar.TOO_YOUNG,)


def test_an_open_hold_keeps_and_a_released_one_does_not() -> None:
    assert removal_bars(EXPIRY, (HOLD,), (), FREE) == (RemovalBar.HELD,)
    released = replace(HOLD, released_at=ENDED, released_by="auditor")
    assert removal_bars(EXPIRY, (released,), (), FREE) == ()
    assert removal_bars(EXPIRY, (released, HOLD), (), FREE) == (RemovalBar.HELD,)


@pytest.mark.parametrize("kind", list(FlagKind))
def test_only_flags_that_footage_alone_can_settle_keep_it(kind: FlagKind) -> None:
    kept = (RemovalBar.FLAGGED,) if kind in KEEPING_FLAGS else ()
    assert removal_bars(EXPIRY, (), (flag(kind),), FREE) == kept
    assert removal_bars(EXPIRY, (), (flag(kind, FlagState.WITHDRAWN),), FREE) == ()


@pytest.mark.parametrize("state", [state for state in LessonState if state is not LessonState.SEALED])
def test_a_lesson_that_may_still_change_keeps_its_footage(state: LessonState) -> None:
    assert removal_bars(replace(EXPIRY, state=state), (), (), FREE) == (RemovalBar.NOT_SEALED,)


def test_every_bar_is_told() -> None:
    worst = replace(EXPIRY, state=LessonState.CLOSING, waiting=1)
    assert removal_bars(worst, (HOLD,), (flag(FlagKind.EVIDENCE),), ENDED) == tuple(RemovalBar)


def test_reasons_and_cases_are_trimmed_and_bounded() -> None:
    assert (checked_reason(" why \n"), checked_case(" c-1 "), checked_case("")) == ("why", "c-1", "")
    for refused in ("\u202eyhw", "a\x07"):
        with pytest.raises(InvalidInput):
            checked_reason(refused)
        with pytest.raises(InvalidInput):
            checked_case(refused)
    with pytest.raises(InvalidInput):
        checked_case("x" * (LONGEST_CASE + 1))
