"""Footage goes when its time is over and nothing else keeps it, and leaves proof of what it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from models.attendance import Reason
from models.errors import EvidenceBroken, ObjectLocked
from models.evidence import LeafKind
from models.flags import Flag, FlagKind, FlagState
from models.footage import Segment
from models.holds import Expiry, RemovalBar
from models.register import Upload
from storage.evidence_proofs import audit_log
from storage.removal import Expired, Remover
from storage.unit_of_work import Ledger
from tests.unit.storage.retained import OVER, Archive, Killed


@pytest.fixture
def archive(
    with_lesson: Ledger, tmp_path: Path, clock: object, new_segment: Callable[..., Segment]
) -> Archive:
    archive = Archive(with_lesson, tmp_path, clock, new_segment)
    archive.record(1, 2)
    archive.seal()
    return archive


def test_an_expired_lesson_leaves_tombstones_and_all_its_rows(archive: Archive) -> None:
    sizes = [stored.size_bytes for stored in archive.store.list_versions("footage/")]
    archive.live_through(OVER)
    removed = archive.remover().remove_due()
    assert (removed.lessons, removed.objects, removed.size_bytes) == (1, 2, sum(sizes))
    assert archive.keys() == []
    begun, *tombstones = archive.bodies(LeafKind.PURGE)
    assert (begun["act"], begun["objects"], begun["retention_years"]) == ("begun", 2, 5)
    with archive.ledger.read() as work:
        uploads = work.uploads.of_lesson("L1")
        assert len(work.footage.segments("L1")) == 2, "the proof that footage existed stays"
        assert work.uploads.receipt("seg-1") is not None
        gone = work.removals.of_lesson("L1")
        assert audit_log(work.evidence.store, "test.rollcall/log") != (), "no key was named in this log"
    assert gone.whole
    assert gone.removed_at == archive.clock.at
    assert [one["key"] for one in tombstones] == [upload.object_key for upload in uploads]
    for tombstone, upload in zip(tombstones, uploads, strict=True):
        assert (tombstone["act"], tombstone["sha256"]) == ("removed", upload.sha256)
        assert tombstone["version"]
        assert tombstone["was_there"] is True
        assert tombstone["policy_version"] == "default-1"
    assert archive.remover().remove_due().objects == 0


def test_nothing_goes_before_its_day(archive: Archive) -> None:
    archive.live_through(timedelta(days=5 * 365 - 1))
    assert archive.remover().due() == ()
    assert archive.remover().remove_due().objects == 0
    assert len(archive.keys()) == 2


def test_a_longer_lock_in_the_store_is_obeyed(archive: Archive) -> None:
    stored = archive.store.list_versions("footage/")[1]
    archive.store.extend_lock(stored.key, stored.version, archive.clock.at + timedelta(days=8 * 366))
    archive.live_through(OVER)
    (kept,) = archive.remover().remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert len(archive.keys()) == 2
    assert archive.bodies(LeafKind.PURGE) == [], "what cannot be carried out is not decided"


class _KeptFirst(Remover):
    """Before the lesson that is due comes another one, which the store keeps."""

    def due(self) -> tuple[Expired, ...]:
        (one,) = super().due()
        return (replace(one, expiry=replace(one.expiry, lesson_id="L0")), one)

    def remove_lesson(self, expiry: Expiry) -> tuple[Upload, ...]:
        if expiry.lesson_id == "L0":
            raise ObjectLocked("the store keeps this object", place="footage/L0")
        return super().remove_lesson(expiry)


def test_a_lesson_that_the_store_keeps_holds_up_no_other(archive: Archive) -> None:
    archive.live_through(OVER)
    removed = _KeptFirst(archive.ledger, archive.store, archive.store.guard.doubt).remove_due()
    assert (removed.lessons, removed.objects) == (1, 2)
    assert [error.place for error in removed.refused] == ["footage/L0"]
    assert archive.keys() == []


@pytest.mark.parametrize("days", [-1, 3653])
def test_a_clock_that_stepped_removes_nothing(archive: Archive, days: int) -> None:
    """Back a day, or forward ten years: the store does not believe it."""
    archive.live_through(OVER if days < 0 else timedelta(days=30))
    archive.clock.at += timedelta(days=days)
    with pytest.raises(ObjectLocked, match="nothing is purged"):
        archive.remover().remove_due()
    assert len(archive.keys()) == 2
    assert [body["act"] for body in archive.bodies(LeafKind.PURGE)] == []
    with archive.ledger.read() as work:
        assert work.removals.of_lesson("L1").removed == 0


@pytest.mark.parametrize(
    ("killed_at", "left"),
    [
        ("removal: decided", 2),
        ("removal: deleted", 1),
        ("removal: written", 1),
        ("removal: committed", 1),
    ],
)
def test_a_removal_cut_short_anywhere_is_finished_with_every_tombstone(
    archive: Archive, killed_at: str, left: int
) -> None:
    archive.live_through(OVER)
    with pytest.raises(Killed):
        archive.remover(killed_at).remove_due()
    assert len(archive.keys()) == left
    removed = archive.remover().remove_due()
    assert archive.keys() == []
    done = [body for body in archive.bodies(LeafKind.PURGE) if body["act"] == "removed"]
    assert [body["sequence"] for body in done] == [1, 2], "one tombstone each, none twice"
    assert removed.objects in (1, 2)
    found = [body["was_there"] for body in done]
    assert found == ([False, True] if killed_at in ("removal: deleted", "removal: written") else [True, True])
    assert [body["act"] for body in archive.bodies(LeafKind.PURGE)].count("begun") == 1


def test_footage_that_vanished_by_itself_is_a_loss_and_no_removal(archive: Archive) -> None:
    archive.live_through(OVER)
    stored = archive.store.list_versions("footage/")[0]
    archive.store.delete_version(stored.key, stored.version)
    (lost,) = archive.remover().remove_due().refused
    assert isinstance(lost, EvidenceBroken)
    assert "nobody removed it by the rules" in lost.message
    assert archive.bodies(LeafKind.PURGE) == []


def test_a_store_that_only_pretends_to_delete_is_found_out(archive: Archive) -> None:
    archive.live_through(OVER)
    archive.store.delete_version = lambda _key, _version: None  # type: ignore[method-assign]
    (found_out,) = archive.remover().remove_due().refused
    assert isinstance(found_out, EvidenceBroken)
    assert "still shows it" in found_out.message
    assert [body["act"] for body in archive.bodies(LeafKind.PURGE)] == ["begun"]


@pytest.mark.parametrize(
    ("kind", "kept"), [(FlagKind.STRANGER, True), (FlagKind.EVIDENCE, True), (FlagKind.LATE, False)]
)
def test_an_open_flag_that_only_footage_can_settle_keeps_it(
    archive: Archive, kind: FlagKind, kept: bool
) -> None:
    flag = Flag(kind, "L1", "T01", "default-1", (Reason("seen"),), ())
    with archive.ledger.write() as work:
        work.flags.put(flag, archive.clock.at)
    archive.live_through(OVER)
    (due,) = archive.remover().due()
    assert due.bars == ((RemovalBar.FLAGGED,) if kept else ())
    assert len(archive.keys()) == 2
    assert archive.remover().remove_due().objects == (0 if kept else 2)
    if kept:
        withdrawn = Flag(kind, "L1", "T01", "default-1", (), (), FlagState.WITHDRAWN)
        with archive.ledger.write() as work:
            work.flags.put(withdrawn, archive.clock.at)
        assert archive.remover().remove_due().objects == 2


def test_a_lesson_that_is_not_sealed_keeps_its_footage(
    with_lesson: Ledger, tmp_path: Path, clock: object, new_segment: Callable[..., Segment]
) -> None:
    archive = Archive(with_lesson, tmp_path, clock, new_segment)
    archive.record(1)
    archive.live_through(OVER)
    (due,) = archive.remover().due()
    assert due.bars == (RemovalBar.NOT_SEALED,)
    assert archive.remover().remove_due().objects == 0


def test_rounds_go_on_where_the_last_one_ended(archive: Archive) -> None:
    archive.live_through(OVER)
    walker = archive.remover()
    assert [one.expiry.lesson_id for one in walker.due(limit=1)] == ["L1"]
    assert walker.due(limit=1) == ()
    assert [one.expiry.lesson_id for one in walker.due(limit=1)] == ["L1"], "from the first again"


def test_what_expires_is_listed_by_its_window(archive: Archive) -> None:
    with archive.ledger.read() as work:
        until = work.uploads.get("seg-1").retain_until
        window = (until - timedelta(days=3), until + timedelta(days=3))
        (lesson,) = work.removals.expiring(*window)
        assert (lesson.lesson_id, lesson.objects, lesson.retain_until) == ("L1", 2, until)
        assert work.storage_use.ending(*window) == {("cam1", ""): lesson.size_bytes}
        assert work.storage_use.kept() == {("cam1", ""): lesson.size_bytes}
        assert work.removals.expiring(until + timedelta(days=1), until + timedelta(days=9)) == ()
    archive.live_through(OVER)
    archive.remover().remove_due()
    with archive.ledger.read() as work:
        assert work.removals.expiring(*window) == (), "what is gone expires no more"
