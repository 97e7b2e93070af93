"""The note on who resembles an absent trainee, as the API and the console tell it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from models.attendance import Status
from models.reason_texts import render_reason
from supervision_api.app import create_app
from tests.api.conftest import Visitor
from tests.api.scene import ALIKE, ALIKE_LINK, CAMERA, JUDGED, NOW, Scene, verdicts

SHEET = f"/console/lessons/{JUDGED}"
TRAINEE = f"{SHEET}/trainees/T004"
LOCALES = ("zh_CN", "en")
WORDS = {"zh_CN": "请先查看录像再作认定", "en": "look at the footage before deciding"}


def page(visitor: Visitor, path: str, locale: str = "en") -> str:
    visitor.cookies.set("rollcall_locale", locale)
    answer = visitor.get(path)
    assert answer.status_code == 200
    return unescape(answer.text)


def row(text: str, code: str = "T004") -> str:
    found = re.search(rf'<tbody class="pair" id="t-{code}".*?</tbody>', text, re.DOTALL)
    assert found is not None
    return found.group(0)


def hint(text: str) -> str:
    found = re.search(r'<p class="hint">.*?</p>', text, re.DOTALL)
    return found.group(0) if found else ""


def query_of(link: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(link).query)


def visitor_as(scene: Scene, role: str) -> Visitor:
    return Visitor(create_app(scene.services), raise_server_exceptions=False).log_in(role)


@pytest.mark.parametrize(("language", "locale"), [("zh-CN", "zh_CN"), ("en", "en")])
def test_the_api_gives_the_note_and_where_it_plays(operator: Visitor, language: str, locale: str) -> None:
    answer = operator.get(
        f"/api/v1/lessons/{JUDGED}/attendance/T004", headers={"Accept-Language": language}
    ).json()
    (note,) = [one for one in answer["reasons"] if one["code"] == "unknown_resembles"]
    assert note["values"]["unknown"] == "u-1"
    assert note["text"] == render_reason(ALIKE, locale)
    (instant,) = [one for one in answer["evidence"] if one["shows"] == "resembles"]
    assert (instant["camera"], instant["score"]) == (CAMERA, 4.25)
    assert operator.get(instant["footage"], follow_redirects=True).status_code == 200
    assert answer["status"] == "ABSENT"


def test_the_api_gives_the_note_with_both_flags(operator: Visitor) -> None:
    items = operator.get("/api/v1/flags", params={"lesson_id": JUDGED}).json()["items"]
    notes = {one["kind"]: [reason["code"] for reason in one["reasons"]] for one in items}
    assert notes["absence"][-1] == notes["stranger"][-1] == "unknown_resembles"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_sheet_shows_the_note_without_a_click(operator: Visitor, locale: str) -> None:
    shown = hint(row(page(operator, SHEET, locale)))
    assert render_reason(ALIKE, locale) in shown
    assert WORDS[locale] in shown


def test_only_the_trainee_meant_has_the_note(operator: Visitor) -> None:
    text = page(operator, SHEET)
    assert text.count('class="hint"') == 1
    assert hint(row(text, "T003")) == ""


def test_the_summary_of_the_row_does_not_say_it_twice(operator: Visitor) -> None:
    found = re.search(r"<summary>(.*?)</summary>", row(page(operator, SHEET)))
    assert found is not None
    assert found.group(1) == "never seen in 43 watched minutes"


@pytest.mark.parametrize("path", [SHEET, TRAINEE])
def test_the_note_leads_to_its_instant(operator: Visitor, path: str) -> None:
    links = re.findall(r'href="([^"]*/moment\?[^"]*)"', page(operator, path))
    (query,) = {tuple(sorted((k, v[0]) for k, v in query_of(link).items())) for link in links if
                "shows=resembles" in link and "trainee=T004" in link}  # fmt: skip
    assert dict(query) == {
        "camera": CAMERA,
        "at": ALIKE_LINK.at.isoformat(),
        "shows": "resembles",
        "trainee": "T004",
    }


@pytest.mark.parametrize(("locale", "shows"), [("en", "An unidentified person"), ("zh_CN", "相像的未知人员")])
def test_the_moment_boxes_the_unknown_person_and_says_what_it_shows(
    operator: Visitor, locale: str, shows: str
) -> None:
    at = "2026-11-23T00:00:06%2B00:00"
    path = f"{SHEET}/moment?camera={CAMERA}&at={at}&shows=resembles&trainee=T004"
    text = page(operator, path, locale)
    assert shows in text
    assert '<rect x="200.0" y="44.0"' in text, "where the unknown person was"
    assert 'class="face-box unknown"' in text, "in the colour of unknown people"
    assert "log-odds" not in text, "how sure a name is, is said of names"
    assert render_reason(ALIKE, locale) in text


def test_another_instant_of_the_trainee_boxes_nobody_else(operator: Visitor) -> None:
    path = f"{SHEET}/moment?camera={CAMERA}&at=2026-11-23T00:00:06%2B00:00&shows=not_seen&trainee=T004"
    assert "<rect" not in page(operator, path)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_list_of_unknown_people_names_whom_one_resembles(operator: Visitor, locale: str) -> None:
    text = page(operator, SHEET, locale)
    unknown = text[text.index('class="unknowns"') :]
    assert {"en": "Unknown 1", "zh_CN": "未知人员 1"}[locale] in unknown, "the number that the note names"
    assert "刘洋 T004" in unknown
    assert WORDS[locale] in unknown


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_of_flags_shows_the_note_of_both(operator: Visitor, locale: str) -> None:
    text = page(operator, "/console/flags", locale)
    assert text.count(render_reason(ALIKE, locale)) == 2
    assert "shows=resembles" in text


def test_a_correction_to_present_has_heeded_the_note(operator: Visitor) -> None:
    body = {"trainee": "T004", "reason_code": "machine_missed", "reason": "seen", "status": "PRESENT"}
    assert operator.post(f"/api/v1/lessons/{JUDGED}/corrections", json=body).status_code == 201
    shown = row(page(operator, SHEET))
    assert hint(shown) == ""
    text = page(operator, SHEET)
    assert WORDS["en"] not in text[text.index('class="unknowns"') :]
    assert render_reason(ALIKE, "en") in shown, "what the machine said stays among its reasons"


def test_who_may_not_see_footage_reads_the_note_and_gets_no_link(scene: Scene) -> None:
    shown = hint(row(page(visitor_as(scene, "instructor"), SHEET)))
    assert WORDS["en"] in shown
    assert "href" not in shown


def test_a_verdict_of_before_the_note_was_kept_has_none(operator: Visitor, scene: Scene) -> None:
    """Rows that an earlier release wrote, and rows whose link was lost, show as they are."""
    (absent,) = [one for one in verdicts() if one.status is Status.ABSENT]
    for old in (
        replace(absent, reasons=absent.reasons[:1], evidence=()),
        replace(absent, evidence=()),
    ):
        with scene.house.ledger.write() as work:
            work.verdicts.save([old], NOW)
        assert hint(row(page(operator, SHEET))) == ""
