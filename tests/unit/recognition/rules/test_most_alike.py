"""Whom a person's looks resemble most, by the calibration that comes with Rollcall."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognition.calibration_store import default_calibration
from recognition.gallery import Gallery, Template, build_gallery
from recognition.identity_evidence import chance_penalty, identity_of
from recognition.resemblance import most_alike
from recognition.unknown_people import Standing, UnknownPeople, together

CALIBRATION = default_calibration()
fast = settings(max_examples=60, deadline=None)


def vector(seed: int, length: float = 0.52) -> npt.NDArray[np.float64]:
    drawn = np.random.default_rng(seed).normal(size=128)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float64)


def gallery_of(*people: int) -> Gallery:
    return build_gallery([Template(f"T{n}", vector(n).astype(np.float32), "net") for n in people], "net")


GALLERY = gallery_of(*range(20))


def looks(person: int, off: float, direction: int = 900, frames: float = 4.0) -> Standing:
    return Standing(vector(person) + vector(direction, off), frames, 0.73)


def test_a_poor_look_at_a_trainee_resembles_that_trainee() -> None:
    found = most_alike(looks(3, 0.5), GALLERY, CALIBRATION)
    assert found is not None
    trainee, evidence, lead = found
    assert trainee == "T3"
    assert 0.0 < evidence < 9.2, "too little for a name"
    assert lead > 0.0


def test_a_stranger_resembles_nobody() -> None:
    assert most_alike(looks(77, 0.0), GALLERY, CALIBRATION) is None


def test_an_empty_roster_is_resembled_by_nobody() -> None:
    assert most_alike(looks(3, 0.1), gallery_of(), CALIBRATION) is None


def test_the_only_trainee_of_a_roster_leads_over_nobody_as_far_as_evidence_goes() -> None:
    found = most_alike(looks(3, 0.1), gallery_of(3), CALIBRATION)
    assert found is not None
    assert found[2] > CALIBRATION.bound


def test_the_evidence_is_that_of_a_name() -> None:
    standing = looks(3, 0.5)
    identity = identity_of(standing.mean, GALLERY, CALIBRATION, standing.frames)
    found = most_alike(standing, GALLERY, CALIBRATION)
    assert found is not None
    assert found[1] == pytest.approx(identity.score, abs=0.006)
    assert found[2] == pytest.approx(identity.margin, abs=0.006)


def test_who_is_excluded_is_neither_the_most_alike_nor_the_next() -> None:
    between = Standing((vector(3) + vector(4)) / 2, 4.0, 0.73)
    both = most_alike(between, GALLERY, CALIBRATION)
    assert both is not None
    assert both[0] in ("T3", "T4")
    other = "T4" if both[0] == "T3" else "T3"
    one = most_alike(between, GALLERY, CALIBRATION, [both[0]])
    assert one is not None
    assert one[0] == other
    assert one[2] > both[2], "the first no longer stands beside the second"
    assert most_alike(between, GALLERY, CALIBRATION, ["T3", "T4"]) is None


def test_names_that_the_roster_does_not_know_exclude_nobody() -> None:
    assert most_alike(looks(3, 0.5), GALLERY, CALIBRATION, ["gone"]) == most_alike(
        looks(3, 0.5), GALLERY, CALIBRATION
    )


@fast
@given(st.integers(0, 40), st.floats(0.0, 0.8), st.integers(900, 930), st.floats(1.0, 24.0))
def test_only_positive_evidence_is_ever_told(person: int, off: float, direction: int, frames: float) -> None:
    found = most_alike(looks(person, off, direction, frames), GALLERY, CALIBRATION)
    if found is not None:
        trainee, evidence, lead = found
        assert trainee in GALLERY.trainees
        assert 0.0 < evidence <= CALIBRATION.bound - chance_penalty(GALLERY.size) + 0.01
        assert lead >= 0.0


@fast
@given(st.integers(0, 19), st.floats(0.0, 0.7), st.sets(st.integers(0, 19)))
def test_nobody_excluded_is_ever_told(person: int, off: float, excluded: set[int]) -> None:
    names = {f"T{number}" for number in excluded}
    found = most_alike(looks(person, off), GALLERY, CALIBRATION, names)
    assert found is None or found[0] not in names


@fast
@given(st.integers(0, 19), st.floats(0.05, 0.5), st.floats(0.05, 0.2))
def test_coming_nearer_never_weakens_it(person: int, near: float, further: float) -> None:
    closer = most_alike(looks(person, near), GALLERY, CALIBRATION)
    farther = most_alike(looks(person, near + further), GALLERY, CALIBRATION)
    if closer is not None and farther is not None and closer[0] == farther[0]:
        assert closer[1] >= farther[1] - 0.011


def test_tracks_together_weigh_by_their_frames() -> None:
    one, other = Standing(vector(1), 3.0, 0.7), Standing(vector(2), 1.0, 0.6)
    found = together([one, other])
    assert np.allclose(found.mean, 0.75 * vector(1) + 0.25 * vector(2))
    assert (found.frames, found.stranger_distance) == (4.0, 0.6)


def test_two_looks_from_different_sides_resemble_more_than_either() -> None:
    sides = [looks(3, 0.5, direction, 2.0) for direction in (900, 901)]
    each = [most_alike(side, GALLERY, CALIBRATION) for side in sides]
    both = most_alike(together(sides), GALLERY, CALIBRATION)
    assert both is not None
    assert all(one is None or both[1] > one[1] for one in each)


def test_the_tracks_of_a_person_are_known_by_key() -> None:
    people = UnknownPeople(CALIBRATION)
    people.see("a", looks(1, 0.0))
    people.see("b", looks(2, 0.0))
    people.see("c", looks(1, 0.2))
    assert people.keys() == ("unknown-1", "unknown-2")
    assert set(people.tracks_of("unknown-1")) == {"a", "c"}
    assert people.tracks_of("unknown-9") == {}
