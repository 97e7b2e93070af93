"""The ground truth: by hand, by property, and against the product's own rules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.synthetic.scenarios import SCENARIOS, acceptance, scenario, small
from ingest.synthetic.script import Event, EventKind, Person, Scenario, Stay
from ingest.synthetic.truth import expected, expected_flags, ground_truth, margin_s, visible, watched
from models.attendance import Presence, Status
from models.attendance_rules import judge_attendance
from models.policy import AttendancePolicy, Policy
from models.timeline import Interval

SAMPLING_S = 1.0


def _lesson(*stays: Stay, events: tuple[Event, ...] = (), duration_s: float = 100.0) -> Scenario:
    attendance = AttendancePolicy(
        presence_gap=timedelta(seconds=10),
        late_after=timedelta(seconds=5),
        early_before=timedelta(seconds=5),
        min_stretch=timedelta(seconds=8),
        class_hour=timedelta(seconds=20),
    )
    return replace(
        small(),
        duration_s=duration_s,
        people=(Person(cast=0, code="T001", stays=stays),),
        events=events,
        policy=Policy(attendance=attendance),
    )


@pytest.mark.parametrize(
    ("stays", "status", "marks", "hours"),
    [
        ((Stay(0, 100, 0),), Status.PRESENT, (), 5.0),
        ((Stay(4, 97, 0),), Status.PRESENT, (), 5.0),
        ((Stay(12, 100, 0),), Status.PRESENT, ("late",), 4.0),
        ((Stay(0, 88, 0),), Status.PRESENT, ("left_early",), 4.0),
        ((Stay(0, 40, 0), Stay(52, 100, 0)), Status.PRESENT, ("absent_in_middle",), 4.0),
        ((Stay(0, 40, 0), Stay(49, 100, 1)), Status.PRESENT, (), 5.0),
        ((Stay(60, 100, 0),), Status.PARTIAL, ("late",), 2.0),
        ((Stay(30, 36, 0),), Status.ABSENT, (), 0.0),
        ((), Status.ABSENT, (), 0.0),
    ],
)
def test_a_stay_leads_to_its_status(
    stays: tuple[Stay, ...], status: Status, marks: tuple[str, ...], hours: float
) -> None:
    lesson = _lesson(*stays)
    says = expected(lesson, lesson.people[0])
    assert (says.status, says.marks, says.credited_hours) == (status, marks, hours)


def test_time_behind_a_covered_lens_is_nobodys_absence() -> None:
    events = (Event(EventKind.LENS_COVERED, 30, 70),)
    lesson = _lesson(Stay(0, 100, 0), events=events)
    assert expected(lesson, lesson.people[0]).present_s == 100
    nobody = _lesson(events=(Event(EventKind.LENS_COVERED, 5, 95),))
    assert expected(nobody, nobody.people[0]).status == Status.NOT_OBSERVABLE


def test_an_arrival_behind_a_covered_lens_is_not_proven_late() -> None:
    lesson = _lesson(Stay(20, 100, 0), events=(Event(EventKind.LENS_COVERED, 0, 18),))
    assert "late" not in expected(lesson, lesson.people[0]).marks


def test_a_hand_or_a_photograph_hides_the_face_for_its_time() -> None:
    for kind in (EventKind.HAND, EventKind.PHOTO):
        lesson = _lesson(Stay(0, 100, 0), events=(Event(kind, 10, 20, seat=0, cast=3),))
        assert visible(lesson, lesson.people[0]) == ((0, 10), (20, 100))
        elsewhere = _lesson(Stay(0, 100, 0), events=(Event(kind, 10, 20, seat=1, cast=3),))
        assert visible(elsewhere, elsewhere.people[0]) == ((0, 100),)


times = st.floats(min_value=0, max_value=100).map(lambda value: round(value, 1))


@st.composite
def lessons(draw: st.DrawFn) -> Scenario:
    cuts = sorted(draw(st.lists(times, min_size=2, max_size=6, unique=True)))
    stays = tuple(Stay(a, b, 0) for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    blind = sorted(draw(st.lists(times, max_size=4, unique=True)))
    kinds = draw(st.lists(st.sampled_from(list(EventKind)), min_size=2, max_size=2))
    pairs = zip(blind[::2], blind[1::2], strict=False)
    events = tuple(Event(kind, a, b, seat=0) for kind, (a, b) in zip(kinds, pairs, strict=False))
    return _lesson(*stays, events=events)


@given(lessons())
def test_nobody_is_visible_outside_a_stay_or_unwatched(lesson: Scenario) -> None:
    person = lesson.people[0]
    seen = visible(lesson, person)
    assert list(seen) == sorted(seen)
    for low, high in seen:
        assert low < high
        assert any(stay.from_s <= low and high <= stay.to_s for stay in person.stays)
        assert any(a <= low and high <= b for a, b in watched(lesson))


@given(lessons())
def test_presence_is_at_least_what_was_seen_and_at_most_the_lesson(lesson: Scenario) -> None:
    says = expected(lesson, lesson.people[0])
    seen = sum(high - low for low, high in visible(lesson, lesson.people[0]))
    assert seen - 1e-6 <= says.present_s <= lesson.duration_s + 1e-6


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"load", "blind", "spoof"}))
def test_scripts_stay_clear_of_every_limit(name: str) -> None:
    """Recognition samples every second or two: whatever is nearer to a limit would be decided by luck."""
    chosen = scenario(name)
    assert margin_s(chosen) >= (2.0 if name == "small" else 5.0)


@pytest.mark.parametrize("name", sorted(set(SCENARIOS)))
def test_the_product_s_rules_agree_when_everyone_visible_is_seen(name: str) -> None:
    chosen = scenario(name)
    lesson = chosen.lesson("l1", "c1")

    def at(second: float) -> object:
        return chosen.starts_at + timedelta(seconds=second)

    coverage = [Interval(at(low), at(high)) for low, high in watched(chosen)]
    for person in chosen.trainees:
        seen = visible(chosen, person)
        instants = [k * SAMPLING_S for k in range(int(chosen.duration_s / SAMPLING_S) + 1)]
        presences = [
            Presence(at(t), "c1", 1.0) for t in instants if any(low <= t < high for low, high in seen)
        ]
        verdict = judge_attendance(
            lesson, person.code, chosen.policy, presences, coverage, timedelta(seconds=SAMPLING_S)
        )
        says = expected(chosen, person)
        assert (verdict.status, verdict.marks) == (
            says.status,
            says.marks,
        ), person.code
        if says.status in {Status.PRESENT, Status.PARTIAL}:
            assert verdict.credited_hours == pytest.approx(says.credited_hours), person.code


def test_acceptance_expects_every_status_mark_and_flag_it_was_written_for() -> None:
    chosen = acceptance()
    says = [expected(chosen, person) for person in chosen.trainees]
    assert {row.status for row in says} == {Status.PRESENT, Status.PARTIAL, Status.ABSENT}
    assert {mark for row in says for mark in row.marks} == {"late", "left_early", "absent_in_middle"}
    kinds = {kind for kind, _ in expected_flags(chosen)}
    assert kinds == {
        "absence",
        "absent_in_middle",
        "camera_covered",
        "camera_frozen",
        "late",
        "left_early",
        "stranger",
    }
    assert sum(kind == "stranger" for kind, _ in expected_flags(chosen)) == 1


def test_demo_tells_the_story_of_the_readme() -> None:
    chosen = scenario("demo")
    flags = expected_flags(chosen)
    assert sorted(kind for kind, _ in flags) == ["absence", "late", "left_early", "stranger"]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_truth_is_json_and_complete(name: str) -> None:
    chosen = scenario(name)
    truth = json.loads(json.dumps(ground_truth(chosen)))
    assert len(truth["seats"]) == chosen.seats
    assert len(truth["expected"]) == len(chosen.trainees)
    assert len(truth["people"]) == len(chosen.people)
    assert {row["code"] for row in truth["expected"]} == {person.code for person in chosen.trainees}
    assert all(person["name"] for person in truth["people"] if person["code"])
