"""Segments on one line of time that stays true to the wall clock.

A picture is shown at the instant at which it was recorded, counted from the film's beginning. Through a gap
the last picture before it stands still: measured in Chromium, an edit list with an empty edit is not obeyed,
a long picture is played and sought in like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from storage.playback.sample_index import SampleIndex, Ticks

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COMMON_TIMESCALE: Final = 90_000
_LEAST_TIMESCALE: Final = 1_000


@dataclass(frozen=True, slots=True)
class FilmPart:
    """One segment of a film. ``source``: whose bytes, told by the caller; ``starts_at``: instant at which its
    first picture is shown."""

    source: str
    starts_at: datetime
    index: SampleIndex


@dataclass(frozen=True, slots=True)
class Cut:
    """Pictures ``[first, last)`` of a part, in decoding order."""

    part: FilmPart
    first: int
    last: int

    @property
    def starts_at(self) -> datetime:
        """When its first picture is shown."""
        index = self.part.index
        return self.part.starts_at + _seconds(int(index.shown_at[self.first]), index.timescale)

    @property
    def span(self) -> tuple[int, int]:
        """Its bytes in the segment's file, ``[start, end)``: pictures, and fragments' headers between."""
        index = self.part.index
        return int(index.positions[self.first]), int(
            index.positions[self.last - 1] + index.sizes[self.last - 1]
        )


@dataclass(frozen=True, eq=False, slots=True)
class FilmTrack:
    """All pictures of a film on its line of time.

    ``durations``: decoding ticks to the next picture; ``shifts``: from decoding to showing; ``begin``: ticks
    at which the first picture is shown (an edit list takes them off); ``length``: ticks shown in all.
    """

    timescale: int
    starts_at: datetime
    durations: Ticks
    shifts: Ticks
    begin: int
    length: int


def cut_to(parts: Sequence[FilmPart], begin: datetime | None, end: datetime | None) -> tuple[Cut, ...]:
    """What of the parts shows ``[begin, end)``. Where a decoder cannot begin at ``begin``, the cut begins at
    the last picture before it at which it can."""
    cuts = (_cut(part, begin, end) for part in sorted(parts, key=lambda one: one.starts_at))
    return tuple(cut for cut in cuts if cut is not None)


def _cut(part: FilmPart, begin: datetime | None, end: datetime | None) -> Cut | None:
    index = part.index
    first, last = 0, index.count
    if begin is not None:
        from_tick = ticks_of(begin - part.starts_at, index.timescale)
        if from_tick >= int((index.shown_at + index.durations).max()):
            return None
        starts = np.flatnonzero(index.sync & (index.shown_at <= from_tick))
        first = int(starts[-1]) if len(starts) else 0
    if end is not None:
        # Rounded up: a picture a fraction of a tick before the end belongs to the interval.
        end_tick = -((part.starts_at - end) // timedelta(microseconds=1) * index.timescale // 1_000_000)
        wanted = np.flatnonzero(index.shown_at < end_tick)
        last = int(wanted[-1]) + 1 if len(wanted) else 0
    return Cut(part, first, last) if first < last else None


def track_of(cuts: Sequence[Cut]) -> FilmTrack:
    """The cuts (at least one) on one line of time. Pure; equal cuts give equal ticks."""
    scales = {cut.part.index.timescale for cut in cuts}
    timescale = scales.pop() if len(scales) == 1 else _COMMON_TIMESCALE
    timescale = timescale if timescale >= _LEAST_TIMESCALE else _COMMON_TIMESCALE
    starts_at = cuts[0].starts_at
    firsts = [
        int(_scaled(cut.part.index.shifts[cut.first : cut.first + 1], cut, timescale)[0]) for cut in cuts
    ]
    # Decoders reorder by different depths before and after a restart: the deepest gives the room for all.
    begin = max(firsts)
    decoded: list[Ticks] = []
    shown: list[Ticks] = []
    for cut, shift in zip(cuts, firsts, strict=True):
        wall = ticks_of(cut.starts_at - starts_at, timescale) + begin
        times, seen = _placed(cut, timescale, wall - shift, wall)
        if decoded:
            late = max(int(decoded[-1][-1]) + 1 - int(times[0]), int(shown[-1].max()) + 1 - int(seen[0]), 0)
            times, seen = _after(times, seen, late)
        decoded.append(times)
        shown.append(seen)
    times, seen = np.concatenate(decoded), np.concatenate(shown)
    durations = np.diff(times, append=times[-1] + _last_duration(cuts[-1], timescale))
    # The first picture is decoded at tick 0, whatever room the deepest reordering took.
    lead = int(times[0])
    return FilmTrack(
        timescale, starts_at, durations, seen - times, begin - lead, int((seen + durations).max()) - begin
    )


def _placed(cut: Cut, timescale: int, decoded_from: int, shown_from: int) -> tuple[Ticks, Ticks]:
    """Decoding and showing times of a cut's pictures, the first one's given."""
    index, chosen = cut.part.index, slice(cut.first, cut.last)
    times = _scaled(index.decoded_at[chosen] - index.decoded_at[cut.first], cut, timescale)
    seen = _scaled(index.shown_at[chosen] - index.shown_at[cut.first], cut, timescale)
    return times + decoded_from, seen + shown_from


def _after(times: Ticks, seen: Ticks, late: int) -> tuple[Ticks, Ticks]:
    """The times put off by ``late`` ticks, and the end where it was: the pictures run a little faster.

    A camera's clock that is set back makes two recordings overlap, by a second at most; so the line of time
    is true again at the end of the segment. What overlaps by more than half is only put off.
    """
    length = int(seen.max() - seen[0]) + 1
    if not late or 2 * late > length:
        return times + late, seen + late
    share = length - late
    return (
        times[0] + late + (times - times[0]) * share // length,
        seen[0] + late + (seen - seen[0]) * share // length,
    )


def _last_duration(cut: Cut, timescale: int) -> int:
    index = cut.part.index
    return max(1, ticks_of(_seconds(int(index.durations[cut.last - 1]), index.timescale), timescale))


def _scaled(ticks: Ticks, cut: Cut, timescale: int) -> Ticks:
    own = cut.part.index.timescale
    return ticks if own == timescale else (ticks * timescale * 2 + own) // (2 * own)


def ticks_of(span: timedelta, timescale: int) -> int:
    """Nearest tick, in whole numbers."""
    microseconds = span // timedelta(microseconds=1)
    return (microseconds * timescale * 2 + 1_000_000) // 2_000_000


def _seconds(ticks: int, timescale: int) -> timedelta:
    return timedelta(microseconds=(ticks * 2_000_000 + timescale) // (2 * timescale))
