"""Seats in the picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.synthetic.layout import BACK_SHARE, lay_out

rooms = st.tuples(
    st.integers(min_value=320, max_value=3840),
    st.integers(min_value=180, max_value=2160),
    st.integers(min_value=1, max_value=6),
    st.integers(min_value=1, max_value=9),
)


@given(rooms)
def test_every_face_lies_inside_the_picture(room: tuple[int, int, int, int]) -> None:
    width, height, rows, columns = room
    seats = lay_out(width, height, rows, columns)
    assert [seat.index for seat in seats] == list(range(rows * columns))
    if seats[0].size_px <= 24:  # too many seats for this picture: heads have a smallest size
        return
    for seat in seats:
        face = seat.face
        assert face.x >= -2
        assert face.y >= -2
        assert face.x + face.width <= width + 2
        assert face.y + face.height <= height + 2


@given(rooms)
def test_no_face_hides_another(room: tuple[int, int, int, int]) -> None:
    seats = lay_out(*room)
    if seats[0].size_px <= 24:
        return
    for index, seat in enumerate(seats):
        assert all(seat.face.overlap(other.face) < 0.08 for other in seats[index + 1 :])


def test_front_rows_are_larger() -> None:
    seats = lay_out(1920, 1080, 5, 8)
    assert seats[0].size_px == pytest.approx(seats[-1].size_px * BACK_SHARE, abs=1.5)
    assert [seat.y for seat in seats] == sorted(seat.y for seat in seats)


def test_forty_seats_at_1080p_have_faces_that_hog_sees_without_upsampling() -> None:
    assert min(seat.face.width for seat in lay_out(1920, 1080, 5, 8)) >= 84


def test_a_layout_scales_with_the_picture() -> None:
    full, half = lay_out(1920, 1080, 3, 5), lay_out(960, 540, 3, 5)
    for large, little in zip(full, half, strict=True):
        assert large.x == pytest.approx(2 * little.x, abs=2)
        assert large.y == pytest.approx(2 * little.y, abs=2)
