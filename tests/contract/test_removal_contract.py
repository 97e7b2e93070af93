"""The contract of removal, run over every object store: what goes, what stays, and the proof of both."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from models.errors import EvidenceBroken, NotFound, ObjectLocked
from models.evidence import LeafKind
from storage.evidence_proofs import audit_log
from tests.contract.kept_archive import KeptArchive
from tests.contract.store_benches import STORES_AND_DATABASES
from tests.unit.storage.retained import OVER, Killed
from tests.unit.storage.whole_life import SIGNER

pytestmark = pytest.mark.parametrize(("bench", "database_url"), STORES_AND_DATABASES, indirect=True)


@pytest.fixture
def sealed(archive: KeptArchive) -> KeptArchive:
    """Two minutes of footage in the store, the lesson sealed."""
    archive.record(1, 2)
    archive.seal()
    return archive


def acts(archive: KeptArchive) -> list[str]:
    return [body["act"] for body in archive.bodies(LeafKind.PURGE)]


def test_an_expired_lesson_leaves_a_tombstone_for_each_object_and_no_bytes(sealed: KeptArchive) -> None:
    stored = sealed.store.list_versions("footage/")
    sealed.outlive()
    removed = sealed.remover().remove_due()
    assert (removed.lessons, removed.objects, removed.refused) == (1, 2, ())
    assert removed.size_bytes == sum(one.size_bytes for one in stored)
    begun, *tombstones = sealed.bodies(LeafKind.PURGE)
    assert (begun["act"], begun["objects"], begun["size_bytes"]) == ("begun", 2, removed.size_bytes)
    for one, tombstone in zip(stored, tombstones, strict=True):
        said = [tombstone[name] for name in ("act", "key", "version", "sha256", "was_there")]
        assert said == ["removed", one.key, one.version, one.sha256, True]
        assert "other_versions" not in tombstone
        assert sealed.store.versions(one.key) == ()
        with pytest.raises(NotFound):
            sealed.store.read_range(one.key, 0, None)
    assert "other_versions" not in begun
    assert sealed.keys() == []


def test_rows_receipts_and_a_log_that_proves_itself_stay(sealed: KeptArchive) -> None:
    sealed.outlive()
    sealed.remover().remove_due()
    with sealed.ledger.read() as work:
        assert len(work.footage.segments("L1")) == 2
        assert work.uploads.receipt("seg-1") is not None
        assert work.removals.of_lesson("L1").whole
    with sealed.ledger.write() as work:
        work.evidence.write_checkpoint(SIGNER)
        assert audit_log(work.evidence.store, sealed.ledger.origin) == ()
    assert sealed.remover().remove_due().objects == 0
    assert acts(sealed) == ["begun", "removed", "removed"], "nothing is proved twice"


def test_nothing_goes_before_its_day(sealed: KeptArchive) -> None:
    sealed.live_through(timedelta(days=5 * 365 - 1))
    assert sealed.remover().remove_due().objects == 0
    assert len(sealed.keys()) == 2
    assert acts(sealed) == []


def test_a_lock_that_was_lengthened_in_the_store_is_obeyed(sealed: KeptArchive) -> None:
    _, stored = sealed.store.list_versions("footage/")
    sealed.store.extend_lock(stored.key, stored.version, sealed.clock.at + timedelta(days=8 * 366))
    sealed.outlive()
    (kept,) = sealed.remover().remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert kept.place == stored.key
    assert len(sealed.keys()) == 2
    assert acts(sealed) == [], "what cannot be carried out is not decided"


def test_a_hold_that_only_the_store_knows_is_obeyed_until_it_is_gone(sealed: KeptArchive) -> None:
    stored, _ = sealed.store.list_versions("footage/")
    sealed.store.set_hold(stored.key, stored.version, True)
    sealed.outlive()
    (kept,) = sealed.remover().remove_due().refused
    assert isinstance(kept, ObjectLocked)
    assert acts(sealed) == []
    sealed.store.set_hold(stored.key, stored.version, False)
    assert sealed.remover().remove_due().objects == 2


def test_footage_that_vanished_by_itself_is_a_loss_and_no_removal(sealed: KeptArchive) -> None:
    sealed.outlive()
    lost, _ = sealed.store.list_versions("footage/")
    sealed.store.delete_version(lost.key, lost.version)
    (told,) = sealed.remover().remove_due().refused
    assert isinstance(told, EvidenceBroken)
    assert told.place == lost.key
    assert acts(sealed) == []


@pytest.mark.parametrize("days", [-1, 3653])
def test_a_clock_that_stepped_removes_nothing(sealed: KeptArchive, days: int) -> None:
    """Back a day, or forward ten years: the store does not believe it."""
    sealed.live_through(OVER if days < 0 else timedelta(days=30))
    sealed.clock.at += timedelta(days=days)
    with pytest.raises(ObjectLocked, match="nothing is purged"):
        sealed.remover().remove_due()
    assert len(sealed.keys()) == 2
    assert acts(sealed) == []


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
    sealed: KeptArchive, killed_at: str, left: int
) -> None:
    sealed.outlive()
    with pytest.raises(Killed):
        sealed.remover(killed_at).remove_due()
    assert len(sealed.keys()) == left
    assert sealed.remover().remove_due().refused == ()
    assert sealed.keys() == []
    begun, *tombstones = sealed.bodies(LeafKind.PURGE)
    assert [body["sequence"] for body in tombstones] == [1, 2], "one tombstone each, none twice"
    first_there = killed_at not in ("removal: deleted", "removal: written")
    assert [body["was_there"] for body in tombstones] == [first_there, True]
    assert begun["act"] == "begun"


def test_keys_that_only_begin_alike_are_left_alone(sealed: KeptArchive) -> None:
    """A listing by prefix shows them; removal must not."""
    key = sealed.keys()[0]
    path, content = sealed.bench.folder / "other", b"not of this lesson"
    path.write_bytes(content)
    longer = f"{key}.mp4"
    sealed.store.put_locked(
        longer, str(path), hashlib.sha256(content).hexdigest(), sealed.clock.at + 2 * OVER
    )
    sealed.outlive()
    assert sealed.remover().remove_due().objects == 2
    assert sealed.keys() == [longer]
    assert sealed.store.read_range(longer, 0, None) == content
