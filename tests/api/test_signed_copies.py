"""``rollcall export --c2pa``: signed copies beside the footage, vouched for by the bundle, never half."""

from __future__ import annotations

import errno
import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from models.canonical_json import parse_json
from models.clip_manifest import CLIP_ASSERTION
from models.errors import DiskFull, StorageError
from models.evidence import LeafKind
from storage.bundle_evidence import BundleScope
from storage.content_credentials import read_credentials
from storage.leaf_store import LeafQuery
from storage.verifier.verify import verify_bundle
from supervision_api.cli.main import application
from supervision_api.pipeline.bundle_plans import BundleOrder
from supervision_api.pipeline.bundling import write_ordered_bundle
from supervision_api.pipeline.signed_copies import signed_name
from tests.api.scene import CAMERA, JUDGED, NAMES
from tests.unit.storage.clip_certificates import VALID, ClipAuthority, ClipFiles


@pytest.fixture
def files(closed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClipFiles:
    """An operator's certificate and key, named in the settings."""
    made = ClipAuthority(tmp_path).issue()
    monkeypatch.setenv("ROLLCALL_DATA_DIR", str(closed.house.folder))
    monkeypatch.setenv("ROLLCALL_C2PA_CERTIFICATE", str(made.certificate))
    monkeypatch.setenv("ROLLCALL_C2PA_KEY", str(made.key))
    return made


def export(out: Path, *more: str, scope: str = "lesson", subject: str = JUDGED) -> Result:
    asked = ["export", scope, subject, "--out", str(out), "--json", "--c2pa", *more]
    return CliRunner().invoke(application, asked)


def error_of(told: Result, exit_code: int = 1) -> dict[str, str]:
    assert told.exit_code == exit_code, told.output
    found: dict[str, str] = json.loads(told.stdout)["error"]
    return found


def statement(path: Path) -> dict[str, Any]:
    read = read_credentials(path)
    assert (read.whole, read.failures) == (True, ())
    (found,) = [one["data"] for one in read.manifest["assertions"] if one["label"] == CLIP_ASSERTION]
    return dict(found)


def exports(closed) -> int:
    with closed.house.ledger.read() as work:
        return len(list(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.EXPORT,)))))


def assert_nothing_was_done(closed, out: Path) -> None:
    assert not out.exists()
    assert exports(closed) == 0, "no export is on record"
    assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_a_lesson_has_signed_copies_beside_its_footage(closed, files, tmp_path) -> None:
    out = tmp_path / "out"
    told = export(out)
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert document["problems"] == []
    assert document["files"] == len([path for path in out.rglob("*") if path.is_file()])
    report = verify_bundle(out)
    assert (report.exit_code, report.findings) == (0, [])
    originals = sorted((out / "footage").rglob("*.mp4"))
    assert [sha256(path.read_bytes()).hexdigest() for path in originals] == [
        segment.sha256 for segment in closed.segments
    ]
    copies = [out / signed_name(segment, blurred=False) for segment in closed.segments]
    assert sorted((out / "derived").rglob("*.mp4")) == sorted(copies)
    assert copies[0].name == f"000001-{closed.segments[0].sha256}.c2pa.mp4"
    derived = json.loads((out / "bundle.json").read_bytes())["derived"]
    assert [one["from_sha256"] for one in derived] == [one.sha256 for one in closed.segments]


def test_a_copy_says_where_its_original_is_on_record(closed, files, tmp_path) -> None:
    out = tmp_path / "out"
    assert export(out).exit_code == 0
    lines = [json.loads(line) for line in (out / "leaves.jsonl").read_text().splitlines()]
    leaves = {line["index"]: line["record"] for line in lines}
    for segment in closed.segments:
        said = statement(out / signed_name(segment, blurred=False))
        assert (said["lesson_id"], said["camera_id"]) == (JUDGED, CAMERA)
        assert (said["sequence"], said["original_sha256"]) == (segment.sequence, segment.sha256)
        assert said["log"] == closed.house.settings.origin
        record = leaves[said["leaf"]["index"]].encode()
        assert sha256(b"\x00" + record).hexdigest() == said["leaf"]["hash"]
        body = parse_json(record)["body"]  # type: ignore[call-overload,index]
        assert (body["sha256"], body["starts_at"]) == (said["original_sha256"], said["starts_at"])


def test_no_copy_names_a_person_a_path_or_places_that_moved(closed, files, tmp_path) -> None:
    out = tmp_path / "out"
    assert export(out).exit_code == 0
    for copy in (out / "derived").rglob("*.mp4"):
        raw = copy.read_bytes()
        assert [name for name in NAMES if name.encode() in raw] == []
        assert str(closed.house.folder).encode() not in raw
        assert b"mfro" not in raw, "the library would leave an index that leads nowhere"


def test_a_bit_flipped_in_a_copy_is_found_by_the_bundle_even_where_c2pa_sees_none(
    closed, files, tmp_path
) -> None:
    out = tmp_path / "out"
    assert export(out).exit_code == 0
    copy = out / signed_name(closed.segments[0], blurred=False)
    raw = copy.read_bytes()
    # In ftyp, which C2PA's hash leaves out; and in the pictures, which it holds.
    for place, seen_by_c2pa in ((12, False), (raw.rfind(b"mdat") + 100, True)):
        damaged = bytearray(raw)
        damaged[place] ^= 1
        copy.write_bytes(damaged)
        report = verify_bundle(out)
        assert report.exit_code == 10
        assert any(copy.name in str(finding) for finding in report.findings)
        assert read_credentials(copy).whole is not seen_by_c2pa
    copy.write_bytes(raw)
    assert verify_bundle(out).exit_code == 0
    copy.unlink()
    assert verify_bundle(out).exit_code == 11


def test_a_copy_signed_by_somebody_else_does_not_pass_for_ours(closed, files, tmp_path) -> None:
    out = tmp_path / "out"
    assert export(out).exit_code == 0
    first, second = (out / signed_name(segment, blurred=False) for segment in closed.segments)
    second.replace(first)
    assert read_credentials(first).whole, "C2PA does not know what ought to lie here"
    assert verify_bundle(out).exit_code in (10, 12)


def test_a_case_has_signed_copies_of_its_claims_footage_alone(closed, files, tmp_path) -> None:
    with closed.house.ledger.read() as work:
        (flag_id,) = [one.flag_id for one in work.flags.of_lesson(JUDGED) if one.flag.subject == "T004"]
    out = tmp_path / "out"
    told = export(out, scope="case", subject=flag_id)
    assert told.exit_code == 0, told.output
    assert verify_bundle(out).findings == []
    (original,) = (out / "footage").rglob("*.mp4")
    (copy,) = (out / "derived").rglob("*.mp4")
    assert statement(copy)["original_sha256"] == sha256(original.read_bytes()).hexdigest()


def test_with_faces_blurred_the_blurred_copies_are_signed_and_no_others(closed, files, tmp_path) -> None:
    out = tmp_path / "out"
    told = export(out, "--blur-faces", "--hashes")
    assert told.exit_code == 0, told.output
    assert verify_bundle(out).findings == []
    assert not (out / "footage").exists()
    copies = sorted((out / "derived").rglob("*.mp4"))
    assert copies == sorted(out / signed_name(one, blurred=True) for one in closed.segments)
    assert all(copy.name.endswith("-faces-blurred.c2pa.mp4") for copy in copies)
    assert {statement(copy)["change"] for copy in copies} == {"faces blurred, encoded again"}
    actions = read_credentials(copies[0]).manifest["assertions"][0]["data"]["actions"]
    assert [one["action"] for one in actions] == [
        "c2pa.opened", "c2pa.edited", "c2pa.transcoded", "c2pa.published"
    ]  # fmt: skip


def test_hashes_alone_and_a_copy_of_the_footage_contradict_each_other(closed, files, tmp_path) -> None:
    told = export(tmp_path / "out", "--hashes")
    assert "--blur-faces" in error_of(told, 2)["hint"]
    assert_nothing_was_done(closed, tmp_path / "out")


@pytest.mark.parametrize("missing", ["ROLLCALL_C2PA_CERTIFICATE", "ROLLCALL_C2PA_KEY"])
def test_a_setting_that_is_missing_is_named_and_no_key_is_made(
    closed, files, tmp_path, monkeypatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    kept = sorted(path.name for path in (closed.house.folder / "keys").iterdir())
    error = error_of(export(tmp_path / "out"))
    assert (error["code"], error["place"]) == ("setting_invalid", missing)
    assert "ROLLCALL_C2PA_KEY" in error["hint"]
    assert sorted(path.name for path in (closed.house.folder / "keys").iterdir()) == kept
    assert_nothing_was_done(closed, tmp_path / "out")


def test_a_key_that_others_may_read_signs_nothing(closed, files, tmp_path) -> None:
    files.key.chmod(0o644)
    error = error_of(export(tmp_path / "out"))
    assert (error["code"], error["place"]) == ("key_unusable", str(files.key))
    assert error["hint"] == f"run: chmod 600 {files.key}"
    assert_nothing_was_done(closed, tmp_path / "out")


def test_a_certificate_that_ran_out_signs_nothing(closed, files, tmp_path) -> None:
    ClipAuthority(tmp_path).issue(valid=(VALID[0], datetime(2021, 1, 1, tzinfo=UTC)))
    assert "to 2021-01-01" in error_of(export(tmp_path / "out"))["message"]
    assert_nothing_was_done(closed, tmp_path / "out")


def test_a_certificate_that_c2pa_refuses_leaves_nothing_behind(closed, files, tmp_path) -> None:
    ClipAuthority(tmp_path).issue(purpose=False)
    assert error_of(export(tmp_path / "out"))["code"] == "key_unusable"
    assert_nothing_was_done(closed, tmp_path / "out")


def test_without_the_library_the_command_names_the_step_and_leaves_nothing(
    closed, files, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    error = error_of(export(tmp_path / "out"))
    assert error["hint"] == "run: pip install 'rollcall[c2pa]'"
    assert_nothing_was_done(closed, tmp_path / "out")
    plain = CliRunner().invoke(application, ["export", "lesson", JUDGED, "--out", str(tmp_path / "out")])
    assert plain.exit_code == 0, "a bundle without signed copies needs no such library"


def test_footage_that_is_not_what_was_recorded_is_not_signed(closed, files, tmp_path) -> None:
    waiting = Path(closed.segments[1].path)
    damaged = bytearray(waiting.read_bytes())
    damaged[-1000] ^= 1
    waiting.write_bytes(damaged)
    error = error_of(export(tmp_path / "out"))
    assert error["code"] == "evidence_broken"
    assert "without --c2pa" in error["hint"]
    assert_nothing_was_done(closed, tmp_path / "out")
    plain = CliRunner().invoke(
        application, ["export", "lesson", JUDGED, "--out", str(tmp_path / "out"), "--json"]
    )
    assert plain.exit_code == 0
    assert json.loads(plain.stdout)["problems"] != [], "and the bundle without copies says what is wrong"


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, StorageError)])
def test_a_disk_that_fails_while_copies_are_made_is_told_as_such(
    closed, tmp_path, number: int, kind: type[StorageError]
) -> None:
    def derive(sources, folder: Path):
        (folder / "half.mp4").write_bytes(b"half")
        raise OSError(number, "no more")

    order = BundleOrder(BundleScope.LESSON, JUDGED, "auditor")
    with pytest.raises(kind, match="cannot be written: no more") as caught:
        write_ordered_bundle(closed.house, order, tmp_path / "out", derive)
    assert (type(caught.value), caught.value.place) == (kind, str(tmp_path))
    assert_nothing_was_done(closed, tmp_path / "out")
