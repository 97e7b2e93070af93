"""Flags: one cause, one lesson, one subject, one row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.flags import Flag, FlagKind, FlagState
from models.register import FlagRecord, Page
from storage.documents import from_document, object_document
from storage.paging import checked_limit, decode_cursor, encode_cursor, instant, page
from storage.repositories.writing import insert, new_id
from storage.tables import FlagRow, LessonRow


@dataclass(frozen=True, slots=True)
class FlagFilter:
    """Which flags a list shows; all filled fields must match."""

    states: tuple[FlagState, ...] = ()
    kinds: tuple[FlagKind, ...] = ()
    class_code: str | None = None
    lesson_id: str | None = None


@dataclass(frozen=True, slots=True)
class FlagChange:
    """A flag that was raised, changed or withdrawn: each becomes a leaf. ``before``: ``None`` when new."""

    record: FlagRecord
    before: Flag | None


class FlagRepository:
    """Flags by id, and by what they speak of."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, flag: Flag, at: datetime) -> FlagChange | None:
        """Raise the flag, or bring the one of the same cause, lesson and subject up to date.

        Returns ``None`` when it stands already, word for word.
        """
        row = self._same(flag)
        if row is None:
            row = FlagRow(
                flag_id=new_id(), kind=flag.kind, lesson_id=flag.lesson_id, subject=flag.subject, raised_at=at
            )
            _fill(row, flag, at)
            insert(self._session, row)
            return FlagChange(_value(row), None)
        before = _flag(row)
        if before == flag:
            return None
        _fill(row, flag, at)
        self._session.flush()
        return FlagChange(_value(row), before)

    def settle(
        self,
        lesson_id: str,
        flags: Sequence[Flag],
        kinds: Collection[FlagKind],
        at: datetime,
        subject_prefix: str = "",
    ) -> tuple[FlagChange, ...]:
        """Make the lesson's flags of these kinds be exactly ``flags``: raise, update, withdraw the rest.

        A flag whose cause is gone (a correction, late footage) is withdrawn, never deleted. Where several
        rules raise one kind, each settles the subjects that begin with its own prefix.
        """
        changes = [change for flag in flags if (change := self.put(flag, at)) is not None]
        standing = {flag.identity for flag in flags}
        query = select(FlagRow).where(
            FlagRow.lesson_id == lesson_id, FlagRow.kind.in_(kinds), FlagRow.state == FlagState.OPEN
        )
        for row in self._session.scalars(query.order_by(FlagRow.kind, FlagRow.subject)).all():
            flag = _flag(row)
            if flag.identity not in standing and flag.subject.startswith(subject_prefix):
                change = self.put(replace(flag, state=FlagState.WITHDRAWN), at)
                changes.extend([change] if change is not None else [])
        return tuple(changes)

    def get(self, flag_id: str) -> FlagRecord:
        """Raises ``NotFound``."""
        row = self._session.get(FlagRow, flag_id)
        if row is None:
            raise NotFound("no such flag")
        return _value(row)

    def of_lesson(self, lesson_id: str) -> tuple[FlagRecord, ...]:
        """By kind and subject, withdrawn ones included."""
        query = select(FlagRow).where(FlagRow.lesson_id == lesson_id).order_by(FlagRow.kind, FlagRow.subject)
        return tuple(_value(row) for row in self._session.scalars(query))

    def page(
        self, wanted: FlagFilter | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[FlagRecord]:
        """Flags, latest raised first."""
        query = select(FlagRow).where(*_conditions(wanted or FlagFilter()))
        if cursor:
            at, flag_id = decode_cursor(cursor, 2)
            query = query.where(tuple_(FlagRow.raised_at, FlagRow.flag_id) < (instant(at), flag_id))
        query = query.order_by(FlagRow.raised_at.desc(), FlagRow.flag_id.desc())
        rows = self._session.scalars(query.limit(checked_limit(limit) + 1)).all()
        return page([(_value(row), encode_cursor(row.raised_at, row.flag_id)) for row in rows], limit)

    def _same(self, flag: Flag) -> FlagRow | None:
        return self._session.scalar(
            select(FlagRow).where(
                FlagRow.lesson_id == flag.lesson_id,
                FlagRow.kind == flag.kind,
                FlagRow.subject == flag.subject,
            )
        )


def _conditions(wanted: FlagFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.states:
        found.append(FlagRow.state.in_(wanted.states))
    if wanted.kinds:
        found.append(FlagRow.kind.in_(wanted.kinds))
    if wanted.lesson_id is not None:
        found.append(FlagRow.lesson_id == wanted.lesson_id)
    if wanted.class_code is not None:
        lessons = select(LessonRow.lesson_id).where(LessonRow.class_code == wanted.class_code)
        found.append(FlagRow.lesson_id.in_(lessons))
    return found


def _fill(row: FlagRow, flag: Flag, at: datetime) -> None:
    row.state = flag.state
    row.policy_version = flag.policy_version
    row.document = object_document(flag)
    row.changed_at = at


def _flag(row: FlagRow) -> Flag:
    return from_document(Flag, row.document)


def _value(row: FlagRow) -> FlagRecord:
    return FlagRecord(row.flag_id, _flag(row), row.raised_at, row.changed_at, row.revision)
