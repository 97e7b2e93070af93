"""The contract of a rebuilt index, run over every object store: what was lost comes back from it alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from models.errors import EvidenceBroken
from models.evidence import Leaf, LeafKind
from models.timetable import LessonState
from storage.database import Database, sqlite_url
from storage.evidence_proofs import check_log
from storage.holding import HoldKeeper, release_hold
from storage.leaf_store import LeafQuery
from storage.log_copy import CHECKPOINTS, checkpoint_key
from tests.contract.kept_archive import KeptArchive
from tests.contract.store_benches import STORES_AND_DATABASES, LayeredBench
from tests.unit.storage.retained import Killed
from tests.unit.storage.whole_life import ORIGIN, SIGNER, contents, copy_log, live_whole_life, made, put

pytestmark = pytest.mark.parametrize(("bench", "database_url"), STORES_AND_DATABASES, indirect=True)


@pytest.fixture
def lived(archive: KeptArchive) -> KeptArchive:
    """A lesson's whole life, locked for its five years; its log is copied into the store."""
    archive.short_lived = False
    live_whole_life(archive)
    copy_log(archive, archive.bench.folder)
    return archive


@pytest.fixture
def empty(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(Path(shutil.copy(migrated_file, tmp_path / "new.db"))))
    yield database
    database.close()


def outlived(archive: KeptArchive) -> KeptArchive:
    """The same life with a lock that ends: no hold is left, the lesson is sealed, the retention over."""
    live_whole_life(archive)
    with archive.ledger.write() as work:
        for hold in work.holds.open():
            release_hold(work, hold.hold_id, "closed", "auditor")
        work.lessons.move("L1", LessonState.JUDGED, LessonState.SEALED)
    HoldKeeper(archive.ledger, archive.store).settle()
    archive.outlive()
    return archive


def removed(archive: KeptArchive) -> KeptArchive:
    assert archive.remover().remove_due().objects == 3
    copy_log(archive, archive.bench.folder)
    return archive


def test_the_rebuilt_index_is_the_lost_one_row_by_row(lived: KeptArchive, empty: Database) -> None:
    before = lived.store.list_versions("")
    rebuilt = made(lived, empty)
    assert contents(empty) == contents(lived.ledger.database)
    assert (rebuilt.missing, rebuilt.unknown, rebuilt.survived, rebuilt.signed_beyond) == ((), (), (), 0)
    assert rebuilt.rows["segments"] == rebuilt.rows["receipts"] == 3
    assert lived.store.list_versions("") == before, "nothing in the store is changed"


def test_the_log_goes_on_where_it_was(lived: KeptArchive, empty: Database) -> None:
    size = made(lived, empty).leaves
    ledger = replace(lived.ledger, database=empty)
    with ledger.write() as work:
        assert work.evidence.open(SIGNER) is None
        assert work.evidence.append(Leaf(LeafKind.VIEW, lived.clock.at, "L1", {})).seq == size
        work.evidence.write_checkpoint(SIGNER)
        state = check_log(work.evidence.store, ORIGIN)
    assert state is not None
    assert state.checkpoint_size == size + 1


def test_footage_is_found_by_the_versions_that_the_receipts_name(lived: KeptArchive, empty: Database) -> None:
    made(lived, empty)
    stored = {one.key: one for one in lived.store.list_versions("footage/")}
    with replace(lived.ledger, database=empty).read() as work:
        receipts = [work.uploads.receipt(one.upload_id) for one in work.uploads.of_lesson("L1")]
    assert {one.key: one.version for one in receipts if one} == {k: v.version for k, v in stored.items()}


def test_holds_come_back_and_the_store_is_asked_again(lived: KeptArchive, empty: Database) -> None:
    made(lived, empty)
    ledger = replace(lived.ledger, database=empty)
    with ledger.read() as work:
        assert work.holds.is_held("L1")
        assert len(work.holds.unconfirmed()) == 2
    settled = HoldKeeper(ledger, lived.store).settle()
    assert len(settled.confirmed) == 2
    assert lived.held() == [True] * 3


def test_removed_footage_comes_back_as_removed(archive: KeptArchive, empty: Database) -> None:
    removed(outlived(archive))
    rebuilt = made(archive, empty)
    assert (rebuilt.missing, rebuilt.unknown, rebuilt.survived) == ((), (), ())
    assert rebuilt.rows["removed objects"] == 3
    with replace(archive.ledger, database=empty).read() as work, archive.ledger.read() as before:
        found, known = work.removals.of_lesson("L1"), before.removals.of_lesson("L1")
    assert found.whole
    assert (found.removed_at, found.leaf) == (known.removed_at, known.leaf)


def test_a_tombstone_that_names_other_versions_comes_back_too(archive: KeptArchive, empty: Database) -> None:
    """Where a key can have several; elsewhere the plain tombstone does."""
    several = isinstance(archive.bench, LayeredBench)
    key = outlived(archive).keys()[0]
    if isinstance(archive.bench, LayeredBench):
        archive.bench.lay_over(b"again", key)
    removed(archive)
    begun, tombstone, *_ = archive.bodies(LeafKind.PURGE)
    assert ("other_versions" in begun, "other_versions" in tombstone) == (several, several)
    rebuilt = made(archive, empty)
    assert (rebuilt.rows["removed objects"], rebuilt.survived) == (3, ())


def test_bytes_that_are_there_behind_a_tombstone_are_named(archive: KeptArchive, empty: Database) -> None:
    removed(outlived(archive))
    key = archive.bodies(LeafKind.PURGE)[1]["key"]
    put(archive, archive.bench.folder, key, b"there again")
    rebuilt = made(archive, empty)
    assert (rebuilt.missing, rebuilt.unknown, rebuilt.survived) == ((), (), (key,))


def test_footage_without_a_leaf_is_named(lived: KeptArchive, empty: Database) -> None:
    key = f"footage/L1/cam1/000009-{'9' * 64}.mp4"
    put(lived, lived.bench.folder, key, b"nobody booked it")
    rebuilt = made(lived, empty)
    assert (rebuilt.missing, rebuilt.unknown) == ((), (key,))


def test_leaves_without_footage_are_named(archive: KeptArchive, empty: Database) -> None:
    lost = outlived(archive).store.list_versions("footage/")[0]
    archive.store.delete_version(lost.key, lost.version)
    copy_log(archive, archive.bench.folder)
    assert made(archive, empty).missing == (lost.key,)


def test_a_signed_state_beyond_the_copy_is_told(lived: KeptArchive, empty: Database) -> None:
    with lived.ledger.write() as work:
        work.evidence.append(Leaf(LeafKind.VIEW, lived.clock.at, "L1", {}))
        later = work.evidence.write_checkpoint(SIGNER)
    put(lived, lived.bench.folder, checkpoint_key(later.size, later.note.encode()), later.note.encode())
    rebuilt = made(lived, empty)
    assert rebuilt.signed_beyond == later.size - rebuilt.leaves > 0


def test_a_rebuild_cut_short_leaves_nothing_and_is_run_again(
    lived: KeptArchive, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lived.store.list_versions

    def killed(prefix: str) -> object:
        if prefix.startswith("footage"):
            raise Killed
        return whole(prefix)

    with monkeypatch.context() as patch:
        patch.setattr(lived.store, "list_versions", killed)
        with pytest.raises(Killed):
            made(lived, empty)
    assert leaves(empty) == 0
    made(lived, empty)
    assert contents(empty) == contents(lived.ledger.database)


def test_an_altered_copy_makes_no_index(archive: KeptArchive, empty: Database) -> None:
    """One camera's name in one record; the copy's own name and hash fit."""
    archive.short_lived = False
    live_whole_life(archive)
    with archive.ledger.read() as work:
        rows = list(work.evidence.store.rows(LeafQuery()))
    number = next(n for n, row in enumerate(rows) if b"cam1" in row.record)
    rows[number] = replace(rows[number], record=rows[number].record.replace(b"cam1", b"cam2"))
    copy_log(archive, archive.bench.folder, altered=rows)
    with pytest.raises(EvidenceBroken):
        made(archive, empty)
    assert leaves(empty) == 0


def test_a_store_without_a_log_is_no_source(archive: KeptArchive, empty: Database) -> None:
    with pytest.raises(EvidenceBroken, match="no copy"):
        made(archive, empty)
    assert archive.store.list_versions(CHECKPOINTS) == []


def leaves(database: Database) -> int:
    with database.transaction(writing=False) as connection:
        return int(connection.scalar(text("SELECT count(*) FROM evidence_leaves")) or 0)
