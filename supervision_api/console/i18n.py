"""Texts in the reader's language: gettext catalogues compiled in memory from the committed .po files."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = ("zh_CN", "en")
LOCALE_FOLDER = Path(__file__).parent / "locale"
# Users are in one time zone by law of the land; everything stored is UTC.
LOCAL_ZONE = ZoneInfo("Asia/Shanghai")

_DAY_PATTERN = {"zh_CN": "y年M月d日 EEEE", "en": "EEEE, d MMMM y"}
_SHORT_DAY_PATTERN = {"zh_CN": "M月d日", "en": "d MMM"}
_MONTH_PATTERN = {"zh_CN": "y年M月", "en": "MMM y"}


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Marks a text for the catalogues where it is looked up later."""
    return text


@dataclass(frozen=True, slots=True)
class Language:
    """One reader's language: texts and the way times are written."""

    locale: str
    translations: gettext.NullTranslations

    @property
    def tag(self) -> str:
        """The language tag for HTML and HTTP (BCP 47)."""
        return "zh-CN" if self.locale == "zh_CN" else "en"

    def text(self, message: str) -> str:
        return self.translations.gettext(message) if message else ""

    def text_of(self, message: str, values: Mapping[str, object]) -> str:
        """A text with its values filled in; a value it lacks leaves the text without filling."""
        translated = self.text(message)
        try:
            return translated % values
        except (KeyError, ValueError, TypeError):
            return translated

    def counted(self, singular: str, plural: str, count: int) -> str:
        return self.translations.ngettext(singular, plural, count)

    def day(self, at: datetime | date) -> str:
        return format_date(_local_day(at), _DAY_PATTERN[self.locale], locale=self.locale)

    def short_day(self, at: datetime | date) -> str:
        return format_date(_local_day(at), _SHORT_DAY_PATTERN[self.locale], locale=self.locale)

    def month(self, at: datetime | date) -> str:
        return format_date(_local_day(at), _MONTH_PATTERN[self.locale], locale=self.locale)

    def clock(self, at: datetime) -> str:
        return format_time(at.astimezone(LOCAL_ZONE), "HH:mm", locale=self.locale)

    def clock_s(self, at: datetime) -> str:
        return format_time(at.astimezone(LOCAL_ZONE), "HH:mm:ss", locale=self.locale)

    def instant(self, at: datetime) -> str:
        return format_datetime(at.astimezone(LOCAL_ZONE), "yyyy-MM-dd HH:mm:ss", locale=self.locale)


class Languages:
    """All languages of the installation."""

    def __init__(self, default: str) -> None:
        self.default = default if default in LOCALES else LOCALES[0]
        self._by_locale = {locale: Language(locale, _compile(locale)) for locale in LOCALES}

    def get(self, locale: str | None) -> Language:
        return self._by_locale.get(locale or "", self._by_locale[self.default])

    def accepted(self, accept_language: str | None) -> Language:
        """By an Accept-Language header; the installation's default where it names neither language."""
        best, best_weight = self.default, 0.0
        for part in (accept_language or "").split(",")[:16]:
            tag, _, parameters = part.strip().partition(";")
            weight = _weight(parameters)
            locale = {"zh": "zh_CN", "en": "en"}.get(tag.strip().lower().partition("-")[0])
            if locale and weight > best_weight:
                best, best_weight = locale, weight
        return self._by_locale[best]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _local_day(at: datetime | date) -> date:
    return at.astimezone(LOCAL_ZONE).date() if isinstance(at, datetime) else at


def _compile(locale: str) -> gettext.GNUTranslations:
    with (LOCALE_FOLDER / locale / "rollcall.po").open("rb") as po:
        # A damaged entry must not be skipped with a word on standard output, where a document may be due.
        catalogue = read_po(po, locale=locale, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
