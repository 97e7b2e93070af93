"""Boxes of a media file found and put together, and files that exist only as a plan."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import VideoInvalid
from storage.boxes import Box, box, box_at, boxes_in, child, children, full_box, u32
from storage.playback.virtual_file import Span, VirtualFile, own_bytes

KINDS = st.sampled_from([b"moov", b"trak", b"mdat", b"free"])
CONTENTS = st.binary(max_size=40)


@given(st.lists(st.tuples(KINDS, CONTENTS), max_size=8))
def test_what_is_put_together_is_found_again(parts: list[tuple[bytes, bytes]]) -> None:
    content = b"".join(box(kind, body) for kind, body in parts)
    assert [(kind, bytes(body)) for kind, body in children(content)] == parts


@given(st.lists(st.tuples(KINDS, CONTENTS), min_size=1, max_size=5), st.integers(1, 20))
def test_a_torn_end_costs_the_last_box_and_no_other(parts: list[tuple[bytes, bytes]], cut: int) -> None:
    content = b"".join(box(kind, body) for kind, body in parts)
    torn = content[: -min(cut, 8 + len(parts[-1][1]))]
    assert [(kind, bytes(body)) for kind, body in children(torn)] == parts[:-1]


@given(st.binary(max_size=200))
def test_no_bytes_whatever_are_read_beyond_their_end(noise: bytes) -> None:
    for found in boxes_in(noise):
        assert 0 <= found.start < found.body <= found.end <= len(noise)


def test_a_box_says_where_it_and_its_content_lie() -> None:
    content = box(b"free", b"abc") + box(b"mdat", b"12345")
    assert list(boxes_in(content)) == [Box(b"free", 0, 8, 11), Box(b"mdat", 11, 19, 24)]


def test_a_long_box_has_its_length_in_eight_bytes() -> None:
    content = (1).to_bytes(4, "big") + b"mdat" + (20).to_bytes(8, "big") + b"1234"
    assert list(boxes_in(content)) == [Box(b"mdat", 0, 16, 20)]


def test_a_long_box_whose_length_is_cut_off_is_no_box() -> None:
    assert box_at((1).to_bytes(4, "big") + b"mdat" + b"\0\0", 0, 1000) is None


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_length_that_cannot_be_ends_the_reading(length: int) -> None:
    assert list(boxes_in(length.to_bytes(4, "big") + b"mdat" + bytes(20))) == []


def test_a_child_is_found_from_outside_to_inside() -> None:
    inner = box(b"mdia", box(b"mdhd", b"header"))
    content = box(b"free") + box(b"moov", box(b"trak", inner), box(b"trak", b""))
    assert child(content, b"moov", b"trak", b"mdia", b"mdhd") == b"header"
    assert child(content, b"moov", b"mvex", b"trex") is None
    assert child(b"", b"moov") is None


def test_a_full_box_begins_with_version_and_flags() -> None:
    assert full_box(b"tfhd", 1, 0x020000, b"x") == box(b"tfhd", b"\x01\x02\x00\x00x")


def test_a_number_beyond_the_content_is_a_torn_header() -> None:
    assert u32(b"\0\0\1\0", 0) == 256
    with pytest.raises(VideoInvalid, match="torn") as refused:
        u32(b"\0\0\1\0", 1)
    assert refused.value.hint


SOURCES = {"a": bytes(range(50)), "b": bytes(range(100, 180))}


def put(file: VirtualFile, start: int, stop: int) -> bytes:
    return b"".join(
        (SOURCES[span.source] if span.source else span.own)[span.start : span.end]
        for span in file.within(start, stop)
    )


SPANS = st.lists(
    st.one_of(
        st.binary(max_size=20).map(own_bytes),
        st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 49), st.integers(0, 49)).map(
            lambda drawn: Span(drawn[0], min(drawn[1:]), max(drawn[1:]))
        ),
    ),
    max_size=8,
).map(lambda spans: VirtualFile(tuple(spans)))


@settings(max_examples=80)
@given(SPANS, st.integers(0, 200), st.integers(0, 200))
def test_any_range_of_a_plan_is_that_range_of_the_whole(file: VirtualFile, one: int, other: int) -> None:
    start, stop = sorted((one, other))
    whole = put(file, 0, file.size)
    assert len(whole) == file.size
    assert put(file, start, stop) == whole[start:stop]


@settings(max_examples=60)
@given(SPANS, st.integers(0, 200))
def test_two_halves_are_the_whole(file: VirtualFile, cut: int) -> None:
    assert put(file, 0, cut) + put(file, cut, file.size) == put(file, 0, file.size)


def test_equal_plans_have_one_tag_and_a_changed_plan_another() -> None:
    plan = (own_bytes(b"head"), Span("a", 3, 9), Span("b", 0, 5))
    tag = VirtualFile(plan).etag
    assert VirtualFile(tuple(plan)).etag == tag
    changed = [
        (own_bytes(b"heaD"), *plan[1:]),
        (plan[0], Span("a", 3, 10), plan[2]),
        (plan[0], Span("a", 2, 9), plan[2]),
        (plan[0], Span("b", 3, 9), plan[2]),
        (plan[0], plan[2], plan[1]),
        plan[:-1],
        (*plan, own_bytes(b"x")),
    ]
    assert tag not in {VirtualFile(tuple(one)).etag for one in changed}


def test_a_source_s_name_and_its_bounds_do_not_run_together_in_the_tag() -> None:
    assert VirtualFile((Span("a1", 2, 3),)).etag != VirtualFile((Span("a", 12, 3),)).etag


def test_an_empty_plan_is_an_empty_file() -> None:
    assert VirtualFile(()).size == 0
    assert list(VirtualFile(()).within(0, 10)) == []
