"""What a storage forecast is made from: bytes kept, bytes and seconds recorded lately, hours planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from storage.tables import ClassRow, LessonRow, SegmentRow, UploadRow

Owner = tuple[str, str]
"""(camera, institution code or empty)."""


class StorageUseRepository:
    """Sums over footage and timetable; reads only."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def kept(self) -> Mapping[Owner, int]:
        """Bytes that are kept now. Reads the whole index over them: a second or two for a million."""
        return self._owned()

    def ending(self, begin: datetime, end: datetime) -> Mapping[Owner, int]:
        """Bytes whose retention ends in ``[begin, end)``."""
        return self._owned(UploadRow.retain_until >= begin, UploadRow.retain_until < end)

    def recorded(self, begin: datetime, end: datetime) -> Mapping[Owner, tuple[int, float]]:
        """Bytes and seconds of footage of lessons that started in ``[begin, end)``."""
        segment, lesson = SegmentRow, LessonRow
        query = (
            select(
                segment.camera_id,
                ClassRow.institution_code,
                func.sum(segment.size_bytes),
                func.sum(segment.duration_s),
            )
            .join(lesson, lesson.lesson_id == segment.lesson_id)
            .join(ClassRow, ClassRow.code == lesson.class_code)
            .where(lesson.starts_at >= begin, lesson.starts_at < end)
            .group_by(segment.camera_id, ClassRow.institution_code)
        )
        return {
            (camera, code or ""): (int(size), float(seconds))
            for camera, code, size, seconds in self._session.execute(query)
        }

    def lessons(self, begin: datetime, end: datetime) -> Iterator[tuple[Owner, datetime, float]]:
        """Per camera and lesson that starts in ``[begin, end)``: its start and its hours."""
        lesson = LessonRow
        query = (
            select(lesson.starts_at, lesson.ends_at, lesson.cameras, ClassRow.institution_code)
            .join(ClassRow, ClassRow.code == lesson.class_code)
            .where(lesson.starts_at >= begin, lesson.starts_at < end)
            .order_by(lesson.starts_at)
        )
        for starts_at, ends_at, cameras, code in self._session.execute(query):
            for camera in cameras:
                yield (camera, code or ""), starts_at, (ends_at - starts_at).total_seconds() / 3600

    def _owned(self, *which: ColumnElement[bool]) -> Mapping[Owner, int]:
        # Per lesson first, out of the index alone; only then whose lesson it is.
        upload = UploadRow
        per_lesson = (
            select(upload.lesson_id, upload.camera_id, func.sum(upload.size_bytes).label("size_bytes"))
            .where(upload.removed_at.is_(None), *which)
            .group_by(upload.lesson_id, upload.camera_id)
            .subquery()
        )
        query = (
            select(per_lesson.c.camera_id, ClassRow.institution_code, func.sum(per_lesson.c.size_bytes))
            .join(LessonRow, LessonRow.lesson_id == per_lesson.c.lesson_id)
            .join(ClassRow, ClassRow.code == LessonRow.class_code)
            .group_by(per_lesson.c.camera_id, ClassRow.institution_code)
        )
        return {(camera, code or ""): int(size) for camera, code, size in self._session.execute(query)}
