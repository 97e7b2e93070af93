"""Objects of the log's copy, and the certified times of lessons that go with them."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.evidence_care import CopyKind, LessonTimestamp, LogObject
from models.footage import StoredObject
from storage.leaf_store import StoredCheckpoint
from storage.repositories.writing import insert
from storage.tables import CheckpointRow, LogObjectRow, TimestampRow


class LogObjectRepository:
    """What of the log lies in the object store, and what is on its way."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def plan(self, planned: LogObject) -> None:
        """Write down what will be stored, before it is. A note that was signed twice, word for word, is one
        object. Raises ``Conflict`` when anything else is planned already.
        """
        known = self._session.get(LogObjectRow, planned.key)
        if known is not None and planned.kind is CopyKind.CHECKPOINT:
            known.checkpoint_id = planned.checkpoint_id
            self._session.flush()
            return
        if known is not None:
            raise Conflict(f"{planned.key} is planned already", hint="store what was planned")
        row = LogObjectRow(
            object_key=planned.key,
            kind=planned.kind,
            first=planned.first,
            last=planned.last,
            checkpoint_id=planned.checkpoint_id,
            sha256=planned.sha256,
            retain_until=planned.retain_until,
        )
        insert(self._session, row)

    def note_stored(self, stored: StoredObject, at: datetime) -> None:
        """The store has confirmed a planned object. Raises ``NotFound``, ``Conflict`` for other bytes."""
        row = self._session.get(LogObjectRow, stored.key)
        if row is None:
            raise NotFound(f"{stored.key} was never planned")
        if row.sha256 != stored.sha256:
            raise Conflict(f"{stored.key} was stored with other bytes", hint="compare log and store")
        row.version, row.stored_at = stored.version, at
        self._session.flush()

    def planned(self) -> tuple[LogObject, ...]:
        """What is planned and not yet confirmed, in the order in which it must be stored."""
        query = select(LogObjectRow).where(LogObjectRow.stored_at.is_(None))
        rows = [_object(row) for row in self._session.scalars(query)]
        return tuple(sorted(rows, key=lambda one: (_ORDER[one.kind], one.first, one.key)))

    def next_leaf(self) -> int:
        """Index of the first leaf that no object holds or is planned to hold."""
        last = select(func.max(LogObjectRow.last)).where(LogObjectRow.kind == CopyKind.LEAVES)
        found = self._session.scalar(last)
        return 0 if found is None else found + 1

    def last_checkpoint_id(self) -> int:
        """Row number of the last checkpoint that is stored or planned; 0 before the first."""
        last = select(func.max(LogObjectRow.checkpoint_id)).where(LogObjectRow.kind == CopyKind.CHECKPOINT)
        return self._session.scalar(last) or 0

    def checkpoints_after(
        self, checkpoint_id: int, size: int, most: int
    ) -> tuple[tuple[int, StoredCheckpoint], ...]:
        """The next checkpoints by row number, up to the first one of more than ``size`` leaves."""
        query = select(CheckpointRow).where(CheckpointRow.checkpoint_id > checkpoint_id)
        rows = self._session.scalars(query.order_by(CheckpointRow.checkpoint_id).limit(most))
        return tuple(
            (row.checkpoint_id, StoredCheckpoint(row.size, bytes(row.root), row.at, row.note))
            for row in takewhile(lambda row: row.size <= size, rows)
        )

    def find(self, key: str) -> LogObject | None:
        row = self._session.get(LogObjectRow, key)
        return None if row is None else _object(row)

    def last_stored(self) -> LogObject | None:
        """The object confirmed last."""
        query = select(LogObjectRow).where(LogObjectRow.stored_at.is_not(None))
        row = self._session.scalar(query.order_by(LogObjectRow.stored_at.desc()).limit(1))
        return None if row is None else _object(row)


_ORDER = {CopyKind.KEY: 0, CopyKind.LEAVES: 1, CopyKind.CHECKPOINT: 2, CopyKind.TIMESTAMP: 3}


def _object(row: LogObjectRow) -> LogObject:
    return LogObject(
        key=row.object_key,
        kind=row.kind,
        first=row.first,
        last=row.last,
        sha256=row.sha256,
        retain_until=row.retain_until,
        checkpoint_id=row.checkpoint_id,
        version=row.version,
        stored_at=row.stored_at,
    )


class TimestampRepository:
    """Certified times by lesson."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def queue(self, wanted: LessonTimestamp) -> None:
        """A lesson whose time shall be certified. Raises ``Conflict`` when it is known."""
        insert(
            self._session,
            TimestampRow(
                lesson_id=wanted.lesson_id, closing=wanted.closing, size=wanted.size, note=wanted.note
            ),
        )

    def last_closing(self) -> int:
        """Index of the last closing leaf that was queued; -1 before the first."""
        found = self._session.scalar(select(func.max(TimestampRow.closing)))
        return -1 if found is None else found

    def covering(self, closing: int) -> StoredCheckpoint | None:
        """The first checkpoint that covers a closing leaf."""
        query = (
            select(CheckpointRow)
            .where(CheckpointRow.size > closing)
            .order_by(CheckpointRow.size, CheckpointRow.checkpoint_id)
            .limit(1)
        )
        row = self._session.scalar(query)
        return None if row is None else StoredCheckpoint(row.size, bytes(row.root), row.at, row.note)

    def waiting(self, now: datetime, most: int) -> tuple[LessonTimestamp, ...]:
        """Lessons without a token whose time to try has come, by their place in the log."""
        due = or_(TimestampRow.next_try_at.is_(None), TimestampRow.next_try_at <= now)
        query = select(TimestampRow).where(TimestampRow.certified_at.is_(None), due)
        return tuple(
            _timestamp(r) for r in self._session.scalars(query.order_by(TimestampRow.closing).limit(most))
        )

    def count_waiting(self) -> int:
        query = select(func.count()).select_from(TimestampRow).where(TimestampRow.certified_at.is_(None))
        return self._session.scalar(query) or 0

    def note_failure(self, lesson_id: str, problem: str, next_try_at: datetime) -> None:
        """``problem`` is an error's code."""
        row = self._row(lesson_id)
        row.attempts, row.problem, row.next_try_at = row.attempts + 1, problem, next_try_at
        self._session.flush()

    def note_token(self, lesson_id: str, token: bytes, certified_at: datetime, authority: str) -> None:
        """Keep the authority's answer."""
        row = self._row(lesson_id)
        row.token, row.certified_at, row.authority = token, certified_at, authority[:300]
        row.problem, row.next_try_at = "", None
        self._session.flush()

    def of_lesson(self, lesson_id: str) -> LessonTimestamp | None:
        row = self._session.get(TimestampRow, lesson_id)
        return None if row is None else _timestamp(row)

    def uncopied(self, most: int) -> tuple[LessonTimestamp, ...]:
        """Lessons whose token no object of the log's copy holds or is planned to hold."""
        copied = select(LogObjectRow.last).where(LogObjectRow.kind == CopyKind.TIMESTAMP)
        query = select(TimestampRow).where(
            TimestampRow.certified_at.is_not(None), TimestampRow.closing.not_in(copied)
        )
        return tuple(
            _timestamp(r) for r in self._session.scalars(query.order_by(TimestampRow.closing).limit(most))
        )

    def latest(self) -> LessonTimestamp | None:
        """The lesson closed last of those with a token."""
        query = select(TimestampRow).where(TimestampRow.certified_at.is_not(None))
        row = self._session.scalar(query.order_by(TimestampRow.closing.desc()).limit(1))
        return None if row is None else _timestamp(row)

    def token_of(self, closing: int) -> bytes | None:
        """The token of the lesson with this closing leaf."""
        return self._session.scalar(select(TimestampRow.token).where(TimestampRow.closing == closing))

    def _row(self, lesson_id: str) -> TimestampRow:
        row = self._session.get(TimestampRow, lesson_id)
        if row is None:
            raise NotFound(f"no time was asked for lesson {lesson_id}")
        return row


def _timestamp(row: TimestampRow) -> LessonTimestamp:
    return LessonTimestamp(
        lesson_id=row.lesson_id,
        closing=row.closing,
        size=row.size,
        note=row.note,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        problem=row.problem,
        token=row.token,
        certified_at=row.certified_at,
        authority=row.authority,
    )
