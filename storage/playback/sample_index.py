"""Where each picture of a segment lies and when it is shown: what playback needs to know of a segment.

It is taken from the segment's boxes when the segment is booked, kept in a table, and can be taken from the
stored object again at any time. So it is an index and no evidence.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.errors import VideoInvalid

Ticks = npt.NDArray[np.int64]

_MAGIC: Final = b"RSI1"
_HEAD: Final = struct.Struct(">4sIIII")
MOST_SAMPLES: Final = 1_000_000
"""A minute of a camera has some thousands; more is not of a recorder."""
GEOMETRY_BYTES: Final = 44
"""A track header's matrix and size (8.3.2): how the picture is turned and shown."""


@dataclass(frozen=True, eq=False)
class SampleIndex:
    """The pictures of one segment in decoding order, n of them.

    ``timescale``: ticks a second. ``entry``: the sample entry box, codec parameters in it (8.5.2).
    ``geometry``: matrix, width and height of the track header. ``positions``: offset in the segment's file,
    bytes; ``sizes``: bytes; ``durations``: decoding ticks to the next picture; ``shifts``: ticks from
    decoding to showing; ``sync``: whether a decoder can begin here. All arrays (n,).
    """

    timescale: int
    entry: bytes
    geometry: bytes
    positions: Ticks
    sizes: Ticks
    durations: Ticks
    shifts: Ticks
    sync: npt.NDArray[np.bool_]

    @property
    def count(self) -> int:
        return len(self.sizes)

    @property
    def codec(self) -> str:
        """The four-character code of the sample entry, such as ``avc1`` or ``hev1``."""
        return self.entry[4:8].decode("latin-1")

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height of the coded picture, pixels (12.1.3)."""
        width, height = struct.unpack_from(">HH", self.entry, 32)
        return width, height

    @cached_property
    def decoded_at(self) -> Ticks:
        """Decoding time of each picture, ticks from the first one's."""
        return np.concatenate(([0], np.cumsum(self.durations)[:-1])).astype(np.int64)

    @cached_property
    def shown_at(self) -> Ticks:
        """Showing time of each picture, ticks from the first one's. Pictures that lead it are below zero."""
        return np.asarray(self.decoded_at + self.shifts - self.shifts[0], np.int64)

    def as_bytes(self) -> bytes:
        """The compact form that is kept; equal indexes give equal bytes."""
        packed = zlib.compress(b"".join(_planes(column) for column in self._columns()), 9)
        head = _HEAD.pack(_MAGIC, self.timescale, self.count, len(self.entry), len(self.geometry))
        return head + self.entry + self.geometry + packed

    @staticmethod
    def from_bytes(kept: bytes) -> SampleIndex:
        """Raises ``VideoInvalid`` for anything that ``as_bytes`` has not written."""
        try:
            magic, timescale, count, entry_bytes, geometry_bytes = _HEAD.unpack_from(kept)
            if magic != _MAGIC or not 0 < count <= MOST_SAMPLES or geometry_bytes != GEOMETRY_BYTES:
                raise _damaged()
            packed = zlib.decompressobj().decompress(
                kept[_HEAD.size + entry_bytes + geometry_bytes :], count * 20
            )
        except (struct.error, zlib.error):
            raise _damaged() from None
        if len(packed) != count * 17:
            raise _damaged()
        start = _HEAD.size
        entry = kept[start : start + entry_bytes]
        geometry = kept[start + entry_bytes : start + entry_bytes + geometry_bytes]
        ends = np.cumsum([0, 4, 4, 4, 4, 1]) * count
        gaps, sizes, durations, shifts, sync = (packed[first:last] for first, last in pairwise(ends))
        lengths = _unplaned(sizes, count)
        positions = np.cumsum(_unplaned(gaps, count)) + np.concatenate(([0], np.cumsum(lengths)[:-1]))
        return SampleIndex(
            timescale,
            entry,
            geometry,
            positions.astype(np.int64),
            lengths,
            _unplaned(durations, count),
            _unplaned(shifts, count).astype(np.int32).astype(np.int64),
            np.frombuffer(sync, np.uint8).astype(np.bool_),
        )

    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        # Between two pictures lies nothing but a fragment's header: the gaps are zero nearly everywhere.
        gaps = np.diff(self.positions, prepend=0) - np.concatenate(([0], self.sizes[:-1]))
        words = (gaps, self.sizes, self.durations, self.shifts)
        return (*(column.astype(np.uint32) for column in words), self.sync.astype(np.uint8))


def _planes(column: npt.NDArray[Any]) -> bytes:
    """A column with its first bytes together, then its second bytes …: alike bytes compress well."""
    return column.view(np.uint8).reshape(len(column), -1).T.tobytes()


def _unplaned(planes: bytes, count: int) -> Ticks:
    column = np.frombuffer(planes, np.uint8).reshape(4, count).T
    return np.ascontiguousarray(column).view("<u4").reshape(count).astype(np.int64)


def _damaged() -> VideoInvalid:
    return VideoInvalid("a kept index of pictures is damaged", hint="it is made again from the footage")
