"""Reading fragmented MP4 just far enough to repair and to measure it (ISO/IEC 14496-12).

A crash leaves whole fragments and perhaps one torn at the end. The boxes tell where the last whole one ends,
how long the footage lasts and how many keyframes it has, without decoding anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from models.errors import VideoInvalid
from storage.boxes import NOT_SYNC, Box, Bytes, box_at, child, children, u32

_LARGEST_HEADER_BYTES: Final = 16 * 1024 * 1024  # moov and moof are kilobytes; more is not ours


@dataclass(frozen=True, slots=True)
class FragmentedVideo:
    """What the whole fragments of a file say. ``whole_bytes``: up to here the file can be kept.

    ``duration_s``: from the first picture's decoding time to the end of the last picture.
    """

    whole_bytes: int
    fragments: int
    duration_s: float
    keyframes: int


@dataclass(slots=True)
class _Track:
    """The first video track's clock and defaults (mdhd, trex), and what its fragments add up to."""

    track_id: int = 0
    timescale: int = 0
    default_duration: int = 0
    default_flags: int = 0
    first_tick: int | None = None
    last_tick: int = 0
    keyframes: int = 0


def read_fragments(path: Path) -> FragmentedVideo:
    """Measure the whole fragments of a file.

    Raises:
        VideoInvalid: no whole header (``ftyp``, ``moov``) or no whole fragment: there is no footage in it.
    """
    with path.open("rb") as file:
        track: _Track | None = None
        pending: _Track | None = None
        whole_bytes = fragments = 0
        for box in _top_boxes(file):
            if box.kind == b"moov":
                track = _read_header(_body(file, box))
            elif box.kind == b"moof" and track is not None:
                pending = _read_fragment(_body(file, box), track)
            elif box.kind == b"mdat" and pending is not None:
                track, pending = pending, None
                whole_bytes, fragments = box.end, fragments + 1
            elif box.kind == b"mfra" and whole_bytes == box.start:
                whole_bytes = box.end
    if track is None or track.first_tick is None or not track.timescale:
        raise VideoInvalid("no whole fragment in this file", place=path.name, hint="it holds no footage")
    duration_s = (track.last_tick - track.first_tick) / track.timescale
    return FragmentedVideo(whole_bytes, fragments, duration_s, track.keyframes)


def drop_index(path: Path) -> None:
    """Cut off the index of fragments (``mfra``) at the end of a copy, where there is one.

    A tool that moves fragments and does not mend the index leaves one that misleads; it is optional.
    """
    with path.open("r+b") as file:
        for box in _top_boxes(file):
            if box.kind == b"mfra" and box.end == os.fstat(file.fileno()).st_size:
                file.truncate(box.start)
                return


def _top_boxes(file: BinaryIO) -> Iterator[Box]:
    """Whole boxes from the start of the file; ends before the first torn one."""
    size = os.fstat(file.fileno()).st_size
    start = 0
    while start + 8 <= size:
        file.seek(start)
        box = box_at(file.read(16), start, size)
        if box is None:
            return
        yield box
        start = box.end


def _body(file: BinaryIO, box: Box) -> bytes:
    if box.end - box.body > _LARGEST_HEADER_BYTES:
        raise VideoInvalid("a header box of absurd size", hint="this is not a file of a recorder")
    file.seek(box.body)
    return file.read(box.end - box.body)


def _read_header(moov: Bytes) -> _Track:
    track = _Track()
    for kind, trak in children(moov):
        header, media = child(trak, b"tkhd"), child(trak, b"mdia", b"mdhd")
        handler = child(trak, b"mdia", b"hdlr")
        if kind != b"trak" or header is None or media is None or handler is None:
            continue
        if handler[8:12] == b"vide":
            track.track_id = u32(header, 20 if header[0] == 1 else 12)
            track.timescale = u32(media, 20 if media[0] == 1 else 12)
            break
    for kind, trex in children(child(moov, b"mvex") or b""):
        if kind == b"trex" and u32(trex, 4) == track.track_id:
            track.default_duration, track.default_flags = u32(trex, 12), u32(trex, 20)
    return track


def _read_fragment(moof: Bytes, track: _Track) -> _Track:
    """The track with this fragment added; the one given stays as it is, should the fragment be torn."""
    added = replace(track)
    for kind, traf in children(moof):
        header = child(traf, b"tfhd")
        if kind != b"traf" or header is None or u32(header, 4) != track.track_id:
            continue
        duration, flags = _fragment_defaults(header, track)
        times = child(traf, b"tfdt")
        tick = added.last_tick if times is None else _decode_time(times)
        added.first_tick = tick if added.first_tick is None else added.first_tick
        for name, run in children(traf):
            if name == b"trun":
                ticks, keyframes = _read_run(run, duration, flags)
                tick += ticks
                added.keyframes += keyframes
        added.last_tick = tick
    return added


def _decode_time(tfdt: Bytes) -> int:
    if tfdt[:1] == b"\x01":
        return int.from_bytes(tfdt[4:12], "big")
    return u32(tfdt, 4)


def _fragment_defaults(tfhd: Bytes, track: _Track) -> tuple[int, int]:
    """Default duration and flags of a fragment's samples (8.8.7)."""
    present = u32(tfhd, 0) & 0xFFFFFF
    offset = 8 + (8 if present & 0x1 else 0) + (4 if present & 0x2 else 0)
    duration, flags = track.default_duration, track.default_flags
    if present & 0x8:
        duration = u32(tfhd, offset)
        offset += 4
    offset += 4 if present & 0x10 else 0
    if present & 0x20:
        flags = u32(tfhd, offset)
    return duration, flags


def _read_run(trun: Bytes, duration: int, flags: int) -> tuple[int, int]:
    """Ticks and keyframes of a run of samples (8.8.8)."""
    present = u32(trun, 0) & 0xFFFFFF
    samples = u32(trun, 4)
    offset = 8 + (4 if present & 0x1 else 0)
    first_flags = u32(trun, offset) if present & 0x4 else None
    offset += 4 if present & 0x4 else 0
    width = 4 * sum(1 for bit in (0x100, 0x200, 0x400, 0x800) if present & bit)
    flags_at = 4 * sum(1 for bit in (0x100, 0x200) if present & bit)
    if width and (len(trun) - offset) // width < samples:
        raise VideoInvalid("a run of samples is torn", hint="this is not a file of a recorder")
    ticks = keyframes = 0
    for index in range(min(samples, _LARGEST_HEADER_BYTES)):
        at = offset + index * width
        ticks += u32(trun, at) if present & 0x100 else duration
        own = u32(trun, at + flags_at) if present & 0x400 else flags
        if index == 0 and first_flags is not None:
            own = first_flags
        keyframes += 0 if own & NOT_SYNC else 1
    return ticks, keyframes
