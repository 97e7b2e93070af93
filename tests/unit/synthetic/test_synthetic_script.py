"""Scripts that contradict themselves are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.synthetic.scenarios import SCENARIOS, load, scenario
from ingest.synthetic.script import Event, EventKind, Person, Scenario, Stay
from models.errors import InvalidInput


def test_two_people_cannot_share_a_seat(tiny: Scenario) -> None:
    people = (
        Person(cast=0, code="A", stays=(Stay(0, 3, 0),)),
        Person(cast=1, code="B", stays=(Stay(2, 4, 0),)),
    )
    with pytest.raises(InvalidInput, match="seat 0 is taken twice"):
        replace(tiny, people=people)


def test_a_seat_can_be_handed_over(tiny: Scenario) -> None:
    people = (
        Person(cast=0, code="A", stays=(Stay(0, 2, 0),)),
        Person(cast=1, code="B", stays=(Stay(2, 4, 0),)),
    )
    assert replace(tiny, people=people).people == people


def test_nobody_sits_in_two_seats_at_once(tiny: Scenario) -> None:
    people = (Person(cast=0, code="A", stays=(Stay(0, 3, 0), Stay(2, 4, 1))),)
    with pytest.raises(InvalidInput, match="two seats at once"):
        replace(tiny, people=people)


@pytest.mark.parametrize("stay", [Stay(0, 4, 2), Stay(0, 4, -1), Stay(3, 3, 0), Stay(3, 1, 0)])
def test_a_stay_needs_an_existing_seat_and_a_length(tiny: Scenario, stay: Stay) -> None:
    with pytest.raises(InvalidInput, match="no seat or no length"):
        replace(tiny, people=(Person(cast=0, code="A", stays=(stay,)),))


@pytest.mark.parametrize(("width", "height"), [(161, 96), (160, 95), (32, 32)])
def test_sizes_that_no_encoder_takes_are_refused(tiny: Scenario, width: int, height: int) -> None:
    with pytest.raises(InvalidInput, match="cannot be encoded"):
        replace(tiny, width=width, height=height)


@pytest.mark.parametrize(("fps", "duration_s"), [(0, 4.0), (10, 0.0), (-1, 4.0)])
def test_a_scenario_needs_a_length_and_a_rate(tiny: Scenario, fps: int, duration_s: float) -> None:
    with pytest.raises(InvalidInput, match="above zero"):
        replace(tiny, fps=fps, duration_s=duration_s, people=())


def test_an_unknown_scenario_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="acceptance"):
        scenario("lunch")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_ready_made_scenario_is_consistent(name: str) -> None:
    chosen = scenario(name)
    assert chosen.name == name
    codes = [person.code for person in chosen.trainees]
    assert len(set(codes)) == len(codes) > 0
    assert len({person.cast for person in chosen.people}) == len(chosen.people)
    assert not any(person.code for person in chosen.strangers)
    assert all(0 <= event.from_s < event.to_s <= chosen.duration_s for event in chosen.events)


def test_acceptance_has_forty_seats_and_every_kind_of_event() -> None:
    chosen = scenario("acceptance")
    assert (chosen.seats, chosen.width, chosen.height) == (40, 1920, 1080)
    assert len(chosen.trainees) == 40
    assert {event.kind for event in chosen.events} == set(EventKind)
    assert any(len(person.stays) > 1 for person in chosen.trainees)


def test_an_event_is_active_from_its_start_until_before_its_end() -> None:
    event = Event(EventKind.HAND, 1.0, 2.0, seat=0)
    assert [event.active(at_s) for at_s in (0.99, 1.0, 1.99, 2.0)] == [False, True, True, False]


@pytest.mark.parametrize("seats", [1, 6, 15, 24, 40])
def test_load_seats_any_number(seats: int) -> None:
    chosen = load(seats, duration_s=5.0)
    assert len(chosen.people) == seats <= chosen.seats


def test_the_lesson_lasts_as_long_as_the_picture() -> None:
    chosen = scenario("demo")
    lesson = chosen.lesson("l1", "c1")
    assert lesson.ends_at - lesson.starts_at == timedelta(seconds=chosen.duration_s)
    assert chosen.frames == round(chosen.duration_s * chosen.fps)
