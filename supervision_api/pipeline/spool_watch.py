"""How the spool stands and where it is going: looked at every few seconds, told once where it alarms."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from models.spool_forecast import UNKNOWN, SpoolForecast, SpoolSample, forecast, kept_samples
from storage.spool import Spool, SpoolState
from storage.upload_desk import DeskState, UploadDesk
from supervision_api.metrics import Metrics

_log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 5.0
REMIND_EVERY_S: Final = 600.0
"""An alarm that stands is told again so often, not at each look."""


@dataclass(frozen=True, slots=True)
class SpoolReport:
    """What pages and ``/readyz`` show. ``alarms``: names of the marks that are exceeded (``bytes``, ``age``,
    ``room``, ``forecast``); ``at``: when it was looked at."""

    at: datetime
    spool: SpoolState
    desk: DeskState
    forecast: SpoolForecast
    alarms: tuple[str, ...]

    @property
    def oldest_age(self) -> timedelta:
        """How long the oldest file has been waiting; zero when none waits or the clock went back."""
        oldest_at = self.spool.oldest_at
        return timedelta(0) if oldest_at is None else max(timedelta(0), self.at - oldest_at)


class SpoolWatch:
    """One per installation, asked by the upload thread, ``/readyz`` and pages. Thread-safe."""

    def __init__(
        self,
        spool: Spool,
        desk: UploadDesk,
        metrics: Metrics,
        monotonic_s: Callable[[], float],
        alarm_within: timedelta,
    ) -> None:
        self._spool = spool
        self._desk = desk
        self._metrics = metrics
        self._monotonic_s = monotonic_s
        self._alarm_within = alarm_within
        self._samples: tuple[SpoolSample, ...] = ()
        self._next_look_s = -math.inf
        self._told: tuple[str, ...] = ()
        self._tell_again_s = -math.inf
        self._report: SpoolReport | None = None
        self._lock = threading.Lock()

    def report(self) -> SpoolReport:
        """The spool as of some seconds ago at most. Raises ``StorageError``: the database fails."""
        with self._lock:
            now_s = self._monotonic_s()
            if self._report is None or now_s >= self._next_look_s:
                self._report = self._look(now_s)
                self._next_look_s = now_s + LOOK_EVERY_S
            return self._report

    def _look(self, now_s: float) -> SpoolReport:
        spool, desk = self._spool.state(), self._desk.state()
        sample = SpoolSample(now_s, spool.waiting_bytes, desk.stored_bytes, spool.free_bytes)
        self._samples = kept_samples(self._samples, sample)
        outlook = forecast(self._samples, self._spool.limits.reserve_bytes)
        filling = ("forecast",) if outlook.is_alarming(self._alarm_within) else ()
        report = SpoolReport(self._spool.ledger.clock.now(), spool, desk, outlook, (*spool.over, *filling))
        self._measure(report)
        self._tell(report, now_s)
        return report

    def _measure(self, report: SpoolReport) -> None:
        metrics, outlook = self._metrics, report.forecast
        metrics.spool_segments.set(report.spool.waiting_files)
        metrics.spool_bytes.set(report.spool.waiting_bytes)
        metrics.spool_oldest_seconds.set(report.oldest_age.total_seconds())
        metrics.spool_rate.labels("in").set(outlook.in_bytes_s)
        metrics.spool_rate.labels("out").set(outlook.out_bytes_s)
        metrics.spool_full_seconds.set(math.inf if outlook.full_in_s is None else outlook.full_in_s)
        metrics.store_away.set(1 if report.desk.away else 0)

    def _tell(self, report: SpoolReport, now_s: float) -> None:
        if report.alarms == self._told and (not report.alarms or now_s < self._tell_again_s):
            return
        self._told, self._tell_again_s = report.alarms, now_s + REMIND_EVERY_S
        if not report.alarms:
            _log.info("spool is below its marks again")
            return
        waits = report.spool.waiting_files > 0
        _log.error(
            # Where nothing waits it is the store on this disk, or another program, that takes the room.
            "spool is filling" if waits else "disk is filling",
            marks=report.alarms,
            waiting_files=report.spool.waiting_files,
            waiting_mib=report.spool.waiting_bytes >> 20,
            free_mib=report.spool.free_bytes >> 20,
            outlook=outlook_text(report.forecast),
            store_away=report.desk.away,
            hint=("bring the object store back or make room" if waits else "make room")
            + "; recording stops at the reserve",
        )


def outlook_text(outlook: SpoolForecast = UNKNOWN) -> str:
    """The forecast in words, for logs and ``/readyz``: ``full in 31 h at this rate``."""
    if outlook.full_in_s is not None:
        return f"full in {_span(outlook.full_in_s)} at this rate"
    return "not filling" if outlook.known else "no forecast yet"


def _span(seconds: float) -> str:
    """Two figures at most: a forecast is no timetable."""
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    if seconds < 72 * 3600:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86_400)} days"
