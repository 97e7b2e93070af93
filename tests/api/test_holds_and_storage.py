"""Holds by those who may, with reasons; what was removed is told; how much room footage takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from models.canonical_json import parse_json
from models.evidence import LeafKind
from models.evidence_leaves_retention import object_removed
from storage.leaf_store import LeafQuery
from supervision_api.actions.storage_use import forecast_of
from supervision_api.app import create_app
from supervision_api.console.storage_view import chart_of, size_text
from supervision_api.pipeline.chores.holds import holds_chore
from supervision_api.pipeline.chores.removal import removal_chore
from tests.api.conftest import Visitor
from tests.api.scene import JUDGED, LIVE, NASTY, Scene

HOLDS = f"/api/v1/lessons/{JUDGED}/holds"


def acts(scene: Scene) -> list[str]:
    with scene.services.ledger.read() as work:
        rows = work.evidence.store.rows(LeafQuery(kinds=(LeafKind.HOLD,)))
        return [parse_json(row.record)["body"]["act"] for row in rows]  # type: ignore[index,call-overload,misc]


def test_a_hold_is_placed_confirmed_and_released_with_reasons(visitor: Visitor, scene: Scene) -> None:
    visitor.log_in("auditor")
    placed = visitor.post(HOLDS, json={"reason": "complaint 17", "case_ref": "c-17"})
    assert placed.status_code == 201
    hold = placed.json()
    assert (hold["placed_by"], hold["confirmed_at"], hold["released_at"]) == ("auditor", None, None)
    holds_chore(scene.house).run()
    (listed,) = visitor.get(HOLDS).json()["items"]
    assert listed["confirmed_at"] is not None
    assert any(stored.legal_hold for stored in scene.house.store.list_versions("footage/"))
    release = f"/api/v1/holds/{hold['hold_id']}/release"
    assert visitor.post(release, json={"reason": "  "}).json()["code"] == "invalid_input"
    assert visitor.post(release, json={"reason": "settled"}).json()["release_reason"] == "settled"
    assert visitor.post(release, json={"reason": "settled"}).status_code == 409
    holds_chore(scene.house).run()
    assert not any(stored.legal_hold for stored in scene.house.store.list_versions("footage/"))
    assert acts(scene) == ["placed", "confirmed", "released", "confirmed"]


def test_the_same_call_places_one_hold(visitor: Visitor, scene: Scene) -> None:
    visitor.log_in("chief")
    headers = {"Idempotency-Key": "one"}
    first = visitor.post(HOLDS, json={"reason": "inquiry"}, headers=headers).json()
    assert visitor.post(HOLDS, json={"reason": "inquiry"}, headers=headers).json() == first
    assert acts(scene) == ["placed"]


def test_a_case_is_held_whole_or_not_at_all(visitor: Visitor, scene: Scene) -> None:
    visitor.log_in("supervisor")
    body = {"case_ref": "c-9", "reason": "inquiry", "lesson_ids": [JUDGED, LIVE, JUDGED]}
    refused = visitor.post("/api/v1/holds", json=body | {"lesson_ids": [JUDGED, "nowhere"]})
    assert (refused.status_code, acts(scene)) == (404, [])
    assert visitor.post("/api/v1/holds", json=body | {"case_ref": " "}).status_code == 422
    held = visitor.post("/api/v1/holds", json=body).json()["items"]
    assert [one["lesson_id"] for one in held] == [JUDGED, LIVE]
    again = visitor.post("/api/v1/holds", json=body).json()["items"]
    assert [one["hold_id"] for one in again] == [one["hold_id"] for one in held]
    assert len(visitor.get("/api/v1/holds").json()["items"]) == 2
    released = visitor.post("/api/v1/holds/release", json={"case_ref": "c-9", "reason": "over"}).json()
    assert all(one["released_by"] == "supervisor" for one in released["items"])
    assert visitor.get("/api/v1/holds").json()["items"] == []
    assert len(visitor.get("/api/v1/holds?case_ref=c-9").json()["items"]) == 2
    empty = visitor.post("/api/v1/holds/release", json={"case_ref": "c-9", "reason": "over"})
    assert empty.status_code == 404


@pytest.mark.parametrize("role", ["operator", "inspector"])
def test_who_may_not_hold_sees_who_does_and_no_form(visitor: Visitor, scene: Scene, role: str) -> None:
    with scene.services.ledger.write() as work:
        work.holds.place(JUDGED, "", NASTY, "auditor", scene.clock.at)
    visitor.log_in(role)
    page = visitor.get(f"/console/lessons/{JUDGED}/evidence").text
    assert "auditor" in page
    assert "&lt;script&gt;" in page
    assert f'action="/console/lessons/{JUDGED}/holds"' not in page
    assert visitor.post(HOLDS, json={"reason": "x"}).status_code == 403


def test_the_console_places_and_releases(visitor: Visitor, scene: Scene) -> None:
    visitor.log_in("auditor")
    path = f"/console/lessons/{JUDGED}/evidence"
    token = visitor.form_token(path)
    form = {"csrf_token": token, "reason": "inquiry", "case_ref": "c-1"}
    placed = visitor.post(f"/console/lessons/{JUDGED}/holds", data=form)
    assert (placed.status_code, placed.headers["location"]) == (303, f"{path}#holds")
    shown = visitor.get(f"/console/lessons/{JUDGED}").text
    assert "自 2026-11-23 09:30:00 起由 auditor 依法保全：inquiry" in shown
    with scene.services.ledger.read() as work:
        (hold,) = work.holds.open()
    elsewhere = visitor.post(f"/console/lessons/{LIVE}/holds/{hold.hold_id}/release", data=form)
    assert elsewhere.status_code == 404
    visitor.post(f"/console/lessons/{JUDGED}/holds/{hold.hold_id}/release", data=form)
    with scene.services.ledger.read() as work:
        assert work.holds.open() == ()
    assert "已解除" in visitor.get(path).text


def test_removed_footage_is_told_and_does_not_play(visitor: Visitor, scene: Scene) -> None:
    segment = scene.segments[0]
    with scene.services.ledger.write() as work:
        upload = work.uploads.get(segment.segment_id)
        leaf = work.evidence.append(object_removed(upload, "v1", "default-1", True, scene.clock.at))
        work.removals.note_removed(segment.segment_id, scene.clock.at, leaf.seq)
    visitor.log_in("supervisor")
    page = visitor.get(f"/console/lessons/{JUDGED}/footage").text
    assert "录像保存至 2031年11月23日" in page
    assert f"第 {leaf.seq} 号记录" in page
    answer = visitor.get(f"/api/v1/lessons/{JUDGED}/footage/{segment.camera_id}/segments/1")
    assert answer.status_code == 404
    assert "evidence" in answer.json()["hint"]
    assert visitor.get(f"/api/v1/lessons/{JUDGED}/footage").json()["segments"], "its rows stay"


def test_forecast_and_expiry_over_http(visitor: Visitor, scene: Scene) -> None:
    visitor.log_in("administrator")
    found = visitor.get("/api/v1/storage/forecast").json()
    (camera,) = found["cameras"]
    assert camera["stored_bytes"] == sum(segment.size_bytes for segment in scene.segments)
    assert len(found["months"]) == len(camera["kept_bytes"]) == 12
    assert found["months"][0]["begins_at"] == "2026-11-23T01:30:00Z"
    assert found["months"][0]["ends_at"] == "2026-11-30T16:00:00Z", "a month ends at midnight in China"
    assert visitor.get("/api/v1/storage/expiring").json()["items"] == []
    later = visitor.get("/api/v1/storage/expiring?days=2000").json()["items"]
    assert [(one["lesson_id"], one["objects"]) for one in later] == [(JUDGED, len(scene.segments))]


@pytest.mark.parametrize("role", ["operator", "auditor", "administrator"])
def test_the_storage_page_has_figures_and_a_chart(visitor: Visitor, role: str) -> None:
    visitor.log_in(role)
    page = visitor.get("/console/storage").text
    assert page.count("<rect class=") == 14
    assert "301 教室前方" in page
    assert "下月没有到期的录像" in page
    assert "按目前速度，磁盘将在 31 小时后存满。" in page
    assert "存储没有响应" in page


def test_the_storage_page_of_an_empty_house_says_so(visitor: Visitor, scene: Scene) -> None:
    later = scene.clock.at + timedelta(days=4000)
    with scene.services.ledger.read() as work:
        found = forecast_of(work, later)
    assert found.kept[0] > 0, "what expires and is not removed is kept"
    assert chart_of(found, later).steady_y is None


def test_the_removal_chore_only_counts_until_it_is_switched_on(scene: Scene) -> None:
    metrics = scene.services.metrics
    removal_chore(scene.house, metrics).run()
    assert b"rollcall_expired_lessons 0.0" in metrics.render()
    scene.clock.forward(days=2000)
    removal_chore(scene.house, metrics).run()
    assert b"rollcall_expired_lessons 0.0" in metrics.render(), "an open flag of a stranger keeps it"
    assert scene.house.store.list_versions("footage/")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (15e6, "15.0 MB"), (7.9e12, "7.9 TB"), (4e15, "4,000.0 TB")],
)
def test_sizes_read_in_the_unit_that_fits(size: float, text: str) -> None:
    assert size_text(size) == text


def test_the_storage_page_lists_what_expires_next_month(visitor: Visitor, scene: Scene) -> None:
    with scene.services.ledger.read() as work:
        until = work.uploads.get(scene.segments[0].segment_id).retain_until
    scene.clock.at = until - timedelta(days=35)
    visitor.log_in("operator")
    page = visitor.get("/console/storage").text
    assert f'href="/console/lessons/{JUDGED}"' in page
    assert "养老护理员 · 第3课" in page
    assert "2031年11月23日" in page, "the last day, not the midnight after it"
    assert "到期录像仅列出" in page


def test_where_removal_is_on_the_page_says_so(visitor: Visitor, scene: Scene) -> None:
    web = replace(scene.services.web, remove_expired=True)
    with Visitor(create_app(replace(scene.services, web=web))) as client:
        page = client.log_in("operator").get("/console/storage").text
    assert "到期录像会自动删除" in page
