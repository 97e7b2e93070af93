"""Requests that no honest client sends, and some that honest ones send by mistake: never a fault of ours."""

from __future__ import annotations

import base64
import json

import pytest

from tests.api.scene import CAMERA, CLASS, JUDGED

LESSON = f"/api/v1/lessons/{JUDGED}"
FIRST = f"{LESSON}/footage/{CAMERA}/segments/1"
JSON = {"Content-Type": "application/json"}
STARTS, ENDS = "2026-11-24T09:00:00+08:00", "2026-11-24T09:45:00+08:00"


def send(visitor, path: str, body: str):
    return visitor.post(path, content=body.encode(), headers=JSON)


def refused(answer, status: int = 422) -> dict[str, object]:
    """The problem document of a refusal; whole, in its own media type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["advice"] != body["code"]
    return body


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "0", "-1", "1e9", "20261123", "2026-02-30"])
def test_a_day_outside_the_calendar_is_refused(operator, day: str) -> None:
    refused(operator.get(f"/api/v1/lessons?day={day}"))


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "soon"]
)
def test_an_instant_at_the_calendars_end_breaks_nothing(operator, at: str) -> None:
    refused(operator.get(f"{LESSON}/footage/{CAMERA}/at/{at}"))
    moment = f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at={at.replace('+', '%2B')}&trainee=T002"
    assert operator.get(moment).status_code == 422
    plan = f'{{"class_code":"{CLASS}","starts_at":"{STARTS}","ends_at":"{at}"}}'
    refused(send(operator, "/api/v1/lessons", plan))
    entry = f'{{"trainee":"T001","kind":"leave_approved","reason":"r","starts_at":"{at}","ends_at":"{ENDS}"}}'
    refused(send(operator, f"{LESSON}/manual-entries", entry))


@pytest.mark.parametrize("hours", ["1" + "0" * 400, "NaN", "Infinity", "1e308", "-1", "true", '"1"'])
def test_hours_that_are_no_number_of_hours_are_refused(operator, hours: str) -> None:
    plan = f'{{"class_code":"{CLASS}","starts_at":"{STARTS}","ends_at":"{ENDS}","planned_hours":{hours}}}'
    refused(send(operator, "/api/v1/lessons", plan))
    change = f'{{"trainee":"T001","reason_code":"machine_missed","credited_hours":{hours}}}'
    refused(send(operator, f"{LESSON}/corrections", change))


@pytest.mark.parametrize("field", ["required_share", "roll_calls", "naming_odds", "retention_years"])
@pytest.mark.parametrize("value", ["1" + "0" * 400, "NaN", "-Infinity", "true", "[]", '{"a":1}'])
def test_a_policy_out_of_bounds_is_refused(operator, field: str, value: str) -> None:
    body = f'{{"code":"P-1","name":"x","policy":{{"{field}":{value}}}}}'
    refused(send(operator, "/api/v1/classes", body))


UNFIT = ["\\u0000", "a\\u0000b", "\\ud800", "\\u202e evil", "\\u2066x", "\\u0085", "\\u007f"]


@pytest.mark.parametrize("text", UNFIT)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/classes", '{"code":"U-1","name":"%s"}'),
        ("/api/v1/classes", '{"code":"%s","name":"x"}'),
        ("/api/v1/classes", '{"code":"U-1","name":"x","policy":{"%s":"5m"}}'),
        ("/api/v1/cameras", '{"camera_id":"u-1","address":"rtsp://h/%s"}'),
        ("/api/v1/cameras", '{"camera_id":"u-1","address":"rtsp://h/x","room":"%s"}'),
        (
            "/api/v1/lessons",
            f'{{"class_code":"{CLASS}","starts_at":"{STARTS}","ends_at":"{ENDS}","title":"%s"}}',
        ),
        ("/api/v1/lessons", f'{{"class_code":"%s","starts_at":"{STARTS}","ends_at":"{ENDS}"}}'),
        (f"{LESSON}/corrections", '{"trainee":"T001","reason_code":"other","reason":"%s","status":"ABSENT"}'),
        (f"{LESSON}/manual-entries", '{"trainee":"T001","kind":"leave_approved","reason":"%s"}'),
        ("/api/v1/session", '{"account":"%s","password":"x"}'),
    ],
)
def test_a_text_no_database_keeps_is_refused_everywhere(operator, path: str, body: str, text: str) -> None:
    refused(send(operator, path, body % text))


@pytest.mark.parametrize("text", ["\ufeff", "\u200b\u200d", " \u3000 "])
def test_a_text_nobody_sees_is_no_text(operator, text: str) -> None:
    refused(operator.post("/api/v1/classes", json={"code": "V-1", "name": text}))
    entry = {"trainee": "T001", "kind": "leave_approved", "reason": text}
    refused(operator.post(f"{LESSON}/manual-entries", json=entry))
    change = {"trainee": "T001", "reason_code": "other", "reason": text, "status": "ABSENT"}
    refused(operator.post(f"{LESSON}/corrections", json=change))


@pytest.mark.parametrize("path", ["/console/classes", "/console/cameras"])
def test_a_form_with_a_control_character_is_refused(operator, path: str) -> None:
    token = operator.form_token("/console/classes")
    form = {"csrf_token": token, "code": "W-1", "name": "a\0b", "camera_id": "w-1"}
    form |= {"address": "rtsp://h/x", "room": "\u202ex"}
    assert operator.post(path, data=form).status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/classes/%00",
        "/api/v1/lessons/%00/attendance",
        "/api/v1/flags?class_code=%00",
        "/api/v1/lessons?class_code=a%00b",
        f"{LESSON}/footage/%00/segments/1",
        "/api/v1/cameras/%E2%80%AE",
    ],
)
def test_an_address_with_a_control_character_is_refused(operator, path: str) -> None:
    assert refused(operator.get(path))["place"] == "address"


@pytest.mark.parametrize("number", ["+1", "1_0", "1.0", "01", "1e0", "-1", "9" * 400, "%D9%A3"])
def test_a_number_in_an_address_has_one_spelling(operator, number: str) -> None:
    refused(operator.get(f"{LESSON}/footage/{CAMERA}/segments/{number}"))
    refused(operator.get(f"/api/v1/evidence/leaves/{number}/proof"))


def cursor(*key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.parametrize("key", [("\ud800",), ("\0",), (None,), ({},), (True,), (1.5,), ([],)])
@pytest.mark.parametrize("path", ["/api/v1/classes", f"/api/v1/classes/{CLASS}/trainees"])
def test_a_forged_cursor_is_refused(operator, path: str, key: tuple[object, ...]) -> None:
    assert refused(operator.get(path, params={"cursor": cursor(*key)}))["place"] == "cursor"


@pytest.mark.parametrize(
    "key",
    [
        ("2026-11-23T00:00:00+00:00", "\ud800"),
        ("0001-01-01T00:00:00+23:59", "x"),
        ("9999-12-31T23:59:59-23:59", "x"),
        ("2026-11-23T00:00:00", "x"),
        (0, 0),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/lessons", "/api/v1/flags"])
def test_a_forged_instant_in_a_cursor_is_refused(operator, path: str, key: tuple[object, ...]) -> None:
    assert refused(operator.get(path, params={"cursor": cursor(*key)}))["place"] == "cursor"


@pytest.mark.parametrize("path", ["/api/v1/classes/", "/healthz/", "/console/today/", "/api/v1/lessons/"])
def test_no_address_leads_to_the_host_a_caller_names(operator, path: str) -> None:
    answer = operator.get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("location", "") + answer.text
    assert answer.status_code == 404


def test_the_console_is_found_with_a_slash(operator) -> None:
    answer = operator.get("/console/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/today")


def test_another_method_names_those_that_are_allowed(operator) -> None:
    answer = operator.patch("/api/v1/classes", headers={"Accept-Language": "en"})
    assert refused(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_called_json_is_refused_as_such(operator, kind: str) -> None:
    body = b'{"code":"ct-1","name":"x"}'
    answer = operator.post("/api/v1/classes", content=body, headers={"Content-Type": kind})
    assert "application/json" in str(refused(answer, 415)["hint"])


def test_a_foreign_form_cannot_log_anybody_in(visitor) -> None:
    body = b'{"account":"operator","password":"three quiet classrooms"}'
    answer = visitor.post("/api/v1/session", content=body, headers={"Content-Type": "text/plain"})
    refused(answer, 415)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("value", ["0", "1e300", "253402300800", "true", '"2026-11-23T00:00:00"'])
def test_a_number_is_no_day(operator, value: str) -> None:
    refused(send(operator, "/api/v1/classes", f'{{"code":"D-1","name":"x","starts_on":{value}}}'))


@pytest.mark.parametrize("value", ['"yes"', "1", "null"])
def test_a_switch_is_true_or_false(operator, value: str) -> None:
    body = f'{{"camera_id":"s-1","address":"rtsp://h/x","enabled":{value}}}'
    refused(send(operator, "/api/v1/cameras", body))


@pytest.mark.parametrize(
    ("asked", "status"),
    [("BYTES=0-1", 206), ("bytes= 0-1", 206), ("bytes=0 1-2", 200), ("bytes=" + "9" * 30 + "-", 416)],
)
def test_ranges_are_read_as_the_rfc_says(operator, asked: str, status: int) -> None:
    assert operator.get(FIRST, headers={"Range": asked}).status_code == status


@pytest.mark.parametrize("path", ["/api/v1/nothing", LESSON + "x", "/api/v1/flags/none"])
@pytest.mark.parametrize(("language", "han"), [("zh-CN", True), ("en", False)])
def test_a_problem_says_the_next_step_in_the_readers_language(operator, path, language, han) -> None:
    body = refused(operator.get(path, headers={"Accept-Language": language}), 404)
    for member in ("title", "advice"):
        assert any("\u4e00" <= char <= "\u9fff" for char in str(body[member])) is han
