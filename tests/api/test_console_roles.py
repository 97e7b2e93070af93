"""Each console page for each role: what opens, what is refused, and what is not even offered."""

from __future__ import annotations

import re

import pytest

from models.register import Role
from supervision_api.auth_permissions import Permission, may
from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE

MOMENT = f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:03%2B00:00"
PAGES = {
    "/console/today": Permission.READ_CLASSES,
    "/console/classes": Permission.READ_CLASSES,
    f"/console/classes/{CLASS}": Permission.READ_CLASSES,
    f"/console/classes/{CLASS}/roster/import": Permission.EDIT_CLASSES,
    "/console/cameras": Permission.READ_CAMERAS,
    "/console/flags": Permission.READ_FLAGS,
    "/console/storage": Permission.READ_STORAGE,
    f"/console/lessons/{JUDGED}": Permission.READ_ATTENDANCE,
    f"/console/lessons/{LIVE}": Permission.READ_ATTENDANCE,
    f"/console/lessons/{JUDGED}/trainees/T003": Permission.READ_ATTENDANCE,
    f"/console/lessons/{JUDGED}/footage": Permission.VIEW_FOOTAGE,
    MOMENT: Permission.VIEW_FOOTAGE,
    f"/console/lessons/{JUDGED}/evidence": Permission.READ_EVIDENCE,
}
FORMS = {
    "/console/classes": (Permission.EDIT_CLASSES, {"code": "X-1", "name": "x"}),
    f"/console/classes/{CLASS}/lessons": (Permission.EDIT_CLASSES, {"title": "x"}),
    "/console/cameras": (Permission.EDIT_CAMERAS, {"camera_id": "c-9", "address": "rtsp://192.0.2.9/x"}),
    f"/console/lessons/{JUDGED}/trainees/T003/correction": (
        Permission.CORRECT_ATTENDANCE,
        {"status": "PRESENT", "reason_code": "machine_missed"},
    ),
    f"/console/lessons/{LIVE}/trainees/T003/manual": (
        Permission.ENTER_ATTENDANCE,
        {"kind": "instructor_confirmed", "reason": "seen"},
    ),
    f"/console/lessons/{JUDGED}/corrections/none/approval": (Permission.APPROVE_HOURS, {}),
    f"/console/lessons/{JUDGED}/bundle": (Permission.EXPORT, {}),
    f"/console/classes/{CLASS}/bundle": (Permission.EXPORT, {}),
    "/console/flags/none/bundle": (Permission.EXPORT, {}),
    f"/console/lessons/{JUDGED}/holds": (Permission.PLACE_HOLD, {"reason": "inquiry"}),
}
PEOPLE = [role for role in Role if role is not Role.PLATFORM]


@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role.value)
def test_a_page_opens_to_the_roles_that_may_and_to_no_other(visitor, role: Role) -> None:
    visitor.log_in(role.value)
    for path, needed in PAGES.items():
        answer = visitor.get(path)
        assert (path, answer.status_code) == (path, 200 if may(role, needed) else 403)
        if answer.status_code == 403:
            assert "您的角色不允许" in answer.text or "403" in answer.text


@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role.value)
def test_a_form_is_refused_to_the_roles_that_may_not_send_it(visitor, scene, role: Role) -> None:
    visitor.log_in(role.value)
    token = visitor.headers["X-CSRF-Token"]
    for path, (needed, fields) in FORMS.items():
        if may(role, needed):
            continue
        answer = visitor.post(path, data={**fields, "csrf_token": token})
        assert (path, answer.status_code) == (path, 403)
    with scene.house.ledger.read() as work:
        assert work.classes.find("X-1") is None or may(role, Permission.EDIT_CLASSES)
        assert work.cameras.find("c-9") is None


@pytest.mark.parametrize("token", ["", "0" * 64, "的"])
def test_a_form_without_its_own_token_is_refused_to_everybody(operator, token: str) -> None:
    for path, (_, fields) in FORMS.items():
        answer = operator.post(path, data={**fields, "csrf_token": token})
        assert (path, answer.status_code) == (path, 403)
        assert "403" in answer.text


def test_nobody_is_led_to_the_log_in_and_back(visitor) -> None:
    for path, (_, fields) in FORMS.items():
        answer = visitor.post(path, data=fields)
        assert (path, answer.status_code) == (path, 401)
        assert 'href="/console/login"' in answer.text
    for path in PAGES:
        answer = visitor.get(path)
        assert (path, answer.status_code) == (path, 303)
        assert answer.headers["location"].startswith("/console/login?next=/console/")


@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role.value)
def test_no_page_offers_what_its_reader_may_not_do(visitor, role: Role) -> None:
    """Every link and form of every page that opens leads somewhere that opens."""
    visitor.log_in(role.value)
    followed: set[str] = set()
    for path, needed in PAGES.items():
        if not may(role, needed):
            continue
        text = visitor.get(path).text
        for target in set(re.findall(r'href="(/console/[^"#]*)"', text)) - followed:
            followed.add(target)
            if "/static/" in target or "/console/login" in target:
                continue
            answer = visitor.get(target.replace("&amp;", "&"))
            assert (path, target, answer.status_code) == (path, target, 200)
        for action in re.findall(r'method="post"[^>]*action="([^"]+)"', text):
            known = [
                right for form, (right, _) in FORMS.items() if form.split("/")[-1] == action.split("/")[-1]
            ]
            if known:
                assert any(may(role, right) for right in known), (path, action)


ABSENT = (
    "/console/lessons/nowhere",
    "/console/lessons/nowhere/footage",
    "/console/lessons/nowhere/evidence",
    f"/console/lessons/nowhere/moment?camera={CAMERA}&at=2026-11-23T00:00:03%2B00:00",
    f"/console/lessons/{JUDGED}/trainees/T999",
    f"{MOMENT}&flag=nothing",
    f"{MOMENT}&trainee=T999",
    "/console/classes/none",
    "/console/classes/none/roster/import",
    f"/console/classes/{CLASS}/roster/import?job=gone",
    "/console/nowhere",
)


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_what_does_not_exist_is_a_page_that_says_so(operator, locale: str) -> None:
    operator.cookies.set("rollcall_locale", locale)
    for path in ABSENT:
        answer = operator.get(path)
        assert (path, answer.status_code) == (path, 404)
        assert answer.headers["content-type"].startswith("text/html")
        assert {"zh_CN": "内容不存在", "en": "does not exist"}[locale] in answer.text
        assert "Traceback" not in answer.text
        assert locale == "en" or "no such" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/today?day=yesterday", 422),
        ("/console/today?day=1800-01-01", 422),
        (f"/console/lessons/{JUDGED}/moment", 422),
        (f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=noon", 422),
        (f"/console/lessons/{JUDGED}/evidence?cursor=%3C", 422),
        ("/console/flags?kind=nonsense&state=nonsense", 200),
    ],
)
def test_a_mistyped_address_is_told_as_a_page(operator, path: str, status: int) -> None:
    answer = operator.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html" in answer.text


def test_a_lesson_judged_meanwhile_is_told_to_a_page_that_reconnects(operator, scene) -> None:
    """The stream of a judged lesson opens with that word, so that the page turns into the sheet."""
    scene.hub.close()
    answer = operator.get(f"/console/lessons/{JUDGED}/live/events")
    assert answer.status_code == 200
    assert 'event: lesson\ndata: {"state":"judged"}' in answer.text


def test_a_running_lesson_opens_its_stream_without_that_word(operator, scene) -> None:
    scene.hub.close()
    assert "judged" not in operator.get(f"/console/lessons/{LIVE}/live/events").text


def test_a_refused_class_keeps_what_was_typed_but_no_camera_repeats_its_address(operator) -> None:
    token = operator.headers["X-CSRF-Token"]
    made = operator.post("/console/classes", data={"code": "a/b", "name": "<b>x", "csrf_token": token})
    assert made.status_code == 422
    assert 'value="a/b"' in made.text
    assert 'value="&lt;b&gt;x"' in made.text
    secret = "rtsp://viewer:hunter2@192.0.2.1:0x/"
    added = operator.post(
        "/console/cameras", data={"camera_id": "c-1", "address": secret, "csrf_token": token}
    )
    assert added.status_code == 422
    assert 'value="c-1"' in added.text
    assert "hunter2" not in added.text


def test_a_refused_correction_keeps_its_reason(operator) -> None:
    fields = {"credited_hours": "9", "reason_code": "other", "reason": "</textarea><i>", "status": "PRESENT"}
    token = operator.headers["X-CSRF-Token"]
    answer = operator.post(
        f"/console/lessons/{JUDGED}/trainees/T003/correction", data={**fields, "csrf_token": token}
    )
    assert answer.status_code == 422
    assert "&lt;/textarea&gt;&lt;i&gt;" in answer.text
    assert '<option value="other" selected>' in answer.text
    assert '<option value="PRESENT" selected>' in answer.text


def test_a_roster_of_many_pages_says_how_many_it_has(operator, scene) -> None:
    from models.register import TrainingClass
    from models.roster import Trainee
    from tests.api.scene import NOW, id_number

    with scene.house.ledger.write() as work:
        work.classes.add(TrainingClass("BIG", "big", "local"), NOW)
        people = [Trainee(f"B{i:03d}", f"p{i}", id_number(i)) for i in range(200, 405)]
        work.roster.add("BIG", people, NOW)
    operator.cookies.set("rollcall_locale", "en")
    first = operator.get("/console/classes/BIG").text
    assert "205 trainees" in first
    assert "B204" in first
    assert "B404" not in first
    link = re.search(r'href="(\?cursor=[^"]+)"', first)
    assert link is not None
    assert "B404" in operator.get(f"/console/classes/BIG{link.group(1)}").text
