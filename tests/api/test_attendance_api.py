"""The sheet, people's additions to it, and what waits for a second person."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from models.evidence import LeafKind
from models.timetable import LessonState
from storage.leaf_store import LeafQuery
from supervision_api.app import create_app
from tests.api.conftest import Visitor
from tests.api.scene import CAMERA, JUDGED, LIVE, NASTY

SHEET = f"/api/v1/lessons/{JUDGED}/attendance"
CORRECTIONS = f"/api/v1/lessons/{JUDGED}/corrections"
MANUAL = f"/api/v1/lessons/{JUDGED}/manual-entries"


def line(visitor, trainee: str) -> dict[str, object]:
    return visitor.get(f"{SHEET}/{trainee}").json()


def leaves(scene, kind: LeafKind) -> list[dict[str, object]]:
    with scene.house.ledger.read() as work:
        return [json.loads(row.record)["body"] for row in work.evidence.store.rows(LeafQuery(kinds=(kind,)))]


def test_a_verdict_comes_with_reasons_and_footage(operator) -> None:
    late = line(operator, "T002")
    assert (late["status"], late["marks"]) == ("PRESENT", ["late"])
    assert late["reasons"][1]["code"] == "late"
    assert late["reasons"][1]["values"]["arrived_at"] == "2026-11-23T00:08:12Z"
    first = late["evidence"][0]
    assert first["shows"] == "first_seen"
    assert first["footage"].startswith(
        f"/api/v1/lessons/{JUDGED}/footage/{CAMERA}/at/2026-11-23T00%3A00%3A03"
    )


@pytest.mark.parametrize(("language", "word"), [("zh-CN", "08:08:12"), ("en", "08:08:12")])
def test_reasons_are_told_in_the_readers_language_and_zone(operator, language: str, word: str) -> None:
    answer = operator.get(f"{SHEET}/T002", headers={"Accept-Language": language}).json()
    assert word in answer["reasons"][1]["text"]
    assert ("才到" in answer["reasons"][1]["text"]) is (language == "zh-CN")


def test_a_lesson_that_runs_has_no_sheet_yet(operator) -> None:
    assert operator.get(f"/api/v1/lessons/{LIVE}/attendance").json()["items"] == []
    assert operator.get(f"/api/v1/lessons/{LIVE}/attendance/T001").status_code == 404


def test_a_correction_stands_beside_the_machines_verdict(operator, scene) -> None:
    body = {"trainee": "T004", "reason_code": "machine_missed", "reason": NASTY, "status": "PRESENT"}
    made = operator.post(CORRECTIONS, json=body)
    assert made.status_code == 201
    assert made.json()["counts"] is True
    now = line(operator, "T004")
    assert (now["status"], now["machine_status"]) == ("PRESENT", "ABSENT")
    assert now["corrections"][0]["actor"] == "operator"
    assert leaves(scene, LeafKind.CORRECTION)[-1]["reason"] == NASTY
    page = operator.get(f"/console/lessons/{JUDGED}").text
    assert NASTY not in page
    assert "已更正" in page


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason_code": "because"}, 422),
        ({"reason_code": "other", "reason": " "}, 422),
        ({"status": "ASLEEP"}, 422),
        ({"status": "ABSENT"}, 409),
        ({"status": None}, 409),
        ({"credited_hours": 99}, 422),
        ({"credited_hours": 0.3}, 422),
        ({"credited_hours": -1}, 422),
        ({"trainee": "T999"}, 404),
    ],
)
def test_a_correction_that_cannot_stand_is_refused_without_a_leaf(
    operator, scene, changes, status: int
) -> None:
    body = {"trainee": "T004", "reason_code": "machine_missed", "status": "PRESENT"} | changes
    assert operator.post(CORRECTIONS, json=body).status_code == status
    assert leaves(scene, LeafKind.CORRECTION) == []


def test_raised_hours_wait_for_a_second_person(operator, scene) -> None:
    body = {"trainee": "T003", "reason_code": "camera_failed", "credited_hours": 0.5}
    made = operator.post(CORRECTIONS, json=body).json()
    assert made["counts"] is False
    assert line(operator, "T003")["credited_hours"] == 0
    assert operator.post(f"{CORRECTIONS}/{made['correction_id']}/approval").status_code == 403
    chief = Visitor(create_app(scene.services)).log_in("chief")
    assert chief.post(f"{CORRECTIONS}/none/approval").status_code == 404
    approved = chief.post(f"{CORRECTIONS}/{made['correction_id']}/approval")
    assert approved.status_code == 200, approved.text
    assert line(operator, "T003")["credited_hours"] == 0.5
    assert chief.post(f"{CORRECTIONS}/{made['correction_id']}/approval").status_code == 409
    assert [one["approved_by"] for one in leaves(scene, LeafKind.CORRECTION)] == [None, "chief"]


def test_nobody_approves_their_own_correction(visitor) -> None:
    visitor.log_in("supervisor")
    body = {"trainee": "T003", "reason_code": "camera_failed", "credited_hours": 0.5}
    made = visitor.post(CORRECTIONS, json=body).json()
    assert visitor.post(f"{CORRECTIONS}/{made['correction_id']}/approval").status_code in (403, 409)
    assert line(visitor, "T003")["credited_hours"] == 0


def test_lowered_hours_count_at_once(operator) -> None:
    body = {"trainee": "T001", "reason_code": "fraud_found", "credited_hours": 0}
    assert operator.post(CORRECTIONS, json=body).json()["counts"] is True
    assert line(operator, "T001")["credited_hours"] == 0


def test_the_sheet_offers_approval_to_the_right_person_only(operator, scene) -> None:
    body = {"trainee": "T003", "reason_code": "camera_failed", "credited_hours": 0.5}
    made = operator.post(CORRECTIONS, json=body).json()
    action = f"/console/lessons/{JUDGED}/corrections/{made['correction_id']}/approval"
    assert action not in operator.get(f"/console/lessons/{JUDGED}").text
    with Visitor(create_app(scene.services)) as chief:
        chief.follow_redirects = False
        chief.log_in("chief")
        assert action in chief.get(f"/console/lessons/{JUDGED}").text
        token = chief.form_token(f"/console/lessons/{JUDGED}")
        assert chief.post(action, data={"csrf_token": token}).status_code == 303


def test_a_manual_entry_is_a_leaf_and_has_the_lesson_judged_again(scene) -> None:
    told: list[str] = []
    client = Visitor(create_app(replace(scene.services, attendance_changed=told.append))).log_in("instructor")
    body = {"trainee": "T004", "kind": "instructor_confirmed", "reason": "在场，摄像头被挡"}
    made = client.post(MANUAL, json=body, headers={"Idempotency-Key": "k"})
    assert made.status_code == 201
    assert client.post(MANUAL, json=body, headers={"Idempotency-Key": "k"}).headers["idempotency-replayed"]
    assert told == [JUDGED]
    assert leaves(scene, LeafKind.CORRECTION)[-1]["manual"]["actor"] == "instructor"
    with scene.house.ledger.read() as work:
        assert len(work.verdicts.manual(JUDGED)["T004"]) == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"kind": "guess"}, 422),
        ({"reason": ""}, 422),
        ({"reason": "  "}, 422),
        ({"trainee": "T999"}, 404),
        ({"starts_at": "2026-11-23T00:00:00Z"}, 422),
        ({"starts_at": "2026-11-23T00:20:00Z", "ends_at": "2026-11-23T00:10:00Z"}, 422),
        ({"starts_at": "2026-11-23T00:20:00Z", "ends_at": "2026-11-23T09:10:00Z"}, 422),
        ({"starts_at": "2026-11-23T00:20:00", "ends_at": "2026-11-23T00:30:00"}, 422),
    ],
)
def test_a_manual_entry_that_cannot_stand_is_refused(operator, scene, changes, status: int) -> None:
    body = {"trainee": "T004", "kind": "leave_approved", "reason": "病假"} | changes
    assert operator.post(MANUAL, json=body).status_code == status
    assert leaves(scene, LeafKind.CORRECTION) == []


def test_a_sealed_lesson_takes_corrections_only(operator, scene) -> None:
    with scene.house.ledger.write() as work:
        work.lessons.move(JUDGED, LessonState.JUDGED, LessonState.SEALED)
    manual = {"trainee": "T004", "kind": "leave_approved", "reason": "病假"}
    assert operator.post(MANUAL, json=manual).status_code == 409
    body = {"trainee": "T004", "reason_code": "leave_filed_late", "status": "EXCUSED"}
    assert operator.post(CORRECTIONS, json=body).status_code == 201


def test_the_trainees_page_enters_and_corrects(operator) -> None:
    path = f"/console/lessons/{JUDGED}/trainees/T003"
    token = operator.form_token(path)
    form = {"csrf_token": token, "kind": "leave_approved", "reason": "病假"}
    assert operator.post(f"{path}/manual", data=form).status_code == 303
    change = {"csrf_token": token, "status": "EXCUSED", "reason_code": "leave_filed_late"}
    answer = operator.post(f"{path}/correction", data=change)
    assert answer.headers["location"] == f"/console/lessons/{JUDGED}#t-T003"
    wrong = operator.post(f"{path}/correction", data={**change, "credited_hours": "many"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text


def test_flags_are_listed_narrowed_and_read(operator) -> None:
    listed = operator.get("/api/v1/flags").json()["items"]
    assert {one["kind"] for one in listed} == {"absence", "stranger"}
    only = operator.get("/api/v1/flags?kind=absence&state=open").json()["items"]
    assert [one["subject"] for one in only] == ["T004"]
    read = operator.get(f"/api/v1/flags/{only[0]['flag_id']}")
    assert read.json() == only[0]
    assert read.headers["etag"] == '"1"'
    assert operator.get(f"/api/v1/flags?lesson_id={LIVE}").json()["items"] == []
    assert operator.get("/api/v1/flags?kind=nonsense").status_code == 422
    assert operator.get("/api/v1/flags/none").status_code == 404


def test_a_flags_page_passes_over_filters_it_does_not_know(operator) -> None:
    assert operator.get("/console/flags?kind=nonsense&state=<x>").status_code == 200


def test_the_sheet_needs_a_log_in(scene) -> None:
    assert TestClient(create_app(scene.services)).get(SHEET).status_code == 401
