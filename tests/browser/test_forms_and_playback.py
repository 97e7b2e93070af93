"""What people do: log in, import, plan, correct, play; and what they are told when it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, PASSWORD
from tests.browser.crowd import CROWD, EMPTY

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.xdist_group("browser")]

EVERYWHERE = [(size, locale) for size in ("desk", "phone") for locale in ("zh_CN", "en")]


def fits(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def until(page, question: str) -> None:
    """As the page's policy forbids evaluated text inside it, the asking is done from here."""
    for _ in range(200):
        if page.evaluate(question):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"the page never said yes to {question}")


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_a_wrong_password_is_told_and_the_next_try_is_at_hand(open_page, size: str, locale: str) -> None:
    page = open_page(size, locale, account="")
    page.goto("/console/login?next=/console/flags")
    page.fill("input[name=account]", "chief")
    page.fill("input[name=password]", "not this one")
    page.keyboard.press("Enter")
    notice = page.wait_for_selector(".notice.bad[role=alert]").inner_text()
    assert notice == {"zh_CN": "账号或密码不正确。", "en": "Account and password do not fit."}[locale]
    assert page.input_value("input[name=account]") == "chief"
    assert page.input_value("input[name=password]") == ""
    until(page, "document.activeElement.name === 'password'")
    assert fits(page)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/flags")


def test_from_the_log_in_to_a_playing_mark_by_keyboard_alone(open_page) -> None:
    page = open_page("desk", "en", account="")
    page.goto(f"/console/lessons/{JUDGED}")
    until(page, "document.activeElement.name === 'account'")
    page.keyboard.type("supervisor")
    page.keyboard.press("Tab")
    until(page, "document.activeElement.name === 'password'")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.endswith(JUDGED) and "login" not in url)
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#t-T002 a.mark')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] video")
    until(page, "document.querySelector('dialog video').readyState >= 2")
    until(page, "document.querySelector('dialog video').currentTime >= 3")
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog video", state="detached")
    assert page.evaluate("document.activeElement.matches('#t-T002 a.mark')")


@pytest.mark.parametrize(("size", "locale"), EVERYWHERE)
def test_a_mark_plays_its_instant_beside_its_reasons(open_page, size: str, locale: str) -> None:
    page = open_page(size, locale)
    page.goto(f"/console/lessons/{JUDGED}")
    page.click("#t-T002 a.mark")
    page.wait_for_selector("dialog[open] video")
    until(page, "document.querySelector('dialog video').readyState >= 2")
    until(page, "document.querySelector('dialog video').currentTime >= 3")
    page.evaluate("document.querySelector('dialog video').pause()")
    assert page.evaluate("document.querySelector('dialog video').currentTime") < 8
    dialog = page.locator("dialog")
    assert page.evaluate("(d => d.scrollWidth <= d.clientWidth)(document.querySelector('dialog'))")
    assert {"zh_CN": "迟到", "en": "Late"}[locale] in dialog.inner_text()
    assert dialog.locator(".reasons li").count() >= 1
    # another instant opens in place, and the focus stays inside.
    dialog.locator(".instants a.instant").last.click()
    until(page, "document.querySelector('dialog video')?.dataset.offset === '9.0'")
    assert page.evaluate("document.querySelector('dialog').contains(document.activeElement)")
    page.click("dialog .close")
    page.wait_for_selector("dialog video", state="detached")


def test_the_face_is_framed_at_its_instant_and_not_long_after(open_page) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:03%2B00:00&trainee=T002")
    until(page, "document.querySelector('video').readyState >= 2")
    until(page, "!document.querySelector('[data-face]').hasAttribute('hidden')")
    page.evaluate("document.querySelector('video').currentTime = 8")
    until(page, "document.querySelector('[data-face]').hasAttribute('hidden')")


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_an_instant_without_footage_says_why(open_page, locale: str) -> None:
    page = open_page("phone", locale)
    page.goto(f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:21:00%2B00:00")
    assert page.locator("video").count() == 0
    assert {"zh_CN": "视频流中断", "en": "Stream lost"}[locale] in page.locator(".film").inner_text()


def test_a_session_that_ended_meanwhile_refuses_the_form_and_offers_the_log_in(open_page) -> None:
    page = open_page("desk", "en", account="")
    page.goto("/console/login?next=/console/classes")
    page.fill("input[name=account]", "operator")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/classes")
    page.fill("input[name=code]", "HZ-2026-077")
    page.fill("input[name=name]", "never made")
    page.context.clear_cookies()
    page.click("form[action='/console/classes'] button")
    page.wait_for_selector("a.button[href='/console/login']")
    assert "401" in page.locator("main").inner_text()
    page.click("a.button[href='/console/login']")
    page.wait_for_selector("input[name=account]")


def test_a_play_click_after_the_session_ended_leads_to_the_log_in_and_back(open_page) -> None:
    page = open_page()
    page.goto(f"/console/lessons/{JUDGED}")
    page.context.clear_cookies()
    page.click("#t-T002 a.mark")
    page.wait_for_url(lambda url: "/console/login?next=" in url and "moment" in url)


def test_a_form_without_its_token_is_refused_and_nothing_is_made(open_page, browser_scene) -> None:
    page = open_page("desk", "en")
    page.goto("/console/classes")
    page.evaluate("document.querySelector('form[action=\"/console/classes\"] [name=csrf_token]').remove()")
    page.fill("input[name=code]", "HZ-2026-066")
    page.fill("input[name=name]", "forged")
    page.click("form[action='/console/classes'] button")
    page.wait_for_selector("main .empty")
    assert "403" in page.locator("main").inner_text()
    with browser_scene.house.ledger.read() as work:
        assert work.classes.find("HZ-2026-066") is None


@pytest.mark.parametrize(
    ("size", "locale", "told"),
    [("desk", "zh_CN", "下课时间必须晚于上课时间"), ("phone", "en", "the lesson must end after it starts")],
)
def test_a_refused_lesson_keeps_what_was_typed(open_page, size: str, locale: str, told: str) -> None:
    page = open_page(size, locale)
    page.goto(f"/console/classes/{CROWD}")
    page.click("details.why summary")
    page.fill("input[name=title]", "夜课 <b>1</b>")
    page.fill("input[name=day]", "2026-12-01" if size == "desk" else "2026-12-02")
    page.fill("input[name=starts]", "19:00")
    page.fill("input[name=ends]", "18:00")
    page.click("details.why button[type=submit]")
    assert told in page.wait_for_selector(".notice.bad").inner_text()
    assert page.locator("details.why[open]").count() == 1
    assert page.input_value("input[name=title]") == "夜课 <b>1</b>"
    assert (page.input_value("input[name=starts]"), page.input_value("input[name=ends]")) == (
        "19:00",
        "18:00",
    )
    assert fits(page)
    page.fill("input[name=ends]", "19:45")
    page.click("details.why button[type=submit]")
    page.wait_for_selector(".notice.bad", state="detached")
    assert "19:00–19:45" in page.locator("main").inner_text()


@pytest.mark.parametrize(("size", "locale"), [("desk", "en"), ("phone", "zh_CN")])
def test_a_roster_is_reported_row_by_row_and_then_imported(
    open_page, tmp_path: Path, size: str, locale: str
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("姓名,身份证号,电话,照片\n张三,37017019900101000X,,a.jpg\n李四,12,,\n", encoding="utf-8")
    page = open_page(size, locale)
    page.goto(f"/console/classes/{EMPTY}/roster/import")
    page.set_input_files("input[type=file]", str(bad))
    page.click("button[value=check]")
    page.wait_for_url(lambda url: "job=" in url)
    page.wait_for_selector("#job", state="detached")
    rows = page.locator("tbody tr")
    assert rows.count() >= 1
    assert fits(page)
    text = page.locator("main").inner_text()
    assert {"en": "Nothing was imported", "zh_CN": "未导入"}[locale] in text


def test_a_file_of_the_wrong_kind_is_told_by_its_name(open_page, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.pdf"
    wrong.write_bytes(b"%PDF-1.4")
    table = tmp_path / "roster.csv"
    table.write_text("姓名,身份证号\n", encoding="utf-8")
    page = open_page("phone", "en")
    page.goto(f"/console/classes/{EMPTY}/roster/import")
    page.set_input_files("input[type=file]", [str(wrong), str(table)])
    page.click("button[value=check]")
    notice = page.wait_for_selector(".notice.bad:not([hidden])", timeout=20_000).inner_text()
    assert "notes.pdf" in notice
    assert fits(page)


def test_files_larger_than_the_server_takes_are_told_before_they_are_sent(open_page, tmp_path: Path) -> None:
    big = tmp_path / "big.zip"
    big.write_bytes(b"PK")
    page = open_page("desk", "en")
    page.goto(f"/console/classes/{EMPTY}/roster/import")
    page.evaluate("document.querySelector('#import-form').dataset.limit = '1'")
    page.set_input_files("input[type=file]", str(big))
    page.click("button[value=check]")
    notice = page.wait_for_selector("#upload-problem:not([hidden])").inner_text()
    assert notice.startswith("These files are larger than")
    assert page.locator("button[value=check]").is_enabled()


def test_a_correction_that_raises_hours_waits_for_a_second_person(open_page) -> None:
    page = open_page("desk", "en")
    page.goto(f"/console/lessons/{JUDGED}/trainees/T003")
    page.fill("input[name=credited_hours]", "7")
    page.fill("textarea[name=reason]", "was in the workshop")
    page.click("form[action$=correction] button")
    assert "0 to 1 class hours" in page.wait_for_selector(".notice.bad").inner_text()
    assert page.input_value("textarea[name=reason]") == "was in the workshop"
    page.fill("input[name=credited_hours]", "1")
    page.click("form[action$=correction] button")
    page.wait_for_url("**#t-T003")
    assert "to be approved" in page.locator("#t-T003").inner_text()
    chief = open_page("desk", "en", account="chief")
    chief.goto(f"/console/lessons/{JUDGED}")
    chief.click("#t-T003 summary")
    chief.click("#t-T003 form[action$=approval] button")
    chief.wait_for_url("**#t-T003")
    assert "corrected" in chief.locator("#t-T003").inner_text()
    assert "to be approved" not in chief.locator("#t-T003").inner_text()


def test_the_days_list_keeps_itself_fresh(open_page) -> None:
    """Coming back to the window is enough; the same happens at every quarter of a minute."""
    page = open_page("desk", "en")
    page.goto("/console/today")
    page.evaluate("document.querySelector('#day-list').replaceChildren()")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#day-list .lesson-card")


def test_an_administrator_sees_lessons_but_no_way_in(open_page) -> None:
    page = open_page("desk", "en", account="administrator")
    page.goto("/console/today")
    assert page.locator(".lesson-card").count() >= 2
    assert page.locator("a.lesson-card").count() == 0
    answer = page.goto(f"/console/lessons/{LIVE}")
    assert answer.status == 403
    assert "Your role does not allow this" in page.locator("main").inner_text()


def test_a_class_page_offers_what_the_role_may_do(open_page) -> None:
    page = open_page("desk", "en", account="inspector")
    page.goto(f"/console/classes/{CLASS}")
    assert page.locator("form[method=post]:not(.language):not([action$=logout])").count() == 0
    assert page.goto(f"/console/classes/{CLASS}/roster/import").status == 403
