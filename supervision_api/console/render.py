"""Renders pages: one Jinja environment per language, autoescaping, nothing undefined."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from supervision_api.console import phrases
from supervision_api.console.i18n import LOCALES, Language, Languages
from supervision_api.console.storage_view import size_text

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

_TABLES: Mapping[str, Mapping[str, str]] = {
    "status_meaning": phrases.STATUS_MEANING,
    "roll_state": phrases.ROLL_STATE,
    "camera_state": phrases.CAMERA_STATE,
    "role": phrases.ROLE,
    "consent": phrases.CONSENT,
    "manual": phrases.MANUAL,
    "leaf": phrases.LEAF,
    "store": phrases.STORE,
    "footage_problem": phrases.FOOTAGE_PROBLEM,
    "trial": phrases.TRIAL,
    "error": phrases.ERROR,
}


class Renderer:
    """Templates in every language. ``render`` gives HTML text."""

    def __init__(self, languages: Languages) -> None:
        self.languages = languages
        version = _static_version()
        self._environments = {locale: _environment(languages.get(locale), version) for locale in LOCALES}

    def render(self, language: Language, template: str, values: Mapping[str, Any]) -> str:
        return self._environments[language.locale].get_template(template).render(**values)


def _environment(language: Language, version: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        language.text, language.counted, newstyle=True
    )
    environment.globals.update(lang=language, static_version=version, epoch=datetime(2000, 1, 1, tzinfo=UTC))
    environment.filters.update(
        {
            "day": language.day,
            "short_day": language.short_day,
            "clock": language.clock,
            "clock_s": language.clock_s,
            "instant": language.instant,
            "minutes": minutes,
            "hours": lambda value: f"{value:g}",
            "percent": lambda value: f"{value * 100:.0f}%",
            "month": language.month,
            "kept_day": lambda until: language.day(until - timedelta(seconds=1)),
            "bytes": size_text,
            "megabytes": lambda value: f"{value / 1e6:.1f} MB",
            "iso": lambda value: value.isoformat(),
            "say": lambda code, kind: _say(language, kind, str(code)),
            "as_json": _as_json,
        }
    )
    return environment


def minutes(value: float) -> str:
    """Minutes to a tenth, cut and not rounded: 35.97 of 36 required must not read as 36 of 36."""
    return f"{math.floor(value * 10 + 1e-6) / 10:g}"


def _say(language: Language, kind: str, code: str) -> str:
    if kind in phrases.LABELLED:
        return phrases.say_label(language, kind, code)
    return phrases.say(language, _TABLES[kind], code)


def _as_json(value: object) -> Markup:
    """JSON for a ``<script type="application/json">`` island: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(  # noqa: S704 - the three characters that could open markup are escaped
        text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    )


def _static_version() -> str:
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
