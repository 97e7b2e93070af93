"""Segments, gaps and coverage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.footage import Gap, Segment
from models.timeline import Interval, union
from storage.repositories.writing import insert
from storage.tables import CoverageRow, GapRow, SegmentRow

_SEGMENT_FIELDS = tuple(field.name for field in fields(Segment))


class FootageRepository:
    """What was recorded, what is missing, and what was watched."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_segment(self, segment: Segment) -> bool:
        """Keep a closed segment; ``False`` when it is known already (the same file told twice).

        Raises:
            Conflict: another segment has this id or this place in the sequence.
        """
        known = self.find_segment(segment.segment_id) or self._at_sequence(segment)
        if known is None:
            insert(self._session, SegmentRow(**{name: getattr(segment, name) for name in _SEGMENT_FIELDS}))
            return True
        if known.segment_id != segment.segment_id or known.sha256 != segment.sha256:
            raise Conflict(
                f"segment {segment.sequence} of camera {segment.camera_id} exists with other content",
                place=f"lesson {segment.lesson_id}",
                hint="keep both files and look into the evidence log",
            )
        return False

    def find_segment(self, segment_id: str) -> Segment | None:
        row = self._session.get(SegmentRow, segment_id)
        return None if row is None else _segment(row)

    def get_segment(self, segment_id: str) -> Segment:
        """Raises ``NotFound``."""
        segment = self.find_segment(segment_id)
        if segment is None:
            raise NotFound(f"no segment {segment_id}")
        return segment

    def segments(self, lesson_id: str, camera_id: str | None = None) -> tuple[Segment, ...]:
        """By camera and sequence."""
        query = select(SegmentRow).where(SegmentRow.lesson_id == lesson_id)
        if camera_id is not None:
            query = query.where(SegmentRow.camera_id == camera_id)
        query = query.order_by(SegmentRow.camera_id, SegmentRow.sequence)
        return tuple(_segment(row) for row in self._session.scalars(query))

    def next_sequence(self, lesson_id: str, camera_id: str) -> int:
        """The number of the next segment: sequences have no holes over restarts."""
        query = select(func.max(SegmentRow.sequence)).where(
            SegmentRow.lesson_id == lesson_id, SegmentRow.camera_id == camera_id
        )
        return (self._session.scalar(query) or 0) + 1

    def accounted_until(self, lesson_id: str, camera_id: str) -> datetime | None:
        """Up to here every second is footage or a declared gap: where a recorder's book goes on."""
        ends = [
            self._session.scalar(
                select(func.max(table.ends_at)).where(
                    table.lesson_id == lesson_id, table.camera_id == camera_id
                )
            )
            for table in (SegmentRow, GapRow)
        ]
        return max((end for end in ends if end is not None), default=None)

    def add_gap(self, gap: Gap) -> bool:
        """Keep a gap; ``False`` when this very gap is known already."""
        query = select(GapRow.gap_id).where(
            GapRow.lesson_id == gap.lesson_id,
            GapRow.camera_id == gap.camera_id,
            GapRow.starts_at == gap.starts_at,
            GapRow.ends_at == gap.ends_at,
            GapRow.cause == gap.cause,
        )
        if self._session.scalar(query) is not None:
            return False
        row = GapRow(
            lesson_id=gap.lesson_id,
            camera_id=gap.camera_id,
            starts_at=gap.starts_at,
            ends_at=gap.ends_at,
            cause=gap.cause,
            detail=gap.detail[:1000],
        )
        insert(self._session, row)
        return True

    def gaps(self, lesson_id: str, camera_id: str | None = None) -> tuple[Gap, ...]:
        """By start and camera."""
        query = select(GapRow).where(GapRow.lesson_id == lesson_id)
        if camera_id is not None:
            query = query.where(GapRow.camera_id == camera_id)
        query = query.order_by(GapRow.starts_at, GapRow.camera_id, GapRow.gap_id)
        return tuple(
            Gap(row.lesson_id, row.camera_id, row.starts_at, row.ends_at, row.cause, row.detail)
            for row in self._session.scalars(query)
        )

    def add_coverage(self, lesson_id: str, camera_id: str, interval: Interval) -> None:
        """Watched time; what touches or overlaps becomes one interval, so that a lesson stays few rows."""
        touching = (
            CoverageRow.lesson_id == lesson_id,
            CoverageRow.camera_id == camera_id,
            CoverageRow.starts_at <= interval.ends_at,
            CoverageRow.ends_at >= interval.starts_at,
        )
        rows = self._session.scalars(select(CoverageRow).where(*touching)).all()
        merged = union([interval, *(Interval(row.starts_at, row.ends_at) for row in rows)])[0]
        if len(rows) == 1:
            rows[0].starts_at, rows[0].ends_at = merged.starts_at, merged.ends_at
            self._session.flush()
            return
        self._session.execute(delete(CoverageRow).where(*touching))
        insert(
            self._session,
            CoverageRow(
                lesson_id=lesson_id, camera_id=camera_id, starts_at=merged.starts_at, ends_at=merged.ends_at
            ),
        )

    def coverage(self, lesson_id: str) -> Mapping[str, tuple[Interval, ...]]:
        """Watched intervals by camera, sorted and disjoint."""
        query = (
            select(CoverageRow)
            .where(CoverageRow.lesson_id == lesson_id)
            .order_by(CoverageRow.camera_id, CoverageRow.starts_at)
        )
        found: dict[str, list[Interval]] = {}
        for row in self._session.scalars(query):
            found.setdefault(row.camera_id, []).append(Interval(row.starts_at, row.ends_at))
        return {camera_id: tuple(intervals) for camera_id, intervals in found.items()}

    def _at_sequence(self, segment: Segment) -> Segment | None:
        query = select(SegmentRow).where(
            SegmentRow.lesson_id == segment.lesson_id,
            SegmentRow.camera_id == segment.camera_id,
            SegmentRow.sequence == segment.sequence,
        )
        row = self._session.scalar(query)
        return None if row is None else _segment(row)


def _segment(row: SegmentRow) -> Segment:
    return Segment(**{name: getattr(row, name) for name in _SEGMENT_FIELDS})
