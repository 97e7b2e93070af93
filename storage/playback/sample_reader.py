"""Takes the index of pictures from a segment's bytes: moov, trex, tfhd, tfdt, trun (ISO/IEC 14496-12)."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.errors import VideoInvalid
from storage.boxes import NOT_SYNC, Box, Bytes, boxes_in, child, children, u32
from storage.playback.sample_index import GEOMETRY_BYTES, MOST_SAMPLES, SampleIndex

_PER_SAMPLE: Final = (0x100, 0x200, 0x400, 0x800)  # duration, size, flags, composition offset
_LEAST_ENTRY: Final = 86  # a visual sample entry without its codec's box (12.1.3)


@dataclass(slots=True)
class _Track:
    """The video track's header and defaults (mdhd, tkhd, stsd, trex)."""

    track_id: int
    timescale: int
    entry: bytes
    geometry: bytes
    duration: int = 0
    size: int = 0
    flags: int = 0


@dataclass(slots=True)
class _Defaults:
    """What a fragment says of samples that do not say it themselves (tfhd)."""

    base: int
    duration: int
    size: int
    flags: int


@dataclass(slots=True)
class _Columns:
    """Runs of samples as they are found, put together at the end."""

    positions: list[npt.NDArray[Any]] = field(default_factory=list)
    sizes: list[npt.NDArray[Any]] = field(default_factory=list)
    durations: list[npt.NDArray[Any]] = field(default_factory=list)
    shifts: list[npt.NDArray[Any]] = field(default_factory=list)
    flags: list[npt.NDArray[Any]] = field(default_factory=list)
    ticks: list[npt.NDArray[Any]] = field(default_factory=list)


def index_of_file(path: Path) -> SampleIndex:
    """The index of a segment on disk; only its headers are touched.

    Raises:
        VideoInvalid: there is no picture in it, or its boxes contradict each other.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise VideoInvalid("an empty file", place=path.name, hint="it holds no footage")
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            return _released(content, index_of)


def _released(content: memoryview, read: Callable[[Bytes], SampleIndex]) -> SampleIndex:
    # An error's traceback holds views of the map, which then could not be closed: it is told anew.
    try:
        return read(content)
    except VideoInvalid as error:
        told = (error.message, error.place, error.hint)
    raise VideoInvalid(told[0], place=told[1], hint=told[2])


def index_of(content: Bytes) -> SampleIndex:
    """The index of a segment's bytes. Raises ``VideoInvalid``."""
    track: _Track | None = None
    pending: Box | None = None
    columns = _Columns()
    for box in boxes_in(content):
        if box.kind == b"moov" and track is None:
            track = _read_header(content[box.body : box.end])
        elif box.kind == b"moof" and track is not None:
            pending = box
        elif box.kind == b"mdat" and track is not None and pending is not None:
            # A fragment counts when its pictures are whole: a torn one at the end is passed over.
            _read_fragment(content[pending.body : pending.end], pending.start, track, columns)
            pending = None
    if track is None or not columns.sizes:
        raise VideoInvalid("no picture is found in this file", hint="it holds no footage")
    return _joined(track, columns, len(content))


def _joined(track: _Track, columns: _Columns, file_bytes: int) -> SampleIndex:
    positions, sizes, durations, shifts, flags, ticks = (
        np.concatenate(column).astype(np.int64)
        for column in (
            columns.positions,
            columns.sizes,
            columns.durations,
            columns.shifts,
            columns.flags,
            columns.ticks,
        )
    )
    # A fragment's own decoding time counts, whatever the durations before it add up to.
    durations[:-1] = np.diff(ticks)
    if durations.min() < 0 or durations.max() > 0xFFFFFFFF:
        raise VideoInvalid("the pictures' times go back", hint="this is not a file of a recorder")
    ends = positions + sizes
    if positions[0] < 0 or ends[-1] > file_bytes or (positions[1:] < ends[:-1]).any():
        raise VideoInvalid("a picture lies outside of its file", hint="the file is torn")
    return SampleIndex(
        track.timescale, track.entry, track.geometry, positions, sizes, durations, shifts,
        (flags & NOT_SYNC) == 0,
    )  # fmt: skip


def _read_header(moov: Bytes) -> _Track:
    for kind, trak in children(moov):
        handler = child(trak, b"mdia", b"hdlr")
        if kind == b"trak" and handler is not None and handler[8:12] == b"vide":
            return _with_defaults(_read_track(trak), moov)
    raise VideoInvalid("there is no video track in this file", hint="it holds no footage")


def _read_track(trak: Bytes) -> _Track:
    header, media = child(trak, b"tkhd"), child(trak, b"mdia", b"mdhd")
    descriptions = child(trak, b"mdia", b"minf", b"stbl", b"stsd")
    if header is None or media is None or descriptions is None:
        raise VideoInvalid("the video track has no whole header", hint="this is not a file of a recorder")
    wide = u32(header, 0) >> 24 == 1
    matrix_at = 52 if wide else 40
    geometry = bytes(header[matrix_at : matrix_at + GEOMETRY_BYTES])
    timescale = u32(media, 20 if u32(media, 0) >> 24 == 1 else 12)
    entry = bytes(descriptions[8 : 8 + u32(descriptions, 8)])
    if len(entry) < _LEAST_ENTRY or len(geometry) != GEOMETRY_BYTES or not timescale:
        raise VideoInvalid("the video track's header is torn", hint="this is not a file of a recorder")
    return _Track(u32(header, 20 if wide else 12), timescale, entry, geometry)


def _with_defaults(track: _Track, moov: Bytes) -> _Track:
    for kind, trex in children(child(moov, b"mvex") or b""):
        if kind == b"trex" and u32(trex, 4) == track.track_id:
            track.duration, track.size, track.flags = u32(trex, 12), u32(trex, 16), u32(trex, 20)
    return track


def _read_fragment(moof: Bytes, moof_at: int, track: _Track, columns: _Columns) -> None:
    for kind, traf in children(moof):
        header = child(traf, b"tfhd")
        if kind != b"traf" or header is None or u32(header, 4) != track.track_id:
            continue
        defaults = _read_defaults(header, moof_at, track)
        times = child(traf, b"tfdt")
        tick, position = _next_tick(columns) if times is None else _decode_time(times), defaults.base
        for name, run in children(traf):
            if name == b"trun":
                tick, position = _read_run(run, defaults, tick, position, columns)


def _next_tick(columns: _Columns) -> int:
    return int(columns.ticks[-1][-1] + columns.durations[-1][-1]) if columns.ticks else 0


def _decode_time(tfdt: Bytes) -> int:
    if u32(tfdt, 0) >> 24 == 1:
        return (u32(tfdt, 4) & 0x7FFFFFFF) << 32 | u32(tfdt, 8)
    return u32(tfdt, 4)


def _read_defaults(tfhd: Bytes, moof_at: int, track: _Track) -> _Defaults:
    present, offset = u32(tfhd, 0) & 0xFFFFFF, 8
    found = _Defaults(moof_at, track.duration, track.size, track.flags)
    if present & 0x1:
        found.base = (u32(tfhd, offset) & 0x7FFFFFFF) << 32 | u32(tfhd, offset + 4)
        offset += 8
    if present & 0x2:
        if u32(tfhd, offset) != 1:
            raise VideoInvalid("codec parameters change within a file", hint="this is not of a recorder")
        offset += 4
    for bit, name in ((0x8, "duration"), (0x10, "size"), (0x20, "flags")):
        if present & bit:
            setattr(found, name, u32(tfhd, offset))
            offset += 4
    return found


def _read_run(
    trun: Bytes, defaults: _Defaults, tick: int, position: int, columns: _Columns
) -> tuple[int, int]:
    """Add a run's samples (8.8.8); gives the tick and the position after it."""
    present, count, offset = u32(trun, 0) & 0xFFFFFF, u32(trun, 4), 8
    if present & 0x1:
        position = defaults.base + (u32(trun, offset) ^ 0x80000000) - 0x80000000
        offset += 4
    first_flags = None
    if present & 0x4:
        first_flags = u32(trun, offset)
        offset += 4
    fields = [bit for bit in _PER_SAMPLE if present & bit]
    if not count:
        return tick, position
    # A fragment of like samples says everything in its header: its run has no fields at all.
    if count > MOST_SAMPLES or len(trun) - offset < 4 * len(fields) * count:
        raise VideoInvalid("a run of samples is torn", hint="this is not a file of a recorder")
    table = np.frombuffer(bytes(trun[offset : offset + 4 * len(fields) * count]), ">u4").reshape(
        count, len(fields)
    )
    constants = {0x100: defaults.duration, 0x200: defaults.size, 0x400: defaults.flags, 0x800: 0}
    duration, size, flags, shift = (
        table[:, fields.index(bit)].astype(np.int64) if bit in fields else np.full(count, constants[bit])
        for bit in _PER_SAMPLE
    )
    if first_flags is not None:
        flags = np.concatenate(([first_flags], flags[1:]))
    ends = np.cumsum(size)
    columns.positions.append(position + ends - size)
    columns.sizes.append(size)
    columns.durations.append(duration)
    # Version 0 has no sign, yet writers put negative offsets there; no camera delays by half an hour.
    columns.shifts.append(shift.astype(np.uint32).astype(np.int32))
    columns.flags.append(flags)
    columns.ticks.append(tick + np.cumsum(duration) - duration)
    return tick + int(duration.sum()), position + int(ends[-1])
