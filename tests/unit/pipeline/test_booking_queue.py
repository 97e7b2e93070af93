"""Recorders go on while the database is locked, full or away; what they said is booked later, in order."""

from __future__ import annotations

import errno
import json
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ingest.segment_file
from ingest.camera import CameraConfig
from ingest.recorder import Recorder
from ingest.recorder_options import RecorderOptions
from models.errors import (
    Conflict,
    DatabaseBusy,
    DiskFull,
    EvidenceBroken,
    NotFound,
    RollcallError,
    StreamLost,
)
from models.evidence import Leaf, LeafKind
from models.footage import CameraReport, Gap, GapCause, Segment
from models.policy import Policy, RecordingPolicy
from models.register import LessonRecord, TrainingClass
from models.timeline import total, union
from models.timetable import Lesson, LessonState
from storage.database import Database, sqlite_url, upgrade
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.reconciler import Reconciler
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from storage.vault import create_vault
from supervision_api.pipeline.booking_queue import (
    ADOPT_EVERY_S,
    FIRST_RETRY_S,
    LONGEST_RETRY_S,
    SETTLED,
    BookingQueue,
    BookingState,
)
from supervision_api.pipeline.booking_sink import BookingSink
from tests.unit.ingest.fakes import (
    Clip,
    FakeBus,
    FakeClock,
    ScriptedCamera,
    ScriptedSource,
    Step,
    encode_clip,
    live_steps,
    wait_on,
)

# Later than any real file's time stamp: what lies in the spool is old by this clock.
BEGINS = datetime(2099, 11, 23, 1, 0, tzinfo=UTC)


def gap(second: int, lesson_id: str = "L1", camera_id: str = "c1") -> Gap:
    starts_at = BEGINS + timedelta(seconds=second)
    return Gap(lesson_id, camera_id, starts_at, starts_at + timedelta(seconds=1), GapCause.STREAM_LOST)


def segment(sequence: int, lesson_id: str = "L1") -> Segment:
    starts_at = BEGINS + timedelta(minutes=sequence)
    return Segment(
        f"s{sequence}", lesson_id, "c1", sequence, starts_at, starts_at + timedelta(minutes=1), 0.0, 60.0,
        "h264", 64, 48, 10, "0" * 64, f"/spool/{sequence}.mp4", 60,
    )  # fmt: skip


@dataclass
class Desk(BookingSink):
    """Books into a list; refuses while ``refusal`` is set, or the item that ``refused`` names."""

    booked: list[Segment | Gap | Leaf] = field(default_factory=list)
    refusal: RollcallError | None = None
    refused: dict[str, RollcallError] = field(default_factory=dict)
    tries: int = 0
    reports: list[CameraReport] = field(default_factory=list)

    def _take(self, item: Segment | Gap | Leaf, name: str = "") -> None:
        self.tries += 1
        refusal = self.refusal or self.refused.get(name)
        if refusal is not None:
            raise refusal
        self.booked.append(item)

    def segment_closed(self, segment: Segment) -> None:
        self._take(segment, segment.segment_id)

    def gap_declared(self, gap: Gap) -> None:
        self._take(gap, gap.lesson_id)

    def note(self, leaf: Leaf) -> None:
        self._take(leaf)

    def camera_changed(self, report: CameraReport) -> None:
        self.reports.append(report)


@dataclass
class Shelf:
    """What lies in the spool without a row, and when somebody looked."""

    found: list[Segment] = field(default_factory=list)
    looked: list[timedelta] = field(default_factory=list)
    refusal: RollcallError | None = None

    def adopt(self, min_age: timedelta) -> list[Segment]:
        self.looked.append(min_age)
        if self.refusal is not None:
            raise self.refusal
        taken, self.found = self.found, []
        return taken


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(BEGINS)


@pytest.fixture
def queue(desk: Desk, shelf: Shelf, clock: FakeClock) -> BookingQueue:
    return BookingQueue(desk, clock, shelf.adopt, limit=3)


def test_telling_books_nothing_by_itself(queue: BookingQueue, desk: Desk) -> None:
    desk.refusal = DatabaseBusy("locked")
    queue.segment_closed(segment(1))
    queue.gap_declared(gap(0))
    assert (desk.tries, queue.state.waiting) == (0, 2)


def test_items_are_booked_in_the_order_they_were_told(queue: BookingQueue, desk: Desk) -> None:
    told = [gap(0), segment(1), Leaf(LeafKind.RECORDER_STARTED, BEGINS, "L1", {})]
    queue.gap_declared(gap(0))
    queue.segment_closed(segment(1))
    queue.note(told[2])  # type: ignore[arg-type]
    queue.book_due()
    assert desk.booked == told
    assert queue.state.waiting == 0


def test_a_cameras_report_is_passed_on_at_once(queue: BookingQueue, desk: Desk) -> None:
    desk.refusal = DatabaseBusy("locked")
    report = CameraReport("c1", "L1", BEGINS, "recording")  # type: ignore[arg-type]
    queue.camera_changed(report)
    assert desk.reports == [report]


def test_waits_between_tries_double_up_to_half_a_minute(
    queue: BookingQueue, desk: Desk, clock: FakeClock
) -> None:
    desk.refusal = DatabaseBusy("locked")
    queue.gap_declared(gap(0))
    waits = []
    for _ in range(9):
        waits.append(queue.book_due())
        clock.advance(waits[-1])
    assert waits == [FIRST_RETRY_S * 2**n for n in range(6)] + [LONGEST_RETRY_S] * 3
    assert desk.tries == 9


def test_before_its_time_nothing_is_tried_again(queue: BookingQueue, desk: Desk, clock: FakeClock) -> None:
    desk.refusal = DatabaseBusy("locked")
    queue.gap_declared(gap(0))
    queue.book_due()
    queue.gap_declared(gap(1))
    clock.advance(FIRST_RETRY_S / 2)
    assert queue.book_due() == pytest.approx(FIRST_RETRY_S / 2)
    assert desk.tries == 1


def test_after_a_success_waits_are_short_again(queue: BookingQueue, desk: Desk, clock: FakeClock) -> None:
    desk.refusal = DatabaseBusy("locked")
    queue.gap_declared(gap(0))
    for _ in range(5):
        clock.advance(queue.book_due())
    desk.refusal = None
    queue.book_due()
    desk.refusal = DatabaseBusy("locked")
    queue.gap_declared(gap(1))
    assert queue.book_due() == FIRST_RETRY_S


@pytest.mark.parametrize("refusal", [DatabaseBusy("x"), DiskFull("x"), Conflict("another was first")])
def test_what_holds_booking_up_is_an_alarm_until_it_is_over(
    queue: BookingQueue, desk: Desk, clock: FakeClock, refusal: RollcallError
) -> None:
    desk.refusal = refusal
    queue.gap_declared(gap(0))
    clock.advance(queue.book_due())
    assert queue.state.refusal == refusal.code
    desk.refusal = None
    queue.book_due()
    assert queue.state.refusal == ""
    assert desk.booked == [gap(0)]


@pytest.mark.parametrize("refusal", [EvidenceBroken("vanished"), NotFound("no lesson"), Conflict("number")])
def test_a_segment_that_can_never_be_booked_does_not_hold_up_the_rest(
    queue: BookingQueue, desk: Desk, refusal: RollcallError
) -> None:
    desk.refused["s1"] = refusal
    queue.segment_closed(segment(1))
    queue.segment_closed(segment(2))
    queue.book_due()
    assert desk.booked == [segment(2)]
    assert queue.state.refusal == ""


def test_a_gap_of_a_lesson_that_is_gone_does_not_hold_up_the_rest(queue: BookingQueue, desk: Desk) -> None:
    desk.refused["L9"] = NotFound("no lesson")
    queue.gap_declared(gap(0, "L9"))
    queue.gap_declared(gap(1))
    queue.book_due()
    assert desk.booked == [gap(1)]


def test_a_full_queue_leaves_segments_in_the_spool_and_brings_them_in_when_it_is_empty(
    queue: BookingQueue, desk: Desk, shelf: Shelf, clock: FakeClock
) -> None:
    desk.refusal = DatabaseBusy("locked")
    for sequence in range(1, 6):
        queue.segment_closed(segment(sequence))
    assert queue.state == BookingState(3, "", ("L1",), running=False)
    clock.advance(queue.book_due())
    assert shelf.looked == [], "not while the queue itself waits"
    desk.refusal, shelf.found = None, [segment(4), segment(5)]
    queue.book_due()
    assert desk.booked == [segment(1), segment(2), segment(3)]
    assert shelf.looked == [timedelta()], "of any age: these were closed long ago"
    assert queue.state == BookingState(0, "", (), running=False)


def test_gaps_lie_nowhere_else_and_have_room_of_their_own(queue: BookingQueue, desk: Desk) -> None:
    for sequence in range(1, 4):
        queue.segment_closed(segment(sequence))
    for second in range(3):
        queue.gap_declared(gap(second))
    with pytest.raises(DatabaseBusy, match="6 items wait") as caught:
        queue.gap_declared(gap(3))
    assert "recording goes on" in caught.value.hint
    queue.book_due()
    queue.gap_declared(gap(3))
    queue.book_due()
    assert [item for item in desk.booked if isinstance(item, Gap)] == [gap(second) for second in range(4)]


def test_a_recorders_start_and_stop_are_never_refused(queue: BookingQueue) -> None:
    for second in range(6):
        queue.gap_declared(gap(second))
    queue.note(Leaf(LeafKind.RECORDER_STOPPED, BEGINS, "L1", {}))
    assert queue.state.waiting == 7


def test_a_lesson_is_waited_for_until_its_last_item_is_booked(
    queue: BookingQueue, desk: Desk, clock: FakeClock
) -> None:
    queue.gap_declared(gap(0, "L1"))
    queue.gap_declared(gap(1, "L2"))
    desk.refused["L2"] = DatabaseBusy("locked")
    assert (queue.waits_for("L1"), queue.waits_for("L2"), queue.waits_for("L3")) == (True, True, False)
    clock.advance(queue.book_due())
    assert (queue.waits_for("L1"), queue.waits_for("L2")) == (False, True)
    desk.refused.clear()
    queue.book_due()
    assert not queue.waits_for("L2")


def test_a_lesson_with_segments_left_in_the_spool_is_waited_for_too(
    queue: BookingQueue, shelf: Shelf, clock: FakeClock
) -> None:
    for sequence in range(1, 5):
        queue.segment_closed(segment(sequence))
    shelf.refusal = DiskFull("no room for a row")
    clock.advance(queue.book_due())
    assert queue.state.waiting == 0
    assert queue.waits_for("L1")
    assert queue.state.refusal == "disk_full"
    shelf.refusal = None
    queue.book_due()
    assert not queue.waits_for("L1")


def test_the_spool_is_looked_through_now_and_then(
    queue: BookingQueue, shelf: Shelf, clock: FakeClock
) -> None:
    assert queue.book_due() == ADOPT_EVERY_S
    assert shelf.looked == []
    clock.advance(ADOPT_EVERY_S)
    assert queue.book_due() == ADOPT_EVERY_S
    clock.advance(ADOPT_EVERY_S - 1)
    assert queue.book_due() == pytest.approx(1)
    assert shelf.looked == [SETTLED]


def test_where_a_stream_ended_is_known_before_it_is_in_the_books(
    queue: BookingQueue, desk: Desk, clock: FakeClock
) -> None:
    assert queue.accounted_until("L1", "c1") is None
    queue.segment_closed(segment(1))
    queue.gap_declared(gap(5))
    assert queue.accounted_until("L1", "c1") == segment(1).ends_at
    assert queue.accounted_until("L1", "c2") is None
    queue.book_due()
    clock.advance(ADOPT_EVERY_S)
    queue.book_due()
    assert queue.accounted_until("L1", "c1") is None, "the database knows it now"


def test_the_thread_books_as_soon_as_something_is_told_and_ends_when_told(
    desk: Desk, shelf: Shelf, clock: FakeClock
) -> None:
    queue, stop, booked = BookingQueue(desk, clock, shelf.adopt), threading.Event(), threading.Event()
    take = desk._take

    def tell(item: Segment | Gap | Leaf, name: str = "") -> None:
        take(item, name)
        booked.set()

    desk._take = tell  # type: ignore[method-assign]
    thread = threading.Thread(target=queue.run, args=(stop,))
    thread.start()
    queue.gap_declared(gap(0))
    assert booked.wait(20)
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert desk.booked == [gap(0)]
    assert not queue.state.running


def test_at_the_end_what_waits_is_tried_once_more(queue: BookingQueue, desk: Desk, clock: FakeClock) -> None:
    desk.refusal = DatabaseBusy("locked")
    queue.gap_declared(gap(0))
    queue.book_due()
    desk.refusal = None
    stop = threading.Event()
    stop.set()
    queue.run(stop)  # although the next try is not due yet
    assert desk.booked == [gap(0)]


def test_a_stop_does_not_wait_for_a_database_that_stays_locked(queue: BookingQueue, desk: Desk) -> None:
    desk.refusal = DatabaseBusy("locked")
    queue.gap_declared(gap(0))
    stop = threading.Event()
    stop.set()
    queue.run(stop)
    assert (desk.tries, queue.state.waiting) == (1, 1)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_fails_when_nothing_is_lost_doubled_or_reordered(seed: int) -> None:
    """Random tellings and refusals; what had no room is what lies in the spool."""
    chance, desk, clock = random.Random(seed), Desk(), FakeClock(BEGINS)
    told: list[Segment | Gap] = []
    left: list[Segment] = []
    adopted: list[Segment] = []

    def adopt(_min_age: timedelta) -> list[Segment]:
        found, left[:] = list(left), []
        adopted.extend(found)
        return found

    queue = BookingQueue(desk, clock, adopt, limit=5)
    for number in range(120):
        desk.refusal = chance.choice([None, None, DatabaseBusy("x"), DiskFull("x")])
        item: Segment | Gap = segment(number) if chance.random() < 0.7 else gap(number)
        before = queue.state.waiting
        if isinstance(item, Segment):
            queue.segment_closed(item)
            if queue.state.waiting == before:
                left.append(item)
        elif before < 10:
            queue.gap_declared(item)
        else:
            continue
        told.append(item)
        clock.advance(chance.choice([0.1, 1.0, 40.0]))
        queue.book_due()
    desk.refusal = None
    clock.advance(LONGEST_RETRY_S)
    queue.book_due()
    assert queue.state == BookingState(0, "", (), running=False)
    assert desk.booked == [item for item in told if item not in adopted]
    assert len(desk.booked) + len(adopted) == len(told)


# With real recorders, a real spool and a real database.


@dataclass
class Room:
    """A room with two cameras whose recorders stand before a queue over a real database."""

    folder: Path
    ledger: Ledger
    clock: FakeClock
    spool: Spool
    queue: BookingQueue
    told: list[Segment | Gap]

    def record(self, camera_id: str, clip: Clip, steps: list[Step]) -> None:
        """Runs a recorder to the end of the script, on the room's clock."""
        stop, ending = threading.Event(), StreamLost("the cable is out")
        self.spool.folder("L1", camera_id)
        Recorder(
            CameraConfig(camera_id, "rtsp://camera/1"),
            "L1",
            policy=RecordingPolicy(segment=timedelta(seconds=4)),
            spool_dir=self.spool.root,
            sink=Telling(self.queue, self.told),
            bus=FakeBus(),
            clock=self.clock,
            options=RecorderOptions(wait=wait_on(self.clock), reserve_bytes=0, rng=random.Random(7)),
            source_factory=ScriptedCamera([ScriptedSource(clip.info, [*steps, ending], self.clock)], stop),
        ).run(stop)

    def live(self, clip: Clip, seconds: int) -> list[Step]:
        """A camera that sends for so long; the booking thread gets its turn each second."""
        steps: list[Step] = []
        for turn in range(seconds // 10):
            for number, step in enumerate(live_steps(clip, shift=turn * 10 * 90_000)):
                steps.append(step)
                if number % 20 == 19:
                    steps.append(self._book)
        return steps

    def _book(self) -> None:
        self.queue.book_due()

    def until_booked(self) -> None:
        for _ in range(20):
            self.clock.advance(self.queue.book_due())
            if not self.queue.state.waiting and not self.queue.state.left:
                return
        raise AssertionError("the queue does not get empty")


@dataclass
class Telling:
    """Passes on, and remembers the order of what was told."""

    sink: BookingQueue
    told: list[Segment | Gap]

    def segment_closed(self, segment: Segment) -> None:
        self.told.append(segment)
        self.sink.segment_closed(segment)

    def gap_declared(self, gap: Gap) -> None:
        self.told.append(gap)
        self.sink.gap_declared(gap)

    def camera_changed(self, report: CameraReport) -> None:
        self.sink.camera_changed(report)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode_clip(seconds=10)


@pytest.fixture
def new_room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    opened: list[Database] = []

    def build(**limits: Any) -> Room:
        clock = FakeClock(BEGINS)
        url = sqlite_url(tmp_path / "rollcall.db")
        upgrade(url)
        database = Database(url, busy_wait_s=0.01)
        opened.append(database)
        ledger = Ledger(database, create_vault(tmp_path / "keys"), clock, "test.rollcall/log")
        lesson = Lesson("L1", "C1", "第3课", BEGINS, BEGINS + timedelta(minutes=45), cameras=("c1", "c2"))
        with ledger.write() as work:
            work.classes.add(TrainingClass("C1", "养老护理员"), BEGINS)
            work.lessons.add(LessonRecord(lesson, Policy(), LessonState.RUNNING))
        spool = Spool(tmp_path / "spool", ledger, SpoolLimits(reserve_bytes=0))
        adopt = Reconciler(spool, Uploader(spool, MemoryObjectStore(clock))).adopt_closed
        queue = BookingQueue(BookingSink(spool), clock, adopt, **limits)
        return Room(tmp_path, ledger, clock, spool, queue, [])

    yield build
    for database in opened:
        database.close()


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[Callable[[], sqlite3.Connection]]:
    """Another program that has begun to write and does not come to an end."""
    held: list[sqlite3.Connection] = []

    def take() -> sqlite3.Connection:
        connection = sqlite3.connect(tmp_path / "rollcall.db", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        held.append(connection)
        return connection

    yield take
    for connection in held:
        connection.close()


def booked(room: Room) -> tuple[list[Segment], list[Gap], list[tuple[str, str, Any]]]:
    """Segments, gaps, and the leaves about them as (kind, camera, sequence or start), in the log's order."""
    with room.ledger.read() as work:
        leaves = [
            row
            for row in work.evidence.store.rows(LeafQuery("L1"))
            if row.kind in (LeafKind.SEGMENT_CLOSED, LeafKind.GAP)
        ]
        segments, gaps = list(work.footage.segments("L1")), list(work.footage.gaps("L1"))
    return segments, gaps, [leaf_key(row.record) for row in leaves]


def leaf_key(record: bytes) -> tuple[str, str, Any]:
    said = json.loads(record)
    body = said["body"]
    return said["kind"], body["camera_id"], body.get("sequence", body.get("starts_at", body.get("interval")))


def test_a_database_locked_for_thirty_seconds_loses_nothing_of_two_cameras_and_keeps_their_order(
    new_room: Callable[..., Room], lock: Callable[[], sqlite3.Connection], clip: Clip
) -> None:
    room = new_room()
    locked = lock()
    room.record("c1", clip, room.live(clip, 30))
    room.record("c2", clip, room.live(clip, 30))
    assert booked(room)[0] == [], "nothing could be booked yet"
    assert room.queue.state.refusal == "database_busy"
    locked.rollback()
    room.until_booked()
    segments, gaps, leaves = booked(room)
    told_segments = [item for item in room.told if isinstance(item, Segment)]
    assert sorted(told_segments, key=lambda one: (one.camera_id, one.sequence)) == segments
    assert len(segments) == 16
    assert {item for item in room.told if isinstance(item, Gap)} == set(gaps)
    told_order = [
        ("segment_closed", item.camera_id, item.sequence) for item in room.told if isinstance(item, Segment)
    ]
    assert [leaf for leaf in leaves if leaf[0] == "segment_closed"] == told_order
    assert all(not one.repaired for one in segments), "what the recorder knew is what is booked"
    for camera_id in ("c1", "c2"):
        footage = [one.interval for one in segments if one.camera_id == camera_id]
        assert total(union(footage)).total_seconds() == pytest.approx(30, abs=1)
    assert room.queue.state.refusal == ""


def test_beyond_its_memory_the_queue_relies_on_the_spool_and_loses_nothing(
    new_room: Callable[..., Room], lock: Callable[[], sqlite3.Connection], clip: Clip
) -> None:
    room = new_room(limit=2)
    locked = lock()
    room.record("c1", clip, room.live(clip, 30))
    assert room.queue.state.left == ("L1",)
    locked.rollback()
    room.until_booked()
    segments, _, leaves = booked(room)
    told = [item for item in room.told if isinstance(item, Segment)]
    assert [(one.sequence, one.sha256) for one in segments] == [(one.sequence, one.sha256) for one in told]
    assert [one.repaired for one in segments] == [False] * 2 + [True] * 6
    assert sorted(leaf[2] for leaf in leaves if leaf[0] == "segment_closed") == list(range(1, 9))


def test_a_full_disk_is_a_declared_gap_an_alarm_and_over_by_itself(
    new_room: Callable[..., Room], clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = new_room()
    full = threading.Event()
    write = ingest.segment_file.write_all

    def write_while_there_is_room(descriptor: int, data: bytes) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(descriptor, data)

    monkeypatch.setattr(ingest.segment_file, "write_all", write_while_there_is_room)
    steps = room.live(clip, 10)
    steps += [full.set, *live_steps(clip, shift=10 * 90_000)]
    steps += [full.clear, *live_steps(clip, shift=20 * 90_000), *live_steps(clip, shift=30 * 90_000)]
    reports: list[CameraReport] = []
    monkeypatch.setattr(room.queue, "camera_changed", reports.append)
    room.record("c1", clip, steps)
    room.until_booked()
    segments, gaps, _ = booked(room)
    missing = union([one.interval for one in gaps if one.cause is GapCause.DISK_FULL])
    assert len(missing) == 1, "a try in between may cut it, but leaves no hole"
    assert 8 <= missing[0].duration.total_seconds() <= 22
    assert "disk_full" in [report.code for report in reports], "the alarm"
    assert segments[-1].starts_at >= missing[0].ends_at, "footage after it"
    pieces = [one.interval for one in segments] + [one.interval for one in gaps]
    elapsed = max(piece.ends_at for piece in pieces) - BEGINS
    assert len(union(pieces)) == 1
    assert total(union(pieces)) == elapsed
