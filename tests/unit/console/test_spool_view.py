"""The panel of what waits for the store: its tone, its words, its spans of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.spool_forecast import UNKNOWN, SpoolForecast
from storage.spool import SpoolState
from storage.upload_desk import DeskState
from supervision_api.console.i18n import Languages
from supervision_api.console.render import Renderer
from supervision_api.console.spool_view import span, spool_panel
from supervision_api.pipeline.spool_watch import SpoolReport, outlook_text

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HOUR = 3600.0
LANGUAGES = Languages("en")
FILLING = SpoolForecast(900.0, 5e6, 0.0, 31 * HOUR, None)


def report(
    alarms: tuple[str, ...] = (),
    *,
    files: int = 3,
    away: bool = False,
    outlook: SpoolForecast = UNKNOWN,
    problem: str = "store_unavailable",
) -> SpoolReport:
    oldest = NOW - timedelta(hours=5) if files else None
    return SpoolReport(
        NOW,
        SpoolState(files, files * 15_000_000, oldest, 200_000_000_000, alarms),
        DeskState(away, 0.0, 0, problem if away else "", 0),
        outlook,
        alarms,
    )


@pytest.mark.parametrize(
    ("found", "tone", "words"),
    [
        (report(), "present", "Footage reaches the store"),
        (report(away=True), "partial", "The store does not answer"),
        (report(("forecast",), outlook=FILLING), "partial", "The spool is filling"),
        (report(("forecast",), files=0, outlook=FILLING), "partial", "The disk is filling"),
        (report(("age",), away=True), "absent", "The store does not answer"),
        (report(away=True, problem="store_key_refused"), "partial", "The store refuses the key"),
        (report(("age",), away=True, problem="store_key_refused"), "absent", "The store refuses the key"),
        (report(("room",), away=True), "absent", "Disk full: no new recording starts"),
    ],
)
def test_the_gravest_state_is_told(found: SpoolReport, tone: str, words: str) -> None:
    panel = spool_panel(found, LANGUAGES.get("en"))
    assert (panel.tone, panel.state) == (tone, words)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (59, "1 minute", "1 分钟"),
        (80 * 60, "80 minutes", "80 分钟"),
        (31 * HOUR, "31 hours", "31 小时"),
        (9.4 * 24 * HOUR, "9 days", "9 天"),
    ],
)
def test_a_span_has_one_unit_in_each_language(seconds: float, english: str, chinese: str) -> None:
    assert span(seconds, LANGUAGES.get("en")) == english
    assert span(seconds, LANGUAGES.get("zh_CN")) == chinese


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(60.0, "full in 1 min"), (31 * HOUR, "full in 31 h"), (100 * HOUR, "full in 4 days")],
)
def test_a_forecast_reads_as_a_sentence_in_logs(seconds: float, words: str) -> None:
    assert outlook_text(replace(FILLING, full_in_s=seconds)) == f"{words} at this rate"


def test_what_does_not_fill_or_is_not_known_says_so() -> None:
    assert outlook_text(UNKNOWN) == "no forecast yet"
    assert outlook_text(replace(FILLING, full_in_s=None)) == "not filling"


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_the_panel_shows_backlog_age_rate_forecast_and_error(locale: str) -> None:
    language = LANGUAGES.get(locale)
    panel = spool_panel(report(("forecast",), away=True, outlook=FILLING), language)
    text = Renderer(LANGUAGES).render(language, "_spool_panel.html", {"spool": panel})
    for words in (span(31 * HOUR, language), span(5 * HOUR, language), "45.0 MB", "5.0 MB", "200.0 GB"):
        assert words in text
    assert "store_unavailable" not in text, "codes are said in words"


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("refuses the key", "let in again")),
        ("zh_CN", ("对象存储拒绝了密钥", "请恢复对象存储的密钥")),
    ],
)
def test_a_key_that_was_withdrawn_is_named_with_what_to_do(locale: str, words: tuple[str, str]) -> None:
    language = LANGUAGES.get(locale)
    panel = spool_panel(report(away=True, problem="store_key_refused"), language)
    text = Renderer(LANGUAGES).render(language, "_spool_panel.html", {"spool": panel})
    assert all(word in text for word in words)


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_an_empty_spool_says_that_all_is_stored(locale: str) -> None:
    language = LANGUAGES.get(locale)
    text = Renderer(LANGUAGES).render(
        language, "_spool_panel.html", {"spool": spool_panel(report(files=0), language)}
    )
    assert language.text("Nothing waits: all footage is in the store.") in text
    assert "<dl" not in text
