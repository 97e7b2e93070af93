"""The index of pictures says what FFmpeg's reader says, survives its compact form, and believes no one."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import VideoInvalid
from storage.boxes import box_at, child
from storage.playback.parameter_sets import codec_configuration, parameter_sets
from storage.playback.sample_index import SampleIndex
from storage.playback.sample_reader import index_of, index_of_file
from tests.unit.playback.segments import segment

CONTENT = segment(bf=2)
INDEX = index_of(CONTENT)
COLUMNS = ("positions", "sizes", "durations", "shifts", "sync")


@pytest.mark.parametrize(("bf", "rate"), [(0, 10), (2, 10), (3, 25)])
def test_an_index_finds_the_very_packets_that_a_demuxer_finds(bf: int, rate: int) -> None:
    content = segment(bf=bf, rate=rate)
    index = index_of(content)
    with av.open(io.BytesIO(content)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        size = (container.streams.video[0].width, container.streams.video[0].height)
        extradata = container.streams.video[0].codec_context.extradata
    assert index.count == len(packets) == 4 * rate
    assert index.picture_size == size
    assert codec_configuration(index.entry) == extradata
    for number, packet in enumerate(packets):
        start = int(index.positions[number])
        assert content[start : start + int(index.sizes[number])] == bytes(packet)
        assert bool(index.sync[number]) is packet.is_keyframe
    shown = [packet.pts - packets[0].pts for packet in packets]
    assert index.shown_at.tolist() == shown
    assert sorted(shown)[1] * rate == index.timescale


def test_the_compact_form_gives_the_same_index_and_is_small() -> None:
    kept = INDEX.as_bytes()
    again = SampleIndex.from_bytes(kept)
    assert all((getattr(INDEX, name) == getattr(again, name)).all() for name in COLUMNS)
    assert (again.timescale, again.entry, again.geometry) == (INDEX.timescale, INDEX.entry, INDEX.geometry)
    assert again.as_bytes() == kept
    assert len(kept) < 10 * INDEX.count + 400


def test_negative_offsets_survive() -> None:
    bent = SampleIndex(
        INDEX.timescale, INDEX.entry, INDEX.geometry, INDEX.positions, INDEX.sizes, INDEX.durations,
        INDEX.shifts - 5000, INDEX.sync,
    )  # fmt: skip
    assert (SampleIndex.from_bytes(bent.as_bytes()).shifts == INDEX.shifts - 5000).all()


def test_a_file_and_its_bytes_give_the_same_index(tmp_path: Path) -> None:
    path = tmp_path / "segment.mp4"
    path.write_bytes(CONTENT)
    assert index_of_file(path).as_bytes() == INDEX.as_bytes()
    path.write_bytes(b"")
    with pytest.raises(VideoInvalid):
        index_of_file(path)


def test_a_fragment_that_is_torn_off_leaves_the_whole_ones() -> None:
    whole = CONTENT[: int(INDEX.positions[-1])]
    torn = index_of(whole)
    assert 0 < torn.count < INDEX.count
    assert (torn.positions == INDEX.positions[: torn.count]).all()


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not a film", CONTENT[:40], b"\0\0\0\x08moov"])
def test_what_holds_no_picture_has_no_index(content: bytes) -> None:
    with pytest.raises(VideoInvalid):
        index_of(content)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 3000), value=st.integers(0, 255), width=st.integers(1, 4))
def test_damaged_bytes_end_in_an_index_within_the_file_or_are_refused(
    at: int, value: int, width: int
) -> None:
    header = CONTENT[: int(INDEX.positions[0])]
    at %= len(header)
    damaged = header[:at] + bytes([value]) * width + CONTENT[at + width :]
    try:
        index = index_of(damaged)
    except VideoInvalid:
        return
    assert index.positions.min() >= 0
    assert (index.positions + index.sizes).max() <= len(damaged)
    assert SampleIndex.from_bytes(index.as_bytes()).count == index.count


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 4000), value=st.integers(0, 255))
def test_a_damaged_compact_form_is_refused_or_harmless(at: int, value: int) -> None:
    kept = bytearray(INDEX.as_bytes())
    kept[at % len(kept)] = value
    try:
        assert SampleIndex.from_bytes(bytes(kept)).count > 0
    except VideoInvalid:
        return


def test_a_count_that_would_fill_the_memory_is_refused() -> None:
    at = CONTENT.index(b"trun") + 8
    bomb = CONTENT[:at] + struct.pack(">I", 0xFFFFFFFF) + CONTENT[at + 4 :]
    with pytest.raises(VideoInvalid):
        index_of(bomb)


def test_parameter_sets_are_those_of_the_configuration_with_lengths_before_them() -> None:
    sets, avcc = parameter_sets(INDEX.entry), codec_configuration(INDEX.entry)
    first = int.from_bytes(sets[:4], "big")
    assert sets[4] & 0x1F == 7, "a sequence parameter set"
    assert sets[8 + first] & 0x1F == 8, "a picture parameter set"
    assert sets[4 : 4 + first] in avcc
    assert parameter_sets(INDEX.entry[:90]) == b""
    assert parameter_sets(INDEX.entry[:4] + b"hev1" + INDEX.entry[8:]) == b""


def test_a_box_that_reaches_too_far_is_none() -> None:
    assert box_at(b"\0\0\0\x20free", 0, 31) is None
    assert box_at(b"\0\0\0\x20free", 0, 32) is not None
    assert box_at(b"\0\0\0\0free", 0, 100) is None
    assert child(b"", b"moov") is None
    assert np.int64(INDEX.positions[0]) > 0


def test_the_decoding_time_of_a_fragment_counts_whatever_came_before_it() -> None:
    """A recorder that left pictures out writes it into the next fragment's time."""
    second = CONTENT.index(b"tfdt", CONTENT.index(b"tfdt") + 4) + 4
    assert CONTENT[second] == 1, "64 bits"
    later = int.from_bytes(CONTENT[second + 4 : second + 12], "big") + 500
    index = index_of(CONTENT[: second + 4] + later.to_bytes(8, "big") + CONTENT[second + 12 :])
    moved = index.decoded_at - INDEX.decoded_at
    fragment = int(np.flatnonzero(moved)[0])
    assert set(moved[:fragment].tolist()) == {0}
    assert int(moved[fragment]) == 500
    assert int(index.durations[fragment - 1] - INDEX.durations[fragment - 1]) == 500
