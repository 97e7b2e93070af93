"""A film as one plain MP4 (ISO/IEC 14496-12): ftyp, moov, then one mdat that is the segments' own bytes.

The mdat holds each segment from its first to its last picture as it was recorded, headers of fragments
included; the tables point at the pictures in between. So a range of the film is a range of few segments, and
what is played is what was sealed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.errors import InvalidInput
from storage.boxes import box, full_box
from storage.playback.parameter_sets import parameter_sets
from storage.playback.sample_index import Ticks
from storage.playback.timeline import Cut, FilmTrack, track_of
from storage.playback.virtual_file import Span, VirtualFile, own_bytes

_MDAT_HEADER_BYTES = 16
_UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True)
class Film:
    """``starts_at``: instant of second 0; ``duration_s``: seconds shown; ``parts``: what it is made of."""

    file: VirtualFile
    starts_at: datetime
    duration_s: float
    parts: tuple[Cut, ...]

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(seconds=self.duration_s)


@dataclass(frozen=True, eq=False, slots=True)
class _Laid:
    """A cut as it lies in the mdat: its spans; of each picture the offset from the cut's start, and size."""

    entry: bytes
    spans: tuple[Span, ...]
    offsets: Ticks
    sizes: Ticks
    sync: npt.NDArray[np.bool_]

    @property
    def size(self) -> int:
        return sum(span.size for span in self.spans)


def film_of(cuts: Sequence[Cut]) -> Film:
    """Plan the film. Equal cuts give equal bytes.

    Raises:
        InvalidInput: no picture lies in the interval.
    """
    if not cuts:
        raise InvalidInput("there is no footage in this interval", hint="see the gaps of the lesson")
    track = track_of(cuts)
    # Chromium reads the first sample entry only and fails at a picture that needs another; so where codec
    # parameters change, each keyframe of the film has its own before it.
    change = len({cut.part.index.entry for cut in cuts}) > 1
    laid = [_lay(cut, parameter_sets(cut.part.index.entry) if change else b"") for cut in cuts]
    ftyp = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso6mp41")
    geometry = cuts[0].part.index.geometry
    # All tables have fixed widths, so the header's size does not depend on where the pictures lie.
    media_at = len(ftyp) + len(_moov(laid, track, geometry, 0)) + _MDAT_HEADER_BYTES
    mdat = struct.pack(">I4sQ", 1, b"mdat", _MDAT_HEADER_BYTES + sum(one.size for one in laid))
    header = ftyp + _moov(laid, track, geometry, media_at) + mdat
    file = VirtualFile((own_bytes(header), *(span for one in laid for span in one.spans)))
    return Film(file, track.starts_at, track.length / track.timescale, tuple(cuts))


def _lay(cut: Cut, sets: bytes) -> _Laid:
    index = cut.part.index
    positions, sizes = index.positions[cut.first : cut.last], index.sizes[cut.first : cut.last]
    sync = index.sync[cut.first : cut.last]
    begin, end = cut.span
    if not sets:
        return _Laid(index.entry, (Span(cut.part.source, begin, end),), positions - begin, sizes, sync)
    keys = np.flatnonzero(sync)
    bounds = [begin, *(int(positions[key]) for key in keys), end]
    spans = [Span(cut.part.source, bounds[0], bounds[1])] if bounds[1] > begin else []
    for first, last in pairwise(bounds[1:]):
        spans += [own_bytes(sets), Span(cut.part.source, first, last)]
    pushed = np.cumsum(sync) * len(sets)
    own = np.where(sync, len(sets), 0)
    return _Laid(index.entry, tuple(spans), positions - begin + pushed - own, sizes + own, sync)


def _moov(laid: Sequence[_Laid], track: FilmTrack, geometry: bytes, media_at: int) -> bytes:
    scale, length = track.timescale, track.length
    mvhd = full_box(
        b"mvhd", 1, 0, struct.pack(">QQIQ", 0, 0, scale, length), struct.pack(">IH10x", 0x10000, 0x100),
        _UNITY, bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    tkhd = full_box(b"tkhd", 1, 0x3, struct.pack(">QQI4xQ16x", 0, 0, 1, length), geometry)
    edit = full_box(b"elst", 1, 0, struct.pack(">IQqI", 1, length, track.begin, 0x10000))
    mdhd = full_box(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, scale, int(track.durations.sum()), 0x55C4, 0))
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"video\0")
    media = box(
        b"minf",
        full_box(b"vmhd", 0, 1, bytes(8)),
        box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))),
        box(b"stbl", *_tables(laid, track, media_at)),
    )
    trak = box(b"trak", tkhd, box(b"edts", edit), box(b"mdia", mdhd, hdlr, media))
    return box(b"moov", mvhd, trak)


def _tables(laid: Sequence[_Laid], track: FilmTrack, media_at: int) -> list[bytes]:
    sizes = np.concatenate([one.sizes for one in laid])
    sync = np.concatenate([one.sync for one in laid])
    entries, offsets, counts, kinds = _chunks(laid, media_at)
    tables = [
        full_box(b"stsd", 0, 0, struct.pack(">I", len(entries)), *entries),
        full_box(b"stts", 0, 0, _runs(track.durations)),
        _stsc(counts, kinds),
        full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(sizes)), sizes.astype(">u4").tobytes()),
        full_box(b"co64", 0, 0, struct.pack(">I", len(offsets)), offsets.astype(">u8").tobytes()),
    ]
    if track.shifts.any():
        tables.append(full_box(b"ctts", 1, 0, _runs(track.shifts)))
    if not sync.all():
        numbers = np.flatnonzero(sync) + 1
        tables.append(
            full_box(b"stss", 0, 0, struct.pack(">I", len(numbers)), numbers.astype(">u4").tobytes())
        )
    return tables


def _runs(values: Ticks) -> bytes:
    """Count of runs, then each run's length and value (8.6.1.2, 8.6.1.3)."""
    starts = np.flatnonzero(np.diff(values, prepend=values[0] - 1))
    lengths = np.diff(starts, append=len(values))
    table = np.stack((lengths, values[starts]), axis=1).astype(np.int64)
    return struct.pack(">I", len(starts)) + (table & 0xFFFFFFFF).astype(">u4").tobytes()


def _chunks(laid: Sequence[_Laid], media_at: int) -> tuple[list[bytes], Ticks, Ticks, Ticks]:
    """Sample entries; and of each chunk (pictures without a break between) offset, count and entry."""
    entries = list(dict.fromkeys(one.entry for one in laid))
    offsets, counts, kinds = [], [], []
    for one in laid:
        ends = one.offsets + one.sizes
        starts = np.concatenate(([0], np.flatnonzero(one.offsets[1:] != ends[:-1]) + 1))
        offsets.append(one.offsets[starts] + media_at)
        counts.append(np.diff(starts, append=len(one.offsets)))
        kinds.append(np.full(len(starts), entries.index(one.entry) + 1))
        media_at += one.size
    return entries, np.concatenate(offsets), np.concatenate(counts), np.concatenate(kinds)


def _stsc(counts: Ticks, kinds: Ticks) -> bytes:
    changes = (np.diff(counts, prepend=0) != 0) | (np.diff(kinds, prepend=0) != 0)
    starts = np.flatnonzero(changes)
    table = np.stack((starts + 1, counts[starts], kinds[starts]), axis=1).astype(">u4")
    return full_box(b"stsc", 0, 0, struct.pack(">I", len(starts)), table.tobytes())
