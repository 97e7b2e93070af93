"""The footage page's players, without a browser: what they link, what they warn of, what a clip becomes."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import av
import pytest

from models.errors import InvalidInput
from models.footage import Gap, GapCause
from supervision_api.console.player_view import TILES, film_link, instant_text, time_of_day
from tests.api.scene import CAMERA, JUDGED, LIVE, STARTS, add_segment, make_clip
from tests.browser.film_stage import BACK, BEGINS, FRONT, LESSON, add_film_lesson

PAGE = f"/console/lessons/{JUDGED}/footage"
CLIP = f"/console/lessons/{JUDGED}/clip"


def page(visitor, address: str, locale: str = "en") -> str:
    visitor.cookies.set("rollcall_locale", locale)
    answer = visitor.get(address)
    assert answer.status_code == 200, answer.text[:300]
    return answer.text


def values(html: str, pattern: str) -> list[str]:
    return [unescape(found) for found in re.findall(pattern, html)]


def test_the_player_names_both_ends_of_its_film_and_all_of_it_can_be_had(operator) -> None:
    html = page(operator, PAGE)
    (source,) = values(html, r'<source src="([^"]+)"')
    bounds = parse_qs(urlsplit(source).query)
    assert bounds == {"from": ["2026-11-23T00:00:00Z"], "to": ["2026-11-23T00:00:20Z"]}
    linked = [source, *values(html, r'<track [^>]*src="([^"]+)"'), *values(html, r'poster="([^"]+)"')]
    linked += values(html, r'<image href="([^"]+)"')
    assert len(linked) == 4
    for address in linked:
        assert operator.get(address).status_code == 200, address
    assert 'preload="none"' in html, "nothing plays, and no film is a viewing, until somebody asks"


def test_a_film_that_plays_does_not_change_while_the_lesson_goes_on(operator, scene) -> None:
    (source,) = values(page(operator, PAGE), r'<source src="([^"]+)"')
    before = operator.get(source)
    add_segment(scene.house, 3, make_clip(90))
    after = operator.get(source)
    assert (after.headers["etag"], after.content) == (before.headers["etag"], before.content)
    (longer,) = values(page(operator, PAGE), r'<source src="([^"]+)"')
    assert longer != source


def test_an_instant_and_a_time_of_day_lead_to_the_same_second(operator) -> None:
    by_instant = page(operator, f"{PAGE}?camera={CAMERA}&at=2026-11-23T00:00:12Z")
    by_time = page(operator, f"{PAGE}?camera={CAMERA}&time=08:00:12")
    for html in (by_instant, by_time):
        assert 'preload="auto"' in html
        assert values(html, r'<source src="[^"]+#t=([0-9.]+)"') == ["12.000"]
        assert values(html, r'data-second="([0-9.]+)"') == ["12.0"]
        (poster,) = values(html, r'poster="([^"]+)"')
        assert parse_qs(urlsplit(poster).query)["at"] == ["2026-11-23T00:00:12Z"]


@pytest.mark.parametrize(("asked", "second"), [("07:00", "0.000"), ("09:30:00", "20.000")])
def test_a_time_outside_the_film_leads_to_its_nearer_end(operator, asked: str, second: str) -> None:
    html = page(operator, f"{PAGE}?time={asked}")
    assert values(html, r'<source src="[^"]+#t=([0-9.]+)"') == [second]


@pytest.mark.parametrize("asked", ["soon", "25:00", "08:00+08:00", "8", "08:61"])
def test_what_is_no_time_of_day_is_refused(operator, asked: str) -> None:
    assert operator.get(PAGE, params={"time": asked}).status_code == 422
    assert operator.get(CLIP, params={"camera": CAMERA, "from": asked, "to": "08:01"}).status_code == 422
    with pytest.raises(InvalidInput):
        time_of_day(asked, date(2026, 11, 23))


def test_every_still_leads_to_its_instant(operator) -> None:
    html = page(operator, PAGE)
    links = values(html, r'<a href="([^"]+)" data-seek')
    assert len(links) == TILES
    seconds = values(html, r'data-seek="([0-9.]+)"')
    assert [float(one) for one in seconds] == pytest.approx([20 * n / TILES for n in range(TILES)], abs=0.002)
    followed = page(operator, links[6])
    assert values(followed, r'<source src="[^"]+#t=([0-9.]+)"') == ["10.000"]


def test_a_gap_is_drawn_on_the_strip_with_its_cause_in_both_languages(operator, scene) -> None:
    add_segment(scene.house, 6, make_clip(200))
    missing = (STARTS + timedelta(seconds=20), STARTS + timedelta(seconds=50))
    with scene.house.ledger.write() as work:
        work.footage.add_gap(Gap(JUDGED, CAMERA, *missing, GapCause.STREAM_STALLED))
    drawn = r'<rect class="gap" x="([0-9.]+)" y="98" width="([0-9.]+)" height="10"><title>([^<]+)</title>'
    for locale in ("en", "zh_CN"):
        ((x, width, title),) = re.findall(drawn, page(operator, PAGE, locale))
        assert (float(x), float(width)) == (pytest.approx(768.0, abs=1), pytest.approx(1152.0, abs=1))
        assert "08:00:20–08:00:50" in title
        assert ("Stream stalled" in title) is (locale == "en")


def test_missing_time_without_a_declared_cause_says_so(operator, scene) -> None:
    add_segment(scene.house, 6, make_clip(200))
    assert "cause not declared" in page(operator, PAGE)
    assert "原因未登记" in page(operator, PAGE, "zh_CN")


def test_a_segment_that_cannot_be_read_is_named_and_the_rest_plays(operator, scene) -> None:
    broken = add_segment(scene.house, 3, b"\0\0\0\x10free12345678")
    html = page(operator, PAGE)
    (notice,) = values(html, r'<p class="notice bad">([^<]+)</p>')
    assert f" {broken.sequence}." in notice
    (source,) = values(html, r'<source src="([^"]+)"')
    assert operator.get(source).status_code == 200


def test_a_lesson_without_footage_has_no_player(operator) -> None:
    assert "data-player" not in page(operator, f"/console/lessons/{LIVE}/footage")


def test_h265_gets_a_copy_that_says_what_it_is_and_the_original_beside_it(operator, scene) -> None:
    add_film_lesson(scene.house, segment_s=2)
    for locale, marked in (("en", "derived copy"), ("zh_CN", "派生副本")):
        html = page(operator, f"/console/lessons/{LESSON}/footage", locale)
        cards = dict(
            re.findall(r'<section class="card" id="camera-([^"]+)">(.*?)</section>', html, re.DOTALL)
        )
        front, back = cards[FRONT], cards[BACK]
        assert f'<span class="derived-mark">{marked}</span>' in back
        assert "derived-mark" not in front
        assert "H.265" in back
        (source,) = values(back, r'<source src="([^"]+)" type="application/vnd.apple.mpegurl"')
        assert "/derived/playlist.m3u8" in source
        assert re.search(r'<a href="[^"]*/film\.mp4\?[^"]*download=true"', back)
    original = operator.get(f"/api/v1/lessons/{LESSON}/footage/{BACK}/film.mp4")
    with av.open(io.BytesIO(original.content)) as container:
        assert container.streams.video[0].codec_context.name == "hevc", "the original is never converted"
    assert "rollcall-derived" not in original.headers


def test_a_clip_of_the_day_becomes_an_interval_of_the_api(operator) -> None:
    answer = operator.get(CLIP, params={"camera": CAMERA, "from": "08:00:02", "to": "08:00:09"})
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    assert address.path == f"/api/v1/lessons/{JUDGED}/footage/{CAMERA}/film.mp4"
    asked = parse_qs(address.query)
    assert asked["from"] == ["2026-11-23T00:00:02Z"]
    assert asked["to"] == ["2026-11-23T00:00:10Z"], "what is shown to the second is meant to its end"
    kept = operator.get(answer.headers["location"])
    assert kept.headers["content-disposition"].startswith("attachment; ")
    derived = operator.get(CLIP, params={"camera": CAMERA, "from": "08:00", "to": "08:01", "derived": "1"})
    assert "/derived/film.mp4?" in derived.headers["location"]


def test_a_clip_that_ends_before_it_begins_is_refused(operator) -> None:
    asked = {"camera": CAMERA, "from": "08:00:09", "to": "08:00:02"}
    assert operator.get(CLIP, params=asked).status_code == 422


def test_a_clip_of_somebody_who_may_see_no_footage_is_refused(visitor) -> None:
    visitor.log_in("administrator")
    asked = {"camera": CAMERA, "from": "08:00", "to": "08:01"}
    assert visitor.get(CLIP, params=asked).status_code == 403


def test_a_moment_leads_into_the_whole_film(operator) -> None:
    at = instant_text(STARTS + timedelta(seconds=12))
    html = page(operator, f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at={at}")
    expected = film_link(JUDGED, CAMERA, STARTS + timedelta(seconds=12))
    assert expected in unescape(html)
    assert values(page(operator, expected), r'<source src="[^"]+#t=([0-9.]+)"') == ["12.000"]


def test_a_viewing_is_told_in_words_on_the_evidence_page(operator) -> None:
    operator.get(f"/api/v1/lessons/{JUDGED}/footage/{CAMERA}/film.mp4")
    operator.get(f"/api/v1/lessons/{JUDGED}/footage/{CAMERA}/strip.jpg")
    html = page(operator, f"/console/lessons/{JUDGED}/evidence")
    assert "played as a film" in html
    assert "stills looked at" in html
    assert "作为整段影片播放" in page(operator, f"/console/lessons/{JUDGED}/evidence", "zh_CN")


def test_instants_are_written_in_utc_and_times_of_day_are_local() -> None:
    assert instant_text(datetime(2026, 11, 23, 8, 0, 5, tzinfo=UTC)) == "2026-11-23T08:00:05Z"
    at = time_of_day("08:00:05", date(2026, 11, 23))
    assert instant_text(at) == "2026-11-23T00:00:05Z"


def test_the_stage_books_what_it_shows(scene) -> None:
    add_film_lesson(scene.house, segment_s=1)
    with scene.house.ledger.read() as work:
        segments = work.footage.segments(LESSON, FRONT)
        indexed = work.sample_indexes.of_segments([one.segment_id for one in segments])
    assert [one.starts_at - BEGINS for one in segments] == [timedelta(seconds=s) for s in (0, 10, 50)]
    assert all(hashlib.sha256(Path(one.path).read_bytes()).hexdigest() == one.sha256 for one in segments)
    assert len(indexed) == 3
