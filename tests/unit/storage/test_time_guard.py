"""When a clock is believed: rules of the guard alone, without a store around it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput, ObjectLocked
from storage.objects.time_guard import (
    LONGEST_ABSENCE,
    TOLERANCE,
    HighestTimeFile,
    HighestTimeInMemory,
    TimeGuard,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def guard(highest: datetime | None = NOW, **options: timedelta) -> TimeGuard:
    return TimeGuard(HighestTimeInMemory(highest), **options)


def test_the_first_time_ever_seen_is_believed() -> None:
    fresh = guard(None)
    assert fresh.highest is None
    assert fresh.observe(NOW)
    assert fresh.highest == NOW


@pytest.mark.parametrize(
    ("offset", "believed"),
    [
        (timedelta(), True),
        (-TOLERANCE, True),
        (-TOLERANCE - SECOND, False),
        (LONGEST_ABSENCE, True),
        (LONGEST_ABSENCE + SECOND, False),
        (timedelta(days=-3650), False),
        (timedelta(days=3650), False),
    ],
)
def test_the_limits_are_exact(offset: timedelta, believed: bool) -> None:
    if believed:
        assert guard().believed(NOW + offset) == NOW + offset
    else:
        with pytest.raises(ObjectLocked, match="nothing is purged") as caught:
            guard().believed(NOW + offset)
        assert "confirm" in caught.value.hint


def test_a_doubted_time_is_not_remembered() -> None:
    kept = guard()
    for _ in range(3):
        assert not kept.observe(NOW + timedelta(days=30))
        with pytest.raises(ObjectLocked):
            kept.believed(NOW + timedelta(days=30))
    assert kept.highest == NOW


def test_within_the_tolerance_the_highest_time_never_sinks() -> None:
    kept = guard()
    assert kept.observe(NOW - timedelta(seconds=90))
    assert kept.believed(NOW - timedelta(seconds=90)) == NOW - timedelta(seconds=90)
    assert kept.highest == NOW


def test_many_small_steps_back_add_up_to_one_that_is_refused() -> None:
    kept = guard()
    for seconds in range(0, 120, 30):
        kept.observe(NOW - timedelta(seconds=seconds))
    with pytest.raises(ObjectLocked):
        kept.believed(NOW - timedelta(seconds=150))


def test_a_confirmation_moves_the_time_and_later_ones_follow_from_it() -> None:
    kept = guard()
    after_summer = NOW + timedelta(days=60)
    kept.confirm(after_summer, "王工")
    assert kept.believed(after_summer + timedelta(days=1)) == after_summer + timedelta(days=1)
    with pytest.raises(ObjectLocked, match="was seen before"):
        kept.believed(NOW + timedelta(days=1))


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_a_confirmation_without_a_name_changes_nothing(name: str) -> None:
    kept = guard()
    with pytest.raises(InvalidInput):
        kept.confirm(NOW + timedelta(days=60), name)
    assert kept.highest == NOW


def test_the_longest_absence_can_be_set() -> None:
    holiday = NOW + timedelta(days=50)
    assert guard(longest_absence=timedelta(days=60)).believed(holiday) == holiday


def test_two_guards_over_one_memory_know_the_same_highest_time() -> None:
    memory = HighestTimeInMemory(NOW)
    first, second = TimeGuard(memory), TimeGuard(memory)
    first.observe(NOW + timedelta(days=5))
    with pytest.raises(ObjectLocked, match="was seen before"):
        second.believed(NOW + timedelta(days=1))


def test_the_fallback_is_asked_only_when_the_memory_is_gone() -> None:
    asked: list[str] = []

    def latest() -> datetime:
        asked.append("asked")
        return NOW

    assert TimeGuard(HighestTimeInMemory(NOW + SECOND), latest).highest == NOW + SECOND
    assert asked == []
    assert TimeGuard(HighestTimeInMemory(None), latest).highest == NOW
    assert asked == ["asked"]


def test_the_file_is_written_once_a_minute_and_not_at_every_write(tmp_path: Path) -> None:
    memory = HighestTimeFile(tmp_path / "time.json")
    kept = TimeGuard(memory)
    kept.observe(NOW)
    kept.observe(NOW + timedelta(seconds=59))
    assert memory.read() == NOW
    kept.observe(NOW + timedelta(seconds=61))
    assert memory.read() == NOW + timedelta(seconds=61)


def test_the_file_says_who_confirmed(tmp_path: Path) -> None:
    TimeGuard(HighestTimeFile(tmp_path / "time.json")).confirm(NOW, "王工")
    assert json.loads((tmp_path / "time.json").read_text()) == {
        "highest": NOW.isoformat(),
        "confirmed_by": "王工",
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"highest": 7}', b'{"highest": "soon"}', b"\xff"])
def test_a_damaged_file_counts_as_lost(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "time.json").write_bytes(content)
    assert HighestTimeFile(tmp_path / "time.json").read() is None


steps = st.lists(st.timedeltas(timedelta(days=-40), timedelta(days=40)), max_size=30)


@given(steps)
def test_whatever_the_clock_does_the_highest_time_only_rises_by_what_was_believed(
    moves: list[timedelta],
) -> None:
    kept = guard()
    clock = NOW
    for move in moves:
        clock += move
        before = kept.highest
        assert before is not None
        believed = kept.observe(clock)
        after = kept.highest
        assert after is not None
        assert after >= before
        assert after - before <= LONGEST_ABSENCE
        assert believed == (before - TOLERANCE <= clock <= before + LONGEST_ABSENCE)


@given(steps)
def test_a_deletion_is_never_allowed_before_a_believed_time(moves: list[timedelta]) -> None:
    """What is deletable now was deletable, or nearly so, at the highest believed time."""
    kept = guard()
    clock = NOW
    for move in moves:
        clock += move
        highest = kept.highest
        assert highest is not None
        try:
            allowed = kept.believed(clock)
        except ObjectLocked:
            assert kept.highest == highest
        else:
            assert allowed <= highest + LONGEST_ABSENCE
