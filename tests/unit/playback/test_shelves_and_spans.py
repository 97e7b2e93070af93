"""Plans are kept for a while and read span by span; boxes are what the standard says."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import EvidenceBroken, NotFound, VideoInvalid
from storage.boxes import box, box_at, boxes_in, child, children, full_box, u32
from storage.playback.virtual_file import Span, VirtualFile, own_bytes
from supervision_api.actions.film import (
    FIRST_PIECE_BYTES,
    PIECE_BYTES,
    FilmShelf,
    Recorded,
    Wanted,
    read_file,
)
from supervision_api.actions.stills import StillShelf, poster, strip
from tests.unit.playback.segments import STARTS, parts_of, segment

SEGMENTS = {"a": segment(grey=20), "b": segment(grey=60)}


def recorded(*starts_s: float) -> Recorded:
    parts = parts_of(dict(list(SEGMENTS.items())[: len(starts_s)]), *starts_s)
    return Recorded({}, tuple(parts), ())


def read(source: str, start: int, end: int) -> bytes:
    return SEGMENTS[source][start:end]


def test_a_film_is_planned_once_until_footage_is_added() -> None:
    shelf, wanted = FilmShelf(), Wanted("l", "c")
    first = shelf.film(recorded(0), wanted)
    assert shelf.film(recorded(0), wanted) is first
    longer = shelf.film(recorded(0, 4), wanted)
    assert longer is not first
    assert longer.duration_s == pytest.approx(8)
    part = shelf.film(recorded(0, 4), Wanted("l", "c", STARTS + timedelta(seconds=4)))
    assert part.duration_s == pytest.approx(4)


def test_the_shelf_keeps_few_films_and_forgets_the_one_unused_longest() -> None:
    shelf, known = FilmShelf(), recorded(0)
    films = [shelf.film(known, Wanted("l", f"c{number}")) for number in range(40)]
    assert shelf.film(known, Wanted("l", "c39")) is films[39]
    assert shelf.film(known, Wanted("l", "c0")) is not films[0]


def test_indexes_are_at_hand_once_they_were_read() -> None:
    shelf = FilmShelf()
    index = recorded(0).parts[0].index
    assert shelf.indexes(["s1"]) == {}
    shelf.remember({"s1": index})
    assert shelf.indexes(["s1", "s2"]) == {"s1": index}
    shelf.remember({f"t{number}": index for number in range(600)})
    assert shelf.indexes(["s1"]) == {}, "the oldest goes"


def test_many_threads_share_a_shelf() -> None:
    shelf, known = FilmShelf(), recorded(0, 4)
    tags: list[str] = []

    def ask(number: int) -> None:
        tags.append(shelf.film(known, Wanted("l", f"c{number % 3}")).file.etag)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tags) == 12
    assert len(set(tags)) == 1, "equal footage, equal film, whoever asks"


def test_nothing_recorded_in_the_interval_is_not_found() -> None:
    with pytest.raises(NotFound):
        FilmShelf().film(recorded(0), Wanted("l", "c", STARTS + timedelta(hours=1)))


def test_the_first_piece_is_small_and_read_before_anything_is_sent() -> None:
    calls: list[int] = []

    def counted(_source: str, start: int, end: int) -> bytes:
        calls.append(end - start)
        return bytes(end - start)

    file = VirtualFile((Span("big", 0, 5 * PIECE_BYTES),))
    pieces = read_file(file, 0, file.size, counted)
    assert calls == [FIRST_PIECE_BYTES]
    assert sum(len(piece) for piece in pieces) == file.size
    assert max(calls) == PIECE_BYTES


def test_what_is_gone_is_told_before_the_first_byte() -> None:
    def gone(_source: str, _start: int, _end: int) -> bytes:
        raise EvidenceBroken("gone")

    with pytest.raises(EvidenceBroken):
        read_file(VirtualFile((Span("a", 0, 10),)), 0, 10, gone)


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    first=st.integers(0, 420),
    length=st.integers(0, 420),
)
def test_spans_within_a_range_are_that_range(sizes: list[int], first: int, length: int) -> None:
    contents = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    file = VirtualFile(tuple(own_bytes(content) for content in contents))
    whole = b"".join(contents)
    start, stop = min(first, len(whole)), min(first + length, len(whole))
    found = b"".join(span.own[span.start : span.end] for span in file.within(start, stop))
    assert found == whole[start:stop]
    assert file.size == len(whole)


def test_a_plan_with_another_source_range_or_byte_has_another_tag() -> None:
    plans = [
        (own_bytes(b"head"), Span("a", 0, 9)),
        (own_bytes(b"heat"), Span("a", 0, 9)),
        (own_bytes(b"head"), Span("b", 0, 9)),
        (own_bytes(b"head"), Span("a", 1, 9)),
        (own_bytes(b"head"), Span("a", 0, 8)),
        (Span("a", 0, 9), own_bytes(b"head")),
    ]
    assert len({VirtualFile(plan).etag for plan in plans}) == len(plans)


def test_stills_are_made_once() -> None:
    calls: list[str] = []

    def counted(source: str, start: int, end: int) -> bytes:
        calls.append(source)
        return read(source, start, end)

    shelf, film = StillShelf(), FilmShelf().film(recorded(0, 10), Wanted("l", "c"))
    first = poster(shelf, film, counted, STARTS + timedelta(seconds=11.5))
    assert set(calls) == {"b"}
    calls.clear()
    assert poster(shelf, film, counted, STARTS + timedelta(seconds=11.9)) == first, "the same keyframe"
    assert calls == []
    sheet = strip(shelf, film, counted, 7)
    assert strip(shelf, film, counted, 7) == sheet
    assert len(calls) == 4, "three of the seven instants lie in the gap"


def test_a_poster_of_an_instant_without_footage_is_the_films_first_picture() -> None:
    shelf, film = StillShelf(), FilmShelf().film(recorded(0, 10), Wanted("l", "c"))
    first = poster(shelf, film, read, STARTS)
    assert poster(shelf, film, read, STARTS + timedelta(seconds=7)) == first


def test_boxes_are_found_opened_and_put_together() -> None:
    inner = box(b"free", b"1234")
    outer = box(b"moov", inner, full_box(b"mfhd", 1, 0x20301, b"xy"))
    assert child(outer, b"moov", b"free") == b"1234"
    assert child(outer, b"moov", b"none") is None
    assert [kind for kind, _ in children(child(outer, b"moov") or b"")] == [b"free", b"mfhd"]
    assert child(outer, b"moov", b"mfhd") == b"\x01\x02\x03\x01xy"
    assert [one.end for one in boxes_in(outer + inner)] == [len(outer), len(outer) + len(inner)]


def test_a_box_with_a_large_size_has_its_content_behind_sixteen_bytes() -> None:
    large = b"\0\0\0\x01mdat" + (20).to_bytes(8, "big") + b"abcd"
    found = box_at(large, 0, len(large))
    assert found is not None
    assert (found.body, found.end) == (16, 20)
    assert box_at(large[:12], 0, 20) is None, "its size is not whole"


def test_a_number_beyond_the_end_is_refused() -> None:
    assert u32(b"\0\0\1\0", 0) == 256
    with pytest.raises(VideoInvalid):
        u32(b"\0\0\1\0", 1)
