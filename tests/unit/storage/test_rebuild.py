"""An index made anew from the store alone is the index that was lost, and nothing altered passes for it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from models.errors import Conflict, EvidenceBroken
from models.evidence import Leaf, LeafKind
from models.footage import Segment
from models.timetable import LessonState
from storage.database import Database, sqlite_url
from storage.evidence_proofs import check_log
from storage.holding import HoldKeeper, release_hold
from storage.leaf_loading import read_record
from storage.leaf_store import LeafQuery
from storage.log_copy import CHECKPOINTS, CopiedRange, LogCopy, checkpoint_key, leaves_bytes
from storage.removal import Remover
from storage.unit_of_work import Ledger
from tests.unit.storage.retained import OVER, Archive
from tests.unit.storage.whole_life import ORIGIN, SIGNER, contents, copy_log, live_whole_life, made, put


@pytest.fixture
def archive(with_lesson: Ledger, tmp_path: Path, clock: Any, new_segment: Callable[..., Segment]) -> Archive:
    return live_whole_life(Archive(with_lesson, tmp_path, clock, new_segment))


@pytest.fixture
def empty(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(Path(shutil.copy(migrated_file, tmp_path / "new.db"))))
    yield database
    database.close()


def test_the_rebuilt_index_is_the_lost_one_row_by_row(
    archive: Archive, empty: Database, tmp_path: Path
) -> None:
    copy_log(archive, tmp_path)
    rebuilt = made(archive, empty)
    assert contents(empty) == contents(archive.ledger.database)
    assert (rebuilt.missing, rebuilt.unknown, rebuilt.signed_beyond) == ((), (), 0)
    assert rebuilt.rows["segments"] == rebuilt.rows["receipts"] == 3
    assert (rebuilt.rows["holds"], rebuilt.rows["verdicts"], rebuilt.rows["corrections"]) == (2, 2, 1)


def test_the_log_goes_on_where_it_was(archive: Archive, empty: Database, tmp_path: Path) -> None:
    copy_log(archive, tmp_path)
    size = made(archive, empty).leaves
    ledger = replace(archive.ledger, database=empty)
    with ledger.write() as work:
        assert work.evidence.open(SIGNER) is None
        assert work.evidence.append(Leaf(LeafKind.VIEW, archive.clock.at, "L1", {})).seq == size
        work.evidence.write_checkpoint(SIGNER)
        state = check_log(work.evidence.store, ORIGIN)
    assert state is not None
    assert state.checkpoint_size == size + 1


def test_removed_footage_comes_back_as_removed(archive: Archive, empty: Database, tmp_path: Path) -> None:
    with archive.ledger.write() as work:
        for hold in work.holds.open():
            release_hold(work, hold.hold_id, "closed", "auditor")
        work.lessons.move("L1", LessonState.JUDGED, LessonState.SEALED)
    HoldKeeper(archive.ledger, archive.store).settle()
    archive.live_through(OVER)
    assert Remover(archive.ledger, archive.store, archive.store.guard.doubt).remove_due().objects == 3
    copy_log(archive, tmp_path)
    rebuilt = made(archive, empty)
    assert (rebuilt.missing, rebuilt.rows["removed objects"]) == ((), 3)
    ledger = replace(archive.ledger, database=empty)
    with ledger.read() as work, archive.ledger.read() as before:
        assert work.removals.of_lesson("L1") == before.removals.of_lesson("L1")
        assert work.removals.of_lesson("L1").whole


def test_a_database_that_holds_anything_is_refused(archive: Archive, empty: Database, tmp_path: Path) -> None:
    copy_log(archive, tmp_path)
    made(archive, empty)
    with pytest.raises(Conflict, match="not empty"):
        made(archive, empty)
    with pytest.raises(Conflict, match="not empty"):
        made(archive, archive.ledger.database)


def test_a_rebuild_cut_short_leaves_nothing_and_is_run_again(
    archive: Archive, empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_log(archive, tmp_path)

    whole = archive.store.list_versions

    def killed(prefix: str) -> Any:
        if prefix.startswith("footage"):
            raise KeyboardInterrupt
        return whole(prefix)

    with monkeypatch.context() as patch:
        patch.setattr(archive.store, "list_versions", killed)
        with pytest.raises(KeyboardInterrupt):
            made(archive, empty)
    with empty.transaction(writing=False) as connection:
        assert connection.scalar(text("SELECT count(*) FROM evidence_leaves")) == 0
    made(archive, empty)
    assert contents(empty) == contents(archive.ledger.database)


def test_footage_without_a_leaf_and_leaves_without_footage_are_named(
    archive: Archive, empty: Database, tmp_path: Path
) -> None:
    copy_log(archive, tmp_path)
    key = f"footage/L1/cam1/000009-{'9' * 64}.mp4"
    put(archive, tmp_path, key, b"nobody booked it")
    lost = archive.keys()[0]
    del archive.store._objects[lost]
    rebuilt = made(archive, empty)
    assert (rebuilt.missing, rebuilt.unknown) == ((lost,), (key,))


def test_a_signed_state_beyond_the_copy_is_told(archive: Archive, empty: Database, tmp_path: Path) -> None:
    copy_log(archive, tmp_path)
    with archive.ledger.write() as work:
        work.evidence.append(Leaf(LeafKind.VIEW, archive.clock.at, "L1", {}))
        later = work.evidence.write_checkpoint(SIGNER)
    put(archive, tmp_path, checkpoint_key(later.size, later.note.encode()), later.note.encode())
    rebuilt = made(archive, empty)
    assert rebuilt.signed_beyond == later.size - rebuilt.leaves > 0


@pytest.mark.parametrize("change", ["a bit", "a leaf dropped", "two exchanged", "another signer"])
def test_an_altered_copy_makes_no_index(
    archive: Archive, empty: Database, tmp_path: Path, change: str
) -> None:
    """The names carry hashes: each change is made with a name that fits, so that proofs must find it."""
    with archive.ledger.read() as work:
        rows = list(work.evidence.store.rows(LeafQuery()))
        (note,) = [row for row in work.evidence.store.checkpoints(0, len(rows)) if row.size]
    if change == "a bit":
        rows[5] = replace(rows[5], record=rows[5].record.replace(b"cam1", b"cam2"))
    elif change == "a leaf dropped":
        del rows[5]
    elif change == "two exchanged":
        rows[5], rows[6] = rows[6], rows[5]
    content = leaves_bytes(tuple(rows))
    one = CopiedRange(0, len(rows) - 1, hashlib.sha256(content).hexdigest())
    put(archive, tmp_path, one.key, content)
    raw = note.note.encode()
    if change == "another signer":
        head, _, signature = raw.rpartition(b" ")
        raw = head + b" " + signature[:20] + (b"A" if signature[20:21] != b"A" else b"B") + signature[21:]
    put(archive, tmp_path, checkpoint_key(note.size, raw), raw)
    with pytest.raises(EvidenceBroken):
        made(archive, empty)
    with empty.transaction(writing=False) as connection:
        assert connection.scalar(text("SELECT count(*) FROM evidence_leaves")) == 0


def test_a_store_without_a_log_is_no_source(archive: Archive, empty: Database) -> None:
    with pytest.raises(EvidenceBroken, match="no copy"):
        made(archive, empty)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"seq": true}', b"\xff", b'{"body": 1, "clock": {}}'])
def test_what_is_no_record_is_refused(raw: bytes) -> None:
    with pytest.raises(EvidenceBroken, match="no record"):
        read_record(raw)


def test_the_copy_of_the_fixture_is_one_that_the_reader_knows(archive: Archive, tmp_path: Path) -> None:
    copy_log(archive, tmp_path)
    assert len(tuple(LogCopy(archive.store).leaves())) > 10
    assert archive.store.list_versions(CHECKPOINTS)
