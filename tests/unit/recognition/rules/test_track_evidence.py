"""What several looks at one face are worth together."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognition.calibration_store import default_calibration
from recognition.gallery import Template, build_gallery
from recognition.identity_evidence import (
    NOBODY,
    WINDOW,
    Look,
    TrackEvidence,
    chance_penalty,
    identity_of,
)

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CALIBRATION = default_calibration()
Vector = npt.NDArray[np.float32]


def vector(seed: int, length: float = 0.52) -> Vector:
    drawn = np.random.default_rng(seed).normal(size=128)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float32)


def look(second: float, embedding: Vector, weight: float = 1.0) -> Look:
    return Look(AT + timedelta(seconds=second), embedding, weight)


def evidence(*looks: Look) -> TrackEvidence:
    track = TrackEvidence()
    for one in looks:
        track.add(one)
    return track


GALLERY = build_gallery([Template(f"T{n}", vector(n), "net") for n in range(20)], "net")


def near(seed: int, distance: float, direction: int) -> Vector:
    return np.asarray(vector(seed) + vector(direction, distance), dtype=np.float32)


def test_without_a_look_there_is_no_mean_and_nobody() -> None:
    track = TrackEvidence()
    assert track.looks == 0
    assert track.since is None
    assert track.identity(GALLERY, CALIBRATION) is NOBODY
    with pytest.raises(ValueError, match="no look"):
        _ = track.mean


def test_the_mean_goes_by_quality() -> None:
    track = evidence(look(0, vector(1), 0.9), look(2, vector(2), 0.3))
    assert np.allclose(track.mean, 0.75 * vector(1) + 0.25 * vector(2), atol=1e-6)


def test_a_worthless_look_still_is_one() -> None:
    track = evidence(look(0, vector(1), 0.0))
    assert np.allclose(track.mean, vector(1), atol=1e-6)


def test_looks_nearer_than_a_second_are_one() -> None:
    track = evidence(*(look(0.3 * n, vector(1)) for n in range(7)))
    assert track.looks == 2
    assert track.since == AT


def test_only_the_last_window_counts() -> None:
    track = evidence(*(look(2 * n, vector(1)) for n in range(10)))
    for n in range(WINDOW):
        track.add(look(100 + 2 * n, vector(2)))
    assert np.allclose(track.mean, vector(2), atol=1e-6)
    assert track.looks == 10 + WINDOW
    assert track.since == AT


def test_a_still_head_counts_as_one_frame() -> None:
    track = evidence(*(look(2 * n, vector(1)) for n in range(20)))
    assert track.independent_frames(CALIBRATION) == pytest.approx(1.0, abs=0.01)


def test_unrelated_looks_count_in_full() -> None:
    track = evidence(*(look(2 * n, near(1, 0.5, 100 + n)) for n in range(10)))
    assert track.independent_frames(CALIBRATION) == pytest.approx(10.0, rel=0.01)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.0, 0.6)), min_size=1, max_size=24))
def test_frames_lie_between_one_and_the_number_of_looks(looks: list[tuple[float, float]]) -> None:
    track = evidence(*(look(2 * n, near(1, off, 100 + n), weight) for n, (weight, off) in enumerate(looks)))
    frames = track.independent_frames(CALIBRATION)
    assert 1.0 <= frames <= len(looks) + 1e-6


@settings(max_examples=30)
@given(st.permutations(range(8)))
def test_the_order_of_looks_within_the_window_changes_nothing(order: list[int]) -> None:
    embeddings = [near(1, 0.3, 200 + n) for n in range(8)]
    straight = evidence(*(look(2 * n, embeddings[n]) for n in range(8)))
    mixed = evidence(*(look(2 * place, embeddings[n]) for place, n in enumerate(order)))
    assert np.allclose(straight.mean, mixed.mean, atol=1e-6)
    assert straight.independent_frames(CALIBRATION) == pytest.approx(mixed.independent_frames(CALIBRATION))


def test_averaging_brings_the_person_nearer_and_no_look_alike() -> None:
    """Noise of pose and light averages out; a look-alike stays as far as he is."""
    single = identity_of(near(3, 0.38, 300), GALLERY, CALIBRATION)
    track = evidence(*(look(2 * n, near(3, 0.38, 300 + n)) for n in range(12)))
    together = track.identity(GALLERY, CALIBRATION)
    assert together.best == single.best == 3
    assert together.score > single.score
    assert together.margin > single.margin
    other = evidence(*(look(2 * n, near(3, 0.52, 400)) for n in range(12)))
    assert other.identity(GALLERY, CALIBRATION).score < together.score


def test_a_stranger_does_not_reach_the_odds() -> None:
    needed = math.log(10_000)
    for seed in range(500, 560):
        track = evidence(*(look(2 * n, near(seed, 0.25, seed * 7 + n)) for n in range(10)))
        assert not track.identity(GALLERY, CALIBRATION).reaches(needed)


def test_score_and_margin_must_both_reach() -> None:
    identity = identity_of(vector(4), GALLERY, CALIBRATION)
    assert identity.reaches(9.2)
    twins = build_gallery([*GALLERY.templates(), Template("twin", near(4, 0.05, 9), "net")], "net")
    alike = identity_of(vector(4), twins, CALIBRATION)
    assert alike.score > 9.2
    assert alike.margin < 9.2
    assert not alike.reaches(9.2)


def test_a_roster_of_one_has_the_bound_as_second_best() -> None:
    alone = build_gallery([Template("T0", vector(0), "net")], "net")
    identity = identity_of(vector(0), alone, CALIBRATION)
    assert identity.best == 0
    assert identity.margin == pytest.approx(identity.evidence[0] + CALIBRATION.bound)


def test_an_empty_roster_knows_nobody() -> None:
    identity = identity_of(vector(0), build_gallery([], "net"), CALIBRATION)
    assert identity is NOBODY
    assert not identity.reaches(-1e9)


@given(st.integers(-3, 2000), st.integers(0, 500))
def test_chance_costs_more_in_a_larger_roster_and_is_never_a_bonus(size: int, more: int) -> None:
    assert 0.0 <= chance_penalty(size) <= chance_penalty(size + more)


def test_the_chance_of_a_small_roster_costs_nothing() -> None:
    assert chance_penalty(18) == 0.0
    assert chance_penalty(40) == pytest.approx(math.log(40 * 0.05 / 0.95))
