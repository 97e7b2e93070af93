"""The spool: what it takes, what it refuses, how uploads fail and go on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.errors import (
    Conflict,
    DiskFull,
    EvidenceBroken,
    InvalidInput,
    NotFound,
    ObjectExists,
    StorageError,
)
from models.evidence import LeafKind
from models.footage import Gap, GapCause, Segment, StoredObject
from models.ports import Clock
from models.register import LessonRecord, Upload, UploadKind, UploadState
from models.timeline import Interval
from models.timetable import LessonState
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.reconciler import Reconciler, undeclared_gaps
from storage.spool import Spool, SpoolLimits, object_key
from storage.unit_of_work import Ledger
from storage.uploader import Uploader

MIB = 1024 * 1024
NewSegment = Callable[..., Segment]


class Disk:
    free = 100 * MIB

    def __call__(self, _path: Path) -> int:
        return self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def spool(sqlite_with_lesson: Ledger, tmp_path: Path, disk: Disk) -> Spool:
    limits = SpoolLimits(reserve_bytes=10 * MIB, high_bytes=15, high_age=timedelta(minutes=5))
    return Spool(tmp_path / "spool", sqlite_with_lesson, limits, free_bytes=disk)


@pytest.fixture
def new_file(spool: Spool, new_segment: NewSegment) -> NewSegment:
    """A segment whose file lies in the spool."""

    def build(sequence: int = 1, **changes: object) -> Segment:
        content = f"footage {sequence}".encode()
        path = spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
        path.write_bytes(content)
        path.with_suffix(".json").write_text("{}")
        facts = {"path": str(path), "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return new_segment(sequence, **(facts | changes))

    return build


class FailingStore(MemoryObjectStore):
    """Says what it is told to say."""

    failure: StorageError | None = None
    unlock = False
    deaf = False

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject:
        if self.failure is not None:
            raise self.failure
        return super().put_locked(key, path, sha256, retain_until, hold=hold)

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        if self.deaf:
            raise StorageError("the store does not answer")
        stored = super().stat(key, version)
        return replace(stored, lock_mode=None, retain_until=None) if self.unlock else stored


@pytest.fixture
def store(clock: Clock) -> FailingStore:
    return FailingStore(clock)


@pytest.fixture
def uploader(spool: Spool, store: FailingStore) -> Uploader:
    return Uploader(spool, store)


def kinds(ledger: Ledger) -> list[LeafKind]:
    with ledger.read() as work:
        return [leaf.kind for leaf in work.evidence.store.rows(LeafQuery("L1"))]


def test_a_segment_is_booked_once_with_leaf_row_and_upload(spool: Spool, new_file: NewSegment) -> None:
    segment = new_file()
    assert spool.accept(segment)
    assert not spool.accept(segment)
    assert kinds(spool.ledger) == [LeafKind.SEGMENT_CLOSED]
    upload = spool.next_to_upload()
    assert upload is not None
    assert upload.object_key == f"footage/L1/cam1/000001-{segment.sha256}.mp4" == object_key(segment)
    assert upload.retain_until == datetime.fromisoformat("2031-11-24T00:00:00+08:00")


@pytest.mark.parametrize("path", ["/etc/passwd", "relative.mp4"])
def test_a_file_outside_the_spool_is_refused(spool: Spool, new_segment: NewSegment, path: str) -> None:
    with pytest.raises(InvalidInput):
        spool.accept(new_segment(path=path))


def test_a_path_that_climbs_out_is_refused(spool: Spool, new_segment: NewSegment) -> None:
    with pytest.raises(InvalidInput):
        spool.accept(new_segment(path=f"{spool.root}/../outside.mp4"))


def test_a_vanished_or_shortened_file_is_broken_evidence(spool: Spool, new_file: NewSegment) -> None:
    segment = new_file()
    with pytest.raises(EvidenceBroken, match="found with"):
        spool.accept(replace(segment, size_bytes=5))
    Path(segment.path).unlink()
    with pytest.raises(EvidenceBroken, match="vanished"):
        spool.accept(segment)
    assert kinds(spool.ledger) == []


def test_a_segment_of_an_unknown_lesson_is_not_booked(spool: Spool, new_file: NewSegment) -> None:
    with pytest.raises((NotFound, Conflict)):
        spool.accept(new_file(lesson_id="L9"))


def test_gaps_are_booked_once_with_their_leaf(spool: Spool, now: datetime) -> None:
    gap = Gap("L1", "cam1", now, now + timedelta(seconds=9), GapCause.STREAM_LOST)
    assert spool.declare(gap)
    assert not spool.declare(gap)
    assert kinds(spool.ledger) == [LeafKind.GAP]


def test_recording_stops_before_the_disk_is_full(spool: Spool, disk: Disk) -> None:
    spool.require_room()
    disk.free = 10 * MIB - 1
    with pytest.raises(DiskFull, match="9 MiB are free") as caught:
        spool.require_room()
    assert caught.value.place == str(spool.root)


def test_the_state_shows_backlog_and_marks(
    spool: Spool, new_file: NewSegment, disk: Disk, clock: Clock, now: datetime
) -> None:
    assert spool.state().over == ()
    spool.accept(new_file(1))
    spool.accept(new_file(2))
    clock.at = now + timedelta(minutes=6)  # type: ignore[attr-defined]
    disk.free = 1
    state = spool.state()
    assert (state.waiting_files, state.waiting_bytes, state.oldest_at) == (2, 18, now)
    assert (state.over, state.free_bytes) == (("bytes", "age", "room"), 1)


def test_ids_that_could_leave_the_spool_make_no_folder(spool: Spool) -> None:
    for lesson_id, camera_id in (("..", "cam1"), ("L1", "../up"), ("", "cam1")):
        with pytest.raises(InvalidInput):
            spool.folder(lesson_id, camera_id)


def test_two_programs_cannot_claim_one_spool(spool: Spool) -> None:
    with spool.claimed():
        other = Spool(spool.root, spool.ledger)
        with pytest.raises(Conflict, match="another Rollcall"), other.claimed():
            pytest.fail("claimed twice")
    with spool.claimed():
        pass


def test_uploads_go_oldest_first_and_leave_receipts(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore
) -> None:
    first, second = new_file(1), new_file(2)
    spool.accept(first)
    spool.accept(second)
    attempts = uploader.drain()
    assert [attempt.upload.sequence for attempt in attempts] == [1, 2]
    assert uploader.upload_next() is None
    assert [stored.key for stored in store.list_versions("")] == [object_key(first), object_key(second)]
    assert kinds(spool.ledger) == [LeafKind.SEGMENT_CLOSED] * 2 + [LeafKind.SEGMENT_STORED] * 2
    assert list(Path(first.path).parent.iterdir()) == []
    with spool.ledger.read() as work:
        receipt = work.uploads.receipt("seg-1")
    assert receipt == store.stat(object_key(first))


def test_a_failed_upload_waits_longer_each_time_and_keeps_its_bytes(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore, clock: Clock
) -> None:
    segment = new_file()
    spool.accept(segment)
    store.failure = DiskFull("full")
    waits = []
    for _ in range(9):
        attempt = uploader.upload_next()
        assert attempt is not None
        assert attempt.error is store.failure
        assert uploader.upload_next() is None
        with spool.ledger.read() as work:
            upload = work.uploads.get("seg-1")
        assert upload.next_try_at is not None
        waits.append((upload.next_try_at - clock.now()).total_seconds())
        clock.at = upload.next_try_at  # type: ignore[attr-defined]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert Path(segment.path).exists()
    assert kinds(spool.ledger) == [LeafKind.SEGMENT_CLOSED]
    store.failure = None
    (done,) = uploader.drain()
    assert done.stored is not None


def test_one_bad_file_does_not_hold_up_the_others(
    spool: Spool, uploader: Uploader, new_file: NewSegment
) -> None:
    bad, good = new_file(1), new_file(2)
    spool.accept(bad)
    spool.accept(good)
    Path(bad.path).write_bytes(b"altered!!")
    first, second = uploader.drain()
    assert isinstance(first.error, EvidenceBroken)
    assert second.stored is not None
    assert Path(bad.path).exists()


def test_a_store_that_does_not_lock_gives_no_receipt(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore
) -> None:
    segment = new_file()
    spool.accept(segment)
    store.unlock = True
    (attempt,) = uploader.drain()
    assert isinstance(attempt.error, EvidenceBroken)
    assert "canary" in attempt.error.hint
    assert Path(segment.path).exists()
    assert LeafKind.SEGMENT_STORED not in kinds(spool.ledger)


def test_an_object_that_an_earlier_attempt_left_is_not_written_again(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore
) -> None:
    segment = new_file()
    spool.accept(segment)
    upload = spool.next_to_upload()
    assert upload is not None
    short = upload.retain_until - timedelta(days=900)
    store.put_locked(upload.object_key, upload.path, upload.sha256, short)
    store.failure = ObjectExists("taken")
    (attempt,) = uploader.drain()
    assert attempt.stored is not None
    assert attempt.stored.retain_until == upload.retain_until  # lengthened, then read back


def test_an_object_whose_spool_copy_is_gone_still_gets_its_receipt(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore
) -> None:
    segment = new_file()
    spool.accept(segment)
    upload = spool.next_to_upload()
    assert upload is not None
    store.put_locked(upload.object_key, upload.path, upload.sha256, upload.retain_until)
    Path(segment.path).unlink()
    assert Reconciler(spool, uploader).run().missing == ()
    assert [attempt.error for attempt in uploader.drain()] == [None]
    assert LeafKind.SEGMENT_STORED in kinds(spool.ledger)


def test_an_original_is_kept_with_a_leaf_of_its_own(spool: Spool, uploader: Uploader, now: datetime) -> None:
    path = spool.folder("L1", "cam1") / "original.mkv"
    path.write_bytes(b"original")
    sha256 = hashlib.sha256(b"original").hexdigest()
    upload = Upload(
        f"original:{sha256}", UploadKind.ORIGINAL, "L1", "cam1", 1, str(path), f"originals/L1/{sha256}.mkv",
        sha256, 8, now + timedelta(days=2000), UploadState.WAITING, now,
    )  # fmt: skip
    assert spool.accept_original(upload)
    assert not spool.accept_original(upload)
    assert [attempt.error for attempt in uploader.drain()] == [None]
    assert kinds(spool.ledger) == [LeafKind.ORIGINAL_STORED]


def test_nothing_is_cleared_without_a_receipt(spool: Spool, new_file: NewSegment) -> None:
    segment = new_file()
    spool.accept(segment)
    upload = spool.next_to_upload()
    assert upload is not None
    with pytest.raises(Conflict, match="no receipt"):
        spool.clear(upload)
    assert Path(segment.path).exists()


def stored_but_not_cleared(spool: Spool, store: FailingStore, segment: Segment) -> Upload:
    spool.accept(segment)
    upload = spool.next_to_upload()
    assert upload is not None
    store.put_locked(upload.object_key, upload.path, upload.sha256, upload.retain_until)
    spool.mark_stored(upload, store.stat(upload.object_key))
    return upload


def test_a_copy_left_behind_its_receipt_is_cleared_only_when_the_store_confirms(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore
) -> None:
    segment = new_file()
    upload = stored_but_not_cleared(spool, store, segment)
    store.deaf = True
    assert uploader.finish_stored() == 0  # nobody knows: nothing moves
    assert Path(segment.path).exists()
    store.deaf = False
    assert uploader.finish_stored() == 1
    assert not Path(segment.path).exists()
    with spool.ledger.read() as work:
        assert work.uploads.get(upload.upload_id).state is UploadState.CLEARED


def test_a_receipt_that_the_store_no_longer_confirms_sends_the_file_back_to_waiting(
    spool: Spool, new_file: NewSegment, store: FailingStore, clock: Clock
) -> None:
    segment = new_file()
    stored_but_not_cleared(spool, store, segment)
    uploader = Uploader(spool, MemoryObjectStore(clock))  # a store that lost it
    assert uploader.finish_stored() == 0
    assert Path(segment.path).exists()
    (attempt,) = uploader.drain()
    assert attempt.stored is not None


def test_footage_that_is_nowhere_is_reported(
    spool: Spool, uploader: Uploader, new_file: NewSegment, store: FailingStore
) -> None:
    segment = new_file()
    spool.accept(segment)
    Path(segment.path).unlink()
    store.deaf = True
    assert Reconciler(spool, uploader).run().missing == ()  # unknown is not lost
    store.deaf = False
    assert [upload.upload_id for upload in Reconciler(spool, uploader).run().missing] == ["seg-1"]


def test_sealed_lessons_get_no_gaps(spool: Spool, uploader: Uploader, clock: Clock, now: datetime) -> None:
    with spool.ledger.write() as work:
        work.lessons.move("L1", LessonState.RUNNING, LessonState.SEALED)
    clock.at = now + timedelta(hours=1)  # type: ignore[attr-defined]
    assert Reconciler(spool, uploader).run().gaps == ()


def test_holes_between_footage_and_gaps_are_found(
    new_lesson: Callable[..., LessonRecord], now: datetime
) -> None:
    def piece(start: float, end: float) -> Interval:
        return Interval(now + timedelta(seconds=start), now + timedelta(seconds=end))

    known = [piece(-5, 60), piece(60.02, 120), piece(130, 200)]
    gaps = undeclared_gaps(new_lesson(), "cam1", known, now + timedelta(seconds=260))
    assert [gap.interval for gap in gaps] == [piece(120, 130), piece(200, 260)]
    assert {gap.cause for gap in gaps} == {GapCause.PROCESS_RESTARTED}


def test_a_clock_behind_the_footage_declares_nothing(
    new_lesson: Callable[..., LessonRecord], now: datetime
) -> None:
    known = [Interval(now, now + timedelta(minutes=10))]
    assert undeclared_gaps(new_lesson(), "cam1", known, now + timedelta(minutes=5)) == ()
    assert undeclared_gaps(new_lesson(), "cam1", [], now - timedelta(minutes=5)) == ()
