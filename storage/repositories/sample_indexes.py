"""Indexes of pictures, by segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import VideoInvalid
from storage.playback.sample_index import SampleIndex
from storage.tables import SampleIndexRow

_AT_ONCE = 500  # SQLite binds 32,766 values at most, PostgreSQL 65,535; a lesson has some dozens


class SampleIndexRepository:
    """What is kept of each segment's pictures. A row that cannot be read counts as none: it is made again."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, segment_id: str, index: SampleIndex) -> None:
        """Keep or replace a segment's index. The segment must be booked."""
        self._session.merge(SampleIndexRow(segment_id=segment_id, content=index.as_bytes()))
        self._session.flush()

    def of_segments(self, segment_ids: Sequence[str]) -> Mapping[str, SampleIndex]:
        """The indexes that are kept of these segments, by segment."""
        found: dict[str, SampleIndex] = {}
        for start in range(0, len(segment_ids), _AT_ONCE):
            wanted = segment_ids[start : start + _AT_ONCE]
            query = select(SampleIndexRow).where(SampleIndexRow.segment_id.in_(wanted))
            for row in self._session.scalars(query):
                try:
                    found[row.segment_id] = SampleIndex.from_bytes(row.content)
                except VideoInvalid:
                    continue
        return found
