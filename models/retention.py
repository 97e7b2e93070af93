"""How long footage and archives are kept: calendar years after the day they speak of.

Source: Heze measures (2024), articles 15 and 19: five years. A retention ends with a calendar day where the
training took place, never after "5 × 365 days": leap years must not shorten it.
"""

from __future__ import annotations

from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from models.errors import InvalidInput

ZONE = "Asia/Shanghai"
YEARS = 5


def last_kept_day(ends_at: datetime, years: int = YEARS, zone: str = ZONE) -> date:
    """The last day on which footage of something that ended at ``ends_at`` is still kept.

    29 February has no like in most years; its footage is kept through 1 March, not one day less.

    Raises:
        InvalidInput: a naive instant, less than a year, or more than calendars have.
    """
    if ends_at.tzinfo is None:
        raise InvalidInput("a retention counts from an instant with a zone", place="ends_at")
    if years < 1:
        raise InvalidInput(f"a retention of {years} years", place="retention_years", hint="at least 1")
    day = ends_at.astimezone(ZoneInfo(zone)).date()
    if day.year + years >= MAXYEAR:
        raise InvalidInput(f"a retention until the year {day.year + years}", place="retention_years")
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def retain_until(ends_at: datetime, years: int = YEARS, zone: str = ZONE) -> datetime:
    """The first instant (UTC) at which it may be removed: midnight, there, after the last kept day."""
    after = last_kept_day(ends_at, years, zone) + timedelta(days=1)
    return datetime.combine(after, time(), ZoneInfo(zone)).astimezone(UTC)


def footage_retention(ends_at: datetime, now: datetime, years: int = YEARS, zone: str = ZONE) -> datetime:
    """When footage of a lesson that ended at ``ends_at`` may be removed.

    An old video that is taken in years later would be free at once; it is kept as long from today instead.
    """
    until = retain_until(ends_at, years, zone)
    return until if until > now + timedelta(days=1) else retain_until(now, years, zone)
