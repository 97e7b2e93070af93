"""The live page when the server goes away, comes back, has lost its session, or judged meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.register import LessonRecord
from models.timetable import LessonState
from supervision_api import live_events
from supervision_api.live_events import RollState
from tests.api.scene import CAMERA, LIVE, NOW, PASSWORD
from tests.browser.crowd import CROWD_LIVE, TO_JUDGE

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.xdist_group("browser")]

AWAY = {"zh_CN": "服务器没有响应", "en": "The server does not answer"}
SEEN = NOW - timedelta(minutes=19)


def arrive(hub, lesson: str, code: str) -> None:
    event = live_events.roll_entry(NOW, code, RollState.HERE, first_seen=SEEN, last_seen=NOW)
    hub.publish(lesson, event)


@pytest.mark.parametrize(("size", "locale"), [("desk", "zh_CN"), ("phone", "en")])
def test_a_page_cut_off_says_so_and_goes_on_by_itself(
    open_page, own_server, shoot, size: str, locale: str
) -> None:
    page = open_page(size, locale, url=own_server.url)
    page.goto(f"/console/lessons/{CROWD_LIVE}")
    page.wait_for_selector("#connection[data-state=on]")
    arrive(own_server.hub, CROWD_LIVE, "C007")
    page.wait_for_selector(".seat[data-trainee=C007][data-state=here]")
    own_server.stop()
    page.wait_for_selector("#outage:not([hidden])")
    assert AWAY[locale] in page.locator("#outage").inner_text()
    assert "09:30" in page.locator("#outage").inner_text()
    assert page.locator("#connection").get_attribute("data-state") == "off"
    assert page.locator("body.offline").count() == 1
    assert page.locator(".seat[data-trainee=C007]").get_attribute("data-state") == "here"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    shoot(page, f"offline-{size}-{locale}")
    own_server.start()
    page.wait_for_selector("#connection[data-state=on]", timeout=20_000)
    assert page.locator("#outage").is_hidden()
    assert page.locator("body.offline").count() == 0
    arrive(own_server.hub, CROWD_LIVE, "C008")
    page.wait_for_selector(".seat[data-trainee=C008][data-state=here]")


def test_a_page_logged_out_meanwhile_says_so_and_leads_back(open_page, served) -> None:
    page = open_page("desk", "en", account="")
    page.goto(f"/console/login?next=/console/lessons/{CROWD_LIVE}")
    page.fill("input[name=account]", "inspector")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#connection[data-state=on]")
    other = page.context.new_page()
    other.goto("/console/today")
    other.click("form[action='/console/logout'] button")
    other.wait_for_url("**/console/login")
    page.wait_for_selector("#log-in-again:not([hidden])", timeout=20_000)
    assert "You are logged out" in page.locator("#outage").inner_text()
    page.click("#log-in-again")
    page.wait_for_url(lambda url: "/console/login?next=" in url)
    page.fill("input[name=account]", "inspector")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.endswith(CROWD_LIVE) and "login" not in url)


def test_a_lesson_judged_while_the_page_was_cut_off_turns_into_its_sheet(
    open_page, own_server, browser_scene
) -> None:
    page = open_page(url=own_server.url)
    page.goto(f"/console/lessons/{TO_JUDGE}")
    page.wait_for_selector("#connection[data-state=on]")
    own_server.stop()
    page.wait_for_selector("#outage:not([hidden])")
    with browser_scene.house.ledger.write() as work:
        record = work.lessons.get(TO_JUDGE)
        judged = LessonRecord(
            record.lesson, record.policy, LessonState.JUDGED, record.roll_call_seed, revision=record.revision
        )
        work.lessons.change(judged)
    own_server.start()
    page.wait_for_selector(".sheet", timeout=20_000)


def test_who_may_not_see_footage_still_sees_whether_the_page_is_live(open_page, served) -> None:
    page = open_page("phone", "en", account="instructor")
    page.goto(f"/console/lessons/{LIVE}")
    page.wait_for_selector("#connection[data-state=on]")
    assert page.locator(".stage").count() == 0
    arrive(served.hub, LIVE, "T009")
    page.wait_for_selector(".seat[data-trainee=T009][data-state=here]")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_hours_before_a_lesson_are_told_in_hours(open_page) -> None:
    page = open_page("desk", "en")
    page.goto("/console/lessons/HZ-2026-000-planned")
    for _ in range(100):
        text = page.locator("#remaining").inner_text()
        if text.startswith("Starts in"):
            break
        page.wait_for_timeout(20)
    assert text.startswith("Starts in 2:59:") or text == "Starts in 3:00:00"


def test_back_and_forward_find_the_page_live_again(open_page, served) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{LIVE}")
    page.wait_for_selector("#connection[data-state=on]")
    page.goto("/console/flags")
    page.go_back()
    page.wait_for_selector("#connection[data-state=on]")
    arrive(served.hub, LIVE, "T010")
    page.wait_for_selector(".seat[data-trainee=T010][data-state=here]")
    page.go_forward()
    page.wait_for_url("**/console/flags")
    assert page.locator("h1").count() == 1


def test_forty_seats_fill_in_one_burst(open_page, served) -> None:
    page = open_page("phone")
    page.goto(f"/console/lessons/{CROWD_LIVE}")
    page.wait_for_selector("#connection[data-state=on]")
    for number in range(1, 41):
        arrive(served.hub, CROWD_LIVE, f"C{number:03d}")
    page.wait_for_selector(".seat[data-trainee=C040][data-state=here]")
    assert page.locator("#seen-count").inner_text() == "40"
    assert CAMERA in page.content()
