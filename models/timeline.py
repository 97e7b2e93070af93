"""Instants and half-open intervals of aware UTC time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def as_utc(at: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: the datetime is naive (Rollcall never guesses a zone), or leaves the calendar in UTC.
    """
    if at.tzinfo is None:
        raise ValueError("naive datetime: every instant in Rollcall is aware")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("this instant lies outside the calendar") from None


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Half-open ``[starts_at, ends_at)``; never empty, never reversed."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("naive datetime in an interval")
        if self.ends_at <= self.starts_at:
            raise ValueError(f"empty interval: {self.starts_at} to {self.ends_at}")

    @property
    def duration(self) -> timedelta:
        return self.ends_at - self.starts_at

    def contains(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


def interval_or_none(starts_at: datetime, ends_at: datetime) -> Interval | None:
    """The interval, or ``None`` where it would be empty."""
    return Interval(starts_at, ends_at) if ends_at > starts_at else None


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Sorted, disjoint, non-touching intervals that cover the same instants."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.starts_at <= merged[-1].ends_at:
            last = merged[-1]
            merged[-1] = Interval(last.starts_at, max(last.ends_at, interval.ends_at))
        else:
            merged.append(interval)
    return tuple(merged)


def intersection(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Instants in both."""
    a, b = union(left), union(right)
    shared: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        piece = interval_or_none(max(a[i].starts_at, b[j].starts_at), min(a[i].ends_at, b[j].ends_at))
        if piece is not None:
            shared.append(piece)
        if a[i].ends_at <= b[j].ends_at:
            i += 1
        else:
            j += 1
    return tuple(shared)


def difference(left: Iterable[Interval], right: Iterable[Interval]) -> tuple[Interval, ...]:
    """Instants in ``left`` that are not in ``right``."""
    holes = union(right)
    kept: list[Interval] = []
    at = 0
    for interval in union(left):
        cursor = interval.starts_at
        while at < len(holes) and holes[at].starts_at < interval.ends_at:
            if holes[at].starts_at > cursor:
                kept.append(Interval(cursor, holes[at].starts_at))
            cursor = max(cursor, holes[at].ends_at)
            if holes[at].ends_at > interval.ends_at:
                break  # this hole may reach into the next interval
            at += 1
        if interval.ends_at > cursor:
            kept.append(Interval(cursor, interval.ends_at))
    return tuple(kept)


def total(intervals: Iterable[Interval]) -> timedelta:
    """Length of the union."""
    return sum((interval.duration for interval in union(intervals)), timedelta())


def close_holes(intervals: Iterable[Interval], up_to: timedelta) -> tuple[Interval, ...]:
    """The union with every inner hole of at most ``up_to`` filled."""
    closed: list[Interval] = []
    for interval in union(intervals):
        if closed and interval.starts_at - closed[-1].ends_at <= up_to:
            closed[-1] = Interval(closed[-1].starts_at, interval.ends_at)
        else:
            closed.append(interval)
    return tuple(closed)


def instant_after(intervals: Iterable[Interval], spent: timedelta) -> datetime | None:
    """The instant at which ``spent`` of the union has passed; ``None`` where the union is not longer."""
    for interval in union(intervals):
        if spent < interval.duration:
            return interval.starts_at + spent
        spent -= interval.duration
    return None


class Ruler:
    """Measures how much of a set of intervals lies between two instants, in logarithmic time."""

    __slots__ = ("_before", "_intervals", "_starts")

    def __init__(self, intervals: Iterable[Interval]) -> None:
        self._intervals = union(intervals)
        self._starts = [interval.starts_at for interval in self._intervals]
        self._before = [timedelta()]
        for interval in self._intervals:
            self._before.append(self._before[-1] + interval.duration)

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """Covered length in ``[begin, end)``; zero where ``end`` is not after ``begin``."""
        return self._until(end) - self._until(begin) if end > begin else timedelta()

    def _until(self, at: datetime) -> timedelta:
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return timedelta()
        current = self._intervals[index]
        return self._before[index] + (min(at, current.ends_at) - current.starts_at)
