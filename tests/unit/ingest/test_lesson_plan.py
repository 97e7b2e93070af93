"""Which streams must run at an instant: a question without memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.lesson_plan import recording_interval, streams_due
from models.policy import AttendancePolicy
from models.timetable import Lesson

SHANGHAI = ZoneInfo("Asia/Shanghai")
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI)
POLICY = AttendancePolicy()
MINUTE = timedelta(minutes=1)


def lesson(
    name: str = "L1", starts_at: datetime = NINE, minutes: int = 45, cameras: tuple[str, ...] = ("front",)
) -> Lesson:
    return Lesson(name, "C1", "养老护理员", starts_at, starts_at + minutes * MINUTE, cameras=cameras)


def due(*lessons: Lesson, at: datetime) -> list[tuple[str, str]]:
    return [stream.key for stream in streams_due(lessons, at, POLICY)]


def test_recording_runs_from_check_in_until_late_sightings_have_drained() -> None:
    interval = recording_interval(lesson(), POLICY)
    assert interval.starts_at == NINE - timedelta(minutes=30)
    assert interval.ends_at == NINE + timedelta(minutes=45, seconds=30)


@pytest.mark.parametrize(
    ("offset", "runs"),
    [
        (timedelta(minutes=-30, microseconds=-1), False),
        (timedelta(minutes=-30), True),
        (timedelta(), True),
        (timedelta(minutes=45), True),
        (timedelta(minutes=45, seconds=29), True),
        (timedelta(minutes=45, seconds=30), False),
    ],
)
def test_the_borders_are_exact(offset: timedelta, runs: bool) -> None:
    assert bool(due(lesson(), at=NINE + offset)) is runs


def test_a_lesson_planned_in_shanghai_is_due_at_the_same_instant_in_utc() -> None:
    """China keeps one time all year: eight hours ahead of UTC, in summer as in winter."""
    for month in range(1, 13):
        planned = lesson(starts_at=datetime(2026, month, 15, 9, 0, tzinfo=SHANGHAI))
        assert due(planned, at=datetime(2026, month, 15, 0, 30, tzinfo=UTC)) == [("L1", "front")]
        assert due(planned, at=datetime(2026, month, 15, 0, 29, 59, tzinfo=UTC)) == []


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01"])
def test_no_day_on_which_other_countries_change_their_clocks_moves_a_lesson(day: str) -> None:
    starts_at = datetime.fromisoformat(f"{day}T20:00:00").replace(tzinfo=SHANGHAI)
    interval = recording_interval(lesson(starts_at=starts_at), POLICY)
    assert interval.duration == timedelta(minutes=75, seconds=30)


def test_the_streams_are_sorted_and_each_camera_of_a_lesson_is_one() -> None:
    lessons = (lesson("L2", cameras=("back", "front")), lesson("L1", cameras=("side", "side")))
    assert due(*lessons, at=NINE) == [("L1", "side"), ("L2", "back"), ("L2", "front")]


def test_lessons_that_need_the_same_camera_are_told_of_each_other() -> None:
    first = lesson("L1", cameras=("front", "back"))
    second = lesson("L2", NINE + 40 * MINUTE, cameras=("front",))
    third = lesson("L3", NINE + 50 * MINUTE, cameras=("front",))
    found = streams_due((first, second, third), NINE + 44 * MINUTE, POLICY)
    told = {stream.key: stream.also_for for stream in found}
    assert told == {
        ("L1", "back"): (),
        ("L1", "front"): ("L2", "L3"),
        ("L2", "front"): ("L1", "L3"),
        ("L3", "front"): ("L1", "L2"),
    }


def test_a_lesson_without_cameras_wants_nothing() -> None:
    assert due(lesson(cameras=()), at=NINE) == []


@given(st.permutations(["L1", "L2", "L3", "L4"]), st.integers(-60, 120))
def test_the_order_of_the_timetable_changes_nothing(order: list[str], minute: int) -> None:
    lessons = {
        name: lesson(name, NINE + 20 * index * MINUTE, cameras=("front", f"only {name}"))
        for index, name in enumerate(sorted(order))
    }
    at = NINE + minute * MINUTE
    shuffled = streams_due([lessons[name] for name in order], at, POLICY)
    assert shuffled == streams_due(lessons.values(), at, POLICY)


@given(st.integers(-3600, 7200))
def test_who_asks_after_a_restart_gets_what_who_asked_all_along_got(second: int) -> None:
    at = NINE + timedelta(seconds=second)
    wanted = recording_interval(lesson(), POLICY).contains(at)
    assert due(lesson(), at=at) == ([("L1", "front")] if wanted else [])
