"""The console as people meet it: two sizes, two languages, with and without scripts."""

from __future__ import annotations

from datetime import timedelta

import cv2
import numpy as np
import pytest

from models.attendance import Mark
from models.footage import CameraReport, CameraState
from models.timetable import LessonState
from supervision_api import live_events
from supervision_api.live import LiveBox
from supervision_api.live_events import RollState
from tests.api.scene import CAMERA, JUDGED, LIVE, NAMES, NOW

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.xdist_group("browser")]

EVERYWHERE = [(size, locale) for size in ("desk", "phone") for locale in ("zh_CN", "en")]


def classroom() -> bytes:
    """A drawn room of 640 × 360."""
    picture = np.full((360, 640, 3), (196, 206, 210), np.uint8)
    picture[250:] = (140, 160, 176)
    for column in range(5):
        cv2.ellipse(picture, (90 + column * 115, 190), (24, 32), 0, 0, 360, (150, 178, 216), -1)
        cv2.rectangle(picture, (60 + column * 115, 226), (120 + column * 115, 300), (120, 92, 70), -1)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def until(page, question: str) -> None:
    """Waits until the page answers yes. Playwright's own waiting evaluates text inside the page, which the
    page's Content-Security-Policy forbids."""
    for _ in range(200):
        if page.evaluate(question):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"the page never said yes to {question}")


def fits(page) -> bool:
    """Nothing reaches over the side of the page."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_logging_in_and_out(open_page, shoot, size: str, locale: str) -> None:
    page = open_page(size, locale, account="")
    page.goto("/console/flags")
    assert "/console/login" in page.url
    assert fits(page)
    shoot(page, f"login-{size}-{locale}")
    page.fill("input[name=account]", "operator")
    page.fill("input[name=password]", "three quiet classrooms")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/flags")
    page.click("form[action='/console/logout'] button")
    page.wait_for_url("**/console/login")


def test_a_visitor_changes_the_language(open_page) -> None:
    page = open_page(locale="zh_CN")
    page.goto("/console/today")
    assert page.locator("h1").inner_text() == "今日课次"
    page.click("form.language button")
    page.wait_for_selector("html[lang=en]")
    assert page.locator("h1").inner_text() == "Today's lessons"


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_the_roll_fills_while_people_are_recognised(open_page, served, shoot, size: str, locale: str) -> None:
    hub = served.hub
    hub.forget(LIVE)
    page = open_page(size, locale)
    page.goto(f"/console/lessons/{LIVE}")
    page.wait_for_selector("#connection[data-state=on]")
    assert page.locator("#seen-count").inner_text() == "0"
    begun = NOW - timedelta(minutes=20)
    hub.publish(LIVE, live_events.camera_changed(CameraReport(CAMERA, LIVE, NOW, CameraState.RECORDING)))
    hub.publish(LIVE, live_events.lesson_changed(NOW, LessonState.RUNNING))
    hub.publish(LIVE, live_events.coverage(NOW, 19.6, 20.0))
    for number in range(1, 10):
        late = (Mark.LATE,) if number == 4 else ()
        state = RollState.AWAY if number == 6 else RollState.HERE
        seen = begun + timedelta(seconds=35 * number)
        hub.publish(
            LIVE,
            live_events.roll_entry(NOW, f"T{number:03d}", state, first_seen=seen, last_seen=NOW, marks=late),
        )
    hub.publish(LIVE, live_events.unknown_person(NOW, "u-7", CAMERA, begun, NOW))
    boxes = [LiveBox((66 + c * 115) / 640, 150 / 360, 48 / 640, 76 / 360, f"T{c + 1:03d}") for c in range(4)]
    boxes.append(LiveBox(526 / 640, 150 / 360, 48 / 640, 76 / 360, None, "u-7"))
    hub.set_picture(LIVE, CAMERA, classroom(), boxes, NOW)
    page.wait_for_selector("svg.boxes g:nth-child(5)")
    assert page.locator("#seen-count").inner_text() == "9"
    labels = page.locator("svg.boxes text").all_text_contents()
    assert labels[0] == NAMES[0]
    assert labels[4] == {"zh_CN": "未知", "en": "Unknown"}[locale]
    assert page.locator(".seat[data-trainee=T004] .mark").count() == 1
    assert page.locator("#unknowns li").count() == 1
    assert page.locator("#coverage").inner_text() == "98%"
    assert fits(page)
    page.wait_for_timeout(200)
    shoot(page, f"live-{size}-{locale}")


def test_a_name_with_markup_stays_text(open_page, served) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{LIVE}")
    seat = page.locator(".seat[data-trainee=T016] .name")
    assert seat.inner_text() == NAMES[15]


def test_a_judged_lesson_turns_into_its_sheet(open_page, served) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{LIVE}")
    page.wait_for_selector("#connection[data-state=on]")
    with page.expect_navigation():
        served.hub.publish(LIVE, live_events.lesson_changed(NOW, LessonState.JUDGED))
    served.hub.forget(LIVE)


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_a_click_on_a_mark_plays_that_instant(open_page, shoot, size: str) -> None:
    page = open_page(size)
    page.goto(f"/console/lessons/{JUDGED}")
    page.click("#t-T002 a.mark")
    until(page, "document.querySelector('dialog video')?.currentTime >= 3")
    page.evaluate("document.querySelector('dialog video').pause()")
    assert page.evaluate("document.querySelector('dialog video').currentTime") < 6
    assert page.evaluate("document.querySelector('dialog video').videoWidth") == 320
    assert "T002" in page.locator("dialog h2").inner_text()
    shoot(page, f"dialog-{size}", whole=False)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog video", state="detached")


def test_the_page_of_a_moment_seeks_in_the_spool_as_well(open_page) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:17%2B00:00")
    until(page, "document.querySelector('video').currentTime >= 7")


def test_the_sheet_can_show_only_what_needs_a_look(open_page) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}")
    rows = page.locator("tbody.pair:visible")
    whole = rows.count()
    page.check("#only-notable")
    assert 0 < rows.count() < whole


def test_sheet_and_roll_are_there_without_scripts(open_page, shoot) -> None:
    page = open_page(scripts=False)
    page.goto(f"/console/lessons/{LIVE}")
    assert page.locator(".seat").count() == len(NAMES)
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1 or "refresh" in page.content()
    page.goto(f"/console/lessons/{JUDGED}")
    page.locator("#t-T004 summary").click()
    assert page.locator("#t-T004 .reasons li").first.is_visible()
    page.click("#t-T002 a.mark")
    assert page.locator("video").get_attribute("src").endswith("#t=3.0")


def test_the_keyboard_reaches_a_mark_and_opens_it(open_page) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}")
    page.focus("#t-T002 a.mark")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] video")
