"""How much room footage takes and will take: pure arithmetic over what was stored and what is planned.

Per camera: bytes per recorded hour as measured, times the hours that the timetable plans, less what reaches
the end of its retention. Where the timetable ends, the past year's mean goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.errors import InvalidInput

HOURS_PER_YEAR = 365.25 * 24


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of the forecast, as a window."""

    begins_at: datetime
    ends_at: datetime

    @property
    def hours(self) -> float:
        return (self.ends_at - self.begins_at).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class CameraUse:
    """What is known of one camera.

    ``stored_bytes``: kept now. ``measured_bytes``, ``measured_s``: of the stretch that the rate is taken
    from. ``past_hours`` of lessons in ``past_window_hours`` of calendar time. ``planned_hours`` and
    ``ending_bytes``: per month of the forecast.
    """

    camera_id: str
    institution: str
    stored_bytes: int
    measured_bytes: int
    measured_s: float
    past_hours: float
    past_window_hours: float
    planned_hours: Sequence[float]
    ending_bytes: Sequence[int]
    retention_years: int = 5

    @property
    def bytes_per_hour(self) -> float | None:
        """``None`` where nothing was recorded to measure."""
        return 3600 * self.measured_bytes / self.measured_s if self.measured_s > 0 else None

    @property
    def hours_per_year(self) -> float:
        """Lessons a year: the past's pace, or the timetable's where there is no past."""
        past = (
            self.past_hours / self.past_window_hours * HOURS_PER_YEAR if self.past_window_hours > 0 else 0.0
        )
        return past or sum(self.planned_hours)


@dataclass(frozen=True, slots=True)
class CameraForecast:
    """``kept``: bytes at the end of each month; ``steady_bytes``: once as much goes as comes."""

    camera_id: str
    institution: str
    bytes_per_hour: float | None
    hours_per_year: float
    stored_bytes: int
    kept: tuple[int, ...]
    steady_bytes: int


def forecast_camera(use: CameraUse, months: Sequence[Month]) -> CameraForecast:
    """One camera's future.

    Raises:
        InvalidInput: figures for another number of months.
    """
    if not len(months) == len(use.planned_hours) == len(use.ending_bytes):
        raise InvalidInput("a forecast needs figures for each of its months", place=use.camera_id)
    rate = use.bytes_per_hour or 0.0
    kept: list[int] = []
    now: float = use.stored_bytes
    for month, planned, ending in zip(months, use.planned_hours, use.ending_bytes, strict=True):
        hours = planned or use.hours_per_year * month.hours / HOURS_PER_YEAR
        now = max(0.0, now + rate * hours - ending)
        kept.append(round(now))
    steady = round(rate * use.hours_per_year * use.retention_years)
    return CameraForecast(
        use.camera_id,
        use.institution,
        use.bytes_per_hour,
        use.hours_per_year,
        use.stored_bytes,
        tuple(kept),
        steady,
    )


@dataclass(frozen=True, slots=True)
class StorageForecast:
    """All cameras; ``months``: the windows that ``kept`` speaks of."""

    months: tuple[Month, ...]
    cameras: tuple[CameraForecast, ...]

    @property
    def stored_bytes(self) -> int:
        return sum(camera.stored_bytes for camera in self.cameras)

    @property
    def kept(self) -> tuple[int, ...]:
        """Bytes of all cameras at the end of each month."""
        return tuple(sum(camera.kept[index] for camera in self.cameras) for index in range(len(self.months)))

    @property
    def steady_bytes(self) -> int:
        return sum(camera.steady_bytes for camera in self.cameras)

    def by_institution(self) -> Mapping[str, tuple[int, int, int]]:
        """Bytes now, in the last month, and in the steady state, by institution."""
        found: dict[str, tuple[int, int, int]] = {}
        for camera in self.cameras:
            now, later, steady = found.get(camera.institution, (0, 0, 0))
            last = camera.kept[-1] if camera.kept else camera.stored_bytes
            found[camera.institution] = (
                now + camera.stored_bytes,
                later + last,
                steady + camera.steady_bytes,
            )
        return dict(sorted(found.items()))


def forecast(uses: Iterable[CameraUse], months: Sequence[Month]) -> StorageForecast:
    """Every camera's future, by institution and camera."""
    cameras = [forecast_camera(use, months) for use in uses]
    cameras.sort(key=lambda camera: (camera.institution, camera.camera_id))
    return StorageForecast(tuple(months), tuple(cameras))


def months_after(begins_at: datetime, edges: Sequence[datetime]) -> tuple[Month, ...]:
    """Months between consecutive edges, the first from ``begins_at``."""
    starts = (begins_at, *edges[:-1])
    return tuple(Month(start, end) for start, end in zip(starts, edges, strict=True))
