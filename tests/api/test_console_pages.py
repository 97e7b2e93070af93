"""Every page renders, in both languages, with what it must show and nothing it must not."""

from __future__ import annotations

import pytest

from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, NASTY

PAGES = (
    "/console/today",
    "/console/today?day=2026-11-24",
    "/console/classes",
    f"/console/classes/{CLASS}",
    f"/console/classes/{CLASS}/roster/import",
    "/console/cameras",
    "/console/flags",
    f"/console/flags?lesson={JUDGED}&kind=absence",
    f"/console/lessons/{JUDGED}",
    f"/console/lessons/{LIVE}",
    f"/console/lessons/{JUDGED}/footage",
    f"/console/lessons/{LIVE}/footage",
    f"/console/lessons/{JUDGED}/evidence",
    "/console/evidence",
    f"/console/lessons/{JUDGED}/trainees/T003",
    f"/console/lessons/{LIVE}/trainees/T003",
    f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:03%2B00:00&trainee=T002",
    f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:21:00%2B00:00",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_a_page_renders_in_both_languages(operator, path: str, locale: str) -> None:
    operator.cookies.set("rollcall_locale", locale)
    answer = operator.get(path)
    assert answer.status_code == 200, answer.text
    assert f'<html lang="{"zh-CN" if locale == "zh_CN" else "en"}">' in answer.text
    assert answer.headers["content-language"] == ("zh-CN" if locale == "zh_CN" else "en")
    assert NASTY not in answer.text
    assert "style=" not in answer.text
    assert "<script>" not in answer.text
