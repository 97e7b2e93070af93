"""Footage whose retention is over: what it is, that its removal was decided, and that it is gone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select, tuple_
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.holds import Expiry
from models.register import Upload, UploadState
from storage.repositories.uploads import upload_value
from storage.tables import LessonRow, UploadRow


@dataclass(frozen=True, slots=True)
class RemovedFootage:
    """What of a lesson's footage is gone: objects of all, when the last went, and the leaf that proves it."""

    removed: int
    objects: int
    kept_until: datetime | None
    removed_at: datetime | None
    leaf: int | None

    @property
    def whole(self) -> bool:
        """Whether nothing of the lesson's footage is left."""
        return 0 < self.objects == self.removed


@dataclass(frozen=True, slots=True)
class ExpiringLesson:
    """Footage of a lesson whose retention ends in a window."""

    lesson_id: str
    class_code: str
    title: str
    starts_at: datetime
    retain_until: datetime
    objects: int
    size_bytes: int


class RemovalRepository:
    """The end of an upload's life. Its row is never deleted."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def expired(
        self, now: datetime, after: tuple[datetime, str] | None = None, limit: int = 50
    ) -> tuple[Expiry, ...]:
        """Lessons with footage whose retention is over, by its end and lesson, from the one after ``after``.

        A lesson whose footage ends on several days is met once for each of them.
        """
        upload = UploadRow
        ended = select(upload.retain_until, upload.lesson_id).distinct()
        # In the order of the index over what is kept: by lesson, it would be a walk over five years.
        ended = ended.where(upload.removed_at.is_(None), upload.retain_until <= now)
        if after is not None:
            place = tuple_(upload.retain_until, upload.lesson_id)
            ended = ended.where(upload.retain_until >= after[0], place > after)
        ended = ended.order_by(upload.retain_until, upload.lesson_id).limit(limit)
        return tuple(self._expiry(lesson_id, until, now) for until, lesson_id in self._session.execute(ended))

    def _expiry(self, lesson_id: str, until: datetime, now: datetime) -> Expiry:
        upload = UploadRow
        waiting = func.sum(case((upload.state != UploadState.CLEARED, 1), else_=0))
        query = (
            select(LessonRow.state, LessonRow.ends_at, func.count(), func.sum(upload.size_bytes), waiting)
            .join(LessonRow, LessonRow.lesson_id == upload.lesson_id)
            .where(upload.lesson_id == lesson_id, upload.removed_at.is_(None), upload.retain_until <= now)
            .group_by(LessonRow.state, LessonRow.ends_at)
        )
        state, ends_at, objects, size_bytes, still = self._session.execute(query).one()
        return Expiry(lesson_id, state, ends_at, objects, int(size_bytes), int(still), until)

    def candidates(self, lesson_id: str, now: datetime) -> tuple[tuple[Upload, str], ...]:
        """The lesson's objects whose time is over and that lie in the store alone, with their version."""
        query = (
            select(UploadRow)
            .where(
                UploadRow.lesson_id == lesson_id,
                UploadRow.removed_at.is_(None),
                UploadRow.retain_until <= now,
                UploadRow.state == UploadState.CLEARED,
            )
            .order_by(UploadRow.object_key)
        )
        return tuple((upload_value(row), row.object_version or "") for row in self._session.scalars(query))

    def begin(self, upload_ids: Collection[str], at: datetime) -> int:
        """Note that their removal was decided; returns how many had not been noted before."""
        done = 0
        for upload_id in upload_ids:
            row = self._row(upload_id)
            if row.removing_since is None and row.removed_at is None:
                row.removing_since = at
                done += 1
        self._session.flush()
        return done

    def is_under_way(self, upload_id: str) -> bool:
        """Whether the removal was decided, not called off, and not done."""
        row = self._session.get(UploadRow, upload_id, populate_existing=True)
        return row is not None and row.removing_since is not None and row.removed_at is None

    def note_removed(self, upload_id: str, at: datetime, leaf: int) -> None:
        """The object is gone, and ``leaf`` of the log proves what it was."""
        row = self._row(upload_id)
        row.removed_at, row.removed_leaf = at, leaf
        self._session.flush()

    def of_lesson(self, lesson_id: str) -> RemovedFootage:
        """How much of a lesson's footage is gone."""
        upload = UploadRow
        query = select(
            func.count(upload.removed_at),
            func.count(),
            func.max(upload.retain_until),
            func.max(upload.removed_at),
            func.max(upload.removed_leaf),
        ).where(upload.lesson_id == lesson_id)
        return RemovedFootage(*self._session.execute(query).one())

    def removed_ids(self, lesson_id: str) -> frozenset[str]:
        """Uploads (segments) of the lesson whose object is gone by the rules."""
        query = select(UploadRow.upload_id).where(
            UploadRow.lesson_id == lesson_id, UploadRow.removed_at.is_not(None)
        )
        return frozenset(self._session.scalars(query))

    def expiring(self, begin: datetime, end: datetime, limit: int = 1000) -> tuple[ExpiringLesson, ...]:
        """Footage whose retention ends in ``[begin, end)``, by date and lesson."""
        upload, lesson = UploadRow, LessonRow
        until = func.max(upload.retain_until)
        query = (
            select(
                lesson.lesson_id,
                lesson.class_code,
                lesson.title,
                lesson.starts_at,
                until,
                func.count(),
                func.sum(upload.size_bytes),
            )
            .join(lesson, lesson.lesson_id == upload.lesson_id)
            .where(upload.removed_at.is_(None), upload.retain_until >= begin, upload.retain_until < end)
            .group_by(lesson.lesson_id, lesson.class_code, lesson.title, lesson.starts_at)
            .order_by(until, lesson.lesson_id)
            .limit(limit)
        )
        found = self._session.execute(query)
        return tuple(
            ExpiringLesson(lesson_id, class_code, title, starts_at, retain_until, objects, int(size))
            for lesson_id, class_code, title, starts_at, retain_until, objects, size in found
        )

    def _row(self, upload_id: str) -> UploadRow:
        row = self._session.get(UploadRow, upload_id)
        if row is None:
            raise NotFound(f"no upload {upload_id}")
        return row
