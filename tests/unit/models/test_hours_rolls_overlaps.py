"""Class hours, roll-call instants, lessons that cannot both happen: rules that only count and compare."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attendance import Presence
from models.class_hours import class_hour_of, credited_hours, hours_in, planned_hours
from models.overlaps import OverlapKind, find_overlaps
from models.policy import AttendancePolicy
from models.roll_call import RULE, SPACING, roll_call_instants, roll_statement, seed_statement, take_roll
from models.timeline import Interval
from models.timetable import Lesson

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = AttendancePolicy()
SEED = "5c" * 32


def lesson(minutes: float = 45, *, lesson_id: str = "L1", at: datetime = START, **more: object) -> Lesson:
    return Lesson(lesson_id, "C1", "care", at, at + timedelta(minutes=minutes), **more)  # type: ignore[arg-type]


def span(first: float, last: float) -> Interval:
    return Interval(START + first * MINUTE, START + last * MINUTE)


# class hours


@pytest.mark.parametrize(
    ("minutes", "hours"),
    [(0, 0.0), (22.4, 0.0), (22.5, 0.5), (44.99, 0.5), (45, 1.0), (67.4, 1.0), (67.5, 1.5), (180, 4.0)],
)
def test_hours_are_cut_to_whole_steps_and_never_rounded_up(minutes: float, hours: float) -> None:
    assert hours_in(timedelta(minutes=minutes), lesson(300), POLICY) == hours


@pytest.mark.parametrize(("minutes", "hours"), [(14.9, 0.0), (15, 0.5), (29.9, 0.5), (30, 1.0), (45, 1.5)])
def test_an_online_hour_is_shorter(minutes: float, hours: float) -> None:
    online = lesson(300, online=True)
    assert class_hour_of(online, POLICY) == 30 * MINUTE
    assert class_hour_of(lesson(), POLICY) == 45 * MINUTE
    assert hours_in(timedelta(minutes=minutes), online, POLICY) == hours


def test_steps_of_a_tenth_are_exact() -> None:
    tenths = replace(POLICY, hour_step=0.1)
    for steps in range(31):
        assert hours_in(4.5 * steps * MINUTE, lesson(300), tenths) == steps / 10


def test_a_lesson_is_planned_for_its_time_less_its_breaks_unless_the_timetable_says() -> None:
    assert planned_hours(lesson(90), POLICY) == 2.0
    assert planned_hours(lesson(100, breaks=(span(45, 55),)), POLICY) == 2.0
    assert planned_hours(lesson(99, breaks=(span(45, 55),)), POLICY) == 1.5
    assert planned_hours(lesson(90, planned_hours=1.25), POLICY) == 1.25


@given(st.floats(0, 600), st.floats(0, 600))
def test_more_time_never_earns_less_and_nobody_earns_more_than_planned(one: float, other: float) -> None:
    short, long = sorted((one, other))
    taught = lesson(90)
    less, more = (credited_hours(timedelta(minutes=value), taught, POLICY) for value in (short, long))
    assert 0.0 <= less <= more <= planned_hours(taught, POLICY)


# roll calls


@given(st.binary(min_size=16, max_size=64), st.integers(0, 6), st.floats(1, 240))
def test_instants_are_whole_seconds_of_teaching_apart_and_inside_the_margins(
    seed: bytes, calls: int, minutes: float
) -> None:
    policy = replace(POLICY, roll_calls=calls)
    taught = lesson(minutes, breaks=(span(minutes * 0.5, minutes * 0.6),))
    instants = roll_call_instants(taught, policy, seed.hex())
    assert instants == roll_call_instants(taught, policy, seed.hex())
    assert len(instants) <= calls
    assert all(later - earlier >= SPACING for earlier, later in itertools.pairwise(instants))
    for at in instants:
        assert any(part.contains(at) for part in taught.teaching)
        if minutes > 30:
            assert taught.starts_at + policy.late_after <= at <= taught.ends_at - policy.early_before


def test_a_lesson_with_room_gets_all_its_calls() -> None:
    for number in range(50):
        assert len(roll_call_instants(lesson(), replace(POLICY, roll_calls=5), f"{number:064x}")) == 5


def test_the_instants_can_be_recomputed_from_the_published_seed_alone() -> None:
    (first,) = roll_call_instants(lesson(45), replace(POLICY, roll_calls=1), SEED)
    drawn = hmac.new(bytes.fromhex(SEED), f"{RULE}\nL1\n0".encode(), hashlib.sha256).digest()[:16]
    # 45 minutes less five at either end
    assert first == START + 5 * MINUTE + timedelta(seconds=int.from_bytes(drawn, "big") % (35 * 60))


def test_another_seed_or_lesson_draws_other_instants() -> None:
    drawn = {
        roll_call_instants(lesson(180, lesson_id=name), POLICY, f"{seed:064x}")
        for name in ("L1", "L2")
        for seed in range(20)
    }
    assert len(drawn) == 40


@pytest.mark.parametrize("seed", ["", "5c" * 15, "5c" * 65, "5C" * 32, "5c" * 31 + "5", "zz" * 32, "５" * 64])
def test_a_malformed_seed_draws_nothing(seed: str) -> None:
    with pytest.raises(ValueError, match="seed"):
        roll_call_instants(lesson(), POLICY, seed)


def test_the_statement_tells_all_that_recomputing_needs() -> None:
    assert seed_statement(lesson(), POLICY, SEED) == {"rule": RULE, "lesson": "L1", "seed": SEED, "count": 2}


def seen_at(*minutes: float) -> list[Presence]:
    return [Presence(START + minute * MINUTE, "cam", 12.0) for minute in minutes]


def test_the_roll_holds_whoever_was_seen_within_the_window_its_ends_included() -> None:
    people = {"T1": seen_at(20), "T2": seen_at(19, 22), "T3": seen_at(18.99, 21.01), "T4": []}
    call = take_roll(START + 20 * MINUTE, people, MINUTE, [span(0, 45)])
    assert (call.seen, call.missing, call.watched) == (("T1", "T2"), ("T3", "T4"), True)


def test_where_no_camera_could_see_nobody_is_missing() -> None:
    call = take_roll(START + 20 * MINUTE, {"T1": seen_at(5), "T2": []}, MINUTE, [span(0, 10), span(30, 45)])
    assert (call.seen, call.missing, call.watched) == ((), (), False)


def test_a_roll_is_kept_by_codes_and_instant_alone() -> None:
    call = take_roll(START + 20 * MINUTE, {"T2": seen_at(20), "T1": []}, MINUTE, [span(0, 45)])
    said = roll_statement(call)
    assert said == {
        "at": said["at"],
        "window_s": 60.0,
        "watched": True,
        "seen": ["T2"],
        "missing": ["T1"],
    }
    assert str(said["at"]).startswith("2026-11-23T01:20:00")


# overlaps


def kinds_of(*lessons: Lesson, people: dict[str, list[str]] | None = None) -> list[tuple[OverlapKind, str]]:
    return [(one.kind, one.subject) for one in find_overlaps(lessons, people or {})]


def test_lessons_that_share_a_room_a_camera_or_an_instructor_are_told_each_by_kind() -> None:
    one = lesson(45, lesson_id="L1", room="101", instructor="Zhao", cameras=("c1", "c2"))
    two = lesson(45, lesson_id="L2", at=START + 30 * MINUTE, room="101", instructor="Zhao", cameras=("c2",))
    found = find_overlaps((two, one), {})
    assert {(overlap.kind, overlap.subject) for overlap in found} == {
        (OverlapKind.ROOM, "101"),
        (OverlapKind.CAMERA, "c2"),
        (OverlapKind.INSTRUCTOR, "Zhao"),
    }
    assert {(overlap.earlier, overlap.later) for overlap in found} == {("L1", "L2")}
    assert {overlap.interval for overlap in found} == {span(30, 45)}


def test_lessons_that_touch_or_share_nothing_do_not_overlap() -> None:
    one = lesson(45, lesson_id="L1", room="101")
    after = lesson(45, lesson_id="L2", at=START + 45 * MINUTE, room="101")
    beside = lesson(45, lesson_id="L3", room="102")
    assert kinds_of(one, after, beside) == []


def test_an_unnamed_room_is_no_room_that_is_shared() -> None:
    assert kinds_of(lesson(lesson_id="L1"), lesson(lesson_id="L2")) == []


def test_one_person_in_two_classes_at_once_is_found_by_the_key_of_the_person() -> None:
    one, two = lesson(lesson_id="L1", room="101"), lesson(lesson_id="L2", room="102")
    people = {"L1": ["p1", "p2"], "L2": ["p2", "p3"]}
    assert kinds_of(one, two, people=people) == [(OverlapKind.TRAINEE, "p2")]


def test_a_long_lesson_is_compared_with_all_that_run_within_it() -> None:
    long = lesson(180, lesson_id="L0", room="101")
    short = [lesson(20, lesson_id=f"L{n}", at=START + 30 * n * MINUTE, room="101") for n in range(1, 5)]
    pairs = {(one.earlier, one.later) for one in find_overlaps([*short, long], {})}
    assert pairs == {("L0", f"L{n}") for n in range(1, 5)}


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(1, 120), st.sampled_from(["101", "102"])), max_size=8
    ),
    st.randoms(use_true_random=False),
)
def test_overlaps_are_those_of_every_pair_whatever_the_order(
    drawn: list[tuple[int, int, str]], random: object
) -> None:
    lessons = [
        lesson(length, lesson_id=f"L{n}", at=START + begin * MINUTE, room=room)
        for n, (begin, length, room) in enumerate(drawn)
    ]
    expected = {
        frozenset((one.lesson_id, two.lesson_id))
        for n, one in enumerate(lessons)
        for two in lessons[n + 1 :]
        if one.room == two.room and one.starts_at < two.ends_at and two.starts_at < one.ends_at
    }
    found = find_overlaps(lessons, {})
    assert {frozenset((one.earlier, one.later)) for one in found} == expected
    shuffled = list(lessons)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert find_overlaps(shuffled, {}) == found
