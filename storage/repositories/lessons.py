"""The timetable and the life of lessons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.lesson_document import LONGEST_LESSON
from models.policy import Policy
from models.register import LessonRecord, Page
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.documents import from_document, object_document, to_document
from storage.paging import checked_limit, decode_cursor, encode_cursor, instant, page
from storage.repositories.writing import checked_id, expect_revision, insert
from storage.tables import LessonRow


@dataclass(frozen=True, slots=True)
class LessonFilter:
    """Which lessons a list shows; ``within`` catches every lesson that touches the interval."""

    within: Interval | None = None
    class_code: str | None = None
    states: tuple[LessonState, ...] = ()


class LessonRepository:
    """Lessons by their id."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, record: LessonRecord) -> LessonRecord:
        """Raises ``Conflict`` when the id is taken, ``InvalidInput`` when it cannot name a folder."""
        row = LessonRow(lesson_id=checked_id(record.lesson.lesson_id, "lesson_id"))
        for camera_id in record.lesson.cameras:
            checked_id(camera_id, "camera_id")
        _fill(row, record)
        insert(self._session, row)
        return _value(row)

    def change(self, record: LessonRecord) -> LessonRecord:
        """Raises ``Conflict`` when ``revision`` is no longer the stored one or the lesson is sealed."""
        row = self._row(record.lesson.lesson_id)
        expect_revision(row, record.revision, f"lesson {row.lesson_id}")
        if row.state is LessonState.SEALED:
            raise Conflict(f"lesson {row.lesson_id} is sealed", hint="correct its attendance instead")
        _fill(row, record)
        self._session.flush()
        return _value(row)

    def move(self, lesson_id: str, from_state: LessonState, to_state: LessonState) -> LessonRecord:
        """One step of a lesson's life. Raises ``Conflict`` when it is not in ``from_state`` (any more)."""
        row = self._row(lesson_id)
        if row.state is not from_state:
            raise Conflict(f"lesson {lesson_id} is {row.state}, not {from_state}", hint="load it again")
        row.state = to_state
        self._session.flush()
        return _value(row)

    def find(self, lesson_id: str) -> LessonRecord | None:
        row = self._session.get(LessonRow, lesson_id)
        return None if row is None else _value(row)

    def get(self, lesson_id: str) -> LessonRecord:
        """Raises ``NotFound``."""
        return _value(self._row(lesson_id))

    def within(self, interval: Interval) -> tuple[LessonRecord, ...]:
        """All lessons that touch the interval (a day's page), by start."""
        query = (
            select(LessonRow).where(*_touching(interval)).order_by(LessonRow.starts_at, LessonRow.lesson_id)
        )
        return tuple(_value(row) for row in self._session.scalars(query))

    def in_states(
        self, states: Collection[LessonState], before: datetime | None = None
    ) -> tuple[LessonRecord, ...]:
        """Lessons in these states, by start; with ``before`` only those that start earlier (timers)."""
        query = select(LessonRow).where(LessonRow.state.in_(states))
        if before is not None:
            query = query.where(LessonRow.starts_at < before)
        query = query.order_by(LessonRow.starts_at, LessonRow.lesson_id)
        return tuple(_value(row) for row in self._session.scalars(query))

    def first_start(self) -> datetime | None:
        """When the first lesson began; ``None`` where there is none."""
        return self._session.scalar(select(func.min(LessonRow.starts_at)))

    def count(self, class_code: str) -> int:
        """Lessons of the class in whatever state."""
        query = select(func.count()).select_from(LessonRow).where(LessonRow.class_code == class_code)
        return self._session.scalar(query) or 0

    def page(
        self, wanted: LessonFilter | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[LessonRecord]:
        """Lessons, newest start first."""
        wanted = wanted or LessonFilter()
        query = select(LessonRow).order_by(LessonRow.starts_at.desc(), LessonRow.lesson_id.desc())
        if wanted.within is not None:
            query = query.where(*_touching(wanted.within))
        if wanted.class_code is not None:
            query = query.where(LessonRow.class_code == wanted.class_code)
        if wanted.states:
            query = query.where(LessonRow.state.in_(wanted.states))
        if cursor:
            at, lesson_id = decode_cursor(cursor, 2)
            query = query.where(tuple_(LessonRow.starts_at, LessonRow.lesson_id) < (instant(at), lesson_id))
        rows = self._session.scalars(query.limit(checked_limit(limit) + 1)).all()
        return page([(_value(row), encode_cursor(row.starts_at, row.lesson_id)) for row in rows], limit)

    def _row(self, lesson_id: str) -> LessonRow:
        row = self._session.get(LessonRow, lesson_id)
        if row is None:
            raise NotFound(f"no lesson {lesson_id}", hint="check the lesson's id")
        return row


def _touching(interval: Interval) -> tuple[ColumnElement[bool], ...]:
    # No lesson lasts longer, and without a lower bound a day's list would read every lesson before it.
    earliest = interval.starts_at - LONGEST_LESSON
    return (
        LessonRow.starts_at > earliest,
        LessonRow.starts_at < interval.ends_at,
        LessonRow.ends_at > interval.starts_at,
    )


def _fill(row: LessonRow, record: LessonRecord) -> None:
    lesson = record.lesson
    row.class_code = lesson.class_code
    row.title = lesson.title
    row.starts_at = lesson.starts_at
    row.ends_at = lesson.ends_at
    row.breaks = [to_document(pause) for pause in lesson.breaks]
    row.room = lesson.room
    row.instructor = lesson.instructor
    row.cameras = list(lesson.cameras)
    row.online = lesson.online
    row.planned_hours = lesson.planned_hours
    row.policy = object_document(record.policy)
    row.policy_version = record.policy.version
    row.state = record.state
    row.roll_call_seed = record.roll_call_seed


def _value(row: LessonRow) -> LessonRecord:
    lesson = Lesson(
        lesson_id=row.lesson_id,
        class_code=row.class_code,
        title=row.title,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        breaks=tuple(from_document(Interval, pause) for pause in row.breaks),
        room=row.room,
        instructor=row.instructor,
        cameras=tuple(row.cameras),
        online=row.online,
        planned_hours=row.planned_hours,
    )
    policy = from_document(Policy, row.policy)
    return LessonRecord(lesson, policy, row.state, row.roll_call_seed, row.revision)
