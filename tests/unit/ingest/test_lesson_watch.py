"""The watch keeps exactly the recorders running that the timetable wants, and revives those that die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from ingest.lesson_plan import StreamDue
from ingest.lesson_watch import LessonWatch
from models.errors import DatabaseBusy
from models.footage import CameraState
from models.policy import AttendancePolicy
from models.timetable import Lesson
from tests.unit.ingest.fakes import EPOCH, FakeClock, FakeSink

PATIENCE_S = 10.0


class FakeRecorder:
    """Runs until it is stopped or told to die; every step can be awaited."""

    def __init__(self, due: StreamDue) -> None:
        self.due = due
        self.runs = 0
        self.every: timedelta | None = None
        self.running = threading.Event()
        self.ended = threading.Event()
        self._die = threading.Event()
        self._defect: Exception | None = None

    def run(self, stop: threading.Event) -> None:
        self.runs += 1
        self.ended.clear()
        self._die.clear()
        self.running.set()
        try:
            while not stop.wait(0.002):
                if self._die.is_set():
                    break
            if self._die.is_set() and self._defect is not None:
                raise self._defect
        finally:
            self.running.clear()
            self.ended.set()

    def set_sampling(self, every: timedelta) -> None:
        self.every = every

    def die(self, defect: Exception | None) -> None:
        self._defect = defect
        self._die.set()
        assert self.ended.wait(PATIENCE_S)


@dataclass
class Watch:
    """A watch with fakes around it; ``tick`` at chosen minutes from 09:00."""

    timetable: list[Lesson] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    sink: FakeSink = field(default_factory=FakeSink)
    made: list[FakeRecorder] = field(default_factory=list)
    policy: AttendancePolicy = field(default_factory=AttendancePolicy)
    refuse: Exception | None = None

    def __post_init__(self) -> None:
        self.watch = LessonWatch(
            lessons=self._lessons,
            make_recorder=self._make,
            policy=self.policy,
            sink=self.sink,
            clock=self.clock,
            every_s=0.001,
        )

    def _lessons(self) -> Sequence[Lesson]:
        if self.refuse is not None:
            raise self.refuse
        return self.timetable

    def _make(self, due: StreamDue) -> FakeRecorder:
        self.made.append(FakeRecorder(due))
        return self.made[-1]

    def tick_at(self, minutes: float) -> list[tuple[str, str]]:
        """Keys of the streams that run after a tick at this minute."""
        self.clock.advance(minutes * 60 - (self.clock.now() - EPOCH).total_seconds())
        return self.tick()

    def tick(self) -> list[tuple[str, str]]:
        self.watch.tick()
        return sorted(stream.due.key for stream in self.watch.streams() if not stream.stopping)

    def recorder(self, lesson_id: str, camera_id: str = "front") -> FakeRecorder:
        found = [one for one in self.made if one.due.key == (lesson_id, camera_id)][-1]
        assert found.running.wait(PATIENCE_S)
        return found


def lesson(name: str, minute: float, length: float = 45, cameras: tuple[str, ...] = ("front",)) -> Lesson:
    starts_at = EPOCH + timedelta(minutes=minute)
    return Lesson(name, "C1", name, starts_at, starts_at + timedelta(minutes=length), cameras=cameras)


@pytest.fixture
def watch() -> Iterator[Watch]:
    stage = Watch()
    yield stage
    stage.watch.close()


def test_a_lesson_is_recorded_from_check_in_to_its_end_and_no_longer(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 60)]
    assert watch.tick_at(29) == []
    assert watch.tick_at(30) == [("L1", "front")]
    recorder = watch.recorder("L1")
    assert watch.tick_at(105) == [("L1", "front")]
    assert watch.tick_at(105.6) == []
    assert recorder.ended.wait(PATIENCE_S)
    assert len(watch.made) == 1


def test_a_watch_that_starts_in_the_middle_of_a_lesson_catches_up(watch: Watch) -> None:
    watch.timetable = [lesson("over", -100), lesson("running", -10, cameras=("a", "b")), lesson("later", 300)]
    assert watch.tick() == [("running", "a"), ("running", "b")]


def test_a_recorder_that_has_ended_is_forgotten(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0)]
    watch.tick()
    recorder = watch.recorder("L1")
    watch.tick_at(50)
    assert recorder.ended.wait(PATIENCE_S)
    while watch.watch.streams():
        watch.tick()
    assert recorder.runs == 1


def test_changes_of_the_timetable_take_effect_at_the_next_tick(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0)]
    watch.tick()
    gone = watch.recorder("L1")
    watch.timetable = [lesson("L2", 5, cameras=("back",))]
    assert watch.tick() == [("L2", "back")]
    assert gone.ended.wait(PATIENCE_S)


def test_a_prolonged_lesson_goes_on_without_a_new_recorder(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0, 45)]
    watch.tick()
    recorder = watch.recorder("L1")
    watch.timetable = [lesson("L1", 0, 90)]
    assert watch.tick_at(60) == [("L1", "front")]
    assert recorder.runs == 1
    assert watch.watch.streams()[0].due.interval.ends_at == EPOCH + timedelta(minutes=90, seconds=30)


def test_overlapping_lessons_each_get_the_shared_camera_and_say_so(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0), lesson("L2", 20)]
    assert watch.tick() == [("L1", "front"), ("L2", "front")]
    shared = [report for report in watch.sink.reports if report.code == "camera_shared"]
    assert {(report.lesson_id, report.message) for report in shared} == {
        ("L1", "the camera also records lesson L2"),
        ("L2", "the camera also records lesson L1"),
    }
    watch.tick()
    assert len([one for one in watch.sink.reports if one.code == "camera_shared"]) == 2, "told once"


def test_a_clock_set_forward_past_the_end_stops_and_back_again_starts_anew(watch: Watch) -> None:
    """The watch goes by the wall, for the timetable does; a recorder keeps the time it began with."""
    watch.timetable = [lesson("L1", 0)]
    watch.tick()
    first = watch.recorder("L1")
    watch.clock.step(3 * 3600)
    assert watch.tick() == []
    assert first.ended.wait(PATIENCE_S)
    while watch.watch.streams():
        watch.tick()
    watch.clock.step(-3 * 3600)
    assert watch.tick() == [("L1", "front")]
    assert watch.recorder("L1") is not first


def test_a_clock_set_back_a_little_leaves_the_recorder_alone(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0)]
    watch.tick_at(10)
    watch.clock.step(-300)
    watch.tick()
    assert watch.recorder("L1").runs == 1
    assert len(watch.made) == 1


@pytest.mark.parametrize("defect", [ZeroDivisionError("geheim-37"), None])
def test_a_recorder_that_dies_is_told_and_revived_after_a_wait(
    watch: Watch, defect: Exception | None
) -> None:
    watch.timetable = [lesson("L1", 0)]
    watch.tick()
    recorder = watch.recorder("L1")
    recorder.die(defect)
    _settle(watch, lambda: bool(watch.sink.reports))
    report = watch.sink.reports[-1]
    assert (report.code, report.state, report.retry_in_s) == ("recorder_failed", CameraState.WAITING, 1.0)
    assert (type(defect).__name__ if defect else "RuntimeError") in report.message
    assert "geheim" not in report.message, "a defect's text may hold anything"
    assert recorder.runs == 1
    watch.clock.advance(1.0)
    watch.tick()
    assert recorder.running.wait(PATIENCE_S)
    assert recorder.runs == 2
    assert watch.watch.streams()[0].revivals == 1


def _settle(watch: Watch, done: Callable[[], bool]) -> None:
    """Tick until a thread that ended is seen as ended; bounded."""
    for _ in range(10_000):
        watch.tick()
        if done():
            return
    raise AssertionError("never came")


def test_a_recorder_that_dies_again_and_again_is_revived_ever_more_rarely(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0, length=600)]
    watch.tick()
    for death in range(1, 10):
        watch.recorder("L1").die(RuntimeError("again"))
        _settle(watch, lambda death=death: len(watch.sink.reports) == death)  # type: ignore[misc]
        watch.clock.advance(watch.sink.reports[-1].retry_in_s or 0)
        watch.tick()
    waits_s = [report.retry_in_s for report in watch.sink.reports]
    assert waits_s == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_recorder_that_dies_while_it_is_stopped_is_let_go(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0)]
    watch.tick()
    recorder = watch.recorder("L1")
    watch.timetable = []
    watch.tick()
    assert recorder.ended.wait(PATIENCE_S)
    _settle(watch, lambda: not watch.watch.streams())
    assert not watch.sink.reports


def test_sampling_reaches_all_cameras_of_the_lesson_and_no_others(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0, cameras=("a", "b")), lesson("L2", 0, cameras=("c",))]
    watch.tick()
    watch.watch.set_sampling("L1", timedelta(seconds=7))
    assert {one.due.camera_id: one.every for one in watch.made} == {
        "a": timedelta(seconds=7),
        "b": timedelta(seconds=7),
        "c": None,
    }


def test_a_timetable_that_cannot_be_read_stops_no_recording(watch: Watch) -> None:
    watch.timetable = [lesson("L1", 0)]
    stop = threading.Event()
    thread = threading.Thread(target=watch.watch.run, args=(stop,))
    thread.start()
    try:
        _until(lambda: bool(watch.made))
        recorder = watch.recorder("L1")
        watch.refuse = DatabaseBusy("the database is locked")
        watch.clock.advance(60)
        assert recorder.running.is_set()
        watch.refuse = None
        watch.timetable.append(lesson("L2", 0, cameras=("back",)))
        _until(lambda: len(watch.made) == 2)
    finally:
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert recorder.ended.is_set(), "who stops the watch stops its recorders, and waits for them"
    assert watch.watch.streams() == ()


def _until(done: Callable[[], bool]) -> None:
    woken = threading.Event()
    for _ in range(5_000):
        if done():
            return
        woken.wait(0.002)
    raise AssertionError("never came")
