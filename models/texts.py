"""Sentences as data: a stable code and named values become a sentence in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from string import Formatter

LANGUAGES = ("zh_CN", "en")
# Asia/Shanghai has kept UTC+8 without summer time since 1992; a fixed offset needs no zone files.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages; ``{name}`` stands for a value."""

    zh: str
    en: str

    def template(self, language: str) -> str:
        """Chinese for every Chinese locale, English for all others."""
        return self.zh if language.lower().startswith("zh") else self.en

    def names(self) -> frozenset[str]:
        """Names of the values that either language uses."""
        return frozenset(
            name for text in (self.zh, self.en) for _, name, _, _ in Formatter().parse(text) if name
        )


def render(
    texts: Mapping[str, Text],
    code: str,
    values: Iterable[tuple[str, str]],
    language: str,
    zone: tzinfo = SHANGHAI,
) -> str:
    """The sentence for ``code``. Values named ``…_at`` are shown as local time, ``…_share`` as per cent.

    An unknown code or a missing value never hides a decision: the code and its values are shown as they are.
    """
    given = tuple(values)
    bare = ", ".join([code, *(f"{name}={value}" for name, value in given)])
    if code not in texts:
        return bare
    shown = {name: _shown(name, value, zone) for name, value in given}
    try:
        return texts[code].template(language).format_map(shown)
    except KeyError:
        return bare


def _shown(name: str, value: str, zone: tzinfo) -> str:
    try:
        if name.endswith("_at"):
            return datetime.fromisoformat(value).astimezone(zone).strftime("%H:%M:%S")
        if name.endswith("_share"):
            return f"{_short(float(value) * 100, 1)} %"
        if name.endswith("_minutes"):
            # a second is 0.0167 min: whoever misses a limit by one must not read that both are equal
            return _short(float(value), 2)
    except ValueError:
        return value
    return value


def _short(number: float, decimals: int) -> str:
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
