"""Rows of uploads under several workers and wrong clocks, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from models.flags import Flag, FlagKind, FlagState
from models.footage import Segment
from models.register import Upload, UploadKind, UploadState
from storage.unit_of_work import Ledger

NewSegment = Callable[..., Segment]
LONGEST = timedelta(minutes=10)


@pytest.fixture
def queue(with_lesson: Ledger, new_segment: NewSegment, now: datetime) -> Callable[..., str]:
    """Queue a waiting upload; its id."""

    def build(sequence: int, age: timedelta = timedelta(0), camera: str = "cam1") -> str:
        segment = new_segment(sequence, camera_id=camera, segment_id=f"{camera}-{sequence}")
        with with_lesson.write() as work:
            work.footage.add_segment(segment)
            work.uploads.queue(
                Upload(
                    segment.segment_id, UploadKind.SEGMENT, "L1", camera, sequence, segment.path,
                    f"footage/L1/{camera}/{sequence}.mp4", segment.sha256, 1000, now + timedelta(days=1826),
                    UploadState.WAITING, now - age,
                )
            )  # fmt: skip
        return segment.segment_id

    return build


def next_id(ledger: Ledger, now: datetime, *claimed: str) -> str | None:
    with ledger.read() as work:
        found = work.uploads.next_waiting(now, claimed, LONGEST)
    return None if found is None else found.upload_id


def test_what_a_worker_holds_is_left_out(
    with_lesson: Ledger, queue: Callable[..., str], now: datetime
) -> None:
    first, second = queue(1, timedelta(minutes=2)), queue(2, timedelta(minutes=1))
    assert next_id(with_lesson, now) == first
    assert next_id(with_lesson, now, first) == second
    assert next_id(with_lesson, now, first, second) is None


@pytest.mark.parametrize(
    ("wait", "due"),
    [
        (timedelta(0), True),
        (timedelta(seconds=1), False),
        (LONGEST, False),
        (LONGEST + timedelta(seconds=1), True),
        (timedelta(days=3650), True),
    ],
)
def test_a_wait_longer_than_any_is_of_a_clock_that_went_back(
    with_lesson: Ledger, queue: Callable[..., str], now: datetime, wait: timedelta, due: bool
) -> None:
    upload_id = queue(1)
    with with_lesson.write() as work:
        work.uploads.note_failure(upload_id, "storage_error", now + wait)
    assert next_id(with_lesson, now) == (upload_id if due else None)


def test_all_waits_are_forgotten_at_once_and_receipts_are_not_touched(
    with_lesson: Ledger, queue: Callable[..., str], now: datetime
) -> None:
    ids = [queue(sequence) for sequence in (1, 2, 3)]
    with with_lesson.write() as work:
        for upload_id in ids[:2]:
            work.uploads.note_failure(upload_id, "storage_error", now + timedelta(minutes=5))
        assert work.uploads.forget_waits() == 2
        assert work.uploads.get(ids[0]).next_try_at is None
    with with_lesson.write() as work:
        assert work.uploads.forget_waits() == 0
        assert work.uploads.get(ids[0]).attempts == 1, "what was tried stays known"


def test_footage_not_safely_stored_is_grouped_with_its_earliest_instants(
    with_lesson: Ledger, queue: Callable[..., str], now: datetime
) -> None:
    queue(1, timedelta(hours=3))
    queue(2, timedelta(hours=2))
    broken = queue(3, timedelta(minutes=1))
    queue(1, timedelta(minutes=1), "cam2")
    with with_lesson.write() as work:
        work.uploads.note_failure(broken, "evidence_broken", now)
    with with_lesson.read() as work:
        found = work.uploads.unstored(now - timedelta(hours=1))
    assert [(one.camera_id, one.problem, one.files, one.since, one.begins_at) for one in found] == [
        ("cam1", "", 2, now - timedelta(hours=3), now),
        ("cam1", "evidence_broken", 1, now - timedelta(minutes=1), now + timedelta(minutes=2)),
    ]


def test_each_rule_settles_its_own_subjects(with_lesson: Ledger, now: datetime) -> None:
    ours, theirs = (
        Flag(FlagKind.EVIDENCE, "L1", f"{name}:cam1", "p", (), ()) for name in ("upload", "rehash")
    )
    kinds = {FlagKind.EVIDENCE}
    with with_lesson.write() as work:
        work.flags.settle("L1", [ours], kinds, now, "upload:")
        work.flags.settle("L1", [theirs], kinds, now, "rehash:")
        assert len(work.flags.settle("L1", [], kinds, now, "upload:")) == 1
        states = {one.flag.subject: one.flag.state for one in work.flags.of_lesson("L1")}
    assert states == {"upload:cam1": FlagState.WITHDRAWN, "rehash:cam1": FlagState.OPEN}
