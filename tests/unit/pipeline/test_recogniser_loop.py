"""The recogniser's life beside a running lesson: fed, mourned, started again, and never a frame twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from structlog.testing import capture_logs

from ingest.bus import InProcessBus
from models.coverage import CLEAR
from models.errors import (
    DatabaseBusy,
    FrameDamaged,
    InvalidInput,
    RecogniserGone,
    RollcallError,
    WeightsUnusable,
)
from models.frame import Box, EncodedFrame, FrameJudgement, Sighting, TrackNaming
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from supervision_api.live import LiveHub, LiveKind
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.recogniser_loop import RecogniserLoop
from supervision_api.pipeline.recogniser_process import Judged, RecogniserProcess
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

STARTS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CAMERA = "front"
STRANGER = Sighting(STARTS, CAMERA, 0.0, Box(10, 10, 40, 40), "t1", None, 0.0, 0.0, 0.7, "unknown-1")


def frame(number: int, lesson_id: str = "L1") -> EncodedFrame:
    at = STARTS + timedelta(seconds=2 * number)
    return EncodedFrame(CAMERA, lesson_id, number, at, 2.0 * number, "mjpeg", b"", b"picture", 640, 360)


def judged(one: EncodedFrame, *sightings: Sighting, sampling_s: float = 2.0) -> Judged:
    seen = tuple(replace(sighting, at=one.at, frame_pts_s=one.pts_s) for sighting in sightings)
    judgement = FrameJudgement(
        one.camera_id,
        one.lesson_id,
        one.sequence,
        one.at,
        one.pts_s,
        640,
        360,
        CLEAR,
        len(seen),
        seen,
        (),
        "m",
    )
    return Judged(judgement, b"\xff\xd8", timedelta(seconds=sampling_s))


@dataclass
class Child:
    """Stands in for the recogniser's process; ``answer`` says what each frame brings."""

    answer: Callable[[EncodedFrame], Judged] = judged
    refuses: RollcallError | None = None
    alive: bool = True
    pid: int = 4711
    model: str = "m"
    opened: list[tuple[str, int]] = field(default_factory=list)
    closed_lessons: list[str] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    closed: bool = False

    def heed(self, _stop: threading.Event) -> None: ...

    def open_lesson(self, lesson_id: str, _templates: object, _policy: object, unknown_given: int) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.opened.append((lesson_id, unknown_given))

    def judge(self, one: EncodedFrame, *, with_picture: bool) -> Judged:
        assert with_picture
        self.frames.append(one.sequence)
        return self.answer(one)

    def close_lesson(self, lesson_id: str) -> None:
        self.closed_lessons.append(lesson_id)

    def close(self) -> None:
        self.closed = True
        self.alive = False


def dies(_one: EncodedFrame) -> Judged:
    raise RecogniserGone("the recogniser ended", hint="it is started again")


class Bus(InProcessBus):
    """Gives what was put; when all is taken, the run is asked to end."""

    def __init__(self, stop: threading.Event, rounds_after: int = 2) -> None:
        super().__init__(100)
        self._end = stop
        self._left = rounds_after

    def take(self, timeout_s: float) -> EncodedFrame | None:
        one = super().take(0)
        if one is None:
            self._left -= 1
            if self._left <= 0:
                self._end.set()
        return one


class Hasty(threading.Event):
    """Notes how long it was to be waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return self.is_set()


@dataclass
class Room:
    """The loop under test with everything around it."""

    house: Installation
    clock: HandClock
    children: list[Child] = field(default_factory=lambda: [Child()])
    sampling: list[tuple[str, timedelta]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stop = Hasty()
        self.bus = Bus(self.stop)
        self.hub, self.metrics = LiveHub(), Metrics()
        self.starts = 0
        self.loop = RecogniserLoop(
            ledger=self.house.ledger,
            bus=self.bus,
            hub=self.hub,
            metrics=self.metrics,
            clock=self.clock,
            start=self._start,
            set_sampling=lambda lesson, every: self.sampling.append((lesson, every)),
        )

    def _start(self) -> RecogniserProcess:
        child = self.children[self.starts]
        self.starts += 1
        if isinstance(child.refuses, WeightsUnusable):
            raise child.refuses
        return cast(RecogniserProcess, child)

    def run(self, *frames: EncodedFrame) -> None:
        for one in frames:
            self.bus.publish(one)
        self.loop.run(self.stop)

    def frames_kept(self, lesson_id: str = "L1") -> list[datetime]:
        with self.house.ledger.read() as work:
            return [one.at for one in work.sightings.judged_frames(lesson_id)]

    def figure(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def room(settings: Settings) -> Iterator[Room]:
    clock = HandClock(STARTS)
    with open_installation(settings) as opened:
        house = replace(opened, clock=clock)
        with house.ledger.write() as work:
            work.classes.ensure_institution("local", "school", STARTS)
            work.classes.add(TrainingClass("C1", "care", "local"), STARTS)
            for lesson_id in ("L1", "L2"):
                lesson = Lesson(
                    lesson_id, "C1", "care", STARTS, STARTS + timedelta(minutes=45), cameras=(CAMERA,)
                )
                work.lessons.add(LessonRecord(lesson, Policy(), LessonState.RUNNING, "ab" * 32))
        yield Room(house, clock)


def test_frames_are_judged_in_order_and_kept(room: Room) -> None:
    room.run(*map(frame, range(1, 6)))
    assert room.children[0].frames == [1, 2, 3, 4, 5]
    assert room.frames_kept() == [frame(n).at for n in range(1, 6)]
    assert room.figure("rollcall_frames_judged_total", camera=CAMERA) == 5
    assert room.figure("rollcall_judge_seconds_count") == 5


def test_without_frames_no_child_is_started(room: Room) -> None:
    room.run()
    assert room.starts == 0
    assert (room.loop.health, room.loop.healthy, room.loop.pid) == ("idle", True, None)


def test_a_lesson_is_opened_with_its_first_frame_and_once(room: Room) -> None:
    room.run(frame(1), frame(2), frame(3, "L2"), frame(4))
    assert room.children[0].opened == [("L1", 0), ("L2", 0)]


def test_what_is_seen_reaches_the_live_page_and_the_figures(room: Room) -> None:
    known = replace(STRANGER, trainee="T001", unknown_person=None, track_id="t2")
    room.children = [Child(lambda one: judged(one, STRANGER, known))]
    room.run(frame(1))
    shown = room.hub.snapshot("L1")
    assert list(shown[LiveKind.ROLL]) == ["T001"]
    assert list(shown[LiveKind.UNKNOWN]) == ["unknown-1"]
    assert room.hub.picture("L1", CAMERA) is not None
    assert room.figure("rollcall_sightings_total", outcome="named") == 1
    assert room.figure("rollcall_sightings_total", outcome="unknown") == 1


def test_how_often_to_look_goes_back_to_the_recorders(room: Room) -> None:
    room.children = [Child(lambda one: judged(one, sampling_s=10))]
    room.run(frame(1))
    assert room.sampling == [("L1", timedelta(seconds=10))]


def test_a_damaged_frame_is_told_and_the_next_one_judged(room: Room) -> None:
    def answer(one: EncodedFrame) -> Judged:
        if one.sequence == 2:
            raise FrameDamaged("no picture in it", hint="look at the line")
        return judged(one)

    room.children = [Child(answer)]
    with capture_logs() as lines:
        room.run(frame(1), frame(2), frame(3))
    assert room.frames_kept() == [frame(1).at, frame(3).at]
    told = [line for line in lines if line["event"] == "frame not judged"]
    assert [(line["code"], line["camera"], line["hint"]) for line in told] == [
        ("frame_damaged", CAMERA, "look at the line")
    ]
    assert room.starts == 1


class TestDeath:
    def test_a_child_that_ends_is_followed_by_another(self, room: Room) -> None:
        room.children = [Child(dies), Child()]
        room.run(frame(1), frame(2), frame(3))
        assert room.starts == 2
        assert room.children[0].closed
        assert room.children[1].frames == [2, 3], "the frame at which it ended is not tried on the next"
        assert room.stop.waited == [1.0]

    def test_the_next_one_is_told_how_many_unknown_people_there_were(self, room: Room) -> None:
        """Or two strangers, one before and one after, would be one person."""
        seen = iter(["unknown-1", "unknown-3"])

        def answer(one: EncodedFrame) -> Judged:
            key = next(seen, None)
            if key is None:
                raise RecogniserGone("the recogniser ended")
            return judged(one, replace(STRANGER, unknown_person=key, track_id=key))

        second = Child(lambda one: judged(one, replace(STRANGER, unknown_person="unknown-4", track_id="z")))
        room.children = [Child(answer), second]
        room.run(*map(frame, range(1, 6)))
        assert second.opened == [("L1", 3)]
        with room.house.ledger.read() as work:
            people = [person.key for person in work.sightings.unknown_people("L1")]
        assert people == ["unknown-1", "unknown-3", "unknown-4"]

    def test_waits_grow_while_it_dies_again_and_again(self, room: Room) -> None:
        room.children = [Child(dies) for _ in range(9)]
        room.run(*map(frame, range(1, 10)))
        assert room.stop.waited == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
        assert (room.loop.health, room.loop.healthy) == ("recogniser_gone", False)

    def test_one_judged_frame_and_the_waits_begin_anew(self, room: Room) -> None:
        def once() -> Callable[[EncodedFrame], Judged]:
            left = [1]

            def answer(one: EncodedFrame) -> Judged:
                if not left:
                    return dies(one)
                left.pop()
                return judged(one)

            return answer

        room.children = [Child(once()) for _ in range(3)]
        room.run(*map(frame, range(1, 6)))
        assert room.stop.waited == [1.0, 1.0]

    def test_a_child_that_cannot_start_is_told_with_the_next_step(self, room: Room) -> None:
        missing = WeightsUnusable("weights of yunet are not installed", hint="rollcall models pull yunet")
        room.children = [Child(refuses=missing), Child()]
        with capture_logs() as lines:
            room.run(frame(1), frame(2))
        told = [line for line in lines if line["event"] == "recogniser did not start"]
        assert [(line["code"], line["hint"]) for line in told] == [
            ("weights_unusable", "rollcall models pull yunet")
        ]
        assert room.children[1].frames == [2]

    def test_a_child_killed_between_frames_is_noticed(self, room: Room) -> None:
        def answer(one: EncodedFrame) -> Judged:
            room.children[0].alive = False
            return judged(one)

        room.children = [Child(answer), Child()]
        room.run(frame(1), frame(2))
        assert room.children[1].frames == [2]

    def test_what_it_had_judged_is_kept(self, room: Room) -> None:
        def answer(one: EncodedFrame) -> Judged:
            return dies(one) if one.sequence == 3 else judged(one)

        room.children = [Child(answer), Child()]
        room.run(*map(frame, range(1, 5)))
        assert room.frames_kept() == [frame(n).at for n in (1, 2, 4)]


class TestALessonThatCannotBeOpened:
    def test_it_is_told_once_and_tried_again_later(self, room: Room) -> None:
        room.children = [Child(refuses=InvalidInput("a template is damaged", hint="enrol T001 again"))]
        with capture_logs() as lines:
            room.run(*map(frame, range(1, 8)))
        told = [line for line in lines if line["log_level"] == "error"]
        assert [(line["event"], line["lesson"], line["hint"]) for line in told] == [
            ("lesson not open for recognition", "L1", "enrol T001 again")
        ]

    def test_after_a_while_it_opens(self, room: Room) -> None:
        child = Child(refuses=InvalidInput("a template is damaged"))
        room.children = [child]

        def mended(one: EncodedFrame | None) -> None:
            if one is not None and one.sequence == 3:
                child.refuses = None
                room.clock.forward(seconds=10)

        taken = room.bus.take

        def take(timeout_s: float) -> EncodedFrame | None:
            one = taken(timeout_s)
            mended(one)
            return one

        room.bus.take = take  # type: ignore[method-assign]
        room.run(*map(frame, range(1, 6)))
        assert child.frames == [3, 4, 5]

    def test_another_lesson_is_judged_meanwhile(self, room: Room) -> None:
        class Choosy(Child):
            def open_lesson(
                self, lesson_id: str, templates: object, policy: object, unknown_given: int
            ) -> None:
                if lesson_id == "L1":
                    raise InvalidInput("a template is damaged")
                super().open_lesson(lesson_id, templates, policy, unknown_given)

        room.children = [Choosy()]
        room.run(frame(1), frame(2, "L2"), frame(3), frame(4, "L2"))
        assert room.frames_kept("L2") == [frame(2).at, frame(4).at]
        assert room.frames_kept("L1") == []

    def test_a_lesson_that_nobody_knows_is_told(self, room: Room) -> None:
        with capture_logs() as lines:
            room.run(frame(1, "nowhere"))
        assert [line["code"] for line in lines if line["log_level"] == "error"] == ["not_found"]


class TestFinish:
    def test_a_lesson_that_is_over_is_forgotten(self, room: Room) -> None:
        room.loop.finish("L1")
        room.run(frame(1))
        assert room.children[0].closed_lessons == ["L1"]

    def test_one_that_was_never_open_is_no_trouble(self, room: Room) -> None:
        room.loop.finish("L2")
        room.run(frame(1))
        assert room.children[0].closed_lessons == []

    def test_a_child_that_dies_in_closing_is_no_trouble(self, room: Room) -> None:
        class Gone(Child):
            def close_lesson(self, lesson_id: str) -> None:
                raise RecogniserGone("the recogniser ended")

        room.children = [Gone()]
        room.loop.finish("L1")
        room.run(frame(1))
        assert room.frames_kept() == [frame(1).at]

    def test_at_the_end_the_child_is_closed_and_everything_written(self, room: Room) -> None:
        room.run(frame(1))
        assert room.children[0].closed
        assert room.frames_kept() == [frame(1).at]


class TestABusyDatabase:
    def test_sightings_wait_and_are_written_later(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        busy = [1, 1]
        add = "storage.repositories.sightings.SightingRepository.add"
        from storage.repositories.sightings import SightingRepository

        really = SightingRepository.add

        def sometimes(self: SightingRepository, judgements: list[FrameJudgement]) -> int:
            if busy:
                busy.pop()
                raise DatabaseBusy("the database stayed locked", hint="see who holds it")
            return really(self, judgements)

        monkeypatch.setattr(add, sometimes)
        room.bus = Bus(room.stop, rounds_after=4)
        room.loop._bus = room.bus
        with capture_logs() as lines:
            room.run(frame(1), frame(2))
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["sightings wait"] * 2
        assert room.frames_kept() == [frame(1).at, frame(2).at]

    def test_a_round_that_could_not_write_is_not_idle(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Judging must not take it for done."""

        def busy(*_about: object) -> int:
            raise DatabaseBusy("the database stayed locked")

        monkeypatch.setattr("storage.repositories.sightings.SightingRepository.add", busy)
        room.run(frame(1))
        assert room.loop.rounds_idle() == 0

    def test_a_round_with_nothing_to_do_is(self, room: Room) -> None:
        room.run(frame(1))
        assert room.loop.rounds_idle() == 2


def test_a_naming_that_reaches_back_names_what_was_kept_before(room: Room) -> None:
    def answer(one: EncodedFrame) -> Judged:
        told = judged(one, replace(STRANGER, unknown_person=None))
        if one.sequence < 3:
            return told
        naming = TrackNaming("t1", "T001", None, frame(1).at, 12.0, 11.0)
        return replace(told, judgement=replace(told.judgement, namings=(naming,)))

    room.children = [Child(answer)]
    room.run(*map(frame, range(1, 4)))
    with room.house.ledger.read() as work:
        presences = work.sightings.presences("L1")
    assert [seen.at for seen in presences["T001"]] == [frame(n).at for n in (1, 2, 3)]
