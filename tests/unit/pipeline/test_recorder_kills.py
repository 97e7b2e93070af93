"""A recorder with its queue, killed at every write, sync and rename it makes: what is left is repaired.

The other half of the way, from the row to the removed spool copy, is killed in
tests/unit/storage/test_spool_crashes.py; tests/drills/kill_serve.py kills whole servers.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ingest.segment_file
from ingest.camera import CameraConfig
from ingest.recorder import Recorder
from ingest.recorder_options import RecorderOptions
from models.errors import StreamLost
from models.evidence import LeafKind
from models.footage import GapCause
from models.policy import Policy, RecordingPolicy
from models.register import LessonRecord, TrainingClass
from models.timeline import union
from models.timetable import Lesson, LessonState
from storage.database import Database, sqlite_url, upgrade
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.reconciler import Reconciled, Reconciler
from storage.signing import Ed25519Signer
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from storage.vault import Vault, create_vault
from supervision_api.pipeline.booking_queue import BookingQueue
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
    read_back,
    wait_on,
)

BEGINS = datetime(2099, 11, 23, 1, 0, tzinfo=UTC)
ORIGIN = "test.rollcall/log"
KILLED = 9
RATE = 10
# One fragment (a second of pictures) in the muxer's memory, and the picture that completes it.
LOST_AT_MOST = RATE + 1


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode_clip(seconds=10, rate=RATE)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return create_vault(tmp_path_factory.mktemp("vault") / "keys")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> Path:
    """An installation whose lesson has begun; runs work on copies."""
    home = tmp_path_factory.mktemp("begun")
    url = sqlite_url(home / "rollcall.db")
    upgrade(url)
    database = Database(url)
    ledger = Ledger(database, vault, FakeClock(BEGINS), ORIGIN)
    lesson = Lesson("L1", "C1", "第3课", BEGINS, BEGINS + timedelta(minutes=45), cameras=("c1",))
    with ledger.write() as work:
        work.evidence.open(Ed25519Signer(ORIGIN, bytes([1]) * 32))
        work.classes.add(TrainingClass("C1", "养老护理员"), BEGINS)
        work.lessons.add(LessonRecord(lesson, Policy(), LessonState.RUNNING))
    database.close()
    return home


def opened(folder: Path, vault: Vault, clock: FakeClock) -> tuple[Ledger, Spool, Reconciler]:
    ledger = Ledger(Database(sqlite_url(folder / "rollcall.db")), vault, clock, ORIGIN)
    spool = Spool(folder / "spool", ledger, SpoolLimits(reserve_bytes=0))
    return ledger, spool, Reconciler(spool, Uploader(spool, MemoryObjectStore(clock)))


def record(folder: Path, vault: Vault, clip: Clip, fed: Callable[[], None]) -> None:
    """Ten seconds of a live camera in segments of four; each second the queue gets its turn."""
    clock, stop = FakeClock(BEGINS), threading.Event()
    ledger, spool, reconciler = opened(folder, vault, clock)
    queue = BookingQueue(BookingSink(spool), clock, reconciler.adopt_closed)
    steps: list[Step] = []

    def book() -> None:
        queue.book_due()

    for number, step in enumerate(live_steps(clip)):
        steps += [fed, step] if number % 2 == 0 else [step]
        if number % (2 * RATE) == 2 * RATE - 1:
            steps.append(book)
    spool.folder("L1", "c1")
    Recorder(
        CameraConfig("c1", "rtsp://camera/1"),
        "L1",
        policy=RecordingPolicy(segment=timedelta(seconds=4)),
        spool_dir=spool.root,
        sink=queue,
        bus=FakeBus(),
        clock=clock,
        options=RecorderOptions(wait=wait_on(clock), reserve_bytes=0, rng=random.Random(7)),
        source_factory=ScriptedCamera(
            [ScriptedSource(clip.info, [*steps, StreamLost("the cable is out")], clock)], stop
        ),
    ).run(stop)
    queue.book_due()
    ledger.database.close()


def killed_run(
    folder: Path, vault: Vault, clip: Clip, kill_at: int | None, *, after: bool
) -> tuple[int, int]:
    """A child records and dies at one call into the system; pictures it was fed, and calls it made."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        calls = 0

        def dying(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                nonlocal calls
                mine, calls = calls, calls + 1
                tell(writer, b"c")
                if mine == kill_at and not after:
                    os._exit(KILLED)
                result = real(*given, **named)
                if mine == kill_at:
                    os._exit(KILLED)
                return result

            return call

        tell = os.write
        code = 1
        try:
            ingest.segment_file.write_all = dying(ingest.segment_file.write_all)
            os.fsync, os.rename, os.replace = dying(os.fsync), dying(os.rename), dying(os.replace)
            record(folder, vault, clip, lambda: (tell(writer, b"f"), None)[1])
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = Counter(pipe.read().decode())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (0 if kill_at is None else KILLED)
    return told["f"], told["c"]


def repair(folder: Path, vault: Vault, at: datetime) -> Reconciled:
    ledger, spool, reconciler = opened(folder, vault, FakeClock(at))
    with spool.claimed():
        repaired = reconciler.run()
    ledger.database.close()
    return repaired


def check_whole(folder: Path, vault: Vault, fed: int) -> None:
    """Every picture but those of one fragment is kept, booked once, and every second has its row."""
    ledger, spool, _ = opened(folder, vault, FakeClock(BEGINS + timedelta(minutes=5)))
    with ledger.read() as work:
        segments, gaps = work.footage.segments("L1", "c1"), work.footage.gaps("L1", "c1")
        closed = list(work.evidence.store.rows(LeafQuery("L1", (LeafKind.SEGMENT_CLOSED,))))
        assert audit_log(work.evidence.store, ORIGIN) == ()
    ledger.database.close()
    kept = sum(len(read_back(segment.path)) for segment in segments)
    assert fed - LOST_AT_MOST <= kept <= fed
    assert [segment.sequence for segment in segments] == list(range(1, len(segments) + 1))
    assert len(closed) == len(segments)
    files = {path for path in spool.root.rglob("*.mp4*") if path.is_file()}
    assert files == {Path(segment.path) for segment in segments}
    pieces = [one.interval for one in segments] + [one.interval for one in gaps]
    assert len(union(pieces)) == 1


@pytest.fixture(scope="module")
def calls_of_a_run(tmp_path_factory: pytest.TempPathFactory, clip: Clip, vault: Vault, begun: Path) -> int:
    home = Path(shutil.copytree(begun, tmp_path_factory.mktemp("whole") / "home"))
    _, calls = killed_run(home, vault, clip, None, after=False)
    check_whole(home, vault, 10 * RATE)
    return calls


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("part", range(6))
def test_a_recorder_killed_at_any_call_loses_at_most_a_fragment_and_doubles_nothing(
    tmp_path: Path,
    clip: Clip,
    vault: Vault,
    begun: Path,
    calls_of_a_run: int,
    part: int,
    after: bool,
) -> None:
    kill_points = range(part, calls_of_a_run, 6)
    assert len(kill_points) >= 5
    for kill_at in kill_points:
        home = Path(shutil.copytree(begun, tmp_path / str(kill_at)))
        fed, _ = killed_run(home, vault, clip, kill_at, after=after)
        repaired = repair(home, vault, BEGINS + timedelta(minutes=1))
        assert (repaired.aside, repaired.missing) == ((), ())
        assert {gap.cause for gap in repaired.gaps} <= {GapCause.PROCESS_RESTARTED}
        check_whole(home, vault, fed)
        again = repair(home, vault, BEGINS + timedelta(minutes=1))
        assert again == Reconciled()
