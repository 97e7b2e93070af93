"""Indexes of pictures: kept with their segment from its booking on; footage never waits for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from models.errors import Conflict
from models.footage import Segment
from storage.playback.sample_reader import index_of
from storage.spool import Spool
from storage.tables import SampleIndexRow, SegmentRow
from storage.unit_of_work import Ledger
from tests.unit.playback.segments import segment

NewSegment = Callable[..., Segment]
CONTENT = segment(seconds=1)


def test_an_index_is_kept_replaced_and_found_by_segment(with_lesson: Ledger, new_segment: NewSegment) -> None:
    index, longer = index_of(CONTENT), index_of(segment(seconds=2))
    with with_lesson.write() as work:
        work.footage.add_segment(new_segment(1))
        work.footage.add_segment(new_segment(2))
        work.sample_indexes.put("seg-1", index)
        work.sample_indexes.put("seg-1", longer)
        work.sample_indexes.put("seg-2", index)
    with with_lesson.read() as work:
        found = work.sample_indexes.of_segments(["seg-1", "seg-2", "seg-3"])
        assert {name: one.count for name, one in found.items()} == {"seg-1": 20, "seg-2": 10}
        assert found["seg-2"].as_bytes() == index.as_bytes()
        assert work.sample_indexes.of_segments([]) == {}


def test_an_index_of_no_segment_is_refused(with_lesson: Ledger) -> None:
    with pytest.raises(Conflict), with_lesson.write() as work:
        work.sample_indexes.put("nobody", index_of(CONTENT))


def test_a_damaged_row_counts_as_none_and_goes_with_its_segment(
    with_lesson: Ledger, new_segment: NewSegment
) -> None:
    with with_lesson.write() as work:
        work.footage.add_segment(new_segment(1))
        work.sample_indexes.put("seg-1", index_of(CONTENT))
    with with_lesson.database.transaction(writing=True) as connection:
        connection.execute(update(SampleIndexRow).values(content=index_of(CONTENT).as_bytes()[:-9]))
    with with_lesson.read() as work:
        assert work.sample_indexes.of_segments(["seg-1"]) == {}
    with with_lesson.database.transaction(writing=True) as connection:
        connection.execute(delete(SegmentRow))
        assert connection.execute(delete(SampleIndexRow)).rowcount == 0


@pytest.mark.parametrize("content", [CONTENT, CONTENT[:500], b"not a film"])
def test_a_segment_is_booked_with_its_index_or_without(
    sqlite_with_lesson: Ledger, new_segment: NewSegment, tmp_path: Path, content: bytes
) -> None:
    spool = Spool(tmp_path / "spool", sqlite_with_lesson)
    path = spool.folder("L1", "cam1") / "000001.mp4"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert spool.accept(new_segment(1, path=str(path), size_bytes=len(content), sha256=digest))
    with sqlite_with_lesson.read() as work:
        assert work.footage.find_segment("seg-1") is not None
        found = work.sample_indexes.of_segments(["seg-1"])
    assert [one.count for one in found.values()] == ([10] if content is CONTENT else [])
