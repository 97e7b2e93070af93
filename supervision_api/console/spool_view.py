"""What the storage page says of footage on its way into the store: what waits, since when, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.errors import StoreKeyRefused
from supervision_api.console import phrases
from supervision_api.console.i18n import Language
from supervision_api.pipeline.spool_watch import SpoolReport

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class SpoolPanel:
    """``tone``: ``present`` (all is well), ``partial`` (look at it) or ``absent`` (recording will stop).

    Rates in bytes per second, empty where nothing can be said yet; spans as words.
    """

    tone: str
    state: str
    files: int
    waiting_bytes: int
    free_bytes: int
    oldest_at: datetime | None
    oldest_age: str
    known: bool
    in_bytes_s: float
    out_bytes_s: float
    full_in: str
    clear_in: str
    away: bool
    problem: str
    advice: str
    alarms: tuple[str, ...]


def spool_panel(report: SpoolReport, language: Language) -> SpoolPanel:
    """The report in the words of one language."""
    outlook, spool = report.forecast, report.spool
    tone, state = _state(report, language)
    return SpoolPanel(
        tone=tone,
        state=state,
        files=spool.waiting_files,
        waiting_bytes=spool.waiting_bytes,
        free_bytes=spool.free_bytes,
        oldest_at=spool.oldest_at,
        oldest_age=span(report.oldest_age.total_seconds(), language),
        known=outlook.known,
        in_bytes_s=outlook.in_bytes_s,
        out_bytes_s=outlook.out_bytes_s,
        full_in="" if outlook.full_in_s is None else span(outlook.full_in_s, language),
        clear_in="" if outlook.clear_in_s is None else span(outlook.clear_in_s, language),
        away=report.desk.away,
        problem=report.desk.problem,
        advice=language.text(phrases.ADVICE.get(report.desk.problem, "")),
        alarms=report.alarms,
    )


def _state(report: SpoolReport, language: Language) -> tuple[str, str]:
    if "room" in report.alarms:
        return "absent", language.text("Disk full: no new recording starts")
    if report.desk.away:
        tone = "absent" if report.alarms else "partial"
        if report.desk.problem == StoreKeyRefused.code:
            return tone, language.text("The store refuses the key")
        return tone, language.text("The store does not answer")
    if report.alarms and not report.spool.waiting_files:
        return "partial", language.text("The disk is filling")
    if report.alarms:
        return "partial", language.text("The spool is filling")
    return "present", language.text("Footage reaches the store")


def span(seconds: float, language: Language) -> str:
    """A length of time in one unit; a forecast is no timetable."""
    if seconds < 1.5 * _HOUR:
        count = round(seconds / _MINUTE)
        return language.counted("%(num)d minute", "%(num)d minutes", count) % {"num": count}
    if seconds < 3 * _DAY:
        count = round(seconds / _HOUR)
        return language.counted("%(num)d hour", "%(num)d hours", count) % {"num": count}
    count = round(seconds / _DAY)
    return language.counted("%(num)d day", "%(num)d days", count) % {"num": count}
