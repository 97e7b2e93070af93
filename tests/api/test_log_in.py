"""Log-in, sessions, throttling, tokens against forged requests, roles."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from models.errors import InvalidInput, NotAuthenticated
from models.register import Role
from supervision_api import auth
from supervision_api.app import create_app
from supervision_api.auth_passwords import PasswordCost, Passwords
from supervision_api.auth_permissions import PERMISSIONS, Permission
from tests.api.scene import CAMERA, CLASS, JUDGED, LIVE, PASSWORD


def attempt(visitor, account: str = "operator", password: str = "wrong password"):
    return visitor.post("/api/v1/session", json={"account": account, "password": password})


def test_a_session_cookie_is_hidden_from_scripts_and_other_sites(visitor) -> None:
    cookie = attempt(visitor, password=PASSWORD).headers["set-cookie"]
    assert cookie.startswith("rollcall_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie


def test_by_https_the_cookie_is_secure_and_pinned_to_the_host(scene) -> None:
    services = replace(scene.services, web=replace(scene.services.web, https=True))
    with TestClient(create_app(services), base_url="https://testserver") as client:
        answer = client.post("/api/v1/session", json={"account": "operator", "password": PASSWORD})
        assert answer.headers["set-cookie"].startswith("__Host-rollcall_session=")
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert client.get("/api/v1/session").status_code == 200


def test_only_the_hash_of_a_session_is_stored(scene, visitor) -> None:
    attempt(visitor, password=PASSWORD)
    token = visitor.cookies["rollcall_session"]
    database = (scene.house.folder / "rollcall.db").read_bytes()
    wal = (scene.house.folder / "rollcall.db-wal").read_bytes()
    assert token.encode() not in database + wal
    assert hashlib.sha256(token.encode()).hexdigest().encode() in database + wal


def test_a_wrong_password_and_an_unknown_account_look_the_same(visitor) -> None:
    wrong, unknown = attempt(visitor), attempt(visitor, account="nobody")
    assert wrong.status_code == unknown.status_code == 401
    same = ("type", "title", "detail", "hint", "code")
    assert {k: wrong.json()[k] for k in same} == {k: unknown.json()[k] for k in same}


def test_an_unknown_account_costs_the_same_hashing(scene) -> None:
    asked: list[str | None] = []

    class Counting(Passwords):
        def matches(self, password_hash: str | None, password: str) -> bool:
            asked.append(password_hash)
            return super().matches(password_hash, password)

    services = replace(scene.services, passwords=Counting(PasswordCost(1, 8, 1)))
    for account in ("operator", "nobody"):
        with pytest.raises(NotAuthenticated):
            auth.log_in(services, account, "wrong", "192.0.2.1")
    assert len(asked) == 2
    assert asked[1] is None


def test_a_disabled_account_and_a_machine_cannot_log_in(scene, visitor) -> None:
    with scene.house.ledger.write() as work:
        user = work.users.by_name("operator")
        work.users.change(replace(user, enabled=False))
    assert attempt(visitor, password=PASSWORD).status_code == 401
    assert attempt(visitor, account="platform", password=PASSWORD).status_code == 401


def test_disabling_an_account_ends_its_sessions(scene, operator) -> None:
    with scene.house.ledger.write() as work:
        work.users.change(replace(work.users.by_name("operator"), enabled=False))
    assert operator.get("/api/v1/session").status_code == 401


def test_failures_wait_longer_and_longer(scene, visitor) -> None:
    waits = []
    for _ in range(8):
        answer = attempt(visitor)
        while answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            scene.clock.forward(seconds=waits[-1])
            answer = attempt(visitor)
    assert waits == sorted(waits)
    assert waits[0] <= 3
    assert waits[-1] > 8


def test_a_waiting_account_is_refused_even_with_the_right_password(scene, visitor) -> None:
    for _ in range(5):
        attempt(visitor)
    refused = attempt(visitor, password=PASSWORD)
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_attempts"
    scene.clock.forward(seconds=int(refused.headers["retry-after"]))
    assert attempt(visitor, password=PASSWORD).status_code == 200


def test_a_success_forgives_the_account(scene, visitor) -> None:
    for _ in range(4):
        attempt(visitor)
    assert attempt(visitor, password=PASSWORD).status_code == 200
    for _ in range(4):
        assert attempt(visitor).status_code == 401


def test_an_address_that_tries_many_accounts_waits(visitor) -> None:
    answers = [attempt(visitor, account=f"guess-{n}").status_code for n in range(32)]
    assert answers[:31] == [401] * 31
    assert answers[31] == 429


def test_logging_in_does_not_wash_away_guesses_at_others(visitor) -> None:
    answers = []
    for number in range(33):
        attempt(visitor, password=PASSWORD)
        answers.append(attempt(visitor, account=f"guess-{number}").status_code)
    assert 429 in answers


def test_a_clock_that_steps_back_does_not_lock_anybody_out(scene, visitor) -> None:
    for _ in range(6):
        attempt(visitor)
    scene.clock.forward(days=-30)
    answer = attempt(visitor, password=PASSWORD)
    assert answer.status_code == 200 or int(answer.headers["retry-after"]) <= 901


def test_a_session_expires(scene, operator) -> None:
    scene.clock.forward(hours=11, minutes=59)
    assert operator.get("/api/v1/session").status_code == 200
    scene.clock.forward(minutes=2)
    assert operator.get("/api/v1/session").status_code == 401


def test_logging_out_ends_the_session_everywhere(operator) -> None:
    token = operator.cookies["rollcall_session"]
    assert operator.delete("/api/v1/session").status_code == 204
    operator.cookies.set("rollcall_session", token)
    assert operator.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("token", ["", "0" * 64, "x" * 500])
def test_a_write_without_the_sessions_token_is_refused(operator, token: str) -> None:
    operator.headers["X-CSRF-Token"] = token
    answer = operator.post("/api/v1/classes", json={"code": "X-1", "name": "x"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_refused"
    assert operator.get("/api/v1/classes/X-1").status_code == 404


def test_the_token_of_another_session_does_not_serve(scene, operator) -> None:
    other = TestClient(create_app(scene.services))
    token = other.post("/api/v1/session", json={"account": "chief", "password": PASSWORD}).json()[
        "csrf_token"
    ]
    operator.headers["X-CSRF-Token"] = token
    assert operator.post("/api/v1/classes", json={"code": "X-1", "name": "x"}).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/console/logout",
        "/console/language",
        "/console/classes",
        "/console/cameras",
        f"/console/classes/{CLASS}/lessons",
        f"/console/lessons/{JUDGED}/bundle",
        f"/console/lessons/{JUDGED}/trainees/T003/correction",
        f"/console/lessons/{LIVE}/trainees/T003/manual",
    ],
)
def test_every_form_needs_its_token(operator, path: str) -> None:
    form = {
        "locale": "en",
        "kind": "leave_approved",
        "reason": "x",
        "status": "ABSENT",
        "reason_code": "other",
    }
    assert operator.post(path, data=form).status_code == 403
    assert operator.post(path, data={**form, "csrf_token": "0" * 64}).status_code == 403


def test_the_console_logs_in_with_a_form(visitor) -> None:
    token = visitor.form_token("/console/login")
    form = {"account": "operator", "password": PASSWORD, "csrf_token": token, "next": "/console/flags"}
    answer = visitor.post("/console/login", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/flags"
    assert visitor.get("/console/flags").status_code == 200


def test_nobody_is_logged_in_by_a_foreign_page(visitor) -> None:
    form = {"account": "operator", "password": PASSWORD}
    answer = visitor.post("/console/login", data=form)
    assert answer.status_code == 403
    assert "rollcall_session" not in visitor.cookies


def test_a_failed_form_says_so_and_keeps_the_account(visitor) -> None:
    token = visitor.form_token("/console/login")
    answer = visitor.post(
        "/console/login", data={"account": 'a"><b>', "password": "nope nope", "csrf_token": token}
    )
    assert answer.status_code == 401
    assert "账号或密码不正确" in answer.text
    assert 'a"><b>' not in answer.text
    assert "nope nope" not in answer.text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/console",
        "/\\evil.example",
        "/api/v1/session",
        "javascript:x",
        "",
    ],
)
def test_a_log_in_never_leads_off_the_console(visitor, target: str) -> None:
    token = visitor.form_token("/console/login")
    form = {"account": "operator", "password": PASSWORD, "csrf_token": token, "next": target}
    assert visitor.post("/console/login", data=form).headers["location"] == "/console/today"


def test_a_stranger_is_sent_to_the_log_in_and_back(visitor) -> None:
    answer = visitor.get("/console/flags?kind=late")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/login?next=/console/flags%3Fkind%3Dlate"


def test_an_account_remembers_its_language(operator) -> None:
    token = operator.form_token("/console/today")
    operator.post("/console/language", data={"locale": "en", "csrf_token": token, "next": "/console/today"})
    del operator.cookies["rollcall_locale"]
    assert '<html lang="en">' in operator.get("/console/today").text


NEEDS = {
    f"/api/v1/lessons/{JUDGED}/footage": Permission.VIEW_FOOTAGE,
    f"/api/v1/lessons/{JUDGED}/footage/{CAMERA}/segments/1": Permission.VIEW_FOOTAGE,
    f"/console/lessons/{JUDGED}/footage": Permission.VIEW_FOOTAGE,
    f"/api/v1/lessons/{JUDGED}/attendance": Permission.READ_ATTENDANCE,
    f"/console/lessons/{JUDGED}": Permission.READ_ATTENDANCE,
    "/api/v1/flags": Permission.READ_FLAGS,
    "/console/flags": Permission.READ_FLAGS,
    "/api/v1/cameras": Permission.READ_CAMERAS,
    f"/api/v1/lessons/{JUDGED}/evidence": Permission.READ_EVIDENCE,
    "/api/v1/classes": Permission.READ_CLASSES,
    f"/console/classes/{CLASS}/roster/import": Permission.EDIT_CLASSES,
}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PLATFORM])
def test_a_role_reads_what_its_row_says_and_nothing_else(visitor, role: Role) -> None:
    visitor.log_in(role.value)
    for path, permission in NEEDS.items():
        expected = 200 if permission in PERMISSIONS[role] else 403
        assert visitor.get(path).status_code == expected, path


def test_an_administrator_sees_no_face(visitor, scene) -> None:
    scene.hub.set_picture(LIVE, CAMERA, b"\xff\xd8jpeg", (), scene.clock.now())
    visitor.log_in("administrator")
    assert visitor.get(f"/console/lessons/{LIVE}/live/{CAMERA}.jpg").status_code == 403
    assert visitor.get(f"/console/lessons/{LIVE}/live/events").status_code == 403


WRITES = {
    "/api/v1/classes": ({"code": "N-1", "name": "n"}, Permission.EDIT_CLASSES),
    "/api/v1/cameras": ({"camera_id": "n-1", "address": "rtsp://192.0.2.1/a"}, Permission.EDIT_CAMERAS),
    f"/api/v1/lessons/{LIVE}/manual-entries": (
        {"trainee": "T001", "kind": "leave_approved", "reason": "ill"},
        Permission.ENTER_ATTENDANCE,
    ),
    f"/api/v1/lessons/{JUDGED}/corrections": (
        {"trainee": "T003", "reason_code": "machine_missed", "status": "PRESENT"},
        Permission.CORRECT_ATTENDANCE,
    ),
}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PLATFORM])
def test_a_role_writes_what_its_row_says_and_nothing_else(visitor, role: Role) -> None:
    visitor.log_in(role.value)
    for path, (body, permission) in WRITES.items():
        expected = 201 if permission in PERMISSIONS[role] else 403
        assert visitor.post(path, json=body).status_code == expected, path


def test_every_role_has_a_row() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert Permission.VIEW_FOOTAGE not in PERMISSIONS[Role.ADMINISTRATOR]


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_fitting_length(password: str) -> None:
    with pytest.raises(InvalidInput):
        Passwords(PasswordCost(1, 8, 1)).hash(password)


def test_a_hash_of_another_cost_is_renewed_at_log_in(scene, visitor) -> None:
    old = Passwords(PasswordCost(2, 16, 1)).hash(PASSWORD)
    with scene.house.ledger.write() as work:
        work.users.change(replace(work.users.by_name("operator"), password_hash=old))
    assert attempt(visitor, password=PASSWORD).status_code == 200
    with scene.house.ledger.read() as work:
        assert work.users.by_name("operator").password_hash != old
    assert attempt(visitor, password=PASSWORD).status_code == 200
