"""What the storage page shows: the coming year as a chart made here, cameras, institutions, what expires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.storage_forecast import StorageForecast

WIDTH, HEIGHT = 720.0, 180.0
_GAP = 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """The last day of a month in the chart, in units of its drawing; the first one is now."""

    x: float
    y: float
    width: float
    height: float
    at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from now on, and the height of the steady state where it fits into the picture."""

    bars: tuple[Bar, ...]
    top_bytes: int
    steady_y: float | None


def chart_of(found: StorageForecast, now: datetime) -> Chart:
    """Bytes kept now and at the end of each month."""
    instants = (now, *(month.ends_at - timedelta(days=1) for month in found.months))
    sizes = (found.stored_bytes, *found.kept)
    top = max(*sizes, 1)
    step = WIDTH / len(sizes)
    bars = tuple(
        _bar(index * step, step - _GAP, size / top, at, size)
        for index, (at, size) in enumerate(zip(instants, sizes, strict=True))
    )
    steady = HEIGHT * (1 - found.steady_bytes / top) if 0 < found.steady_bytes <= top else None
    return Chart(bars, top, steady)


def _bar(x: float, width: float, share: float, at: datetime, size_bytes: int) -> Bar:
    height = max(1.0 if size_bytes else 0.0, HEIGHT * share)
    return Bar(x, HEIGHT - height, width, height, at, size_bytes)


def size_text(size_bytes: float) -> str:
    """In the unit that leaves one to three digits before the point (powers of 1000)."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes all")


def every_other(months: Sequence[Bar]) -> tuple[Bar, ...]:
    """Those that get a label, so that labels do not touch."""
    return tuple(months[::3])
