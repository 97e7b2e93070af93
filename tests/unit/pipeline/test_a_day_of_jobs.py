"""The timers of an installation over a whole lesson: each move at its second, nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from models.attendance import ManualEntry, ManualKind, Status
from models.coverage import CLEAR, COVERED
from models.errors import DatabaseBusy, DiskFull
from models.evidence import LeafKind
from models.evidence_leaves import recorder_started
from models.flags import FlagKind
from models.footage import Segment
from models.frame import FrameJudgement
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.roster import Trainee
from models.timetable import Lesson, LessonState
from storage.leaf_store import LeafQuery
from supervision_api.live import LiveHub, LiveKind
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.jobs import (
    DRAIN_S,
    LIVE_FLAGS_EVERY_S,
    SEALED_AFTER,
    Jobs,
    LessonHooks,
)
from supervision_api.pipeline.rejudging import rejudge_lesson
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

STARTS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LENGTH = timedelta(minutes=45)
ENDS = STARTS + LENGTH
POLICY = Policy()
CHECK_IN, DRAIN = POLICY.attendance.check_in_before, POLICY.attendance.drain
SECOND = timedelta(seconds=1)
CAMERA = "front"


@dataclass
class Parts:
    """What recorders and recogniser answer."""

    recording: set[str] = field(default_factory=set)
    idle: int = 0
    busy: bool = False
    finished: list[str] = field(default_factory=list)

    def rounds(self) -> int:
        self.idle += 0 if self.busy else 2
        return self.idle

    def hooks(self) -> LessonHooks:
        return LessonHooks(self.recording.__contains__, self.rounds, self.finished.append)


@dataclass
class Desk:
    """An installation with one class and the timers under test."""

    house: Installation
    clock: HandClock
    parts: Parts = field(default_factory=Parts)
    hub: LiveHub = field(default_factory=LiveHub)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.house, self.hub, self.metrics, self.parts.hooks())

    def plan(
        self, lesson_id: str, starts_at: datetime = STARTS, state: LessonState = LessonState.PLANNED
    ) -> None:
        lesson = Lesson(lesson_id, "C1", "care", starts_at, starts_at + LENGTH, cameras=(CAMERA,))
        with self.house.ledger.write() as work:
            work.lessons.add(LessonRecord(lesson, POLICY, state, "ab" * 32))

    def state(self, lesson_id: str = "L1") -> LessonState:
        with self.house.ledger.read() as work:
            return work.lessons.get(lesson_id).state

    def tick_at(self, at: datetime, times: int = 1) -> None:
        self.clock.at = at
        for _ in range(times):
            self.jobs.tick()

    def state_at(self, at: datetime, times: int = 1) -> LessonState:
        """Where the lesson stands after so many ticks at this instant."""
        self.tick_at(at, times)
        return self.state()

    def leaves(self, kind: LeafKind) -> int:
        with self.house.ledger.read() as work:
            return sum(1 for row in work.evidence.store.rows(LeafQuery()) if row.kind is kind)

    def watch(self, lens: str = CLEAR, *, until: datetime = ENDS) -> None:
        """Footage of the whole lesson, and a judged frame in it every ten seconds with nobody in sight."""
        frames = []
        at, number = STARTS, 1
        while at <= until:
            frames.append(
                FrameJudgement(CAMERA, "L1", number, at, 10.0 * number, 640, 360, lens, 0, (), (), "model")
            )
            at, number = at + timedelta(seconds=10), number + 1
        with self.house.ledger.write() as work:
            work.footage.add_segment(
                Segment(
                    "S1", "L1", CAMERA, 1, STARTS, until, 0.0, (until - STARTS).total_seconds(), "h264",
                    640, 360, 1000, "cd" * 32, "footage/L1/front/000001.mp4", 10,
                )
            )  # fmt: skip
            work.sightings.add(frames)

    def figure(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    clock = HandClock(STARTS - timedelta(days=1))
    with open_installation(settings) as opened:
        house = replace(opened, clock=clock)
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "school", clock.at)
            work.classes.add(TrainingClass("C1", "care", "local"), clock.at)
            people = [
                Trainee("T001", "学员一", "11010119900307803X"),
                Trainee("T002", "学员二", "110101199003070775"),
            ]
            work.roster.add("C1", people, clock.at)
        yield Desk(house, clock)


LIFE = [
    (STARTS - CHECK_IN - SECOND, LessonState.PLANNED),
    (STARTS - CHECK_IN, LessonState.OPEN),
    (STARTS - SECOND, LessonState.OPEN),
    (STARTS, LessonState.RUNNING),
    (ENDS - SECOND, LessonState.RUNNING),
    (ENDS, LessonState.CLOSING),
    (ENDS + DRAIN - SECOND, LessonState.CLOSING),
]


@pytest.mark.parametrize(("at", "state"), LIFE, ids=str)
def test_a_lesson_stands_where_the_clock_says(desk: Desk, at: datetime, state: LessonState) -> None:
    """Ticked once, at that second alone: whatever was missed before has been made up for."""
    desk.plan("L1")
    assert desk.state_at(at) is state


def test_a_lesson_s_whole_life_second_by_second(desk: Desk) -> None:
    desk.plan("L1")
    passed = [desk.state_at(at) for at, _ in LIFE]
    assert passed == [state for _, state in LIFE]
    assert desk.state_at(ENDS + DRAIN) is LessonState.CLOSING, "the recogniser is asked first"
    assert desk.state_at(ENDS + DRAIN + SECOND) is LessonState.JUDGED
    assert desk.state_at(ENDS + SEALED_AFTER) is LessonState.JUDGED
    assert desk.state_at(ENDS + SEALED_AFTER + timedelta(minutes=5)) is LessonState.SEALED
    assert desk.parts.finished == ["L1"]


def test_the_live_state_of_a_sealed_lesson_is_dropped(desk: Desk) -> None:
    desk.plan("L1")
    desk.tick_at(ENDS + DRAIN + SECOND, times=2)
    desk.hub.set_picture("L1", CAMERA, b"jpeg", (), ENDS)
    desk.tick_at(ENDS + timedelta(hours=1))
    assert desk.hub.snapshot("L1"), "a judged lesson is still looked at"
    desk.tick_at(ENDS + SEALED_AFTER + timedelta(minutes=5))
    assert desk.state() is LessonState.SEALED
    assert desk.hub.snapshot("L1") == {}
    assert desk.hub.picture("L1", CAMERA) is None


def test_after_a_day_away_all_moves_are_made_in_order(desk: Desk) -> None:
    desk.plan("L1")
    with capture_logs() as lines:
        desk.tick_at(ENDS + timedelta(hours=30), times=2)
    moves = [line["state"] for line in lines if line["event"] == "lesson moved"]
    assert moves == ["open", "running", "closing"]
    assert desk.state() is LessonState.JUDGED
    desk.jobs.tick()
    assert desk.state() is LessonState.JUDGED, "judged just now: its day of appeal begins now"


def test_a_lesson_judged_late_is_sealed_a_day_after_its_verdict(desk: Desk) -> None:
    desk.plan("L1")
    judged_at = ENDS + timedelta(hours=30)
    desk.tick_at(judged_at, times=2)
    assert desk.state_at(judged_at + SEALED_AFTER) is LessonState.JUDGED
    assert desk.state_at(judged_at + SEALED_AFTER + SECOND) is LessonState.SEALED


def test_a_lesson_without_trainees_is_sealed_too(desk: Desk) -> None:
    with desk.house.ledger.write() as work:
        work.classes.add(TrainingClass("C2", "empty", "local"), desk.clock.at)
        lesson = Lesson("L1", "C2", "care", STARTS, ENDS)
        work.lessons.add(LessonRecord(lesson, POLICY, LessonState.PLANNED, "ab" * 32))
    assert desk.state_at(ENDS + timedelta(hours=1), times=2) is LessonState.JUDGED
    assert desk.state_at(ENDS + SEALED_AFTER + SECOND) is LessonState.SEALED


def test_a_clock_that_steps_back_moves_nothing_back(desk: Desk) -> None:
    desk.plan("L1")
    assert desk.state_at(STARTS + timedelta(minutes=1)) is LessonState.RUNNING
    assert desk.state_at(STARTS - timedelta(hours=3)) is LessonState.RUNNING


class TestWaitingToJudge:
    def test_not_while_a_recorder_has_footage_open(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.parts.recording.add("L1")
        late = ENDS + timedelta(hours=2)
        assert desk.state_at(late, times=5) is LessonState.CLOSING
        assert desk.parts.finished == []
        desk.parts.recording.clear()
        assert desk.state_at(late + SECOND, times=2) is LessonState.JUDGED

    def test_not_before_the_recogniser_has_looked_again_and_found_nothing(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.parts.busy = True
        assert desk.state_at(ENDS + DRAIN, times=5) is LessonState.CLOSING
        desk.parts.idle += 1
        assert desk.state_at(ENDS + DRAIN + SECOND) is LessonState.CLOSING, "that round may have begun before"
        desk.parts.idle += 1
        assert desk.state_at(ENDS + DRAIN + SECOND) is LessonState.JUDGED

    def test_but_a_recogniser_that_never_ends_is_waited_for_only_so_long(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.parts.busy = True
        asked = ENDS + DRAIN
        desk.tick_at(asked)
        assert desk.state_at(asked + timedelta(seconds=DRAIN_S) - SECOND) is LessonState.CLOSING
        with capture_logs() as lines:
            assert desk.state_at(asked + timedelta(seconds=DRAIN_S)) is LessonState.JUDGED
        assert [line["lesson"] for line in lines if line["log_level"] == "warning"] == ["L1"]

    def test_the_other_timers_go_on_meanwhile(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.plan("L2", STARTS + LENGTH)
        desk.parts.busy = True
        desk.tick_at(ENDS + DRAIN)
        assert desk.state("L1") is LessonState.CLOSING
        assert desk.state("L2") is LessonState.RUNNING
        assert desk.figure("rollcall_evidence_leaves") is not None, "the log was signed"

    def test_each_lesson_has_its_own_time(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.plan("L2", STARTS + timedelta(seconds=20))
        desk.parts.busy = True
        for second in range(0, 60, 5):
            desk.tick_at(ENDS + DRAIN + timedelta(seconds=second))
            first, other = desk.state("L1"), desk.state("L2")
            assert (first is LessonState.JUDGED) == (second >= DRAIN_S)
            assert (other is LessonState.JUDGED) == (second >= 20 + DRAIN_S)


class TestVerdicts:
    def test_a_watched_lesson_without_templates_accuses_nobody(self, desk: Desk) -> None:
        """Without a template no camera can tell who is missing."""
        desk.plan("L1")
        desk.watch()
        desk.tick_at(ENDS + timedelta(minutes=5), times=2)
        with desk.house.ledger.read() as work:
            verdicts = work.verdicts.of_lesson("L1")
        assert [one.status for one in verdicts] == [Status.NOT_OBSERVABLE] * 2
        assert desk.leaves(LeafKind.VERDICT) == 2
        assert desk.leaves(LeafKind.LESSON_CLOSED) == 1

    def test_flags_are_counted_told_and_kept_once(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.tick_at(ENDS + timedelta(minutes=5), times=2)
        assert any("low_coverage" in str(data) for data in desk.hub.snapshot("L1")[LiveKind.FLAG].values())
        with desk.house.ledger.read() as work:
            kinds = {record.flag.kind for record in work.flags.of_lesson("L1")}
        assert FlagKind.LOW_COVERAGE in kinds
        assert desk.figure("rollcall_flags_raised_total", kind="low_coverage") == 1
        desk.tick_at(ENDS + timedelta(minutes=6), times=3)
        assert desk.figure("rollcall_flags_raised_total", kind="low_coverage") == 1

    def test_judging_ends_with_a_signed_checkpoint(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.tick_at(ENDS + timedelta(minutes=5), times=2)
        with desk.house.ledger.read() as work:
            store = work.evidence.store
            latest, head = store.latest_checkpoint(), store.head()
        assert latest is not None
        assert head is not None
        assert latest.size == head.size

    def test_the_same_lesson_is_never_judged_twice(self, desk: Desk) -> None:
        desk.plan("L1")
        desk.tick_at(ENDS + timedelta(minutes=5), times=6)
        assert desk.leaves(LeafKind.VERDICT) == 2
        assert desk.parts.finished == ["L1"]


class TestLiveFlags:
    @pytest.fixture
    def covered(self, desk: Desk) -> Desk:
        """Ten minutes of a lesson before a covered lens."""
        desk.plan("L1")
        desk.watch(COVERED, until=STARTS + timedelta(minutes=10))
        return desk

    def test_a_covered_lens_is_told_while_the_lesson_runs(self, covered: Desk) -> None:
        covered.tick_at(STARTS + timedelta(minutes=10))
        with covered.house.ledger.read() as work:
            kinds = [record.flag.kind for record in work.flags.of_lesson("L1")]
        assert kinds == [FlagKind.CAMERA_COVERED]
        assert covered.figure("rollcall_flags_raised_total", kind="camera_covered") == 1
        assert covered.leaves(LeafKind.FLAG) == 1

    def test_it_is_looked_for_every_so_often_and_not_told_again(self, covered: Desk) -> None:
        begun = STARTS + timedelta(minutes=10)
        for second in range(int(4 * LIVE_FLAGS_EVERY_S)):
            covered.tick_at(begun + timedelta(seconds=second))
        assert covered.leaves(LeafKind.FLAG) == 1

    def test_verdicts_wait_for_the_end(self, covered: Desk) -> None:
        covered.tick_at(STARTS + timedelta(minutes=10))
        assert covered.leaves(LeafKind.VERDICT) == 0

    @pytest.mark.parametrize("at", [STARTS - timedelta(minutes=1), ENDS + SECOND])
    def test_only_a_running_lesson_is_looked_at(self, covered: Desk, at: datetime) -> None:
        covered.tick_at(at)
        assert covered.leaves(LeafKind.FLAG) == 0


class TestCheckpoints:
    def signed(self, desk: Desk) -> int:
        with desk.house.ledger.read() as work:
            return len(work.evidence.store.checkpoints(0, 10**6))

    def test_the_log_is_signed_at_its_interval_and_not_between(self, desk: Desk) -> None:
        every = desk.house.settings.checkpoint_every_s
        before, counts = self.signed(desk), []
        for quarter in range(12):
            with desk.house.ledger.write() as work:
                work.evidence.append(recorder_started("L1", CAMERA, desk.clock.at))
            desk.tick_at(STARTS - timedelta(days=1) + timedelta(seconds=quarter * every / 4))
            counts.append(self.signed(desk) - before)
        assert counts == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]

    def test_a_log_that_did_not_grow_is_not_signed_again(self, desk: Desk) -> None:
        desk.jobs.tick()
        before = self.signed(desk)
        desk.tick_at(desk.clock.at + timedelta(seconds=2 * desk.house.settings.checkpoint_every_s))
        assert self.signed(desk) == before

    def test_the_size_of_the_log_is_told(self, desk: Desk) -> None:
        desk.jobs.tick()
        with desk.house.ledger.read() as work:
            head = work.evidence.store.head()
        assert head is not None
        assert desk.figure("rollcall_evidence_leaves") == head.size

    def test_its_age_is_told(self, desk: Desk) -> None:
        desk.jobs.tick()
        assert desk.figure("rollcall_checkpoint_age_seconds") == 0


class TestTrouble:
    def test_a_job_that_fails_does_not_keep_the_others_from_their_work(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.plan("L1")

        def busy() -> None:
            raise DatabaseBusy("the database stayed locked", hint="see who holds it")

        monkeypatch.setattr(desk.jobs, "_live_flags", busy)
        with capture_logs() as lines:
            assert desk.state_at(STARTS) is LessonState.RUNNING
        told = [line for line in lines if line["event"] == "job failed"]
        assert [(line["job"], line["code"], line["hint"]) for line in told] == [
            ("live flags", "database_busy", "see who holds it")
        ]
        assert desk.figure("rollcall_evidence_leaves") is not None

    def test_what_fails_in_judging_leaves_nothing_half_done(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.plan("L1")

        def full(*_about: object) -> None:
            raise DiskFull("no room for the checkpoint", hint="free some")

        with monkeypatch.context() as trouble:
            trouble.setattr("storage.evidence_log.EvidenceLog.write_checkpoint", full)
            desk.tick_at(ENDS + timedelta(minutes=5), times=2)
        assert desk.state() is LessonState.CLOSING
        assert desk.leaves(LeafKind.VERDICT) == 0
        with desk.house.ledger.read() as work:
            assert work.verdicts.of_lesson("L1") == ()
            assert list(work.flags.of_lesson("L1")) == []
        desk.tick_at(ENDS + timedelta(minutes=6), times=2)
        assert desk.state() is LessonState.JUDGED
        assert desk.leaves(LeafKind.VERDICT) == 2


class TestJudgedAgain:
    @pytest.fixture
    def judged(self, desk: Desk) -> Desk:
        desk.plan("L1")
        desk.watch()
        desk.tick_at(ENDS + timedelta(minutes=5), times=2)
        assert desk.state() is LessonState.JUDGED
        return desk

    def confirm(self, desk: Desk, code: str) -> None:
        with desk.house.ledger.write() as work:
            entry = ManualEntry(ManualKind.INSTRUCTOR_CONFIRMED, None, "li", "was there")
            work.verdicts.add_manual("L1", code, entry, desk.clock.at)

    def test_only_what_changed_is_written(self, judged: Desk) -> None:
        before = judged.leaves(LeafKind.VERDICT)
        self.confirm(judged, "T001")
        rejudge_lesson(judged.house, "L1")
        assert judged.leaves(LeafKind.VERDICT) == before + 1
        with judged.house.ledger.read() as work:
            statuses = {one.trainee: one.status for one in work.verdicts.of_lesson("L1")}
        assert statuses == {"T001": Status.PRESENT, "T002": Status.NOT_OBSERVABLE}

    def test_nothing_new_writes_nothing(self, judged: Desk) -> None:
        before = judged.leaves(LeafKind.VERDICT)
        rejudge_lesson(judged.house, "L1")
        assert judged.leaves(LeafKind.VERDICT) == before

    def test_the_closing_of_the_lesson_stands(self, judged: Desk) -> None:
        self.confirm(judged, "T001")
        rejudge_lesson(judged.house, "L1")
        assert judged.leaves(LeafKind.LESSON_CLOSED) == 1

    def test_a_new_verdict_has_its_own_day_of_appeal(self, judged: Desk) -> None:
        judged.clock.at = ENDS + timedelta(hours=20)
        self.confirm(judged, "T001")
        rejudge_lesson(judged.house, "L1")
        assert judged.state_at(ENDS + timedelta(hours=25)) is LessonState.JUDGED
        assert judged.state_at(ENDS + timedelta(hours=44, seconds=1)) is LessonState.SEALED

    def test_a_sealed_lesson_is_left_alone(self, judged: Desk) -> None:
        assert judged.state_at(ENDS + timedelta(hours=30)) is LessonState.SEALED
        before = judged.leaves(LeafKind.VERDICT)
        rejudge_lesson(judged.house, "L1")
        assert judged.leaves(LeafKind.VERDICT) == before

    def test_a_lesson_not_judged_yet_is_left_alone(self, desk: Desk) -> None:
        desk.plan("L1", state=LessonState.RUNNING)
        rejudge_lesson(desk.house, "L1")
        assert desk.leaves(LeafKind.VERDICT) == 0
