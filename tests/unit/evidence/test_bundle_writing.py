"""Writing bundles: whole or not at all, equal bytes for equal evidence, and honest about bad footage."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from models.errors import Conflict, DiskFull, InvalidInput, NotFound, StorageError
from models.evidence import Leaf, LeafKind
from storage import bundle, bundle_archive
from storage.bundle import MANIFEST, BundleContents, attachment_digests, write_bundle
from storage.bundle_archive import zip_bundle
from storage.bundle_documents import footage_name
from storage.bundle_evidence import (
    BundleEvidence,
    ExportRequest,
    FootageMode,
    _first_after,
    gather_evidence,
)
from storage.leaf_store import LeafQuery, MemoryEvidenceStore, StoredCheckpoint
from storage.verifier.verify import verify_bundle

LESSON = "HZ-2026-014/3"
ATTACHED = {"attendance.json": b"{}", "notes/第3课.txt": "笔记".encode()}


@pytest.fixture
def told(story: type) -> Any:
    """A lesson that was played to its close."""
    made = story()
    made.play()
    return made


def gathered(told: Any, mode: FootageMode = FootageMode.INCLUDED, **attached: bytes) -> BundleEvidence:
    request = ExportRequest(LESSON, "auditor", mode, attachment_digests(attached or ATTACHED))
    return gather_evidence(told.log, told.signer, request)


def contents(told: Any, **changes: Any) -> BundleContents:
    values: dict[str, Any] = {
        "capabilities": "software-only",
        "attachments": ATTACHED,
        "footage": told.footage_by_hash,
    }
    return BundleContents(**(values | changes))


def tree_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_equal_evidence_gives_equal_bytes(told: Any, tmp_path: Path) -> None:
    evidence = gathered(told)
    for name in ("one", "two"):
        write_bundle(evidence, contents(told), told.signer, tmp_path / name)
    assert tree_of(tmp_path / "one") == tree_of(tmp_path / "two")
    one = zip_bundle(tmp_path / "one", tmp_path / "one.zip")
    os.utime(tmp_path / "two" / MANIFEST, (0, 0))
    two = zip_bundle(tmp_path / "two", tmp_path / "two.zip")
    assert one.read_bytes() == two.read_bytes()


def test_the_manifest_names_every_file_but_itself_and_its_signature(told: Any, tmp_path: Path) -> None:
    written = write_bundle(gathered(told), contents(told), told.signer, tmp_path / "b")
    files = tree_of(tmp_path / "b")
    manifest = json.loads(files[MANIFEST])
    named = {entry["name"]: (entry["sha256"], entry["size_bytes"]) for entry in manifest["files"]}
    assert named == {
        name: (sha256(raw).hexdigest(), len(raw))
        for name, raw in files.items()
        if name not in (MANIFEST, "bundle.sig")
    }
    assert {file.name for file in written.files} == set(files)
    assert manifest["lesson_id"] == LESSON
    assert manifest["store_capabilities"] == "software-only"
    assert written.problems == ()


def test_footage_may_come_as_bytes_as_a_file_or_in_pieces(told: Any, tmp_path: Path) -> None:
    evidence = gathered(told)
    plain = tmp_path / "piece.mp4"

    def in_pieces(raw: bytes) -> Callable[[], Iterator[bytes]]:
        return lambda: (raw[start : start + 7] for start in range(0, len(raw), 7))

    footage: dict[str, Any] = {}
    for number, (key, raw) in enumerate(sorted(told.footage_by_hash.items())):
        path = plain.with_name(f"{number}.mp4")
        path.write_bytes(raw)
        footage[key] = (raw, path, in_pieces(raw))[number % 3]
    write_bundle(evidence, contents(told, footage=footage), told.signer, tmp_path / "mixed")
    write_bundle(evidence, contents(told), told.signer, tmp_path / "plain")
    assert tree_of(tmp_path / "mixed") == tree_of(tmp_path / "plain")


def test_a_bundle_of_hashes_carries_no_footage(told: Any, tmp_path: Path) -> None:
    evidence = gathered(told, FootageMode.HASHES)
    write_bundle(evidence, contents(told, footage={}), told.signer, tmp_path / "b")
    assert not (tmp_path / "b" / "footage").exists()
    assert verify_bundle(tmp_path / "b").exit_code == 0


def test_footage_that_is_no_longer_what_was_recorded_is_shipped_named_and_convicted(
    told: Any, tmp_path: Path
) -> None:
    footage = dict(told.footage_by_hash)
    footage[told.digest("front", 2)] = b"another film"
    written = write_bundle(gathered(told), contents(told, footage=footage), told.signer, tmp_path / "b")
    (problem,) = written.problems
    assert "front/000002" in problem
    assert "not what was recorded" in problem
    assert b"another film" in tree_of(tmp_path / "b").values()
    assert verify_bundle(tmp_path / "b").exit_code in (10, 12)


def test_footage_that_is_gone_is_named_and_missed_by_the_verifier(told: Any, tmp_path: Path) -> None:
    footage = dict(told.footage_by_hash)
    del footage[told.digest("front", 1)]
    written = write_bundle(gathered(told), contents(told, footage=footage), told.signer, tmp_path / "b")
    assert ["not in the store" in problem for problem in written.problems] == [True]
    report = verify_bundle(tmp_path / "b")
    assert report.exit_code == 11
    assert report.findings[0].place.startswith("footage/front/000001-")


def test_attachments_must_be_those_that_the_export_leaf_names(told: Any, tmp_path: Path) -> None:
    evidence = gathered(told)
    for attached in ({}, {**ATTACHED, "more.txt": b""}, {**ATTACHED, "attendance.json": b"{ }"}):
        with pytest.raises(InvalidInput, match="not those that the export leaf names"):
            write_bundle(evidence, contents(told, attachments=attached), told.signer, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../up.txt", "/abs.txt", "a//b", "a/./b", "a/../b", ".hidden", "a/.hidden", "", "a\\b", "con:1",
        "x\n", "a*b", "what?", "x" * 201, "bundle.json", "bundle.sig", "leaves.jsonl", "verify.py",
        "report.html", "report.pdf", "timestamps/t.tsr", "footage/x.mp4", "keys/k.json",
        "checkpoints/c.note", "consistency.json",
    ],
)  # fmt: skip
def test_names_that_leave_the_bundle_or_belong_to_it_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        attachment_digests({name: b""})


def test_an_attachment_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"sheet\.xlsx is not there"):
        attachment_digests({"sheet.xlsx": tmp_path / "nowhere"})


def test_a_target_with_anything_in_it_is_left_alone(told: Any, tmp_path: Path) -> None:
    evidence = gathered(told)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(Conflict, match="not an empty folder"):
            write_bundle(evidence, contents(told), told.signer, tmp_path / name)
    assert tree_of(tmp_path) == {"full/mine.txt": b"mine", "file": b"mine"}


def test_an_empty_folder_and_missing_parents_will_do(told: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    evidence = gathered(told)
    for name in ("empty", "a/b/c"):
        write_bundle(evidence, contents(told), told.signer, tmp_path / name)
        assert verify_bundle(tmp_path / name).exit_code == 0


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageError)]
)
def test_a_disk_that_fails_leaves_nothing_behind(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[StorageError]
) -> None:
    evidence = gathered(told)

    def fail(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(bundle.os, "fsync", fail)  # type: ignore[attr-defined]
    with pytest.raises(kind) as caught:
        write_bundle(evidence, contents(told), told.signer, tmp_path / "b")
    assert type(caught.value) is kind
    assert list(tmp_path.iterdir()) == []


def test_an_archive_appears_whole_or_not_at_all(
    whole_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle_archive.os, "fsync", fail)  # type: ignore[attr-defined]
    with pytest.raises(DiskFull, match="No space left"):
        zip_bundle(whole_bundle, tmp_path / "b.zip")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_is_never_written_over(whole_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(b"mine")
    with pytest.raises(Conflict):
        zip_bundle(whole_bundle, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == b"mine"


def test_an_archive_holds_the_bundles_files_and_no_dates(whole_bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zip_bundle(whole_bundle, tmp_path / "b.zip")) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == tree_of(whole_bundle)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("camera", "folder"),
    [("front", "front"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), ("后门", "%E5%90%8E%E9%97%A8")],
)
def test_any_cameras_name_is_one_safe_folder(camera: str, folder: str) -> None:
    assert footage_name(camera, 7, "0" * 64) == f"footage/{folder}/000007-{'0' * 64}.mp4"


def test_nobody_takes_out_a_lesson_that_is_not_closed_or_not_known(story: type) -> None:
    made = story()
    made.log.open(made.signer)
    request = ExportRequest(LESSON, "auditor", FootageMode.HASHES)
    with pytest.raises(NotFound, match="knows no lesson"):
        gather_evidence(made.log, made.signer, request)
    made.log.append(Leaf(LeafKind.VERDICT, made.clock.at, LESSON, {}))
    with pytest.raises(Conflict, match="not closed yet"):
        gather_evidence(made.log, made.signer, request)
    assert [row.kind for row in made.store.rows(LeafQuery())][-1] is LeafKind.VERDICT, "no export leaf"


def test_taking_out_is_itself_a_leaf_under_a_checkpoint(told: Any) -> None:
    before = told.store.head().size
    evidence = gathered(told)
    last = list(told.store.rows(LeafQuery()))[-1]
    assert last.kind is LeafKind.EXPORT
    assert evidence.last_checkpoint.size == before + 1
    assert evidence.leaves[-1].row == last


def test_what_happens_after_the_lesson_adds_no_checkpoints_to_a_late_export(told: Any) -> None:
    early = gathered(told)
    for _ in range(50):
        told.clock.forward(600)
        told.log.beat(told.signer)
    late = gathered(told)
    assert len(late.checkpoints) == len(early.checkpoints)
    assert len(late.lesson_rows) == len(early.lesson_rows) + 1


def test_the_report_shows_what_leaves_say_and_runs_nothing(whole_bundle: Path) -> None:
    page = (whole_bundle / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    for fact in ("养老护理员 · 第3课", "T01", "后门.cam", "stream_lost"):
        assert fact in page
    assert "software-only" in page


def test_the_report_escapes_what_people_wrote(story: type, tmp_path: Path) -> None:
    made = story(cameras=("<script>alert(1)</script>",))
    made.play()
    page = (made.bundle(tmp_path / "b").path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(("closing", "found"), [(4, [5]), (5, [9_000]), (8_999, [9_000]), (9_000, [])])
def test_the_state_that_covers_a_closing_is_found_however_far_it_is(closing: int, found: list[int]) -> None:
    """Looked for in growing stretches: an old lesson's log goes on for years."""
    store = MemoryEvidenceStore()
    for size in (2, 5, 9_000, 9_001):
        store.add_checkpoint(StoredCheckpoint(size, b"", datetime(2026, 11, 23, tzinfo=UTC), ""))
    assert [row.size for row in _first_after(store, closing, 9_000)] == found
