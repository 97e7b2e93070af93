"""Footage by range with every viewing on record; the evidence log read and proved; the bundle."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import DiskFull, StorageError
from models.evidence import LeafKind
from models.merkle import verify_inclusion
from storage.leaf_store import LeafQuery
from storage.spool import object_key
from supervision_api.app import create_app
from supervision_api.pipeline.bundle_plans import BundleOrder
from supervision_api.problems import RangeNotSatisfiable
from supervision_api.routes.byte_ranges import parse_range
from supervision_api.view_ledger import WINDOW, ViewLedger
from tests.api.conftest import Visitor
from tests.api.scene import CAMERA, JUDGED, LIVE, NOW

FOOTAGE = f"/api/v1/lessons/{JUDGED}/footage"
FIRST = f"{FOOTAGE}/{CAMERA}/segments/1"
SPOOLED = f"{FOOTAGE}/{CAMERA}/segments/2"


def views(scene) -> list[dict[str, object]]:
    with scene.house.ledger.read() as work:
        rows = work.evidence.store.rows(LeafQuery(kinds=(LeafKind.VIEW,)))
        return [json.loads(row.record)["body"] for row in rows]


@pytest.mark.parametrize(("path", "index"), [(FIRST, 0), (SPOOLED, 1)])
def test_a_segment_plays_from_the_store_and_from_the_spool(operator, clips, path: str, index: int) -> None:
    answer = operator.get(path)
    assert answer.status_code == 200
    assert answer.content == clips[index]
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{hashlib.sha256(clips[index]).hexdigest()}"'
    assert answer.headers["cache-control"] == "private, no-store"
    with av.open(io.BytesIO(answer.content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


@pytest.mark.parametrize("path", [FIRST, SPOOLED])
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=-50", -50, None),
        ("bytes=0-999999999", 0, None),
    ],
)
def test_a_range_is_answered_exactly(
    operator, clips, path: str, asked: str, start: int, stop: int | None
) -> None:
    clip = clips[0] if path == FIRST else clips[1]
    answer = operator.get(path, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == clip[start:stop]
    begin = start if start >= 0 else len(clip) + start
    assert answer.headers["content-range"] == f"bytes {begin}-{begin + len(answer.content) - 1}/{len(clip)}"


def test_ranges_put_together_are_the_file(operator, clips) -> None:
    size = len(clips[0])
    pieces = [
        operator.get(FIRST, headers={"Range": f"bytes={start}-{min(start + 999, size - 1)}"}).content
        for start in range(0, size, 1000)
    ]
    assert b"".join(pieces) == clips[0]


def test_a_range_outside_the_file_is_refused(operator) -> None:
    assert operator.get(FIRST, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_a_range_of_another_version_gives_the_whole(operator, clips) -> None:
    answer = operator.get(FIRST, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, clips[0])


def test_a_head_tells_the_size_and_is_no_viewing(operator, scene, clips) -> None:
    answer = operator.head(FIRST)
    assert answer.headers["content-length"] == str(len(clips[0]))
    assert views(scene) == []


@given(
    size=st.integers(1, 10_000),
    first=st.none() | st.integers(0, 12_000),
    last=st.none() | st.integers(0, 12_000),
)
def test_a_parsed_range_always_lies_in_the_file(size: int, first: int | None, last: int | None) -> None:
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    try:
        found = parse_range(text, size)
    except RangeNotSatisfiable:
        assert (first is not None and first >= size) or (first is None and last == 0)
        return
    assert 0 <= found.start < found.stop <= size
    if found.partial and first is not None:
        assert found.start == first
        assert last is None or found.stop <= last + 1


@pytest.mark.parametrize(
    "text", ["bytes=0-1,5-6", "chunks=0-1", "bytes=a-b", "bytes=-", "bytes=5-2", "", "bytes=٣-"]
)
def test_what_is_no_single_range_is_passed_over(text: str) -> None:
    found = parse_range(text, 10)
    assert (found.start, found.stop, found.partial) == (0, 10, False)


def test_one_sitting_is_one_viewing_on_record(operator, scene) -> None:
    for start in range(0, 1000, 100):
        operator.get(FIRST, headers={"Range": f"bytes={start}-{start + 99}"})
    assert views(scene) == [{"actor": "operator", "role": "operator", "camera_id": CAMERA, "sequence": 1}]
    operator.get(SPOOLED)
    assert len(views(scene)) == 2
    scene.clock.forward(minutes=11)
    operator.get(FIRST)
    assert len(views(scene)) == 3


def test_no_byte_leaves_when_the_viewing_cannot_be_recorded(scene) -> None:
    class FullLedger:
        def __init__(self, inner) -> None:
            self.inner = inner

        def read(self):
            return self.inner.read()

        def write(self):
            raise DiskFull("the database's disk is full")

    with Visitor(create_app(scene.services)) as client:
        client.log_in("operator")
        client.app.state.services = replace(scene.services, ledger=FullLedger(scene.services.ledger))
        answer = client.get(FIRST)
    assert answer.status_code == 507
    assert b"ftyp" not in answer.content


def test_a_view_is_forgotten_after_its_window_and_after_a_step_back() -> None:
    ledger = ViewLedger()
    ledger.remember(("a",), NOW)
    assert ledger.is_known(("a",), NOW + WINDOW / 2)
    assert not ledger.is_known(("a",), NOW + WINDOW)
    assert not ledger.is_known(("a",), NOW - WINDOW)
    assert not ledger.is_known(("b",), NOW)


@pytest.mark.parametrize(
    "path",
    [
        f"{FOOTAGE}/{CAMERA}/segments/99",
        f"{FOOTAGE}/other/segments/1",
        f"{FOOTAGE}/..%2F..%2Fkeys/segments/1",
        f"{FOOTAGE}/{CAMERA}/segments/0",
        f"{FOOTAGE}/{CAMERA}/segments/../../../keys",
        f"/api/v1/lessons/..%2F..%2Fetc/footage/{CAMERA}/segments/1",
        "/api/v1/lessons/none/footage",
    ],
)
def test_what_is_not_there_is_not_found(operator, path: str) -> None:
    assert operator.get(path).status_code in (404, 422)


@pytest.mark.parametrize("left", [None, b"short"])
def test_footage_that_went_missing_is_an_error_and_no_broken_film(
    operator, scene, left: bytes | None
) -> None:
    path = Path(scene.segments[1].path)
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    answer = operator.get(SPOOLED)
    assert answer.status_code == 500
    assert answer.json()["code"] == "evidence_broken"
    assert str(path) not in answer.text


def test_a_segment_that_was_just_stored_still_plays(operator, scene, clips) -> None:
    segment = scene.segments[1]
    until = NOW + timedelta(days=1826)
    scene.house.store.put_locked(object_key(segment), segment.path, segment.sha256, until)
    Path(segment.path).unlink()
    assert operator.get(SPOOLED).content == clips[1]


def test_segments_and_gaps_are_listed(operator) -> None:
    listed = operator.get(FOOTAGE).json()
    assert [(one["sequence"], one["stored"]) for one in listed["segments"]] == [(1, True), (2, False)]
    assert listed["segments"][0]["url"] == FIRST
    assert [(one["cause"], one["seconds"]) for one in listed["gaps"]] == [("stream_lost", 120.0)]


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        ("2026-11-23T00:00:03Z", "segments/1#t=3"),
        ("2026-11-23T08:00:10%2B08:00", "segments/2#t=0"),
        ("2026-11-23T00:00:17.250Z", "segments/2#t=7.25"),
        ("2026-11-23T00:00:20.500Z", "segments/2#t=10"),
    ],
)
def test_an_instant_leads_into_its_segment(operator, at: str, ends: str) -> None:
    answer = operator.get(f"{FOOTAGE}/{CAMERA}/at/{at}")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(ends)


def test_an_instant_in_a_gap_says_why_nothing_plays(operator) -> None:
    answer = operator.get(f"{FOOTAGE}/{CAMERA}/at/2026-11-23T00:21:00Z")
    assert answer.status_code == 404
    assert "stream_lost" in answer.json()["detail"]
    page = operator.get(f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:21:00Z").text
    assert "视频流中断" in page
    assert "<video" not in page


@pytest.mark.parametrize("at", ["soon", "2026-11-23T00:00:03", "2026-13-01T00:00:00Z"])
def test_an_instant_needs_a_zone_and_sense(operator, at: str) -> None:
    assert operator.get(f"{FOOTAGE}/{CAMERA}/at/{at}").status_code == 422
    assert operator.get(f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at={at}").status_code == 422


def test_a_moment_shows_the_claim_the_face_and_nothing_of_other_lessons(operator, scene) -> None:
    moment = f"/console/lessons/{JUDGED}/moment?camera={CAMERA}&at=2026-11-23T00:00:03Z"
    path = f"{moment}&trainee=T002&shows=first_seen"
    page = operator.get(path).text
    assert f'src="{FIRST}#t=3.0"' in page
    assert '<rect x="60.0" y="40.0" width="48.0" height="56.0"' in page
    assert "首次见到" in page
    fragment = operator.get(path, headers={"X-Fragment": "moment"}).text
    assert "<html" not in fragment
    assert "<video" in fragment
    flag = operator.get("/api/v1/flags?kind=absence").json()["items"][0]["flag_id"]
    assert operator.get(f"{moment}&flag={flag}").status_code == 200
    assert operator.get(f"{moment}&flag={flag}".replace(JUDGED, LIVE)).status_code == 404


def test_leaves_are_the_bytes_that_were_hashed(operator) -> None:
    page = operator.get(f"/api/v1/lessons/{JUDGED}/evidence?limit=5").json()
    assert len(page["items"]) == 5
    for leaf in page["items"]:
        assert hashlib.sha256(b"\x00" + leaf["record"].encode()).hexdigest() == leaf["leaf_hash"]
    more = operator.get(f"/api/v1/lessons/{JUDGED}/evidence?cursor={page['next_cursor']}").json()
    numbers = [leaf["sequence"] for leaf in page["items"] + more["items"]]
    assert numbers == sorted(set(numbers))
    assert more["next_cursor"] is None


def test_a_leaf_is_proved_under_the_signed_checkpoint(operator) -> None:
    checkpoint = operator.get("/api/v1/evidence/checkpoint").json()
    for sequence in range(checkpoint["size"]):
        proof = operator.get(f"/api/v1/evidence/leaves/{sequence}/proof").json()
        assert base64.b64decode(checkpoint["root"]).hex() == proof["root"]
        leaf, root = bytes.fromhex(proof["leaf_hash"]), bytes.fromhex(proof["root"])
        path = [bytes.fromhex(node) for node in proof["path"]]
        assert verify_inclusion(sequence, proof["tree_size"], leaf, path, root)
        assert not verify_inclusion(sequence, proof["tree_size"], bytes(32), path, root)
    assert operator.get("/api/v1/evidence/leaves/100000/proof").status_code == 404
    operator.get(FIRST)
    assert operator.get(f"/api/v1/evidence/leaves/{checkpoint['size']}/proof").status_code == 409


def test_keys_are_public_documents(operator) -> None:
    (key,) = operator.get("/api/v1/evidence/keys").json()["items"]
    assert key["algorithm"] == "Ed25519"
    assert hashlib.sha256(base64.b64decode(key["public_key"])).hexdigest() == key["fingerprint"]


def archive(services, tmp_path: Path, export) -> Visitor:
    client = Visitor(create_app(replace(services, export_bundle=export, workplace=tmp_path)))
    return client.log_in("auditor")


def test_a_bundle_is_a_download_that_leaves_nothing_behind(scene, tmp_path: Path) -> None:
    asked = []

    def export(order: BundleOrder, target: Path) -> None:
        asked.append((order.subject, order.actor))
        with zipfile.ZipFile(target, "w") as zipped:
            zipped.writestr("bundle.json", "{}")

    place = tmp_path / "work"
    place.mkdir()
    answer = archive(scene.services, place, export).post(f"/api/v1/lessons/{JUDGED}/bundle")
    assert asked == [(JUDGED, "auditor")]
    assert answer.headers["content-type"] == "application/zip"
    assert f"{JUDGED}-evidence.zip" in answer.headers["content-disposition"]
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["bundle.json"]
    assert list(place.iterdir()) == []


def test_a_bundle_that_fails_leaves_nothing_behind(scene, tmp_path: Path) -> None:
    def export(order: BundleOrder, target: Path) -> None:
        target.write_bytes(b"half")
        raise StorageError("no")

    place = tmp_path / "work"
    place.mkdir()
    answer = archive(scene.services, place, export).post(f"/api/v1/lessons/{JUDGED}/bundle")
    assert answer.status_code == 503
    assert list(place.iterdir()) == []


def test_a_lesson_not_judged_has_no_bundle(operator) -> None:
    assert operator.post(f"/api/v1/lessons/{LIVE}/bundle").status_code == 409
    assert "下载证据包" not in operator.get(f"/console/lessons/{LIVE}/evidence").text
