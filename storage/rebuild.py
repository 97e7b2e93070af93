"""A lost database made anew from the object store alone: the log's copy is read, checked, and becomes rows.

All of it is one transaction: cut short, nothing is there, and it is run again. Nothing in the object store is
changed. What the log does not hold does not come back: see ``LOST``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select

from models.errors import Conflict, EvidenceBroken, RollcallError
from models.ports import ObjectReader
from models.register import UploadState
from storage.database import Database
from storage.evidence_proofs import audit_log
from storage.index_acts import ActRows
from storage.index_rows import IndexRows
from storage.leaf_loading import LeafLoader, read_record
from storage.leaf_store_sql import SqlEvidenceStore
from storage.log_copy import LogCopy
from storage.tables import ClassRow, LeafRow, LessonRow, SegmentRow, TraineeRow, UploadRow, UserRow

FOOTAGE: Final = "footage/"
LOST: Final = (
    "names, identity numbers, phones and photos of trainees, and their face templates",
    "rosters: trainees are known by their codes alone",
    "sightings and judged frames: verdicts and their reasons are whole, boxes on pictures are not",
    "cameras and their addresses",
    "accounts and passwords: make them again with rollcall user add",
    "names and dates of classes: they bear their codes",
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came back. ``rows``: how many of each sort.

    ``missing``: objects that the log says are stored and the store does not list. ``unknown``: footage that
    the store holds and the log's copy does not know. ``survived``: footage that the log says is removed and
    the store holds all the same. ``signed_beyond``: leaves that a signed state speaks of and the copy does
    not hold, 0 where it is whole.
    """

    leaves: int
    checkpoints: int
    rows: Mapping[str, int]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    signed_beyond: int
    survived: tuple[str, ...] = ()


def refuse_filled(database: Database) -> None:
    """Raises ``Conflict`` unless the database holds nothing yet."""
    with database.transaction(writing=False) as connection:
        for table in (LeafRow, LessonRow, SegmentRow, ClassRow, TraineeRow, UserRow):
            if connection.scalar(select(func.count()).select_from(table)):
                raise Conflict(
                    f"this database is not empty: it has rows in {table.__tablename__}",
                    place=database.address,
                    hint="an index is rebuilt only where the database is lost; move its file aside first",
                )


def rebuild(
    database: Database, store: ObjectReader, origin: str, spool: Path, sealed_before: datetime
) -> Rebuilt:
    """Read the log's copy and make the index; the database must be empty and have its tables.

    Lessons that were closed in the log and ended before ``sealed_before`` are sealed.

    Raises:
        Conflict: the database is not empty.
        NotFound: the object store has no copy of a log.
        EvidenceBroken: the copy is not whole, or not what was signed; nothing was written.
        StorageError: store or database fail; nothing was written.
    """
    refuse_filled(database)
    copy = LogCopy(store)
    with database.transaction(writing=True) as connection:
        made = _load_leaves(connection, copy, origin, spool, sealed_before)
        head = SqlEvidenceStore(connection).head()
        leaves = head.size if head else 0
        signed = copy.checkpoints()
        LeafLoader(connection, origin).add_checkpoints(row for row in signed if row.size <= leaves)
        _refuse_unsound(connection, origin)
        missing, unknown, survived = _compare(connection, store)
    beyond = max((row.size for row in signed), default=0) - leaves
    kept = sum(1 for row in signed if row.size <= leaves)
    return Rebuilt(leaves, kept, made, missing, unknown, max(0, beyond), survived)


def _load_leaves(
    connection: Connection, copy: LogCopy, origin: str, spool: Path, sealed_before: datetime
) -> Counter[str]:
    loader, rows, acts = LeafLoader(connection, origin), IndexRows(connection, spool), ActRows(connection)
    for copied in copy.leaves():
        leaf, clock, body = read_record(copied.record)
        loader.add(leaf, clock)
        try:
            rows.add(leaf, body)
            acts.add(leaf, body)
        except (RollcallError, KeyError, TypeError, ValueError):
            raise EvidenceBroken(
                f"a {leaf.kind.value} record does not say what its kind must", place=f"leaf {leaf.seq}"
            ) from None
    if not loader.tree.size:
        raise EvidenceBroken(
            "the object store holds no copy of an evidence log",
            place="log/leaves",
            hint="check the settings of the store",
        )
    rows.finish(sealed_before)
    loader.finish()
    return rows.made + acts.finish()


def _refuse_unsound(connection: Connection, origin: str) -> None:
    """Every record, hash and signature, before anything is kept."""
    problems = audit_log(SqlEvidenceStore(connection), origin)
    if problems:
        first = problems[0]
        raise EvidenceBroken(
            f"the copied log is not what was signed, in {len(problems)} places: {first.message}",
            place=first.place,
            hint="keep the store as it is and look for another copy of it",
        )


def _compare(connection: Connection, store: ObjectReader) -> tuple[tuple[str, ...], ...]:
    """Keys that only the index has, that only the store has, and that should be gone and are not."""
    listed = {stored.key for stored in store.list_versions(FOOTAGE)}
    query = select(UploadRow.object_key, UploadRow.state).where(
        UploadRow.removed_at.is_(None), UploadRow.object_key.startswith(FOOTAGE)
    )
    booked = {row.object_key: row.state for row in connection.execute(query)}
    removed = select(UploadRow.object_key).where(UploadRow.removed_at.is_not(None))
    gone = set(connection.scalars(removed))
    missing = sorted(
        key for key, state in booked.items() if key not in listed and state is not UploadState.WAITING
    )
    unknown = sorted(listed - booked.keys() - gone)
    return tuple(missing), tuple(unknown), tuple(sorted(listed & gone))
