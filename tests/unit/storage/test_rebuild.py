"""An index made anew from the store alone is the index that was lost, and nothing altered passes for it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from models.attendance import EvidenceLink, ManualEntry, ManualKind, Reason, Status, Verdict
from models.errors import Conflict, EvidenceBroken
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_leaves import camera_totals, coverage, json_of, lesson_published, verdict
from models.flags import Flag, FlagKind
from models.footage import Gap, GapCause, Segment
from models.register import Correction
from models.timeline import Interval
from models.timetable import LessonState
from storage.database import Database, sqlite_url
from storage.evidence_proofs import check_log
from storage.holding import HoldKeeper, place_hold, release_hold
from storage.leaf_loading import read_record
from storage.leaf_store import LeafQuery
from storage.log_copy import CHECKPOINTS, CopiedRange, LogCopy, checkpoint_key, leaves_bytes
from storage.rebuild import Rebuilt, rebuild
from storage.removal import Remover
from storage.signing import Ed25519Signer
from storage.tables import Base
from storage.unit_of_work import Ledger
from tests.unit.storage.retained import OVER, Archive

ORIGIN = "test.rollcall/log"
SIGNER = Ed25519Signer(ORIGIN, bytes(range(32)))
LOST_TABLES = {"trainees", "alembic_version", "installation", "cameras"}
# What no leaf says, or what is only known to a store's next answer.
LOST_COLUMNS = {
    "classes": {"name", "created_at"},
    "flags": {"flag_id"},
    "holds": {"confirmed_at"},
    "uploads": {"legal_hold"},
}


@pytest.fixture
def archive(with_lesson: Ledger, tmp_path: Path, clock: Any, new_segment: Callable[..., Segment]) -> Archive:
    """A lesson's whole life, through the repositories: published, recorded, judged, corrected, held."""
    ledger = with_lesson
    with ledger.write() as work:
        work.evidence.open(SIGNER)
        record = work.lessons.get("L1")
        work.evidence.append(lesson_published(record.lesson, record.policy, "", clock.now()))
    archive = Archive(ledger, tmp_path, clock, new_segment)
    archive.record(1, 2, 3)
    gap = Gap(
        "L1", "cam1", clock.at + timedelta(minutes=3), clock.at + timedelta(minutes=4), GapCause.STREAM_LOST
    )
    archive.spool.declare(gap)
    _judge(ledger, clock.now())
    with ledger.write() as work:
        first = place_hold(work, "L1", "case-1", "inquiry", "supervisor")
        place_hold(work, "L1", "", "a second one", "auditor")
        release_hold(work, first.hold_id, "closed", "auditor")
    HoldKeeper(ledger, archive.store).settle()
    return archive


def _judge(ledger: Ledger, now: Any) -> None:
    with ledger.write() as work:
        lesson = work.lessons.get("L1").lesson
        interval = Interval(lesson.starts_at, lesson.starts_at + timedelta(minutes=3))
        work.footage.add_coverage("L1", "cam1", interval)
        work.evidence.append(coverage("L1", "cam1", [interval], now))
        for trainee in ("T01", "T02"):
            said = _verdict(lesson.starts_at, trainee)
            work.verdicts.save([said], now)
            work.evidence.append(verdict(said, now))
        flag = Flag(FlagKind.ABSENCE, "L1", "T02", "default-1", (Reason("never_seen"),), ())
        assert work.flags.put(flag, now)
        work.evidence.append(_body(LeafKind.FLAG, flag, now))
        entry = ManualEntry(ManualKind.LEAVE_APPROVED, None, "teacher", "ill")
        work.verdicts.add_manual("L1", "T02", entry, now)
        body: dict[str, JsonValue] = {"trainee": "T02", "manual": json_of(entry)}
        work.evidence.append(Leaf(LeafKind.CORRECTION, now, "L1", body))
        kept = work.verdicts.correct(
            Correction("L1", "T02", "leave", "a letter came", "teacher", now, status="EXCUSED")
        )
        work.evidence.append(_body(LeafKind.CORRECTION, kept, now))
        totals = camera_totals(work.footage.segments("L1"), work.footage.gaps("L1"))
        work.evidence.close_lesson("L1", totals, now + OVER)
        work.lessons.move("L1", LessonState.RUNNING, LessonState.CLOSING)
        work.lessons.move("L1", LessonState.CLOSING, LessonState.JUDGED)
        work.evidence.write_checkpoint(SIGNER)


def _body(kind: LeafKind, value: Any, at: Any) -> Leaf:
    body = json_of(value)
    body.pop("lesson_id")
    return Leaf(kind, at, "L1", body)


def _verdict(at: Any, trainee: str) -> Verdict:
    seen = Interval(at, at + timedelta(minutes=2))
    link = EvidenceLink("first_seen", at, "cam1", 0.5)
    return Verdict(
        "L1", trainee, Status.PRESENT, (), at, seen.ends_at, (seen,), (), 2.0, 3.0, 2.4, 0.0,
        (Reason("present_enough", (("present_minutes", "2"),)),), (link,), "default-1",
    )  # fmt: skip


def copy_log(archive: Archive, folder: Path, cuts: int = 3) -> None:
    """The log into the store, as its chore does it: leaves in ranges, then every signed state."""
    with archive.ledger.read() as work:
        rows = tuple(work.evidence.store.rows(LeafQuery()))
        notes = work.evidence.store.checkpoints(0, len(rows))
    step = max(1, len(rows) // cuts)
    for start in range(0, len(rows), step):
        piece = rows[start : start + step]
        content = leaves_bytes(piece)
        one = CopiedRange(piece[0].seq, piece[-1].seq, hashlib.sha256(content).hexdigest())
        put(archive, folder, one.key, content)
    for note in notes:
        raw = note.note.encode()
        put(archive, folder, checkpoint_key(note.size, raw), raw)


def put(archive: Archive, folder: Path, key: str, content: bytes) -> None:
    path = folder / "object"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    archive.store.put_locked(key, str(path), digest, archive.clock.at + OVER)


@pytest.fixture
def empty(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(Path(shutil.copy(migrated_file, tmp_path / "new.db"))))
    yield database
    database.close()


def made(archive: Archive, database: Database) -> Rebuilt:
    return rebuild(database, archive.store, ORIGIN, archive.spool.root, archive.clock.at - timedelta(days=1))


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every table as sorted rows, less what cannot come back."""
    found = {}
    with database.transaction(writing=False) as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in LOST_TABLES:
                continue
            skip = LOST_COLUMNS.get(table.name, set()) | {"revision", "note_id"}
            columns = [column for column in table.columns if column.name not in skip]
            rows = connection.execute(select(*columns)).all()
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


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
