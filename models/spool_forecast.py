"""When the spool's disk will be full at the present rate: samples over time in, a forecast out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

WINDOW_S: Final = 900.0
"""A quarter of an hour: some segments of each camera, so that one segment's size does not sway the rate."""

LEAST_SPAN_S: Final = 120.0
"""Two segments' time; before that nobody can say how fast anything grows."""

FAR_S: Final = 366 * 86_400.0
"""Beyond a year a forecast from a quarter of an hour says nothing."""


@dataclass(frozen=True, slots=True)
class SpoolSample:
    """The spool at ``at_s`` (monotonic seconds). ``stored_bytes``: carried to the store since the process
    began; ``free_bytes``: of the disk that the spool lies on."""

    at_s: float
    waiting_bytes: int
    stored_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class SpoolForecast:
    """Rates in bytes per second over ``span_s``. ``full_in_s``: until only the reserve is free; ``None``
    while the spool does not grow or nothing can be said yet. ``clear_in_s``: until nothing waits any more;
    ``None`` while it does not shrink."""

    span_s: float
    in_bytes_s: float
    out_bytes_s: float
    full_in_s: float | None
    clear_in_s: float | None

    @property
    def known(self) -> bool:
        return self.span_s >= LEAST_SPAN_S

    def is_alarming(self, within: timedelta) -> bool:
        """Whether the disk is full within that time if nothing changes."""
        return self.full_in_s is not None and self.full_in_s <= within.total_seconds()


UNKNOWN: Final = SpoolForecast(0.0, 0.0, 0.0, None, None)


def kept_samples(samples: Sequence[SpoolSample], new: SpoolSample) -> tuple[SpoolSample, ...]:
    """The samples of one window that ends with ``new``, oldest first."""
    return (*(one for one in samples if new.at_s - WINDOW_S <= one.at_s < new.at_s), new)


def forecast(samples: Sequence[SpoolSample], reserve_bytes: int) -> SpoolForecast:
    """From the first and the last sample. ``reserve_bytes``: free room below which recording stops.

    What shrinks the room is the larger of two: the backlog's growth, and the loss of free room, which
    also counts a store or other programs on the same disk.
    """
    if len(samples) < 2:
        return UNKNOWN
    first, last = samples[0], samples[-1]
    span_s = last.at_s - first.at_s
    if span_s <= 0:
        return UNKNOWN
    out = max(0, last.stored_bytes - first.stored_bytes) / span_s
    growth = (last.waiting_bytes - first.waiting_bytes) / span_s
    shrinking = max(growth, (first.free_bytes - last.free_bytes) / span_s)
    inflow = max(0.0, growth + out)
    if span_s < LEAST_SPAN_S:
        return SpoolForecast(span_s, inflow, out, None, None)
    room = max(0, last.free_bytes - reserve_bytes)
    return SpoolForecast(
        span_s, inflow, out, _seconds(room, shrinking), _seconds(last.waiting_bytes, -growth)
    )


def _seconds(size_bytes: int, rate_bytes_s: float) -> float | None:
    if rate_bytes_s <= 0:
        return None
    seconds = size_bytes / rate_bytes_s
    return seconds if seconds <= FAR_S else None
