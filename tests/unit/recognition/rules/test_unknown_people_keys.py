"""One key per unknown person and lesson."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognition.calibration_store import default_calibration
from recognition.unknown_people import Standing, UnknownPeople, last_number

STRANGER_DISTANCE = 0.73


def vector(seed: int, length: float = 0.52) -> npt.NDArray[np.float64]:
    drawn = np.random.default_rng(seed).normal(size=128)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float64)


def standing(person: int, *, off: float = 0.0, direction: int = 900, frames: float = 4.0) -> Standing:
    return Standing(vector(person) + vector(direction, off), frames, STRANGER_DISTANCE)


@pytest.fixture
def people() -> UnknownPeople:
    return UnknownPeople(default_calibration())


def test_nobody_has_a_key_unasked(people: UnknownPeople) -> None:
    assert people.key_of("a") is None


def test_keys_are_numbered_as_people_are_first_seen(people: UnknownPeople) -> None:
    assert people.see("a", standing(1)) == "unknown-1"
    assert people.see("b", standing(2)) == "unknown-2"
    assert people.key_of("a") == "unknown-1"


def test_a_track_keeps_its_key_whatever_later_looks_show(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    assert people.see("a", standing(7)) == "unknown-1"


def test_a_second_track_of_the_same_looks_is_the_same_person(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    assert people.see("b", standing(1, off=0.2)) == "unknown-1"


def test_tracks_of_one_frame_are_two_people_whatever_they_look_like(people: UnknownPeople) -> None:
    people.see_together(["a", "b"])
    people.see("a", standing(1))
    assert people.see("b", standing(1)) == "unknown-2"


def test_two_people_who_turn_out_to_be_one_become_the_earlier(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    people.see("b", standing(1, off=0.6))
    assert people.key_of("b") == "unknown-2"
    assert people.see("b", standing(1, off=0.1)) == "unknown-1"
    assert people.key_of("a") == people.key_of("b") == "unknown-1"


def test_the_earlier_key_stays_also_when_the_later_one_is_looked_at(people: UnknownPeople) -> None:
    people.see("a", standing(1, off=0.6))
    people.see("b", standing(1))
    assert people.see("a", standing(1)) == "unknown-1"
    assert people.key_of("b") == "unknown-1"


def test_people_seen_together_are_never_joined_later(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    people.see("b", standing(1, off=0.6))
    people.see_together(["a", "b"])
    assert people.see("b", standing(1, off=0.05)) == "unknown-2"


def test_a_join_is_undone_when_both_are_seen_in_one_frame(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    people.see("b", standing(1, off=0.1))
    people.see_together(["a", "b"])
    assert people.key_of("a") == "unknown-1"
    assert people.key_of("b") is None
    assert people.see("b", standing(1, off=0.1)) == "unknown-2"


def test_a_number_is_never_given_twice(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    people.release("a")
    assert people.see("b", standing(2)) == "unknown-2"


def test_a_released_track_takes_its_likes_along(people: UnknownPeople) -> None:
    """Its person was a trainee all the while: nothing of the stay remains to be flagged."""
    people.see("a", standing(1))
    people.see("b", standing(1, off=0.15))
    people.release("b")
    assert people.key_of("a") is None
    assert people.key_of("b") is None


def test_a_released_track_leaves_those_who_no_longer_resemble_it(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    people.see("b", standing(1, off=0.15))
    people.see("b", standing(5))
    people.release("b")
    assert people.key_of("a") == "unknown-1"


def test_to_release_somebody_who_was_not_unknown_does_nothing(people: UnknownPeople) -> None:
    people.see("a", standing(1))
    people.release("z")
    assert people.key_of("a") == "unknown-1"


def test_of_two_who_fit_the_nearer_is_taken(people: UnknownPeople) -> None:
    people.see_together(["a", "b"])
    people.see("a", standing(1, off=0.40))
    people.see("b", standing(1, off=0.05))
    assert people.see("c", standing(1)) == "unknown-2"


def test_in_a_room_of_look_alikes_the_same_distance_means_less(people: UnknownPeople) -> None:
    close = Standing(vector(1), 4.0, 0.5)
    people.see("a", close)
    assert people.see("b", Standing(vector(1) + vector(900, 0.42), 4.0, 0.5)) == "unknown-2"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_distant_people_never_share_a_key_and_one_person_never_has_two(seen: list[tuple[int, int]]) -> None:
    people = UnknownPeople(default_calibration())
    for number, (person, track) in enumerate(seen):
        people.see(f"{person}/{track}", standing(person, off=0.1, direction=800 + number))
    keys = {(p, t): people.key_of(f"{p}/{t}") for p, t in seen}
    for (person, _), key in keys.items():
        others = {k for (p, _), k in keys.items() if p != person}
        assert key not in others
        assert {k for (p, _), k in keys.items() if p == person} == {key}


@settings(max_examples=30)
@given(st.permutations(range(6)))
def test_who_is_one_person_does_not_depend_on_the_order_of_tracks(order: list[int]) -> None:
    people = UnknownPeople(default_calibration())
    for number in order:
        people.see(str(number), standing(number % 3, off=0.12, direction=700 + number))
    assert all(people.key_of(str(n)) == people.key_of(str(n + 3)) for n in range(3))
    assert len({people.key_of(str(n)) for n in range(6)}) == 3


def test_numbers_go_on_after_those_an_earlier_recogniser_gave() -> None:
    """Its people's looks are gone: a stranger of before is somebody new, and nobody is joined to another."""
    people = UnknownPeople(default_calibration(), given=3)
    assert people.see("a", standing(1)) == "unknown-4"
    assert people.see("b", standing(2)) == "unknown-5"
    assert people.see("c", standing(1, off=0.2)) == "unknown-4"


@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ((), 0),
        (("unknown-1",), 1),
        (("unknown-2", "unknown-10", "unknown-9"), 10),
        (("visitor-7", "unknown-x", "unknown-", "12"), 0),
    ],
)
def test_the_last_number_given(keys: tuple[str, ...], last: int) -> None:
    assert last_number(keys) == last
