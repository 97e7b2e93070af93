"""What is measured of a growing installation: on a copy of it, opened as ``rollcall serve`` opens it."""

from __future__ import annotations

import random
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from models.footage import Segment, StoredObject
from models.merkle import inclusion_proof
from models.timeline import Interval
from storage.bundle_evidence import ExportRequest, FootageMode, gather_evidence
from storage.evidence_proofs import StoredTree
from storage.reconciler import Reconciler
from storage.repositories import LessonFilter
from storage.signing import NoteSigner
from supervision_api.actions.storage_use import forecast_of
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation, require_sound_log
from supervision_api.pipeline.jobs import Jobs, LessonHooks
from supervision_api.settings import Settings
from tests.benchmarks.five_years_world import World, stored_of

ROUNDS = 7
APPENDS = 30


@dataclass(frozen=True, slots=True)
class Measures:
    """At one size. Sizes in bytes, times in milliseconds: medians of some rounds, starts once each."""

    days: int
    segments: int
    leaves: int
    database_bytes: int
    open_ms: float
    reconcile_ms: float
    log_check_ms: float
    jobs_tick_ms: float
    day_ms: float
    lesson_ms: float
    expiring_ms: float
    expired_ms: float
    holds_ms: float
    forecast_ms: float
    append_ms: float
    proof_ms: float
    bundle_ms: float

    @property
    def bytes_per_segment(self) -> float:
        return self.database_bytes / self.segments


def measure(world: World, folder: Path) -> Measures:
    """Copy, open, look, throw the copy away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with world.database.transaction(writing=False) as connection:
        connection.exec_driver_sql("SELECT 1")
    world.database.close()  # folds the write-ahead log into the file that is copied
    shutil.copy(world.folder / "rollcall.db", folder / "rollcall.db")
    shutil.copytree(world.folder / "keys", folder / "keys")
    size = (folder / "rollcall.db").stat().st_size
    settings = Settings(data_dir=folder, weights_dir=None, spool_reserve_mb=16, log_level="error")
    began = time.perf_counter()
    with open_installation(settings) as house:
        open_ms = (time.perf_counter() - began) * 1000
        found = _measured(world, house, size, open_ms)
    shutil.rmtree(folder)
    return found


def _measured(world: World, house: Installation, size: int, open_ms: float) -> Measures:
    day = world.clock.at.replace(hour=0, minute=0, second=0, microsecond=0)
    lesson_id = f"C03-{world.clock.at:%Y%m%d}"
    with house.ledger.read() as work:
        head = work.evidence.store.head()
        leaves = head.size if head else 0
    jobs = Jobs(house, LiveHub(), Metrics(), LessonHooks(lambda _: False, lambda: 0, lambda _: None))
    return Measures(
        days=world.days,
        segments=world.segments,
        leaves=leaves,
        database_bytes=size,
        open_ms=open_ms,
        reconcile_ms=_once(lambda: Reconciler(house.spool, house.uploader).run()),
        log_check_ms=_once(lambda: require_sound_log(house)),
        jobs_tick_ms=_median(jobs.tick),
        day_ms=_median(lambda: _day(house, day)),
        lesson_ms=_median(lambda: _lesson(house, lesson_id)),
        expiring_ms=_median(lambda: _expiring(house)),
        expired_ms=_median(lambda: _expired(house, day)),
        holds_ms=_median(lambda: _holds(house)),
        forecast_ms=_once(lambda: _forecast(house)),
        append_ms=_appended(world, house, lesson_id),
        proof_ms=_median(lambda: _proof(house, leaves)),
        bundle_ms=_median(lambda: _bundle(house, world.first_lesson)),
    )


def _day(house: Installation, day: datetime) -> None:
    window = Interval(day, day + timedelta(days=1))
    with house.ledger.read() as work:
        assert work.lessons.within(window)
        work.lessons.page(LessonFilter(within=window))


def _lesson(house: Installation, lesson_id: str) -> None:
    with house.ledger.read() as work:
        assert work.footage.segments(lesson_id)
        work.footage.gaps(lesson_id)
        work.uploads.of_lesson(lesson_id)
        work.verdicts.records(lesson_id)
        work.removals.of_lesson(lesson_id)


def _expiring(house: Installation) -> None:
    """The month in which the first month's footage ends: five years after the first lesson."""
    with house.ledger.read() as work:
        first = work.lessons.first_start()
        assert first is not None
        begin = first.replace(year=first.year + 5)
        assert work.removals.expiring(begin, begin + timedelta(days=30))


def _expired(house: Installation, day: datetime) -> None:
    with house.ledger.read() as work:
        work.removals.expired(day)


def _holds(house: Installation) -> None:
    with house.ledger.read() as work:
        work.holds.unlike_the_store()
        work.holds.unconfirmed()


def _forecast(house: Installation) -> None:
    with house.ledger.read() as work:
        assert forecast_of(work, house.clock.now()).cameras


def _proof(house: Installation, size: int) -> None:
    with house.ledger.read() as work:
        tree = StoredTree(work.evidence.store, size)
        inclusion_proof(random.randrange(size), size, tree.range_hash)


def _bundle(house: Installation, lesson_id: str) -> None:
    """All leaves of the oldest lesson with their proofs, checkpoints, consistency and keys."""
    signer: NoteSigner = house.signer
    with house.ledger.write() as work:
        request = ExportRequest(lesson_id, "auditor", FootageMode.HASHES)
        gather_evidence(work.evidence, signer, request)


def _appended(world: World, house: Installation, lesson_id: str) -> float:
    """A segment's whole way through the books: leaf and rows, receipt leaf, spool copy gone."""
    with house.ledger.read() as work:
        record = work.lessons.get(lesson_id)
        known = work.footage.segments(lesson_id)
    file = house.spool.folder(lesson_id, known[0].camera_id)
    times = []
    for number in range(APPENDS):
        path = file / f"{len(known) + number + 1:06d}.mp4"
        path.write_bytes(b"x")
        segment = _next(known[-1], path, number + 1)
        stored = stored_of(record.lesson, segment, datetime.now(UTC))
        times.append(_once(lambda segment=segment, stored=stored: _book(house, segment, stored)))
    return statistics.median(times)


def _book(house: Installation, segment: Segment, stored: StoredObject) -> None:
    assert house.spool.accept(segment)
    upload = house.spool.next_to_upload()
    assert upload is not None
    house.spool.mark_stored(upload, stored)
    house.spool.clear(upload)


def _next(last: Segment, path: Path, step: int) -> Segment:
    values = {name: getattr(last, name) for name in Segment.__dataclass_fields__}
    values |= {
        "segment_id": f"{last.segment_id[:20]}-{step}",
        "sequence": last.sequence + step,
        "starts_at": last.ends_at,
        "path": str(path),
        "size_bytes": 1,
        "ends_at": last.ends_at + timedelta(seconds=60),
    }
    return Segment(**values)


def _once(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return (time.perf_counter() - began) * 1000


def _median(what: Callable[[], object]) -> float:
    return statistics.median(_once(what) for _ in range(ROUNDS))
