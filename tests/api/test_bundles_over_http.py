"""Bundles of a lesson, a case and a class from a whole installation: what is in them, that they verify."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from models.errors import DiskFull
from models.evidence import LeafKind
from storage.bundle_evidence import BundleScope
from storage.leaf_store import LeafQuery
from storage.verifier.verify import verify_bundle
from supervision_api.app import create_app
from supervision_api.cli.main import application
from supervision_api.pipeline.bundle_plans import BundleOrder
from supervision_api.pipeline.bundling import write_ordered_bundle
from tests.api.conftest import Visitor
from tests.api.scene import CLASS, JUDGED, LIVE, NAMES, id_number


@pytest.fixture
def auditor(closed) -> Visitor:
    return Visitor(create_app(closed.services)).log_in("auditor")


def exports(scene) -> list[dict[str, object]]:
    with scene.house.ledger.read() as work:
        rows = work.evidence.store.rows(LeafQuery(kinds=(LeafKind.EXPORT,)))
        return [json.loads(row.record)["body"] for row in rows]


def absence(scene) -> str:
    with scene.house.ledger.read() as work:
        (flag_id,) = [one.flag_id for one in work.flags.of_lesson(JUDGED) if one.flag.subject == "T004"]
        return flag_id


def unpacked(answer, folder: Path) -> Path:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(folder)
    return folder


def test_a_case_holds_the_claims_footage_alone_and_its_lessons_evidence(auditor, closed, tmp_path) -> None:
    flag_id = absence(closed)
    folder = unpacked(auditor.post(f"/api/v1/flags/{flag_id}/bundle"), tmp_path / "case")
    report = verify_bundle(folder)
    assert (report.exit_code, report.findings, list(report.lessons)) == (0, [], [JUDGED])
    case = json.loads((folder / "case.json").read_bytes())
    assert case["case"] == flag_id
    assert [flag["subject"] for flag in case["flags"]] == ["T004"]
    assert case["verdict"]["status"] == "ABSENT"
    names = [path.name for path in (folder / "footage").rglob("*.mp4")]
    assert names == [f"000001-{closed.segments[0].sha256}.mp4"], "the instant lies in the first segment"
    assert [one["sha256"] for one in case["footage"]] == [closed.segments[0].sha256]
    assert (folder / "lessons" / JUDGED / "attendance.json").is_file()
    (said,) = exports(closed)
    assert (said["actor"], said["scope"], said["footage"]) == ("auditor", "case", "selected")
    (folder / "case.json").write_bytes(b"{}")
    assert verify_bundle(folder).exit_code == 10


def test_a_class_holds_every_judged_lesson_roster_timetable_and_hours(auditor, closed, tmp_path) -> None:
    folder = unpacked(auditor.post(f"/api/v1/classes/{CLASS}/bundle"), tmp_path / "class")
    assert verify_bundle(folder).findings == []
    record = json.loads((folder / "class.json").read_bytes())
    assert [lesson["id"] for lesson in record["lessons"]] == [JUDGED]
    assert record["not_included"] == [{"id": LIVE, "state": "running"}]
    assert record["credited_hours"]["T001"] == 1.0
    roster = (folder / "roster.csv").read_text("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(roster)))) == 1 + len(NAMES)
    assert id_number(1) not in roster, "identity numbers are masked"
    assert JUDGED in (folder / "timetable.csv").read_text("utf-8-sig")
    sheet = openpyxl.load_workbook(folder / "class-hours.xlsx").active
    assert sheet["A4"].value == "T001"
    assert sheet.cell(row=4, column=4).value == 1
    assert not (folder / "footage").exists(), "a class is taken with hashes unless footage is asked for"
    assert [said["footage"] for said in exports(closed)] == ["hashes"]
    (folder / "roster.csv").unlink()
    assert verify_bundle(folder).exit_code == 11


def test_a_class_may_be_taken_with_its_footage(auditor, closed, tmp_path) -> None:
    folder = unpacked(auditor.post(f"/api/v1/classes/{CLASS}/bundle?footage=true"), tmp_path / "class")
    assert len(list((folder / "footage" / JUDGED).rglob("*.mp4"))) == len(closed.segments)
    assert verify_bundle(folder).exit_code == 0


def test_a_lesson_may_be_taken_without_its_footage(auditor, closed, tmp_path) -> None:
    folder = unpacked(auditor.post(f"/api/v1/lessons/{JUDGED}/bundle?footage=false"), tmp_path / "lesson")
    assert verify_bundle(folder).findings == []
    assert not (folder / "footage").exists()
    report = (folder / "report.html").read_text()
    assert "王建国" in report
    assert "<script" not in report
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("page", [f"lessons/{JUDGED}/evidence", f"classes/{CLASS}", "flags"])
def test_the_console_offers_what_may_be_taken_out(auditor, page: str) -> None:
    body = auditor.get(f"/console/{page}").text
    assert 'method="post"' in body
    assert "/bundle" in body


def test_more_footage_than_the_web_sends_is_refused_with_the_command_that_takes_it(closed) -> None:
    small = replace(closed.services, web=replace(closed.services.web, bundle_limit_bytes=1000))
    visitor = Visitor(create_app(small)).log_in("auditor")
    answer = visitor.post(f"/api/v1/lessons/{JUDGED}/bundle")
    assert answer.status_code == 409
    assert f"rollcall export lesson {JUDGED}" in answer.json()["hint"]
    assert exports(closed) == []
    assert visitor.post(f"/api/v1/lessons/{JUDGED}/bundle?footage=false").status_code == 200


def test_what_nobody_knows_or_judged_has_no_bundle(auditor, closed) -> None:
    assert auditor.post("/api/v1/flags/none/bundle").status_code == 404
    assert auditor.post("/api/v1/classes/none/bundle").status_code == 404
    assert auditor.post(f"/api/v1/lessons/{LIVE}/bundle").status_code == 409
    assert exports(closed) == []


def test_a_disk_without_room_is_told_before_anything_is_on_record(closed, tmp_path, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 100, 0))
    with pytest.raises(DiskFull, match="are free"):
        write_ordered_bundle(closed.house, BundleOrder(BundleScope.CLASS, CLASS, "a"), tmp_path / "out" / "b")
    assert exports(closed) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_copies_made_of_footage_lie_apart_and_are_vouched_for(closed, tmp_path) -> None:
    def derive(sources, folder: Path):
        copies = {}
        for segment, read in sources.items():
            (folder / segment.sha256).write_bytes(b"derived " + b"".join(read())[:100])
            copies[f"derived/{segment.sequence}.mp4"] = (folder / segment.sha256, segment.sha256)
        return copies

    order = BundleOrder(BundleScope.LESSON, JUDGED, "auditor", footage=False)
    write_ordered_bundle(closed.house, order, tmp_path / "b", derive)
    manifest = json.loads((tmp_path / "b" / "bundle.json").read_bytes())
    assert manifest["derived"][0] == {"name": "derived/1.mp4", "from_sha256": closed.segments[0].sha256}
    assert verify_bundle(tmp_path / "b").exit_code == 0
    (tmp_path / "b" / "derived" / "1.mp4").write_bytes(b"another")
    assert verify_bundle(tmp_path / "b").exit_code == 10
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(("scope", "segments"), [("lesson", 2), ("case", 1), ("class", 0)])
def test_the_command_writes_each_kind(closed, tmp_path, monkeypatch, scope: str, segments: int) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(closed.house.folder))
    subject = {"lesson": JUDGED, "case": absence(closed), "class": CLASS}[scope]
    out = tmp_path / "out"
    told = CliRunner().invoke(application, ["export", scope, subject, "--out", str(out), "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["problems"] == []
    assert verify_bundle(out).findings == []
    assert len(list(out.rglob("*.mp4"))) == segments


def test_blurred_copies_go_along_without_the_originals_where_hashes_are_asked_for(
    closed, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(closed.house.folder))
    out = tmp_path / "out"
    asked = ["export", "lesson", JUDGED, "--out", str(out), "--hashes", "--blur-faces", "--json"]
    told = CliRunner().invoke(application, asked)
    assert told.exit_code == 0, told.output
    assert verify_bundle(out).findings == []
    assert not (out / "footage").exists()
    clips = sorted((out / "derived").rglob("*.mp4"))
    assert [clip.name for clip in clips] == [
        f"{one.sequence:06d}-{one.sha256}-faces-blurred.mp4" for one in closed.segments
    ]
    derived = json.loads((out / "bundle.json").read_bytes())["derived"]
    assert [one["from_sha256"] for one in derived] == [one.sha256 for one in closed.segments]
