"""Several workers over one spool: no file twice, the oldest first, no attempt wasted on an absent store."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from models.errors import DatabaseBusy, DiskFull, EvidenceBroken, StorageError, StoreKeyRefused
from models.evidence import LeafKind
from models.footage import Segment
from models.register import Upload, UploadState
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.spool import Spool, SpoolLimits
from storage.store_watch import FAILED_FILES, LONGEST_PAUSE_S
from storage.unit_of_work import Ledger
from storage.upload_desk import UploadDesk
from storage.uploader import Uploader
from tests.hand_clock import HandClock

PATIENCE_S = 30.0
NewSegment = Callable[..., Segment]


class ShakyStore(MemoryObjectStore):
    """``away``: nothing answers. ``refuses``: puts fail of keys that it says yes to. Counts questions."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock)
        self.away = False
        self.failure = StorageError("the store does not answer")
        self.refuses: Callable[[str], StorageError | None] = lambda _key: None
        self.on_put: Callable[[], None] = lambda: None
        self.asked = 0
        self.puts: list[str] = []

    def _answer(self) -> None:
        if self.away:
            raise self.failure

    def put_locked(self, key: str, *given: Any, **named: Any) -> Any:
        self._answer()
        self.puts.append(key)
        self.on_put()
        if (error := self.refuses(key)) is not None:
            raise error
        return super().put_locked(key, *given, **named)

    def stat(self, key: str, version: str | None = None) -> Any:
        self._answer()
        return super().stat(key, version)

    def list_versions(self, prefix: str) -> Any:
        self.asked += 1
        self._answer()
        return super().list_versions(prefix)


@pytest.fixture
def store(clock: HandClock) -> ShakyStore:
    return ShakyStore(clock)


@pytest.fixture
def spool(sqlite_with_lesson: Ledger, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", sqlite_with_lesson, SpoolLimits(reserve_bytes=0))


@pytest.fixture
def desk(spool: Spool, store: ShakyStore, clock: HandClock) -> UploadDesk:
    return UploadDesk(spool, Uploader(spool, store), clock.monotonic_s)


@pytest.fixture
def queued(spool: Spool, new_segment: NewSegment, clock: HandClock) -> Callable[[int], None]:
    """So many booked segments, one minute after the other."""

    def build(count: int) -> None:
        for sequence in range(1, count + 1):
            content = f"footage {sequence}".encode() * 50
            path = spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
            path.write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            spool.accept(new_segment(sequence, path=str(path), size_bytes=len(content), sha256=digest))
            clock.forward(minutes=1)

    return build


def uploads(spool: Spool) -> tuple[Upload, ...]:
    with spool.ledger.read() as work:
        return work.uploads.of_lesson("L1")


def stored(spool: Spool) -> list[int]:
    return [one.sequence for one in uploads(spool) if one.state is UploadState.CLEARED]


def attempts(spool: Spool) -> list[int]:
    return [one.attempts for one in uploads(spool)]


def work_all(desk: UploadDesk, most: int = 50) -> int:
    """Calls until nothing is to be done; how many files were taken in hand."""
    count = 0
    while count < most and desk.work() is not None:
        count += 1
    return count


def test_files_go_in_the_order_in_which_they_were_closed(
    desk: UploadDesk, store: ShakyStore, queued: Callable[[int], None]
) -> None:
    queued(4)
    assert work_all(desk) == 4
    assert [int(key.rsplit("/")[-1][:6]) for key in store.puts] == [1, 2, 3, 4]


def test_workers_hold_different_files_at_the_same_time(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None]
) -> None:
    """Each of four workers waits inside its upload until all four have one."""
    queued(8)
    together = threading.Barrier(4)
    store.on_put = lambda: together.wait(PATIENCE_S) and None
    with ThreadPoolExecutor(4) as pool:
        crew = [pool.submit(work_all, desk, 2) for _ in range(4)]
        assert sum(worker.result(PATIENCE_S) for worker in crew) == 8
    assert sorted(store.puts) == sorted(set(store.puts)), "no file was put twice"
    assert stored(spool) == list(range(1, 9))
    assert desk.state().carrying == 0
    with spool.ledger.read() as work:
        receipts = tuple(work.evidence.store.rows(LeafQuery("L1", (LeafKind.SEGMENT_STORED,))))
        assert len(receipts) == 8
        problems = audit_log(work.evidence.store, "test.rollcall/log")
        assert {one.place for one in problems} <= {"keys"}, "only a key was never made here"


def test_a_store_that_is_away_costs_no_file_an_attempt(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    queued(5)
    store.away = True
    for _ in range(2 * 24 * 60):
        desk.work()
        clock.forward(minutes=1)
    state = desk.state()
    assert state.away
    assert state.problem == "storage_error"
    assert attempts(spool) == [0] * 5
    assert store.puts == []
    assert stored(spool) == []


def test_the_last_error_is_told_with_its_next_step_until_a_file_gets_through(
    desk: UploadDesk, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    assert (desk.state().problem, desk.state().told) == ("", "")
    queued(1)
    store.away = True
    store.failure = StoreKeyRefused("the store refuses our key", place="bucket", hint="let it in again")
    desk.work()
    told = desk.state()
    assert told.problem == "store_key_refused"
    assert told.told == "bucket: the store refuses our key (let it in again)"
    store.away = False
    clock.forward(minutes=2)
    work_all(desk)
    assert (desk.state().problem, desk.state().told) == ("", "")


def test_it_is_asked_at_growing_intervals_at_most_a_minute_apart(
    desk: UploadDesk, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    queued(1)
    store.away = True
    asked_at = []
    for second in range(600):
        before = store.asked
        desk.work()
        asked_at += [second] if store.asked > before else []
        clock.forward(seconds=1)
    assert asked_at[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert max(later - earlier for earlier, later in pairwise(asked_at)) <= 60


def test_when_it_is_back_everything_goes_at_once(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    """Also what had been put off by its own failures before."""
    queued(6)
    store.away = True
    desk.work()
    put_off = uploads(spool)[0]
    with spool.ledger.write() as work:
        work.uploads.note_failure(put_off.upload_id, "storage_error", clock.at + timedelta(minutes=9))
    assert desk.state().away
    store.away = False
    clock.forward(seconds=LONGEST_PAUSE_S)
    assert work_all(desk) == 6
    assert stored(spool) == [1, 2, 3, 4, 5, 6]
    assert not desk.state().away


def test_a_file_at_fault_is_put_off_alone(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None]
) -> None:
    queued(4)
    store.refuses = lambda key: EvidenceBroken("other bytes") if "/000002-" in key else None
    assert work_all(desk) == 4
    assert stored(spool) == [1, 3, 4]
    assert attempts(spool) == [0, 1, 0, 0]
    assert not desk.state().away
    assert store.asked == 0, "nobody doubts the store"


def test_a_store_that_answers_and_takes_nothing_is_not_tried_with_every_file(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None]
) -> None:
    """Its disk is full, or the right to write was withdrawn."""
    queued(20)
    store.refuses = lambda _key: DiskFull("no room")
    assert work_all(desk) == FAILED_FILES
    assert desk.state().away
    assert sum(attempts(spool)) == FAILED_FILES


def test_one_file_that_never_goes_does_not_keep_a_pause_alive(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    queued(5)
    store.refuses = lambda key: StorageError("odd") if "/000001-" in key else None
    store.away = True
    desk.work()
    store.away = False
    for _ in range(10):
        clock.forward(seconds=LONGEST_PAUSE_S)
        work_all(desk)
    assert stored(spool) == [2, 3, 4, 5]


def test_a_clock_that_went_back_ten_years_leaves_no_file_waiting_for_it(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    queued(1)
    honest = clock.at
    clock.forward(days=3650)
    work_all(desk)
    assert stored(spool) == [], "its retention would have ended already: nothing is locked for a past date"
    clock.at = honest
    work_all(desk)
    assert stored(spool) == [1]


def test_a_database_that_fails_leaves_the_file_to_the_next_worker(
    desk: UploadDesk, spool: Spool, queued: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(1)

    def busy(*_given: object) -> None:
        raise DatabaseBusy("locked")

    with monkeypatch.context() as patched:
        patched.setattr(spool, "mark_stored", busy)
        with pytest.raises(DatabaseBusy):
            desk.work()
    assert desk.state().carrying == 0
    assert work_all(desk) == 1
    assert stored(spool) == [1]


def test_a_database_that_fails_while_the_store_is_asked_gives_the_turn_back(
    desk: UploadDesk,
    spool: Spool,
    store: ShakyStore,
    queued: Callable[[int], None],
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued(2)
    store.away = True
    desk.work()
    store.away = False
    clock.forward(seconds=5)

    def busy(*_given: object) -> None:
        raise DatabaseBusy("locked")

    with monkeypatch.context() as patched:
        patched.setattr(spool, "next_to_upload", busy)
        with pytest.raises(DatabaseBusy):
            desk.work()
    clock.forward(seconds=LONGEST_PAUSE_S)
    assert work_all(desk) == 2


def test_bytes_are_counted_when_their_receipt_is_booked(
    desk: UploadDesk, spool: Spool, queued: Callable[[int], None]
) -> None:
    queued(2)
    desk.work()
    first = uploads(spool)[0]
    assert desk.state().stored_bytes == first.size_bytes
    assert spool.state().waiting_files == 1


def test_waiting_keeps_the_date_until_which_footage_must_be_kept(
    desk: UploadDesk, spool: Spool, store: ShakyStore, queued: Callable[[int], None], clock: HandClock
) -> None:
    """Nine days in the spool move no deadline."""
    queued(1)
    asked = uploads(spool)[0].retain_until
    store.away = True
    for _ in range(9):
        desk.work()
        clock.forward(days=1)
    store.away = False
    assert work_all(desk) == 1
    locked_until = store.stat(uploads(spool)[0].object_key).retain_until
    assert locked_until == asked
    assert asked - clock.at > timedelta(days=5 * 365 - 10)
