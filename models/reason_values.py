"""How the values of a reason are written: stable, exact, independent of language and zone.

Names ending in ``_at`` hold instants, in ``_minutes`` minutes, in ``_share`` shares of 1.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from models.timeline import as_utc

_MINUTE_US = 60_000_000


def instant_value(at: datetime) -> str:
    """RFC 3339 in UTC; microseconds only where there are any."""
    return as_utc(at).replace(tzinfo=None).isoformat() + "Z"


def minutes(duration: timedelta) -> float:
    """Minutes, rounded to four decimals (6 ms) so that every language writes the same number."""
    return round(duration // timedelta(microseconds=1) / _MINUTE_US, 4)


def minutes_value(duration: timedelta) -> str:
    """Minutes as text without trailing zeros."""
    return number_value(minutes(duration))


def number_value(number: float) -> str:
    """A number as text, at most four decimals, without trailing zeros."""
    return f"{number:.4f}".rstrip("0").rstrip(".")
