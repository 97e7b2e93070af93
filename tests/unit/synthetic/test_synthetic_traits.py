"""People drawn from seeds."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.synthetic.traits import Beard, Glasses, HairStyle, Traits, traits_from_seed

seeds = st.integers(min_value=0, max_value=2**31 - 1)


def _numbers(value: object) -> list[float]:
    if isinstance(value, tuple):
        return [number for part in value for number in _numbers(part)]
    return [float(value)] if isinstance(value, float) else []


@given(seeds)
def test_a_seed_gives_the_same_person_every_time(seed: int) -> None:
    assert traits_from_seed(seed) == traits_from_seed(seed)


@given(seeds)
def test_every_person_is_made_of_finite_numbers_and_real_colours(seed: int) -> None:
    person = traits_from_seed(seed)
    assert np.isfinite(_numbers(astuple(person))).all()
    for colour in (person.skin.tone, person.hair.colour, person.mouth.colour, person.clothes):
        assert all(0.0 <= channel <= 1.0 for channel in colour)


@given(seeds)
def test_the_mouth_lies_between_nose_and_chin(seed: int) -> None:
    person = traits_from_seed(seed)
    nose_end = person.eyes.level + person.skull.nose_length
    assert nose_end < person.mouth.level < 0.8


@given(seeds)
def test_women_have_no_beard(seed: int) -> None:
    person = traits_from_seed(seed)
    assert not (person.female and person.hair.beard is not Beard.NONE)


def test_a_hundred_people_show_every_kind_of_hair_beard_and_glasses() -> None:
    people = [traits_from_seed(seed) for seed in range(400)]

    def kinds(pick: str) -> set[object]:
        return {getattr(person.hair, pick) for person in people}

    assert kinds("style") == set(HairStyle)
    assert kinds("beard") == set(Beard)
    assert {person.glasses for person in people} == set(Glasses)
    assert 0.35 < sum(person.female for person in people) / len(people) < 0.65


def test_neighbouring_seeds_are_different_people() -> None:
    people: list[Traits] = [traits_from_seed(seed) for seed in range(50)]
    assert len({person.skull for person in people}) == 50
