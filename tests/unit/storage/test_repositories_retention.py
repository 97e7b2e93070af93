"""Holds and removals as rows, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.errors import Conflict, NotFound
from models.footage import Segment
from storage.unit_of_work import Ledger
from tests.unit.storage.retained import OVER, Archive


@pytest.fixture
def archive(
    with_lesson: Ledger, tmp_path: Path, clock: object, new_segment: Callable[..., Segment]
) -> Archive:
    archive = Archive(with_lesson, tmp_path, clock, new_segment)
    archive.record(1, 2)
    return archive


def test_a_hold_is_kept_with_who_and_why_and_released_once(with_lesson: Ledger, now: datetime) -> None:
    later = now + timedelta(days=3)
    with with_lesson.write() as work:
        placed = work.holds.place("L1", "case-7", "inquiry", "supervisor", now)
        with pytest.raises(NotFound):
            work.holds.place("L9", "", "inquiry", "supervisor", now)
    assert (placed.open, placed.case_ref, placed.placed_by, placed.confirmed_at) == (
        True, "case-7", "supervisor", None,
    )  # fmt: skip
    with with_lesson.write() as work:
        assert work.holds.is_held("L1")
        assert work.holds.confirm(placed.hold_id, now).confirmed_at == now
        assert work.holds.unconfirmed() == ()
        released = work.holds.release(placed.hold_id, "closed", "auditor", later)
    assert (released.open, released.released_by, released.release_reason) == (False, "auditor", "closed")
    assert released.confirmed_at is None, "the store has yet to follow"
    with with_lesson.write() as work:
        assert not work.holds.is_held("L1")
        assert work.holds.unconfirmed() == (released,)
        with pytest.raises(Conflict, match="released already"):
            work.holds.release(placed.hold_id, "again", "auditor", later)
        with pytest.raises(NotFound):
            work.holds.release("nothing", "again", "auditor", later)
        with pytest.raises(NotFound):
            work.holds.confirm("nothing", later)


def test_holds_are_found_by_lesson_by_case_and_by_being_open(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        first = work.holds.place("L1", "case-7", "inquiry", "supervisor", now)
        second = work.holds.place("L1", "case-8", "appeal", "chief", now + timedelta(hours=1))
        work.holds.release(first.hold_id, "closed", "auditor", now + timedelta(days=1))
    with with_lesson.read() as work:
        assert [one.hold_id for one in work.holds.of_lesson("L1")] == [first.hold_id, second.hold_id]
        assert [one.hold_id for one in work.holds.of_case("case-7")] == [first.hold_id]
        assert work.holds.open() == (second,)
        assert work.holds.is_held("L1"), "the other hold stands"
        assert work.holds.get(second.hold_id) == second


def test_a_hold_told_by_the_log_comes_back_as_it_was(with_lesson: Ledger, now: datetime) -> None:
    with with_lesson.write() as work:
        placed = work.holds.place("L1", "", "inquiry", "supervisor", now)
        told = replace(placed, hold_id="told-by-the-log", confirmed_at=now, reason="the same")
        work.holds.restore(told)
    with with_lesson.read() as work:
        assert work.holds.get("told-by-the-log") == told


def test_objects_are_unlike_the_store_until_their_hold_is_noted(archive: Archive, now: datetime) -> None:
    with archive.ledger.write() as work:
        assert work.holds.objects("L1") == 2
        assert not work.holds.differs("L1")
        hold = work.holds.place("L1", "", "inquiry", "supervisor", now)
        assert work.holds.differs("L1")
        wanted = work.holds.unlike_the_store()
        assert [(upload.upload_id, held) for upload, _, held in wanted] == [("seg-1", True), ("seg-2", True)]
        assert len(work.holds.unlike_the_store(limit=1)) == 1
    for upload, version, held in wanted:
        stored = archive.store.set_hold(upload.object_key, version, held)
        with archive.ledger.write() as work:
            work.holds.note_hold(upload.upload_id, stored)
    with archive.ledger.write() as work:
        assert work.holds.unlike_the_store() == ()
        assert not work.holds.differs("L1")
        work.holds.release(hold.hold_id, "closed", "auditor", now)
        assert [held for _, _, held in work.holds.unlike_the_store()] == [False, False]
        with pytest.raises(NotFound):
            work.holds.note_hold("nothing", stored)


def test_a_lesson_with_another_hold_is_not_let_go(archive: Archive, now: datetime) -> None:
    with archive.ledger.write() as work:
        first = work.holds.place("L1", "", "inquiry", "supervisor", now)
        work.holds.place("L1", "", "appeal", "chief", now)
        work.holds.release(first.hold_id, "closed", "auditor", now)
        assert {held for _, _, held in work.holds.unlike_the_store()} == {True}


def test_a_hold_calls_off_removals_that_were_only_decided(archive: Archive, now: datetime) -> None:
    with archive.ledger.write() as work:
        assert work.removals.begin(["seg-1", "seg-2"], now) == 2
        assert work.removals.begin(["seg-1"], now) == 0, "noted before"
        work.holds.place("L1", "", "inquiry", "supervisor", now)
    with archive.ledger.read() as work:
        assert not work.removals.is_under_way("seg-1")


def test_what_is_over_is_told_by_lesson_and_by_object(archive: Archive, now: datetime) -> None:
    end = now + OVER
    with archive.ledger.read() as work:
        assert work.removals.expired(now) == ()
        assert work.removals.candidates("L1", now) == ()
        (over,) = work.removals.expired(end)
        assert (over.lesson_id, over.objects, over.waiting) == ("L1", 2, 0)
        assert over.size_bytes == sum(one.size_bytes for one in archive.store.list_versions("footage/"))
        assert work.removals.expired(end, after=(over.ended_at, over.lesson_id)) == ()
        assert [upload.upload_id for upload, _ in work.removals.candidates("L1", end)] == ["seg-1", "seg-2"]


def test_what_is_removed_keeps_its_row_and_names_its_leaf(archive: Archive, now: datetime) -> None:
    end = now + OVER
    with archive.ledger.write() as work:
        assert work.removals.removed_ids("L1") == frozenset()
        work.removals.begin(["seg-1"], end)
        assert work.removals.is_under_way("seg-1")
        work.removals.note_removed("seg-1", end, 17)
        with pytest.raises(NotFound):
            work.removals.note_removed("nothing", end, 18)
    with archive.ledger.read() as work:
        assert work.removals.removed_ids("L1") == {"seg-1"}
        assert not work.removals.is_under_way("seg-1")
        gone = work.removals.of_lesson("L1")
        assert (gone.removed, gone.objects, gone.leaf, gone.whole) == (1, 2, 17, False)
        assert [upload.upload_id for upload, _ in work.removals.candidates("L1", end)] == ["seg-2"]
        assert work.footage.get_segment("seg-1").sequence == 1, "the proof that it existed stays"
        assert work.holds.objects("L1") == 1
