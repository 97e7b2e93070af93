"""The verifier as an auditor meets it: one file, run alone, on bundles of many stories, honest and forged."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.footage import Segment, StoredObject
from storage.bundle_archive import zip_bundle
from storage.bundle_evidence import FootageMode
from storage.signing import Ed25519Signer
from storage.verifier import VERIFIER_FILE
from storage.verifier.verify import BAD, main, verify_bundle
from supervision_api.cli.main import application

LONGEST_FILE = 300
WIDEST_LINE = 110
NewSigner = Callable[..., Ed25519Signer]
Locked = Callable[[Segment, StoredObject], StoredObject]


@pytest.fixture
def played(tmp_path: Path, story: type) -> Callable[..., Path]:
    """Plays a story and writes its bundle; ``name`` keeps several apart."""

    def play(name: str = "bundle", **bends: Any) -> Path:
        told = story(**bends)
        told.play()
        return Path(told.bundle(tmp_path / name).path)

    return play


def source_text() -> str:
    return VERIFIER_FILE.read_text(encoding="utf-8")


def test_the_verifier_is_short_enough_to_be_read() -> None:
    lines = source_text().splitlines()
    assert len(lines) <= LONGEST_FILE
    assert max(len(line) for line in lines) <= WIDEST_LINE
    assert ";" not in {token for line in lines for token in line.split()}, "no line carries two statements"


def test_the_verifier_imports_python_and_cryptography_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse(source_text())):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_every_function_of_the_verifier_fits_a_screen() -> None:
    functions = [node for node in ast.walk(ast.parse(source_text())) if isinstance(node, ast.FunctionDef)]
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > 30} == {}


def test_the_verifier_writes_nothing_and_reaches_for_nothing() -> None:
    forbidden = {"write_bytes", "write_text", "unlink", "rename", "mkdir", "urlopen", "socket", "extractall"}
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(ast.parse(source_text()))
        if isinstance(node, ast.Call)
    }
    assert called & (forbidden | {"eval", "exec", "__import__"}) == set()


def test_every_bundle_carries_this_very_verifier(whole_bundle: Path) -> None:
    assert (whole_bundle / "verify.py").read_bytes() == VERIFIER_FILE.read_bytes()


def test_the_bundles_own_copy_runs_alone(whole_bundle: Path, tmp_path: Path) -> None:
    empty = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-I", "verify.py", "."]
    done = subprocess.run(command, cwd=whole_bundle, env=empty, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "whole" in done.stdout
    assert "fingerprint" in done.stdout


def test_a_zip_is_checked_like_its_folder(whole_bundle: Path, tmp_path: Path) -> None:
    assert verify_bundle(zip_bundle(whole_bundle, tmp_path / "bundle.zip")).exit_code == 0


def test_a_zip_of_the_folder_itself_is_checked_too(whole_bundle: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", whole_bundle.parent, whole_bundle.name)
    assert verify_bundle(Path(packed)).exit_code == 0


def test_what_file_managers_leave_behind_is_not_held_against_a_bundle(bundle_copy: Path) -> None:
    (bundle_copy / ".DS_Store").write_bytes(b"icons")
    (bundle_copy / "footage" / "Thumbs.db").write_bytes(b"more icons")
    assert verify_bundle(bundle_copy).exit_code == 0


def test_a_zip_with_a_doubled_entry_is_no_bundle(whole_bundle: Path, tmp_path: Path) -> None:
    target = zip_bundle(whole_bundle, tmp_path / "bundle.zip")
    with zipfile.ZipFile(target, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("attendance.json", b"{}")
    with pytest.raises(BAD):
        verify_bundle(target)


def test_a_flipped_bit_in_a_zip_is_found(whole_bundle: Path, tmp_path: Path) -> None:
    target = zip_bundle(whole_bundle, tmp_path / "bundle.zip")
    raw = bytearray(target.read_bytes())
    place = raw.find(b'{"trainees"')
    raw[place + 3] ^= 1
    target.write_bytes(bytes(raw))
    report = verify_bundle(target)
    assert report.exit_code == 10
    assert "attendance.json" in [finding.place for finding in report.findings]


def test_a_link_out_of_the_bundle_is_not_followed(bundle_copy: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    shutil.move(bundle_copy / "attendance.json", outside)
    (bundle_copy / "attendance.json").symlink_to(outside)
    report = verify_bundle(bundle_copy)
    assert (report.exit_code, report.findings[0].place) == (10, "attendance.json")


def test_a_pipe_in_a_bundle_is_not_read(bundle_copy: Path) -> None:
    os.mkfifo(bundle_copy / "attendance.pipe")
    assert stat.S_ISFIFO((bundle_copy / "attendance.pipe").stat().st_mode)
    assert verify_bundle(bundle_copy).exit_code == 10


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no zip", b"{}"])
def test_what_is_no_bundle_is_wrong_usage(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thing"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as left:
        main([str(path)])
    assert left.value.code == 2
    assert "no bundle" in capsys.readouterr().err


def test_a_path_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path / "nowhere")])
    assert left.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("trusted", ["nothing", "empty folder", "not a key"])
def test_keys_that_are_none_are_wrong_usage(whole_bundle: Path, tmp_path: Path, trusted: str) -> None:
    place = tmp_path / "keys"
    if trusted == "empty folder":
        place.mkdir()
    elif trusted == "not a key":
        place.write_text('{"name": "x"}')
    with pytest.raises(SystemExit) as left:
        main([str(whole_bundle), "--keys", str(place)])
    assert left.value.code == 2


def test_the_machine_readable_answer_is_one_document(
    bundle_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle_copy / "sightings.jsonl").unlink()
    assert main([str(bundle_copy), "--json"]) == 11
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 11
    assert document["lesson"] == "HZ-2026-014/3"
    assert document["findings"] == [{"code": 11, "place": "sightings.jsonl", "message": "is missing"}]
    assert len(document["keys"]) == 2


def test_names_in_a_forged_bundle_cannot_steer_a_terminal(
    bundle_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle_copy / "evil\x1b[2J\x07.txt").write_bytes(b"x")
    assert main([str(bundle_copy)]) == 10
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "evil?[2J?.txt" in shown


def trust(folder: Path, *signers: Ed25519Signer) -> Path:
    folder.mkdir()
    for number, signer in enumerate(signers):
        (folder / f"{number}.json").write_text(json.dumps(signer.public_key.document()))
    return folder


def test_published_keys_are_believed_instead_of_the_bundles(
    whole_bundle: Path, tmp_path: Path, make_signer: NewSigner
) -> None:
    keys = trust(tmp_path / "published", make_signer(1), make_signer(2))
    assert verify_bundle(whole_bundle, keys).exit_code == 0


def test_a_single_published_key_may_be_named_as_a_file(
    played: Callable[..., Path], tmp_path: Path, make_signer: NewSigner
) -> None:
    keys = trust(tmp_path / "published", make_signer(1))
    assert verify_bundle(played(), keys / "0.json").exit_code == 0


def test_a_key_that_was_rotated_in_must_be_published_as_well(
    whole_bundle: Path, tmp_path: Path, make_signer: NewSigner
) -> None:
    report = verify_bundle(whole_bundle, trust(tmp_path / "published", make_signer(1)))
    assert report.exit_code == 13
    assert "bundle.sig" in [finding.place for finding in report.findings]


def test_a_whole_history_invented_under_another_key_fails_against_the_published_one(
    played: Callable[..., Path], story: type, tmp_path: Path, make_signer: NewSigner
) -> None:
    told = story()
    told.signer = make_signer(66)
    told.play()
    forged = told.bundle(tmp_path / "forged").path
    assert verify_bundle(forged).exit_code == 0, "without published keys nobody can tell: see evidence.md"
    assert verify_bundle(forged, trust(tmp_path / "published", make_signer(1))).exit_code == 13


@pytest.mark.parametrize("mode", list(FootageMode))
def test_honest_stories_are_whole(played: Callable[..., Path], mode: FootageMode) -> None:
    report = verify_bundle(played(footage=mode))
    assert (report.exit_code, report.findings) == (0, [])


@pytest.mark.parametrize("segments", [0, 1, 2, 7])
def test_lessons_of_any_length_are_whole(played: Callable[..., Path], segments: int) -> None:
    assert verify_bundle(played(segments=segments)).findings == []


@pytest.mark.parametrize("cameras", [(), ("one",), ("a/b", "a.b", "..", "后门", "a b")])
def test_cameras_of_any_name_are_whole(played: Callable[..., Path], cameras: tuple[str, ...]) -> None:
    assert verify_bundle(played(cameras=cameras)).findings == []


def test_a_lock_that_was_never_set_is_named(played: Callable[..., Path], without_lock: Locked) -> None:
    report = verify_bundle(played(lock=without_lock))
    assert report.exit_code == 14
    assert {finding.place for finding in report.findings} == {
        f"camera {camera} segment {number}" for camera in ("front", "后门.cam") for number in (1, 2, 3)
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"lock_mode": "GOVERNANCE"}, 0),
        ({"lock_mode": ""}, 14),
        ({"lock_mode": "OFF"}, 14),
        ({"retain_until": None}, 14),
    ],
)
def test_a_lock_counts_only_as_read_back(
    played: Callable[..., Path], change: dict[str, Any], code: int
) -> None:
    def one(segment: Segment, stored: StoredObject) -> StoredObject:
        return replace(stored, **change) if segment.sequence == 2 else stored

    assert verify_bundle(played(lock=one)).exit_code == code


@pytest.mark.parametrize(("days", "code"), [(-1, 14), (0, 0), (1, 0)])
def test_a_lock_must_last_as_long_as_the_lessons_closing_says(
    played: Callable[..., Path], days: int, code: int
) -> None:
    def changed(_segment: Segment, stored: StoredObject) -> StoredObject:
        assert stored.retain_until is not None
        return replace(stored, retain_until=stored.retain_until + timedelta(days=days))

    assert verify_bundle(played(lock=changed)).exit_code == code


@pytest.mark.parametrize(("back_s", "code"), [(1, 0), (90, 12), (86_400, 12)])
def test_a_clock_that_went_back_during_the_lesson_is_named(
    played: Callable[..., Path], back_s: int, code: int
) -> None:
    def step(_log: object, clock: Any, number: int) -> None:
        if number == 2:
            clock.forward(-back_s)

    report = verify_bundle(played(during=step))
    assert report.exit_code == code
    if code:
        assert any("the clock went back" in finding.message for finding in report.findings)


def test_a_step_that_was_declared_before_the_lesson_and_passed_again_does_no_harm(
    played: Callable[..., Path],
) -> None:
    def before(log: Any, clock: Any) -> None:
        clock.forward(-600)
        log.beat(Ed25519Signer(log.origin, bytes([1]) * 32))
        clock.forward(601)

    assert verify_bundle(played(before=before)).findings == []


def test_a_log_whose_writer_hid_the_step_is_named(played: Callable[..., Path]) -> None:
    """A writer changed so that it declares nothing: the checkpoints' own times betray it."""

    def hide(log: Any, clock: Any, number: int) -> None:
        if number == 2:
            clock.forward(-300)
            log.store._head = replace(log.store.head(), latest_at=None)
            log.store._checkpoints[:] = []

    report = verify_bundle(played(during=hide))
    assert report.exit_code == 12


def test_all_findings_are_printed_and_the_gravest_decides(bundle_copy: Path) -> None:
    (bundle_copy / "sightings.jsonl").unlink()
    (bundle_copy / "attendance.json").write_bytes(b"{}")
    report = verify_bundle(bundle_copy)
    assert {finding.code for finding in report.findings} == {10, 11}
    assert report.exit_code == 10
    (bundle_copy / "bundle.sig").write_bytes(b"nonsense")
    assert verify_bundle(bundle_copy).exit_code == 13


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"0",
    b'{"index": 1e999}',
    b"[" * 5000,
    b'{"seq": "x"}',
    b"\n\n\n",
]


def signed_names() -> Iterator[str]:
    yield from ("bundle.json", "bundle.sig", "leaves.jsonl", "consistency.json")


@pytest.mark.parametrize("name", list(signed_names()))
@pytest.mark.parametrize("content", HOSTILE)
def test_nonsense_in_any_file_is_a_finding_and_never_a_crash(
    bundle_copy: Path, name: str, content: bytes
) -> None:
    (bundle_copy / name).write_bytes(content)
    assert verify_bundle(bundle_copy).exit_code in (10, 11, 12, 13)


@pytest.mark.parametrize("content", HOSTILE)
def test_nonsense_for_keys_and_checkpoints_is_a_bad_signature(bundle_copy: Path, content: bytes) -> None:
    for path in (*bundle_copy.glob("keys/*"), *bundle_copy.glob("checkpoints/*")):
        path.write_bytes(content)
    assert verify_bundle(bundle_copy).exit_code == 13


def test_a_narrow_terminal_encoding_does_not_stop_the_report(
    bundle_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle_copy / "多余.txt").write_bytes(b"x")
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert main([str(bundle_copy)]) == 10
    narrow.flush()
    assert b"\\u591a\\u4f59.txt" in narrow.buffer.getvalue()


def test_rollcall_verify_is_the_same_check_with_the_same_code(
    bundle_copy: Path, tmp_path: Path, make_signer: NewSigner
) -> None:
    keys = trust(tmp_path / "published", make_signer(1), make_signer(2))
    run = CliRunner().invoke
    assert run(application, ["verify", str(bundle_copy)]).exit_code == 0
    assert run(application, ["verify", str(bundle_copy), "--keys", str(keys)]).exit_code == 0
    (bundle_copy / "attendance.json").unlink()
    told = run(application, ["verify", str(bundle_copy), "--json"])
    assert (told.exit_code, json.loads(told.stdout)["exit_code"]) == (11, 11)
    assert run(application, ["verify", str(tmp_path / "nowhere")]).exit_code == 2
    assert run(application, ["verify"]).exit_code == 2
