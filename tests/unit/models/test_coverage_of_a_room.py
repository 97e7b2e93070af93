"""When a room was watched, from the frames that were judged: what proves presence and what proves nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.coverage import (
    CLEAR,
    COVERED,
    FROZEN,
    TOLERANCE,
    LensSpell,
    coverage_from_judgements,
    lens_spells,
)
from models.timeline import Interval, total

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
EVERY = timedelta(seconds=10)


@dataclass(frozen=True)
class Look:
    camera_id: str
    at: datetime
    lens: str = CLEAR


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(begin: float, end: float) -> Interval:
    return Interval(at(begin), at(end))


def looks(*seconds: float, camera: str = "front", lens: str = CLEAR) -> list[Look]:
    return [Look(camera, at(one), lens) for one in seconds]


def watched(frames: Sequence[Look], **more: object) -> list[tuple[float, float]]:
    """Coverage in seconds of the lesson."""
    return [
        ((one.starts_at - START).total_seconds(), (one.ends_at - START).total_seconds())
        for one in coverage_from_judgements(frames, EVERY, **more)  # type: ignore[arg-type]
    ]


def test_without_a_judged_frame_nothing_was_watched() -> None:
    assert watched([]) == []
    assert lens_spells([], EVERY) == ()


def test_one_frame_speaks_for_half_a_sampling_period_to_either_side() -> None:
    assert watched(looks(100)) == [(95, 105)]


def test_frames_at_the_usual_distance_make_one_stretch() -> None:
    assert watched(looks(0, 10, 20, 30)) == [(-5, 35)]


def test_frames_up_to_three_sampling_periods_apart_share_the_time_between_them() -> None:
    assert watched(looks(0, 20)) == [(-5, 25)]
    assert watched(looks(0, 30)) == [(-5, 35)]


def test_a_longer_silence_is_an_outage() -> None:
    assert watched(looks(0, 31)) == [(-5, 5), (26, 36)]
    assert timedelta(seconds=30) == EVERY * TOLERANCE


def test_another_tolerance_bridges_more() -> None:
    assert watched(looks(0, 40), tolerance=4.0) == [(-5, 45)]


def test_the_order_in_which_frames_come_does_not_matter() -> None:
    assert watched(looks(20, 0, 10)) == watched(looks(0, 10, 20))


def test_a_frame_told_twice_counts_once() -> None:
    assert watched(looks(0, 0, 10, 10)) == [(-5, 15)]


@pytest.mark.parametrize("lens", [COVERED, FROZEN])
def test_a_picture_that_shows_nobody_proves_nobody_s_absence(lens: str) -> None:
    assert watched(looks(0, 10, 20, lens=lens)) == []


@pytest.mark.parametrize("lens", [COVERED, FROZEN])
def test_between_a_clear_and_a_bad_frame_the_time_is_shared(lens: str) -> None:
    frames = looks(0, 10) + looks(20, 30, lens=lens) + looks(40)
    assert watched(frames) == [(-5, 15), (35, 45)]


def test_a_single_covered_frame_takes_only_its_own_time() -> None:
    assert watched(looks(0, 20) + looks(10, lens=COVERED)) == [(-5, 5), (15, 25)]


def test_spells_tell_camera_lens_and_time_in_order() -> None:
    frames = looks(0, 10) + looks(20, lens=FROZEN) + looks(0, camera="back", lens=COVERED)
    assert lens_spells(frames, EVERY) == (
        LensSpell("back", COVERED, span(-5, 5)),
        LensSpell("front", CLEAR, span(-5, 15)),
        LensSpell("front", FROZEN, span(15, 25)),
    )


def test_two_cameras_watch_for_each_other() -> None:
    frames = looks(0, 10, 20) + looks(100, 110, camera="back")
    assert watched(frames) == [(-5, 25), (95, 115)]


def test_a_covered_camera_does_not_blind_the_other() -> None:
    frames = looks(0, 10, 20, lens=COVERED) + looks(0, 10, 20, camera="back")
    assert watched(frames) == [(-5, 25)]


def test_frames_of_one_camera_do_not_bridge_an_outage_of_the_other() -> None:
    frames = looks(0, 60) + looks(30, camera="back")
    assert watched(frames) == [(-5, 5), (25, 35), (55, 65)]


def test_what_was_not_recorded_was_not_watched() -> None:
    assert watched(looks(0, 10, 20), recorded={"front": [span(0, 12)]}) == [(0, 12)]


def test_a_camera_without_footage_watched_nothing() -> None:
    assert watched(looks(0, 10), recorded={}) == []
    assert watched(looks(0, 10), recorded={"back": [span(-60, 60)]}) == []


def test_a_hole_in_the_footage_is_a_hole_in_the_coverage() -> None:
    recorded = {"front": [span(-60, 8), span(12, 60)]}
    assert watched(looks(0, 10, 20), recorded=recorded) == [(-5, 8), (12, 25)]


def test_each_camera_is_held_against_its_own_footage() -> None:
    frames = looks(0, 10) + looks(0, 10, camera="back")
    recorded = {"front": [span(-5, 3)], "back": [span(7, 60)]}
    assert watched(frames, recorded=recorded) == [(-5, 3), (7, 15)]


SECONDS = st.lists(st.integers(0, 600), min_size=1, max_size=25, unique=True)
LENSES = st.sampled_from([CLEAR, COVERED, FROZEN])
FRAMES = st.lists(
    st.tuples(st.sampled_from(["front", "back"]), st.integers(0, 300), LENSES),
    max_size=25,
    unique_by=lambda one: one[:2],
).map(lambda drawn: [Look(camera, at(second), lens) for camera, second, lens in drawn])


@settings(max_examples=60)
@given(SECONDS)
def test_coverage_is_at_least_each_frame_s_own_instant(seconds: list[int]) -> None:
    covered = coverage_from_judgements(looks(*seconds), EVERY)
    assert all(any(piece.contains(at(one)) for piece in covered) for one in seconds)


@settings(max_examples=60)
@given(FRAMES)
def test_spells_of_one_camera_never_overlap(frames: list[Look]) -> None:
    for camera in ("front", "back"):
        spells = sorted(s.interval for s in lens_spells(frames, EVERY) if s.camera_id == camera)
        for earlier, later in itertools.pairwise(spells):
            assert earlier.ends_at <= later.starts_at


@settings(max_examples=60)
@given(FRAMES, st.integers(0, 300))
def test_one_more_camera_never_takes_coverage_away(frames: list[Look], second: int) -> None:
    before = total(coverage_from_judgements(frames, EVERY))
    after = total(coverage_from_judgements([*frames, Look("third", at(second))], EVERY))
    assert after >= before


@settings(max_examples=60)
@given(FRAMES)
def test_turning_a_camera_to_the_wall_never_adds_coverage(frames: list[Look]) -> None:
    turned = [Look(one.camera_id, one.at, COVERED) if one.camera_id == "front" else one for one in frames]
    assert total(coverage_from_judgements(turned, EVERY)) <= total(coverage_from_judgements(frames, EVERY))


@settings(max_examples=60)
@given(FRAMES, st.integers(0, 300), st.integers(1, 300))
def test_coverage_lies_within_the_footage(frames: list[Look], begin: int, length: int) -> None:
    piece = span(begin, begin + length)
    covered = coverage_from_judgements(frames, EVERY, recorded={"front": [piece], "back": [piece]})
    assert all(piece.starts_at <= one.starts_at and one.ends_at <= piece.ends_at for one in covered)
