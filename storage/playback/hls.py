"""HTTP Live Streaming (RFC 8216) of the same pictures: a header, media segments, and the playlist's text.

A media segment is one moof, written here, and one mdat that is the segment's own bytes. Its times count from
an instant that all segments of a camera share, so they go on from one to the next without a break.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from storage.boxes import NOT_SYNC, box, full_box
from storage.playback.sample_index import SampleIndex
from storage.playback.timeline import Cut, ticks_of
from storage.playback.virtual_file import Span, VirtualFile, own_bytes

_UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SEAMLESS: Final = timedelta(milliseconds=250)
"""Segments closer than this follow each other; a recorder declares no shorter gap than a fifth of it."""

_SYNC_FLAGS: Final = 0x02000000  # 8.8.3.1: depends on no other picture
_AHEAD_S: Final = 1
"""Pictures are decoded so long before they are shown; the header's edit list takes it off again."""

_OTHER_FLAGS: Final = 0x01000000 | NOT_SYNC


def init_of(index: SampleIndex) -> bytes:
    """The header (EXT-X-MAP) of media whose codec parameters are those of the index."""
    mvhd = full_box(
        b"mvhd", 0, 0, struct.pack(">IIII", 0, 0, index.timescale, 0), struct.pack(">IH10x", 0x10000, 0x100),
        _UNITY, bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    tkhd = full_box(b"tkhd", 0, 0x3, struct.pack(">III4xI16x", 0, 0, 1, 0), index.geometry)
    mdhd = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, index.timescale, 0, 0x55C4, 0))
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), b"vide", bytes(12), b"video\0")
    tables = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), index.entry),
        *(full_box(kind, 0, 0, bytes(4)) for kind in (b"stts", b"stsc", b"stco")),
        full_box(b"stsz", 0, 0, bytes(8)),
    )
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    minf = box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), dinf, tables)
    trex = full_box(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, 0))
    edit = full_box(b"elst", 0, 0, struct.pack(">IIiI", 1, 0, _AHEAD_S * index.timescale, 0x10000))
    trak = box(b"trak", tkhd, box(b"edts", edit), box(b"mdia", mdhd, hdlr, minf))
    return box(b"ftyp", b"iso6", bytes(4), b"iso6mp41") + box(b"moov", mvhd, trak, box(b"mvex", trex))


def media_of(cut: Cut, anchor: datetime, number: int) -> VirtualFile:
    """A media segment of the cut. ``anchor``: instant of time zero, not after the cut's start."""
    begin, end = cut.span
    # The offsets in the moof count from its start: its size must be known, and does not depend on them.
    media_at = len(_moof(cut, anchor, number, 0)) + 8
    moof = _moof(cut, anchor, number, media_at)
    mdat = struct.pack(">I4s", 8 + end - begin, b"mdat")
    return VirtualFile((own_bytes(moof + mdat), Span(cut.part.source, begin, end)))


def _moof(cut: Cut, anchor: datetime, number: int, media_at: int) -> bytes:
    index = cut.part.index
    wall = max(0, ticks_of(cut.starts_at - anchor, index.timescale))
    runs = _runs(cut, media_at)
    traf = box(
        b"traf",
        full_box(b"tfhd", 0, 0x020000, struct.pack(">I", 1)),
        full_box(b"tfdt", 1, 0, struct.pack(">Q", wall)),
        *runs,
    )
    return box(b"moof", full_box(b"mfhd", 0, 0, struct.pack(">I", number)), traf)


def _runs(cut: Cut, media_at: int) -> list[bytes]:
    index, begin = cut.part.index, cut.span[0]
    chosen = slice(cut.first, cut.last)
    positions, sizes = index.positions[chosen], index.sizes[chosen]
    shifts = index.shifts[chosen]
    table = np.stack(
        (
            index.durations[chosen],
            sizes,
            np.where(index.sync[chosen], _SYNC_FLAGS, _OTHER_FLAGS),
            # The first picture is shown at the segment's own time, whatever the depth of reordering.
            (shifts - shifts[0] + index.timescale * _AHEAD_S) & 0xFFFFFFFF,
        ),
        axis=1,
    ).astype(">u4")
    starts = np.concatenate(([0], np.flatnonzero(positions[1:] != (positions + sizes)[:-1]) + 1))
    ends = np.append(starts[1:], len(positions))
    return [
        full_box(
            b"trun", 1, 0x000F01, struct.pack(">Ii", last - first, int(positions[first]) - begin + media_at),
            table[first:last].tobytes(),
        )
        for first, last in zip(starts, ends, strict=True)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a playlist: media, its header, and when it is shown."""

    cut: Cut
    media: str
    header: str

    @property
    def duration_s(self) -> float:
        index = self.cut.part.index
        chosen = slice(self.cut.first, self.cut.last)
        shown = index.shown_at[chosen]
        return int((shown + index.durations[chosen]).max() - shown[0]) / index.timescale


def playlist_of(entries: Sequence[Entry], *, ended: bool) -> str:
    """The playlist's text. ``ended``: no more will come (EXT-X-ENDLIST), else a player asks again.

    A discontinuity stands where time is missing and where codec parameters change (4.3.2.3).
    """
    longest_s = max((entry.duration_s for entry in entries), default=1.0)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{math.ceil(longest_s)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if ended else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    before: Entry | None = None
    for entry in entries:
        lines += _lines(entry, before)
        before = entry
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""])


def _lines(entry: Entry, before: Entry | None) -> list[str]:
    lines = []
    changed = before is not None and before.cut.part.index.entry != entry.cut.part.index.entry
    if before is not None and (changed or not _follows(entry, before)):
        lines.append("#EXT-X-DISCONTINUITY")
    if before is None or changed:
        lines.append(f'#EXT-X-MAP:URI="{entry.header}"')
    shown = entry.cut.starts_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [*lines, f"#EXT-X-PROGRAM-DATE-TIME:{shown}", f"#EXTINF:{entry.duration_s:.6f},", entry.media]


def _follows(entry: Entry, before: Entry) -> bool:
    ends_at = before.cut.starts_at + timedelta(seconds=before.duration_s)
    return abs(entry.cut.starts_at - ends_at) < _SEAMLESS


def entries_of(cuts: Sequence[Cut], media: Callable[[Cut], str], header: Callable[[Cut], str]) -> list[Entry]:
    """Playlist lines; codec parameters that stay the same share the first header that has them."""
    headers: dict[bytes, str] = {}
    return [Entry(cut, media(cut), headers.setdefault(cut.part.index.entry, header(cut))) for cut in cuts]
