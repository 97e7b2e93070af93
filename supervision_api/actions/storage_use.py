"""Room that footage takes: now, in the coming year, for good; and what expires soon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.retention import YEARS, ZONE
from models.storage_forecast import CameraUse, Month, StorageForecast, forecast, months_after
from storage.repositories import ExpiringLesson
from storage.repositories.storage_use import Owner
from storage.unit_of_work import UnitOfWork

MEASURED = (timedelta(days=90), timedelta(days=400))
"""The rate is taken from lessons of the last 90 days, or of the last 400 where there were none."""

PAST = timedelta(days=365)
MONTHS = 12


def forecast_of(work: UnitOfWork, now: datetime, months: int = MONTHS) -> StorageForecast:
    """The forecast for every camera that holds footage or has lessons."""
    windows = months_after(now, month_edges(now, months))
    planned = _planned(work, windows)
    past, past_hours_window = _past(work, now)
    kept, measured = work.storage_use.kept(), _measured(work, now)
    ending = [work.storage_use.ending(window.begins_at, window.ends_at) for window in windows]
    uses = []
    for owner in sorted({*kept, *planned, *past}):
        size_bytes, seconds = measured.get(owner, (0, 0.0))
        uses.append(
            CameraUse(
                camera_id=owner[0],
                institution=owner[1],
                stored_bytes=kept.get(owner, 0),
                measured_bytes=size_bytes,
                measured_s=seconds,
                past_hours=past.get(owner, 0.0),
                past_window_hours=past_hours_window,
                planned_hours=planned.get(owner, [0.0] * months),
                ending_bytes=[window.get(owner, 0) for window in ending],
                retention_years=YEARS,
            )
        )
    return forecast(uses, windows)


def expiring(work: UnitOfWork, now: datetime, days: int = 0) -> tuple[Month, tuple[ExpiringLesson, ...]]:
    """What expires next: in the coming calendar month, or in that many days from now."""
    if days:
        window = Month(now, now + timedelta(days=days))
    else:
        begins_at, ends_at = month_edges(now, 2)
        window = Month(begins_at, ends_at)
    return window, work.removals.expiring(window.begins_at, window.ends_at)


def month_edges(now: datetime, count: int, zone: str = ZONE) -> tuple[datetime, ...]:
    """The first instants (UTC) of the next ``count`` calendar months, there."""
    local = now.astimezone(ZoneInfo(zone))
    edges = []
    for step in range(1, count + 1):
        years, month = divmod(local.month - 1 + step, 12)
        edge = datetime(local.year + years, month + 1, 1, tzinfo=ZoneInfo(zone))
        edges.append(edge.astimezone(UTC))
    return tuple(edges)


def _measured(work: UnitOfWork, now: datetime) -> Mapping[Owner, tuple[int, float]]:
    for span in MEASURED:
        found = work.storage_use.recorded(now - span, now)
        if found:
            return found
    return {}


def _past(work: UnitOfWork, now: datetime) -> tuple[Mapping[Owner, float], float]:
    """Hours of lessons in the past year, or since the first of them, at least a week."""
    hours: dict[Owner, float] = defaultdict(float)
    first = now
    for owner, starts_at, length in work.storage_use.lessons(now - PAST, now):
        hours[owner] += length
        first = min(first, starts_at)
    window = max(now - first, timedelta(days=7)) if hours else timedelta()
    return hours, window.total_seconds() / 3600


def _planned(work: UnitOfWork, windows: Sequence[Month]) -> Mapping[Owner, list[float]]:
    found: dict[Owner, list[float]] = defaultdict(lambda: [0.0] * len(windows))
    for owner, starts_at, length in work.storage_use.lessons(windows[0].begins_at, windows[-1].ends_at):
        for index, window in enumerate(windows):
            if window.begins_at <= starts_at < window.ends_at:
                found[owner][index] += length
    return found
