"""Every route has a decision: who may call it, and what the contract says of its errors."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute

from models.register import Role
from supervision_api.auth_permissions import PERMISSIONS, Permission
from supervision_api.routes.every import api_routers, console_routers, service_routers
from tests.api.conftest import Visitor
from tests.api.scene import CAMERA, CLASS, JUDGED

OPEN = "anyone"
SESSION = "anyone with a session"
P = Permission
L, C = "/api/v1/lessons/{lesson_id}", "/console/lessons/{lesson_id}"
PLAYBACK = (
    "film.mp4", "film.vtt", "poster.jpg", "strip.jpg",
    "hls/playlist.m3u8", "hls/{sequence}.mp4", "hls/{sequence}.m4s",
    "derived/playlist.m3u8", "derived/{sequence}/{chunk}.mp4", "derived/{sequence}/{chunk}.m4s",
    "derived/film.mp4",
)  # fmt: skip
DECISIONS: dict[tuple[str, str], Permission | str] = {
    ("POST", "/api/v1/session"): OPEN,
    ("GET", "/api/v1/session"): SESSION,
    ("DELETE", "/api/v1/session"): SESSION,
    ("POST", "/api/v1/classes"): P.EDIT_CLASSES,
    ("GET", "/api/v1/classes"): P.READ_CLASSES,
    ("GET", "/api/v1/classes/{code}"): P.READ_CLASSES,
    ("PUT", "/api/v1/classes/{code}"): P.EDIT_CLASSES,
    ("GET", "/api/v1/classes/{code}/trainees"): P.READ_CLASSES,
    ("POST", "/api/v1/classes/{code}/roster/import"): P.EDIT_CLASSES,
    ("POST", "/api/v1/classes/{code}/trainees/{trainee}/consent"): P.EDIT_CLASSES,
    ("POST", "/api/v1/cameras"): P.EDIT_CAMERAS,
    ("GET", "/api/v1/cameras"): P.READ_CAMERAS,
    ("GET", "/api/v1/cameras/{camera_id}"): P.READ_CAMERAS,
    ("PUT", "/api/v1/cameras/{camera_id}"): P.EDIT_CAMERAS,
    ("POST", "/api/v1/lessons"): P.EDIT_CLASSES,
    ("GET", "/api/v1/lessons"): P.READ_CLASSES,
    ("GET", L): P.READ_CLASSES,
    ("PUT", L): P.EDIT_CLASSES,
    ("GET", f"{L}/attendance"): P.READ_ATTENDANCE,
    ("GET", f"{L}/attendance/{{trainee}}"): P.READ_ATTENDANCE,
    ("POST", f"{L}/manual-entries"): P.ENTER_ATTENDANCE,
    ("POST", f"{L}/corrections"): P.CORRECT_ATTENDANCE,
    ("POST", f"{L}/corrections/{{correction_id}}/approval"): P.APPROVE_HOURS,
    ("GET", "/api/v1/flags"): P.READ_FLAGS,
    ("GET", "/api/v1/flags/{flag_id}"): P.READ_FLAGS,
    ("GET", f"{L}/footage"): P.VIEW_FOOTAGE,
    ("GET", f"{L}/footage/{{camera}}/at/{{instant}}"): P.VIEW_FOOTAGE,
    ("GET", f"{L}/footage/{{camera}}/segments/{{sequence}}"): P.VIEW_FOOTAGE,
    ("HEAD", f"{L}/footage/{{camera}}/segments/{{sequence}}"): P.VIEW_FOOTAGE,
    **{("GET", f"{L}/footage/{{camera}}/{way}"): P.VIEW_FOOTAGE for way in PLAYBACK},
    ("HEAD", f"{L}/footage/{{camera}}/film.mp4"): P.VIEW_FOOTAGE,
    ("GET", f"{L}/evidence"): P.READ_EVIDENCE,
    ("POST", f"{L}/bundle"): P.EXPORT,
    ("POST", "/api/v1/flags/{flag_id}/bundle"): P.EXPORT,
    ("POST", "/api/v1/classes/{code}/bundle"): P.EXPORT,
    ("GET", "/api/v1/evidence/checkpoint"): P.READ_EVIDENCE,
    ("GET", "/api/v1/evidence/keys"): P.READ_EVIDENCE,
    ("GET", "/api/v1/evidence/leaves/{sequence}/proof"): P.READ_EVIDENCE,
    ("GET", f"{L}/holds"): P.READ_EVIDENCE,
    ("POST", f"{L}/holds"): P.PLACE_HOLD,
    ("GET", "/api/v1/holds"): P.READ_EVIDENCE,
    ("POST", "/api/v1/holds"): P.PLACE_HOLD,
    ("POST", "/api/v1/holds/{hold_id}/release"): P.PLACE_HOLD,
    ("POST", "/api/v1/holds/release"): P.PLACE_HOLD,
    ("GET", "/api/v1/storage/forecast"): P.READ_STORAGE,
    ("GET", "/api/v1/storage/expiring"): P.READ_STORAGE,
}
BODIES = {
    "/api/v1/classes": {"code": "M-1", "name": "x"},
    "/api/v1/classes/{code}": {"name": "x"},
    "/api/v1/classes/{code}/trainees/{trainee}/consent": {"state": "refused"},
    "/api/v1/cameras": {"camera_id": "m-1", "address": "rtsp://192.0.2.1/a"},
    "/api/v1/cameras/{camera_id}": {"room": "x"},
    f"{L}/manual-entries": {"trainee": "T001", "kind": "leave_approved", "reason": "x"},
    f"{L}/holds": {"reason": "inquiry"},
    "/api/v1/holds": {"case_ref": "c-1", "lesson_ids": [JUDGED], "reason": "inquiry"},
    "/api/v1/holds/{hold_id}/release": {"reason": "closed"},
    "/api/v1/holds/release": {"case_ref": "c-0", "reason": "closed"},
    f"{L}/corrections": {"trainee": "T003", "reason_code": "machine_missed", "status": "PRESENT"},
}
VALUES = {
    "code": CLASS,
    "lesson_id": JUDGED,
    "camera_id": CAMERA,
    "camera": CAMERA,
    "trainee": "T002",
    "sequence": "1",
    "chunk": "0",
    "instant": "2026-11-23T00:00:03Z",
    "flag_id": "none",
    "correction_id": "none",
    "hold_id": "none",
}
PEOPLE = [role for role in Role if role is not Role.PLATFORM]


def routes(routers) -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }


def call(visitor: Visitor, method: str, path: str):
    address = re.sub(r"{(\w+)}", lambda found: VALUES[found.group(1)], path)
    body = BODIES.get(path, {}) if method in ("POST", "PUT") else None
    return visitor.request(method, address, json=body)


def test_every_api_route_has_a_decision() -> None:
    assert routes(api_routers()) == set(DECISIONS)


def test_only_health_is_open_besides_the_log_in() -> None:
    assert {path for _, path in routes(service_routers())} == {
        "/",
        "/console/",
        "/healthz",
        "/readyz",
        "/metrics",
    }


@pytest.mark.parametrize("role", PEOPLE)
def test_a_role_may_call_what_the_table_says_and_nothing_else(visitor, role: Role) -> None:
    visitor.log_in(role.value)
    for (method, path), needed in DECISIONS.items():
        if not isinstance(needed, Permission):
            continue
        answer = call(visitor, method, path)
        allowed = needed in PERMISSIONS[role]
        assert (answer.status_code != 403) is allowed, (method, path, answer.text[:200])
        assert answer.status_code < 500, (method, path)


def test_a_stranger_may_call_nothing(visitor) -> None:
    for (method, path), needed in DECISIONS.items():
        if needed != OPEN:
            assert call(visitor, method, path).status_code == 401, (method, path)


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_no_write_passes_without_its_token(operator, token: str | None) -> None:
    operator.headers.pop("X-CSRF-Token")
    if token is not None:
        operator.headers["X-CSRF-Token"] = token
    unsafe = [key for key in DECISIONS if key[0] in ("POST", "PUT", "DELETE") and DECISIONS[key] != OPEN]
    assert len(unsafe) > 10
    for method, path in unsafe:
        answer = call(operator, method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused"), path


def test_another_session_s_token_is_no_good(operator, scene) -> None:
    other = Visitor(operator.app).log_in("chief").headers["X-CSRF-Token"]
    operator.headers["X-CSRF-Token"] = other
    answer = operator.post("/api/v1/classes", json=BODIES["/api/v1/classes"])
    assert answer.json()["code"] == "csrf_refused"


def test_every_form_of_the_console_needs_a_session(visitor) -> None:
    unsafe = [key for key in routes(console_routers()) if key[0] == "POST"]
    for method, path in unsafe:
        address = re.sub(r"{(\w+)}", "none", path)
        assert visitor.request(method, address, data={"locale": "en", "kind": "x"}).status_code in (401, 403)


def test_the_contract_lists_the_errors_of_every_route(visitor) -> None:
    contract = visitor.get("/api/v1/openapi.json").json()
    assert {"type", "title", "status", "advice", "place", "hint"} <= set(
        contract["components"]["schemas"]["Problem"]["properties"]
    )
    for (method, path), needed in DECISIONS.items():
        if method == "HEAD":
            continue
        answers = contract["paths"][path][method.lower()]["responses"]
        wanted = {"default"} | ({"401"} if needed != OPEN else set())
        wanted |= {"403"} if isinstance(needed, Permission) else set()
        wanted |= {"412", "428"} if method == "PUT" else set()
        assert wanted <= set(answers), (method, path)
        for status, answer in answers.items():
            if status == "default" or int(status) >= 400:
                assert "application/problem+json" in answer["content"], (method, path, status)


def test_a_role_never_gets_what_the_contract_does_not_list(visitor) -> None:
    contract = visitor.get("/api/v1/openapi.json").json()
    for role in PEOPLE:
        visitor.log_in(role.value)
        for (method, path), needed in DECISIONS.items():
            if isinstance(needed, Permission) and method != "HEAD":
                status = call(visitor, method, path).status_code
                assert str(status) in contract["paths"][path][method.lower()]["responses"], (
                    method,
                    path,
                    status,
                )
