"""A lesson's whole life in an archive, its log copied into the store, and what a rebuilt index must hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from models.attendance import EvidenceLink, ManualEntry, ManualKind, Reason, Status, Verdict
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_leaves import camera_totals, coverage, json_of, lesson_published, verdict
from models.flags import Flag, FlagKind
from models.footage import Gap, GapCause
from models.register import Correction
from models.timeline import Interval
from models.timetable import LessonState
from storage.database import Database
from storage.holding import HoldKeeper, place_hold, release_hold
from storage.leaf_store import LeafQuery, StoredLeaf
from storage.log_copy import CopiedRange, checkpoint_key, leaves_bytes
from storage.rebuild import Rebuilt, rebuild
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


def live_whole_life(archive: Archive) -> Archive:
    """Lesson L1 through the repositories: published, recorded, judged, corrected, held."""
    ledger, clock = archive.ledger, archive.clock
    with ledger.write() as work:
        work.evidence.open(SIGNER)
        record = work.lessons.get("L1")
        work.evidence.append(lesson_published(record.lesson, record.policy, "", clock.now()))
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


def copy_log(
    archive: Archive, folder: Path, cuts: int = 3, altered: Sequence[StoredLeaf] | None = None
) -> None:
    """The log into the store, as its chore does it: leaves in ranges, then every signed state.

    ``altered``: leaves that are copied in the place of the log's own.
    """
    with archive.ledger.read() as work:
        rows = tuple(altered or work.evidence.store.rows(LeafQuery()))
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
