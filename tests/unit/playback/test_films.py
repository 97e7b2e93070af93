"""A film is plain MP4, true to the wall clock, made of the segments' own bytes, and the same each time."""

from __future__ import annotations

import struct
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import InvalidInput
from storage.boxes import child
from storage.playback.film import film_of
from storage.playback.timeline import cut_to, track_of
from tests.unit.playback.segments import STARTS, parts_of, pictures, put_together, segment

SEGMENTS = {"a": segment(grey=20), "b": segment(grey=60), "c": segment(grey=100, bf=0)}
OTHER = {"a": segment(grey=20), "d": segment(grey=120, size=(96, 64)), "e": segment(grey=150, rate=25)}


def at(second: float):
    return STARTS + timedelta(seconds=second)


def film(segments, *starts_s: float, begin: float | None = None, end: float | None = None):
    parts = parts_of(segments, *starts_s)
    return film_of(cut_to(parts, None if begin is None else at(begin), None if end is None else at(end)))


def test_pictures_are_shown_when_they_were_recorded_over_gaps_as_well() -> None:
    made = film(SEGMENTS, 0, 4, 20)
    shown = pictures(put_together(made.file, SEGMENTS))
    expected = [(second + number / 10, grey + number) for second, grey in ((0, 20), (4, 60), (20, 100))
                for number in range(40)]  # fmt: skip
    assert [second for second, _ in shown] == pytest.approx([second for second, _ in expected], abs=0.002)
    assert all(abs(seen - meant) <= 4 for (_, seen), (_, meant) in zip(shown, expected, strict=True))
    assert (made.starts_at, made.duration_s) == (STARTS, pytest.approx(24.0))


def test_segments_come_in_the_order_of_their_time() -> None:
    parts = parts_of(SEGMENTS, 8, 4, 0)
    assert [cut.part.source for cut in cut_to(parts, None, None)] == ["c", "b", "a"]


def test_every_byte_of_media_is_a_byte_of_a_segment() -> None:
    alike = {name: SEGMENTS[name] for name in ("a", "b")}
    made = film(alike, 0, 4)
    own = [span for span in made.file.spans if not span.source]
    assert len(own) == 1, "the header; nothing of ours lies between the pictures"
    content = put_together(made.file, SEGMENTS)
    assert content[own[0].size :] == b"".join(
        SEGMENTS[span.source][span.start : span.end] for span in made.file.spans[1:]
    )


def test_where_size_and_rate_change_each_keyframe_has_its_parameters() -> None:
    made = film(OTHER, 0, 4, 8)
    shown = pictures(put_together(made.file, OTHER))
    assert len(shown) == 40 + 40 + 100
    assert [second for second, _ in shown[:80]] == pytest.approx(
        [number / 10 for number in range(80)], abs=0.002
    )
    assert [second for second, _ in shown[80:]] == pytest.approx(
        [8 + number / 25 for number in range(100)], abs=0.002
    )
    assert len([span for span in made.file.spans if not span.source]) == 1 + 4 + 4 + 4


def test_equal_footage_gives_equal_bytes_and_other_footage_another_tag() -> None:
    once, again = film(SEGMENTS, 0, 4, 8), film(SEGMENTS, 0, 4, 8)
    assert put_together(once.file, SEGMENTS) == put_together(again.file, SEGMENTS)
    assert once.file.etag == again.file.etag
    assert once.file.etag != film(SEGMENTS, 0, 4, 9).file.etag
    renamed = {"x": SEGMENTS["a"], "b": SEGMENTS["b"], "c": SEGMENTS["c"]}
    assert once.file.etag != film(renamed, 0, 4, 8).file.etag, "a source's name stands for its bytes"


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, 40_000), length=st.integers(0, 40_000))
def test_any_range_of_a_plan_is_that_range_of_the_film(first: int, length: int) -> None:
    made = film(OTHER, 0, 4, 8)
    whole = put_together(made.file, OTHER)
    assert len(whole) == made.file.size
    start, stop = min(first, len(whole)), min(first + length, len(whole))
    assert put_together(made.file, OTHER, start, stop) == whole[start:stop]


@settings(max_examples=40, deadline=None)
@given(begin=st.floats(0, 23.8), length=st.floats(0.1, 24))
@example(begin=0.0, length=1.00001)
@example(begin=1.1, length=0.1)
@example(begin=2.2e-16, length=1.0)
def test_an_interval_shows_all_that_was_recorded_in_it(begin: float, length: float) -> None:
    parts = parts_of(SEGMENTS, 0, 4, 20)
    # Instants are whole microseconds; compared as floats, 1.1 + 0.1 lies behind 1.2.
    begins_at, ends_at = at(begin), at(begin + length)
    cuts = cut_to(parts, begins_at, ends_at)
    recorded = [
        second + number / 10 for second in (0, 4, 20) for number in range(40)
        if begins_at <= at(second + number / 10) < ends_at
    ]  # fmt: skip
    if not recorded:
        # the picture on show when the interval begins may have been recorded before it.
        return
    made = film_of(cuts)
    offset = (made.starts_at - STARTS).total_seconds()
    shown = [second + offset for second, _ in pictures(put_together(made.file, SEGMENTS))]
    assert all(any(abs(seen - one) < 0.01 for seen in shown) for one in recorded)
    assert offset <= recorded[0] + 0.001
    assert begin - offset < 1.001, "at most the second since the last keyframe is shown before"
    assert shown[-1] < begin + length + 0.3, "no more than reordering needs is shown after"


def test_recordings_that_overlap_are_shown_one_after_the_other() -> None:
    track = track_of(cut_to(parts_of(SEGMENTS, 0, 3.5, 8), None, None))
    assert track.durations.min() >= 1
    shown = pictures(put_together(film(SEGMENTS, 0, 3.5, 8).file, SEGMENTS))
    assert len(shown) == 120
    assert [second for second, _ in shown] == sorted(second for second, _ in shown)
    assert shown[80][0] == pytest.approx(8.0, abs=0.01), "the line of time is caught up with"


def test_no_footage_is_no_film() -> None:
    with pytest.raises(InvalidInput):
        film(SEGMENTS, 0, 4, 8, begin=50, end=60)


def test_the_tables_of_a_long_gap_hold_wide_numbers() -> None:
    made = film(SEGMENTS, 0, 4, 4 * 3600)
    content = put_together(made.file, SEGMENTS)
    assert made.duration_s == pytest.approx(4 * 3600 + 4)
    moov = child(content, b"moov")
    assert moov is not None
    edit = child(moov, b"trak", b"edts", b"elst")
    count, length, begin, rate = struct.unpack_from(">IQqI", edit, 4)
    timescale = parts_of(SEGMENTS, 0, 4, 8)[0].index.timescale
    assert (count, length, rate) == (1, (4 * 3600 + 4) * timescale, 0x10000)
    assert begin > 0, "the reordering decoder's head start is cut off"
