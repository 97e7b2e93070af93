"""Which face of a frame goes on which track."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.frame import Box, Detection
from recognition.calibration_store import default_calibration
from recognition.gallery import Template, build_gallery
from recognition.identity_evidence import Look
from recognition.tracks import FAINT_FOR, Associator, Face, Track, movement_cost, same_place

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CALIBRATION = default_calibration()
SEAT, NEXT, FAR = Box(100, 100, 60, 60), Box(115, 100, 60, 60), Box(900, 400, 60, 60)
Vector = npt.NDArray[np.float32]
STEP = timedelta(seconds=2)


def vector(seed: int, length: float = 0.52) -> Vector:
    drawn = np.random.default_rng(seed).normal(size=128)
    return np.asarray(length * drawn / np.linalg.norm(drawn), dtype=np.float32)


GALLERY = build_gallery([Template(f"T{n}", vector(n), "net") for n in range(12)], "net")
EMPTY = build_gallery([], "net")


def track(name: str, box: Box, person: int | None, *, trainee: str | None = None, looks: int = 4) -> Track:
    made = Track(name, box, AT, AT, AT, trainee=trainee)
    if person is not None:
        for number in range(looks):
            made.evidence.add(Look(AT - STEP * number, vector(person) + vector(50 + number, 0.2), 1.0))
    return made


def face(box: Box, person: int | None, *, noise: float = 0.2) -> Face:
    embedding = None if person is None else vector(person) + vector(77, noise)
    return Face(Detection(box, 1.0), 1.0, embedding)


def matched(faces: list[Face], tracks: list[Track], *, after: timedelta = STEP) -> list[str | None]:
    found = Associator(CALIBRATION).match(faces, tracks, GALLERY, AT + after)
    return [one.track_id if one is not None else None for one in found]


def test_nothing_meets_nothing() -> None:
    assert matched([], []) == []
    assert matched([], [track("a", SEAT, 1)]) == []
    assert matched([face(SEAT, 1)], []) == [None]


def test_a_face_goes_on_in_its_seat() -> None:
    assert matched([face(NEXT, 1)], [track("a", SEAT, 1)]) == ["a"]


def test_another_face_in_the_same_seat_is_a_new_track() -> None:
    assert matched([face(SEAT, 2)], [track("a", SEAT, 1)]) == [None]


def test_two_who_changed_seats_are_followed_by_looks_not_by_place() -> None:
    tracks = [track("a", SEAT, 1, trainee="T1"), track("b", NEXT, 2, trainee="T2")]
    assert matched([face(SEAT, 2), face(NEXT, 1)], tracks) == ["b", "a"]


def test_no_track_gets_two_faces() -> None:
    found = matched([face(SEAT, 1), face(NEXT, 1)], [track("a", SEAT, 1)])
    assert sorted(found, key=str) == [None, "a"]


def test_far_away_the_looks_alone_must_carry_it() -> None:
    assert matched([face(FAR, 1)], [track("a", SEAT, 1)]) == ["a"]
    assert matched([face(FAR, 1, noise=0.5)], [track("a", SEAT, 1)]) == [None]
    assert matched([face(NEXT, 1, noise=0.5)], [track("a", SEAT, 1)]) == ["a"]


def test_a_named_track_does_not_take_a_face_that_fits_another_name_far_better() -> None:
    """The two are alike: the track's own looks allow it, the roster says who it is."""
    alike = np.asarray(vector(1) + vector(60, 0.46), dtype=np.float32)
    gallery = build_gallery([*GALLERY.templates(), Template("other", alike, "net")], "net")
    seen = Face(Detection(SEAT, 1.0), 1.0, alike)
    associator = Associator(CALIBRATION)
    unnamed, named = track("a", SEAT, 1), track("a", SEAT, 1, trainee="T1")
    assert associator.match([seen], [unnamed], gallery, AT + STEP)[0] is unnamed
    assert associator.match([seen], [named], gallery, AT + STEP)[0] is None


def test_a_name_that_left_the_roster_does_not_matter() -> None:
    assert matched([face(SEAT, 1)], [track("a", SEAT, 1, trainee="gone")]) == ["a"]


def test_without_a_roster_tracks_are_followed_all_the_same() -> None:
    known = track("a", SEAT, 1)
    found = Associator(CALIBRATION).match([face(NEXT, 1), face(FAR, 2)], [known], EMPTY, AT + STEP)
    assert found == (known, None)


def test_a_face_too_poor_to_encode_stays_where_somebody_was() -> None:
    assert matched([face(NEXT, None)], [track("a", SEAT, 1)]) == ["a"]
    assert matched([face(FAR, None)], [track("a", SEAT, 1)]) == [None]


def test_a_poor_face_does_not_hold_a_place_for_long() -> None:
    known = track("a", SEAT, 1)
    assert matched([face(SEAT, None)], [known], after=FAINT_FOR) == ["a"]
    assert matched([face(SEAT, None)], [known], after=FAINT_FOR + timedelta(seconds=1)) == [None]


def test_after_a_miss_a_poor_face_connects_to_nobody() -> None:
    known = track("a", SEAT, 1)
    known.misses = 1
    assert matched([face(SEAT, None)], [known]) == [None]


def test_a_track_of_poor_faces_only_goes_on_by_place() -> None:
    never_encoded = track("a", SEAT, None)
    assert matched([face(SEAT, 1)], [never_encoded], after=timedelta(minutes=1)) == ["a"]
    assert matched([face(FAR, 1)], [never_encoded]) == [None]


boxes = st.builds(
    lambda x, y, side: Box(x, y, side, side), st.floats(0, 1900), st.floats(0, 1000), st.floats(5, 300)
)


@given(boxes, boxes, st.floats(0, 600))
def test_the_cost_of_moving_is_bounded_and_none_for_staying(a: Box, b: Box, seconds: float) -> None:
    elapsed = timedelta(seconds=seconds)
    assert 0.0 <= movement_cost(a, b, elapsed) <= 6.0
    assert movement_cost(a, a, elapsed) == 0.0


@given(boxes, boxes, st.floats(0, 15), st.floats(0, 5))
def test_with_more_time_the_same_step_costs_no_more(a: Box, b: Box, seconds: float, more: float) -> None:
    sooner, later = (timedelta(seconds=s) for s in (seconds, seconds + more))
    assert movement_cost(a, b, later) <= movement_cost(a, b, sooner) + 1e-9


@pytest.mark.parametrize(("shift", "same"), [(0, True), (20, True), (21, False), (60, False)])
def test_one_place_is_where_half_is_shared(shift: float, same: bool) -> None:
    assert same_place(SEAT, Box(SEAT.x + shift, SEAT.y, SEAT.width, SEAT.height)) == same
