"""What pages show, as pure values: figures, seats, bars, instants, languages, addresses to go on to."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from models.attendance import EvidenceLink, Mark
from models.attendance_evidence import Shows
from models.timeline import Interval
from supervision_api.console import lesson_view
from supervision_api.console.footage_view import WIDTH, Track, _Scale
from supervision_api.console.i18n import LOCALES, Languages
from supervision_api.console.live_texts import live_texts
from supervision_api.console.pages import as_typed
from supervision_api.console.render import Renderer, _as_json, minutes
from supervision_api.routes.console_session import HOME, safe_next

AT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
LANGUAGES = Languages("zh_CN")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (35.97, "35.9"),
        (36, "36"),
        (36.04, "36"),
        (3.2, "3.2"),
        (0.05, "0"),
        (44.6, "44.6"),
        (1234.5, "1234.5"),
    ],
)
def test_minutes_are_cut_and_not_rounded_up(value: float, shown: str) -> None:
    assert minutes(value) == shown


@given(st.floats(0, 1440), st.floats(0, 1440))
def test_who_stayed_less_never_reads_as_more(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert float(minutes(low)) <= float(minutes(high))
    assert float(minutes(low)) <= low + 1e-6


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_in_a_page_cannot_end_its_element_and_reads_back(value: object) -> None:
    text = _as_json(value)
    assert isinstance(text, Markup)
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


def scale(minutes_long: float = 45) -> _Scale:
    return _Scale(AT, AT + timedelta(minutes=minutes_long))


def test_a_bar_lies_where_its_time_lies() -> None:
    assert scale().x(AT) == 0
    assert scale().x(AT + timedelta(minutes=45)) == WIDTH
    assert scale().width(Interval(AT, AT + timedelta(minutes=9))) == pytest.approx(200)


def test_a_gap_of_a_moment_is_still_seen() -> None:
    assert scale().width(Interval(AT, AT + timedelta(milliseconds=1))) == 1.0


@pytest.mark.parametrize(("long", "in_seconds"), [(45, False), (4, False), (3.9, True), (0.5, True)])
def test_a_short_track_is_marked_to_the_second(long: float, in_seconds: bool) -> None:
    ticks = scale(long).ticks()
    assert Track("x", (), (), ticks, 0, 0.0).ticks_in_seconds is in_seconds


@given(st.integers(1, 86_400))
def test_ticks_are_even_and_reach_both_edges(seconds: int) -> None:
    ticks = scale(seconds / 60).ticks()
    assert (ticks[0], ticks[-1]) == (AT, AT + timedelta(minutes=seconds / 60))
    steps = {round((b - a).total_seconds(), 3) for a, b in itertools.pairwise(ticks)}
    assert max(steps) - min(steps) < 0.01


def test_a_moments_address_carries_every_value_whole() -> None:
    link = EvidenceLink("first_seen", AT, "camera &?#=/ä", 1.0)
    query = parse_qs(urlsplit(lesson_view.moment_link("L-1", link, trainee="T 1&x=2")).query)
    assert query == {
        "camera": ["camera &?#=/ä"],
        "at": [AT.isoformat()],
        "shows": ["first_seen"],
        "trainee": ["T 1&x=2"],
    }


def test_instants_without_a_camera_are_left_out() -> None:
    links = (EvidenceLink("not_seen", AT, "", 0.0), EvidenceLink("last_seen", AT, "c", 0.0))
    shown = lesson_view.instants("L", links, LANGUAGES.get("en"))
    assert [one.shows for one in shown] == ["Last seen"]


@pytest.mark.parametrize(
    ("mark", "links", "best"),
    [
        (Mark.LATE, (Shows.NOT_SEEN, Shows.FIRST_SEEN), Shows.FIRST_SEEN),
        (Mark.LATE, (Shows.NOT_SEEN,), Shows.NOT_SEEN),
        (Mark.LEFT_EARLY, (Shows.FIRST_SEEN, Shows.LAST_SEEN), Shows.LAST_SEEN),
        (Mark.ABSENT_IN_MIDDLE, (Shows.HOLE_ENDS, Shows.HOLE_BEGINS), Shows.HOLE_BEGINS),
        (Mark.ABSENT_IN_MIDDLE, (Shows.HOLE_ENDS,), Shows.HOLE_ENDS),
    ],
)
def test_a_mark_leads_to_the_instant_that_shows_it_best(mark: Mark, links, best: Shows) -> None:
    view = lesson_view._mark("L", "T1", mark, [EvidenceLink(one, AT, "c", 0.0) for one in links])
    assert parse_qs(urlsplit(view.link).query)["shows"] == [best.value]


def test_a_mark_without_an_instant_is_no_link() -> None:
    assert lesson_view._mark("L", "T1", Mark.LATE, ()).link == ""


def test_a_trainee_nobody_has_seen_waits() -> None:
    seat = lesson_view._seat("T1", "n", None)
    assert (seat.state, seat.first_seen, seat.marks) == ("waiting", None, ())


@pytest.mark.parametrize("locale", LOCALES)
def test_the_live_pages_script_gets_every_text_it_names(locale: str) -> None:
    texts = live_texts(LANGUAGES.get(locale))
    source = (lesson_view.phrases.__file__ or "").replace("phrases.py", "static/live.js")
    with open(source, encoding="utf-8") as script:  # noqa: PTH123
        text = script.read()
    named = set(re.findall(r"\btexts\.(\w+)", text))
    assert named == set(texts)
    assert "{time}" in str(texts["away"])
    assert "{time}" in str(texts["logged_out"])


@pytest.mark.parametrize("locale", LOCALES)
def test_times_are_written_in_the_classs_zone(locale: str) -> None:
    language = LANGUAGES.get(locale)
    assert language.clock(AT) == "00:30"
    assert language.clock_s(AT) == "00:30:00"
    assert language.instant(AT) == "2026-11-24 00:30:00"
    assert "24" in language.day(AT)
    assert "24" in language.short_day(AT)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "zh_CN"),
        ("", "zh_CN"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-TW,en;q=0.9", "zh_CN"),
        ("fr,de", "zh_CN"),
        ("fr,en;q=0.1", "en"),
        ("en;q=0.2,zh;q=0.3", "zh_CN"),
        ("en;q=nonsense", "zh_CN"),
        ("en;q=0", "zh_CN"),
        (",".join(["fr"] * 16 + ["en"]), "zh_CN"),
    ],
)
def test_the_language_is_the_one_the_reader_asks_for(header: str | None, chosen: str) -> None:
    assert LANGUAGES.accepted(header).locale == chosen


@pytest.mark.parametrize(("default", "kept"), [("en", "en"), ("fr", "zh_CN"), ("", "zh_CN")])
def test_an_installation_speaks_one_of_both(default: str, kept: str) -> None:
    assert Languages(default).get(None).locale == kept


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/console",
        "//evil.example/console",
        "/\\evil.example",
        "/api/v1/session",
        "javascript:alert(1)",
        "/console/login",
        "/console/logout",
        "/console/language",
        "/console/a\nb",
        "",
    ],
)
def test_nobody_is_led_away_after_the_log_in(target: str) -> None:
    assert safe_next(target) == HOME


@pytest.mark.parametrize("target", ["/console/flags", "/console/lessons/a?x=1&y=2", "/console/today?day=1"])
def test_a_page_of_the_console_is_gone_back_to(target: str) -> None:
    assert safe_next(target) == target


def test_a_form_nobody_typed_in_is_empty() -> None:
    assert as_typed(None)["anything"] == ""
    assert as_typed({"a": "1"})["a"] == "1"


def test_a_page_with_a_value_missing_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(UndefinedError):
        Renderer(LANGUAGES).render(LANGUAGES.get("en"), "error.html", {})


def test_an_instant_that_shows_two_things_is_one_button_of_a_flag() -> None:
    at = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    first = EvidenceLink("first_seen", at, "front", 0.9)
    best = EvidenceLink("best", at, "front", 0.9)
    aside = EvidenceLink("best", at, "back", 0.9)
    last = EvidenceLink("last_seen", at + timedelta(minutes=3), "front", 0.4)
    assert lesson_view._each_once([first, best, aside, last]) == [best, aside, last]
    assert lesson_view._each_once([]) == []
