"""Durations as people write them: ``5m``, ``90s``, ``1h30m``, ``0.5s``."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

from models.errors import InvalidInput
from models.excerpts import excerpt

_UNITS_US = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}
_ORDER = tuple(_UNITS_US)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|d|h|m|s)", re.ASCII)
_LONGEST_US = timedelta.max // timedelta(microseconds=1)
_HINT = "write 5m, 90s, 1h30m or 0.5s"


def parse_duration(text: str) -> timedelta:
    """The duration that ``text`` names; each unit (d, h, m, s, ms) at most once, largest first.

    Raises:
        InvalidInput: not a duration, finer than a microsecond, or longer than Python can count.
    """
    compact = text.strip().lower().replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise InvalidInput(f"{excerpt(text)} is not a duration", hint=_HINT)
    ranks = [_ORDER.index(unit) for _, unit in parts]
    if ranks != sorted(set(ranks)):
        raise InvalidInput(f"{excerpt(text)} repeats a unit or has them out of order", hint=_HINT)
    micros = sum(Fraction(number) * _UNITS_US[unit] for number, unit in parts)
    if micros != int(micros):
        raise InvalidInput(f"{excerpt(text)} is finer than a microsecond", hint=_HINT)
    if micros > _LONGEST_US:
        raise InvalidInput(f"{excerpt(text)} is too long", hint=_HINT)
    return timedelta(microseconds=int(micros))


def format_duration(duration: timedelta) -> str:
    """The shortest text that ``parse_duration`` reads back to the same value; never negative.

    Raises:
        InvalidInput: the duration is negative.
    """
    micros = duration // timedelta(microseconds=1)
    if micros < 0:
        raise InvalidInput("a duration cannot be negative", hint=_HINT)
    pieces: list[str] = []
    for unit in ("d", "h", "m"):
        count, micros = divmod(micros, _UNITS_US[unit])
        if count:
            pieces.append(f"{count}{unit}")
    if micros:
        whole, rest = divmod(micros, _UNITS_US["s"])
        pieces.append(f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + "s")
    return "".join(pieces) or "0s"
