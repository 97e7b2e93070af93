"""A wrong mark is struck and footage or paper cited for it, over the API and on the trainee's page."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from models.evidence import LeafKind
from models.flags import Flag, FlagKind
from models.timetable import LessonState
from storage.leaf_store import LeafQuery
from supervision_api.app import create_app
from tests.api.conftest import Visitor
from tests.api.scene import CAMERA, JUDGED, NASTY, NOW, STARTS

SHEET = f"/api/v1/lessons/{JUDGED}/attendance"
CORRECTIONS = f"/api/v1/lessons/{JUDGED}/corrections"
PAGE = f"/console/lessons/{JUDGED}/trainees/T002"
RECORDED = (STARTS + timedelta(seconds=3)).isoformat()
STRIKE = {"trainee": "T002", "reason_code": "machine_missed", "struck": ["late"]}


def leaves(scene, kind: LeafKind) -> list[dict[str, object]]:
    with scene.house.ledger.read() as work:
        return [json.loads(row.record)["body"] for row in work.evidence.store.rows(LeafQuery(kinds=(kind,)))]


def flag_states(scene) -> dict[tuple[str, str], str]:
    with scene.house.ledger.read() as work:
        found = work.flags.of_lesson(JUDGED)
    return {(one.flag.kind.value, one.flag.subject): one.flag.state.value for one in found}


def raise_late(scene) -> None:
    with scene.house.ledger.write() as work:
        work.flags.put(Flag(FlagKind.LATE, JUDGED, "T002", "default-1", (), ()), NOW)


def test_a_struck_mark_is_gone_and_the_machines_word_stays(operator, scene) -> None:
    made = operator.post(CORRECTIONS, json=STRIKE)
    assert made.status_code == 201, made.text
    assert (made.json()["struck"], made.json()["counts"]) == (["late"], True)
    now = operator.get(f"{SHEET}/T002").json()
    assert (now["status"], now["marks"], now["credited_hours"]) == ("PRESENT", [], 0.5)
    assert [reason["code"] for reason in now["reasons"]] == ["present_enough", "late"]
    assert now["corrections"][0]["struck"] == ["late"]
    assert leaves(scene, LeafKind.CORRECTION)[-1]["struck"] == ["late"]


def test_its_flag_is_withdrawn_with_it_and_comes_back_never_by_itself(operator, scene) -> None:
    raise_late(scene)
    assert flag_states(scene)["late", "T002"] == "open"
    operator.post(CORRECTIONS, json=STRIKE)
    assert flag_states(scene)["late", "T002"] == "withdrawn"
    assert leaves(scene, LeafKind.FLAG)[-1]["state"] == "withdrawn"
    operator.post(CORRECTIONS, json={"trainee": "T001", "reason_code": "fraud_found", "credited_hours": 0})
    assert flag_states(scene)["late", "T002"] == "withdrawn"


def test_flags_follow_corrections_of_a_sealed_lesson_too(operator, scene) -> None:
    with scene.house.ledger.write() as work:
        work.lessons.move(JUDGED, LessonState.JUDGED, LessonState.SEALED)
    assert flag_states(scene)["absence", "T004"] == "open"
    body = {"trainee": "T004", "reason_code": "leave_filed_late", "status": "EXCUSED"}
    assert operator.post(CORRECTIONS, json=body).status_code == 201
    states = flag_states(scene)
    assert states["absence", "T004"] == "withdrawn"
    assert states["stranger", "u-1"] == "open", "what rests on cameras is left alone"


def test_a_correction_that_waits_moves_no_flag_until_it_is_approved(operator, scene) -> None:
    body = {"trainee": "T004", "reason_code": "camera_failed", "status": "PRESENT", "credited_hours": 1}
    made = operator.post(CORRECTIONS, json=body).json()
    assert made["counts"] is False
    assert flag_states(scene)["absence", "T004"] == "open"
    chief = Visitor(create_app(scene.services)).log_in("chief")
    assert chief.post(f"{CORRECTIONS}/{made['correction_id']}/approval").status_code == 200
    assert flag_states(scene)["absence", "T004"] == "withdrawn"


def test_an_instant_of_footage_is_cited_and_plays(operator, scene) -> None:
    cited = {"at": RECORDED, "camera": CAMERA, "note": "第一排左二"}
    made = operator.post(CORRECTIONS, json={**STRIKE, "evidence": cited}).json()
    assert made["evidence"]["note"] == "第一排左二"
    plays = made["evidence"]["footage"]
    assert operator.get(plays, follow_redirects=True).status_code in (200, 206)
    stored = operator.get(f"{SHEET}/T002").json()["corrections"][0]["evidence"]
    assert stored == made["evidence"]
    leaf = leaves(scene, LeafKind.CORRECTION)[-1]["evidence"]
    assert leaf == {"at": "2026-11-23T00:00:03.000000Z", "camera_id": CAMERA, "note": "第一排左二"}


def test_a_paper_alone_is_cited_without_footage(operator) -> None:
    made = operator.post(CORRECTIONS, json={**STRIKE, "evidence": {"note": "签到表，2 号柜"}}).json()
    assert made["evidence"] == {"at": None, "camera": "", "note": "签到表，2 号柜", "footage": ""}


def test_a_correction_without_the_new_fields_reads_as_it_always_did(operator, scene) -> None:
    body = {"trainee": "T004", "reason_code": "machine_missed", "status": "PRESENT"}
    made = operator.post(CORRECTIONS, json=body).json()
    assert (made["struck"], made["evidence"]) == ([], None)
    leaf = leaves(scene, LeafKind.CORRECTION)[-1]
    assert not {"struck", "evidence"} & leaf.keys()


def test_marks_named_twice_or_out_of_order_are_struck_once(operator) -> None:
    made = operator.post(CORRECTIONS, json={**STRIKE, "struck": ["late", "late"]}).json()
    assert made["struck"] == ["late"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"struck": ["left_early"]}, "struck"),
        ({"struck": ["asleep"]}, "struck"),
        ({"struck": ["late"] * 9}, "struck"),
        ({"struck": "late"}, "struck"),
        ({"evidence": {}}, "evidence"),
        ({"evidence": {"note": "  "}}, "evidence"),
        ({"evidence": {"note": "x" * 501}}, "evidence"),
        ({"evidence": {"camera": CAMERA}}, "evidence"),
        ({"evidence": {"at": RECORDED}}, "evidence"),
        ({"evidence": {"at": RECORDED, "camera": "elsewhere"}}, "evidence"),
        ({"evidence": {"at": "2026-11-23T00:00:03", "camera": CAMERA}}, "evidence"),
        ({"evidence": {"at": "2026-11-23T09:00:00Z", "camera": CAMERA}}, "evidence"),
        # within the lesson, and within its declared gap
        ({"evidence": {"at": "2026-11-23T00:21:00Z", "camera": CAMERA}}, "evidence"),
        ({"evidence": {"note": "签到\x00表"}}, "evidence"),
        ({"evidence": {"note": "签到表", "page": 3}}, "evidence"),
    ],
)
def test_what_cannot_be_struck_or_found_again_is_refused_without_a_trace(
    operator, scene, changes, place: str
) -> None:
    answer = operator.post(CORRECTIONS, json={**STRIKE, **changes})
    assert answer.status_code == 422, answer.text
    assert place in answer.text
    assert leaves(scene, LeafKind.CORRECTION) == []
    assert operator.get(f"{SHEET}/T002").json()["marks"] == ["late"]


def form(operator, **fields: object) -> dict[str, object]:
    return {"csrf_token": operator.form_token(PAGE), "reason_code": "machine_missed", **fields}


def test_the_page_offers_the_marks_that_stand_and_the_lessons_cameras(operator) -> None:
    page = operator.get(PAGE).text
    assert 'name="struck" value="late"' in page
    assert f'<option value="{CAMERA}"' in page
    operator.post(CORRECTIONS, json=STRIKE)
    assert 'name="struck"' not in operator.get(PAGE).text


def test_the_page_strikes_a_mark_and_the_sheet_shows_what_was_cited(operator) -> None:
    fields = {"struck": "late", "evidence_camera": CAMERA, "evidence_time": "08:00:03"}
    answer = operator.post(f"{PAGE}/correction", data=form(operator, **fields, evidence_note=NASTY))
    assert answer.status_code == 303, answer.text
    assert operator.get(f"{SHEET}/T002").json()["marks"] == []
    cited = operator.get(f"{SHEET}/T002").json()["corrections"][0]["evidence"]
    assert (cited["at"], cited["camera"]) == ("2026-11-23T00:00:03Z", CAMERA)
    sheet = operator.get(f"/console/lessons/{JUDGED}").text
    assert "<s>迟到</s>" in sheet
    assert NASTY not in sheet
    link = f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&amp;at=2026-11-23T00%3A00%3A03%2B00%3A00"
    assert link in sheet
    moment = operator.get(link.replace("&amp;", "&"))
    assert moment.status_code == 200
    assert "<video" in moment.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"struck": "left_early"}, "该标记已不存在"),
        ({"struck": "late", "evidence_time": "08:00:03"}, "摄像头与时间须同时填写"),
        ({"struck": "late", "evidence_camera": CAMERA}, "摄像头与时间须同时填写"),
        ({"struck": "late", "evidence_camera": "door", "evidence_time": "08:01"}, "没有录制本节课"),
        ({"struck": "late", "evidence_camera": CAMERA, "evidence_time": "08:21"}, "该时刻没有录像"),
        ({"struck": "late", "evidence_camera": CAMERA, "evidence_time": "15:00"}, "不在本节课内"),
        ({"struck": "late", "evidence_camera": CAMERA, "evidence_time": "noon"}, "无法识别"),
        ({}, "或撤销标记"),
    ],
)
def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(operator, fields, told: str) -> None:
    answer = operator.post(f"{PAGE}/correction", data=form(operator, **fields, evidence_note="签到表"))
    if not fields:
        answer = operator.post(f"{PAGE}/correction", data=form(operator))
    assert answer.status_code in (409, 422)
    assert told in answer.text
    if fields:
        assert 'value="签到表"' in answer.text
    if fields.get("struck") == "late":
        assert 'value="late" checked' in answer.text


def test_who_may_not_see_footage_reads_the_instant_without_its_link(operator, scene) -> None:
    cited = {"at": RECORDED, "camera": CAMERA}
    assert operator.post(CORRECTIONS, json={**STRIKE, "evidence": cited}).status_code == 201
    instructor = Visitor(create_app(scene.services)).log_in("instructor")
    page = instructor.get(f"/console/lessons/{JUDGED}").text
    assert "08:00:03" in page
    assert f"moment?camera={CAMERA}&amp;at=2026-11-23T00%3A00%3A03" not in page
