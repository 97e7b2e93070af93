"""The upload part of a server: workers, an eye on the spool, flags on what is not safely stored."""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from models.errors import DatabaseBusy, EvidenceBroken, StorageError
from models.evidence import LeafKind
from models.flags import Flag, FlagKind, FlagState
from models.footage import Segment, StoredObject
from models.policy import FlagPolicy, Policy
from models.register import LessonRecord, TrainingClass, UploadState
from models.timetable import Lesson, LessonState
from storage.leaf_store import LeafQuery
from storage.spool import Spool, SpoolLimits
from storage.upload_desk import UploadDesk
from storage.uploader import Uploader
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.every import chores_of
from supervision_api.pipeline.chores.unstored_footage import UnstoredFootage
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.spool_watch import LOOK_EVERY_S, REMIND_EVERY_S, SpoolWatch, outlook_text
from supervision_api.pipeline.uploads import UploadLoop
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

STARTS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PATIENCE_S = 30.0
MIB = 1 << 20


@dataclass
class Site:
    """An installation with a running lesson, a clock set by hand and a store that can be sent away."""

    house: Installation
    clock: HandClock
    free_bytes: int = 100 << 30
    away: bool = False
    refuses: bool = False
    metrics: Metrics = field(default_factory=Metrics)

    def record(self, sequence: int, size: int = 1000, lesson: str = "L1", camera: str = "front") -> Segment:
        """A closed segment in the spool."""
        content = (f"{lesson}{camera}{sequence}".encode() * size)[:size]
        path = self.house.spool.folder(lesson, camera) / f"{sequence:06d}.mp4"
        path.write_bytes(content)
        starts_at = STARTS + timedelta(minutes=sequence - 1)
        segment = Segment(
            f"{lesson}-{camera}-{sequence}", lesson, camera, sequence, starts_at,
            starts_at + timedelta(minutes=1), 0.0, 60.0, "h264", 640, 360, size,
            hashlib.sha256(content).hexdigest(), str(path), 30,
        )  # fmt: skip
        self.house.spool.accept(segment)
        return segment

    def figure(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def waiting(self) -> int:
        return self.house.spool.state().waiting_files

    def flags(self, lesson: str = "L1") -> dict[str, Flag]:
        with self.house.ledger.read() as work:
            return {record.flag.subject: record.flag for record in work.flags.of_lesson(lesson)}

    def leaves(self, kind: LeafKind) -> int:
        with self.house.ledger.read() as work:
            return sum(1 for _ in work.evidence.store.rows(LeafQuery(kinds=(kind,))))

    def drain(self) -> None:
        while self.house.desk.work() is not None:
            pass


@pytest.fixture
def site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    clock = HandClock(STARTS)
    with open_installation(settings) as opened:
        ledger = replace(opened.ledger, clock=clock)
        spool = Spool(
            opened.folder / "spool", ledger, SpoolLimits(reserve_bytes=1 << 30, high_bytes=3 * MIB),
            free_bytes=lambda _path: made.free_bytes,
        )  # fmt: skip
        uploader = Uploader(spool, opened.store)
        desk = UploadDesk(spool, uploader, clock.monotonic_s)
        house = replace(opened, clock=clock, ledger=ledger, spool=spool, uploader=uploader, desk=desk)
        with ledger.write() as work:
            work.classes.ensure_institution("local", "school", clock.at)
            work.classes.add(TrainingClass("C1", "care", "local"), clock.at)
            for lesson_id, policy in (
                ("L1", Policy()),
                ("L2", Policy("quick", flags=FlagPolicy(unstored_after=timedelta(hours=1)))),
            ):
                lesson = Lesson(
                    lesson_id, "C1", "care", STARTS, STARTS + timedelta(hours=1), cameras=("front", "back")
                )
                work.lessons.add(LessonRecord(lesson, policy, LessonState.RUNNING, "ab" * 32))
        made = Site(house, clock)
        _bend(made, monkeypatch)
        yield made


def _bend(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store answers as the site says."""
    store = site.house.store
    honest_list, honest_stat, honest_put = store.list_versions, store.stat, store.put_locked

    def answered(call: Callable[..., object]) -> Callable[..., object]:
        def bent(*given: object, **named: object) -> object:
            if site.away:
                raise StorageError("the store does not answer", hint="look at its host")
            return call(*given, **named)

        return bent

    def unlocked(*given: object, **named: object) -> StoredObject:
        stored = honest_stat(*given, **named)  # type: ignore[arg-type]
        return replace(stored, lock_mode=None) if site.refuses else stored

    monkeypatch.setattr(store, "list_versions", answered(honest_list))
    monkeypatch.setattr(store, "stat", answered(unlocked))
    monkeypatch.setattr(store, "put_locked", answered(honest_put))


class Turns(threading.Event):
    """Ends the part after so many of its waits, once it has nothing in hand."""

    def __init__(self, turns: int, done: Callable[[], bool] = lambda: True) -> None:
        super().__init__()
        self._turns = turns
        self._done = done
        self._pace = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self._turns -= 1
        if self._turns <= 0 and self._done():
            self.set()
        return self._pace.wait(0.01)


class TestTheLoop:
    def test_an_empty_spool_is_quiet(self, site: Site) -> None:
        with capture_logs() as lines:
            UploadLoop(site.house, site.metrics).run(Turns(2))
        assert [line for line in lines if line["log_level"] != "debug"] == []
        assert site.figure("rollcall_spool_segments") == 0

    def test_its_workers_carry_everything_and_count_it(self, site: Site) -> None:
        for sequence in range(1, 8):
            site.record(sequence)
        UploadLoop(site.house, site.metrics).run(Turns(1, lambda: site.waiting() == 0))
        assert site.figure("rollcall_uploads_total", outcome="stored") == 7
        assert site.leaves(LeafKind.SEGMENT_STORED) == 7

    def test_a_store_that_is_away_is_told_once_and_again_when_it_is_back(self, site: Site) -> None:
        away = "object store takes nothing; footage waits in the spool"
        back = "object store answers again; uploads go on"
        site.record(1)
        site.away = True
        loop = UploadLoop(site.house, site.metrics)
        with capture_logs() as lines:
            loop.run(Turns(5, lambda: away in [line["event"] for line in lines]))
        (told,) = [line for line in lines if line["event"] == away]
        assert (told["code"], told["error"]) == (
            "storage_error", "the store does not answer (look at its host)",
        )  # fmt: skip
        site.away = False
        site.clock.forward(minutes=2)
        with capture_logs() as lines:
            loop.run(Turns(3, lambda: back in [line["event"] for line in lines]))
        assert site.waiting() == 0

    def test_a_database_that_fails_is_told_and_the_part_goes_on(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(*_given: object) -> None:
            raise DatabaseBusy("locked", hint="wait")

        monkeypatch.setattr(site.house.spool, "next_to_upload", busy)
        with capture_logs() as lines:
            UploadLoop(site.house, site.metrics).run(Turns(3))
        told = [line for line in lines if line["event"] == "uploads paused"]
        assert told
        assert told[0]["code"] == "database_busy"

    def test_a_defect_of_a_worker_ends_the_part_so_that_it_is_started_again(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(site.house.desk, "work", broken)
        with pytest.raises(ZeroDivisionError):
            UploadLoop(site.house, site.metrics).run(threading.Event())

    def test_told_to_stop_it_lets_no_file_wait_for_bandwidth(self, site: Site) -> None:
        UploadLoop(site.house, site.metrics).run(Turns(1))
        assert site.house.throttle._released.is_set()


class TestTheWatch:
    def watch(self, site: Site, hours: float = 48.0) -> SpoolWatch:
        house = site.house
        return SpoolWatch(
            house.spool, house.desk, site.metrics, site.clock.monotonic_s, timedelta(hours=hours)
        )

    def test_a_disk_that_fills_is_foretold_in_figures_and_words(self, site: Site) -> None:
        watch = self.watch(site)
        site.away = True
        watch.report()
        site.clock.forward(minutes=10)
        site.record(1, 6 * 10_000)
        site.free_bytes = (1 << 30) + 100 * 3600 * 31
        report = watch.report()
        assert report.alarms == ("forecast",)
        assert "full in" in outlook_text(report.forecast)
        assert site.figure("rollcall_spool_bytes") == 60_000
        assert site.figure("rollcall_spool_bytes_per_second", direction="in") == pytest.approx(100.0)
        assert site.figure("rollcall_spool_bytes_per_second", direction="out") == 0
        full_s = site.figure("rollcall_spool_full_seconds")
        assert full_s is not None
        assert 0 < full_s < math.inf

    def test_a_disk_that_others_fill_is_not_called_the_spool(self, site: Site) -> None:
        watch = self.watch(site)
        watch.report()
        site.clock.forward(minutes=10)
        site.free_bytes = (1 << 30) + (1 << 20)
        with capture_logs() as lines:
            assert "forecast" in watch.report().alarms
        assert [(line["event"], line["waiting_files"]) for line in lines] == [("disk is filling", 0)]
        assert "object store" not in lines[0]["hint"]

    def test_what_does_not_fill_is_infinitely_far(self, site: Site) -> None:
        self.watch(site).report()
        assert site.figure("rollcall_spool_full_seconds") == math.inf

    def test_marks_above_raise_an_alarm_that_is_told_once_and_reminded_of(self, site: Site) -> None:
        watch = self.watch(site)
        site.record(1, 4 * MIB)
        with capture_logs() as lines:
            for _ in range(6):
                watch.report()
                site.clock.forward(seconds=LOOK_EVERY_S)
        assert [line["event"] for line in lines] == ["spool is filling"]
        assert lines[0]["marks"] == ("bytes",)
        with capture_logs() as lines:
            site.clock.forward(seconds=REMIND_EVERY_S)
            watch.report()
        assert [line["event"] for line in lines] == ["spool is filling"]
        site.drain()
        with capture_logs() as lines:
            site.clock.forward(seconds=LOOK_EVERY_S)
            watch.report()
        assert [line["event"] for line in lines] == ["spool is below its marks again"]

    def test_it_looks_at_most_every_few_seconds_whoever_asks(self, site: Site) -> None:
        watch = self.watch(site)
        first = watch.report()
        site.record(1)
        assert watch.report() is first
        site.clock.forward(seconds=LOOK_EVERY_S)
        assert watch.report().spool.waiting_files == 1

    def test_a_clock_that_went_back_makes_no_age_below_zero(self, site: Site) -> None:
        site.record(1)
        site.clock.at -= timedelta(days=1)
        report = self.watch(site).report()
        assert report.oldest_age == timedelta(0)
        assert report.alarms == ()


class TestFlags:
    def chore(self, site: Site) -> UnstoredFootage:
        return UnstoredFootage(site.house, site.metrics)

    def test_it_is_among_the_chores_of_a_server(self, site: Site) -> None:
        assert "unstored footage" in [chore.name for chore in chores_of(site.house, site.metrics)]

    def test_footage_that_waits_longer_than_its_lesson_s_policy_is_flagged(self, site: Site) -> None:
        site.away = True
        site.record(1)
        site.record(1, lesson="L2", camera="back")
        self.chore(site).run()
        assert site.flags("L1") == {}
        site.clock.forward(hours=2)
        self.chore(site).run()
        assert site.flags("L1") == {}
        assert set(site.flags("L2")) == {"upload:back"}
        site.clock.forward(hours=23)
        self.chore(site).run()
        (flag,) = site.flags("L1").values()
        assert (flag.kind, flag.state) == (FlagKind.EVIDENCE, FlagState.OPEN)
        assert [link.at for link in flag.evidence] == [STARTS]
        assert site.leaves(LeafKind.FLAG) == 2
        assert site.figure("rollcall_flags_raised_total", kind="evidence") == 2

    def test_looking_again_writes_nothing_also_while_the_backlog_shrinks(self, site: Site) -> None:
        for sequence in (1, 2, 3):
            site.record(sequence)
            site.clock.forward(minutes=1)
        site.clock.forward(hours=25)
        chore = self.chore(site)
        chore.run()
        site.house.desk.work()
        chore.run()
        chore.run()
        assert site.waiting() == 2
        assert site.leaves(LeafKind.FLAG) == 1

    def test_the_flag_is_withdrawn_when_the_footage_is_stored_and_opens_again(self, site: Site) -> None:
        site.record(1)
        site.clock.forward(hours=25)
        chore = self.chore(site)
        chore.run()
        site.drain()
        chore.run()
        assert site.flags()["upload:front"].state is FlagState.WITHDRAWN
        site.record(2)
        site.clock.forward(hours=25)
        chore.run()
        assert site.flags()["upload:front"].state is FlagState.OPEN
        assert site.leaves(LeafKind.FLAG) == 3

    def test_a_lock_that_is_missing_after_repair_is_flagged_at_once(self, site: Site) -> None:
        site.refuses = True
        site.record(1)
        attempt = site.house.desk.work()
        assert attempt is not None
        assert isinstance(attempt.error, EvidenceBroken)
        self.chore(site).run()
        (flag,) = site.flags().values()
        assert [reason.code for reason in flag.reasons] == ["footage_not_locked"]
        site.refuses = False
        site.clock.forward(minutes=10)
        site.drain()
        self.chore(site).run()
        assert site.flags()["upload:front"].state is FlagState.WITHDRAWN

    def test_footage_that_vanished_from_the_spool_is_flagged(self, site: Site) -> None:
        Path(site.record(1).path).unlink()
        site.drain()
        self.chore(site).run()
        assert [reason.code for reason in site.flags()["upload:front"].reasons] == ["footage_vanished"]

    def test_one_changed_byte_in_the_spool_is_flagged_and_not_stored(self, site: Site) -> None:
        path = Path(site.record(1).path)
        content = bytearray(path.read_bytes())
        content[500] ^= 1
        path.write_bytes(bytes(content))
        site.drain()
        self.chore(site).run()
        assert [reason.code for reason in site.flags()["upload:front"].reasons] == ["footage_not_locked"]
        assert site.waiting() == 1
        assert path.exists(), "kept for a person to look at"

    def test_evidence_flags_of_other_rules_are_left_alone(self, site: Site) -> None:
        other = Flag(FlagKind.EVIDENCE, "L1", "rehash:front", "default-1", (), ())
        with site.house.ledger.write() as work:
            work.flags.put(other, site.clock.at)
        site.record(1)
        site.clock.forward(hours=25)
        self.chore(site).run()
        site.drain()
        self.chore(site).run()
        assert site.flags()["rehash:front"] == other

    def test_the_flag_and_its_leaf_come_together(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        site.record(1)
        site.clock.forward(hours=25)

        def broken(*_given: object) -> None:
            raise StorageError("no leaf")

        with monkeypatch.context() as patched:
            patched.setattr("storage.evidence_log.EvidenceLog.append", broken)
            with pytest.raises(StorageError):
                self.chore(site).run()
        assert site.flags() == {}


def test_the_state_of_an_upload_is_waiting_until_its_receipt(site: Site) -> None:
    segment = site.record(1)
    with site.house.ledger.read() as work:
        assert work.uploads.get(segment.segment_id).state is UploadState.WAITING
    site.drain()
    with site.house.ledger.read() as work:
        assert work.uploads.get(segment.segment_id).state is UploadState.CLEARED
