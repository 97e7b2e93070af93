"""A program that starts in the middle of a lesson has missed its beginning, and that time needs a row too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from ingest.bus import InProcessBus
from ingest.camera import CameraConfig
from ingest.lesson_plan import StreamDue
from ingest.packets import PacketSource
from models.errors import StreamUnreachable
from models.footage import GapCause
from models.policy import Policy
from models.register import Camera, LessonRecord, TrainingClass
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.recording import Recording
from supervision_api.settings import Settings


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        yield opened


def plan(house: Installation, starts_in: timedelta) -> datetime:
    """A lesson that begins so long from now."""
    starts_at = house.clock.now() + starts_in
    lesson = Lesson("L1", "C1", "第3课", starts_at, starts_at + timedelta(hours=1), cameras=("c1",))
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "n", starts_at)
        work.classes.add(TrainingClass("C1", "n", "local"), starts_at)
        work.cameras.add(Camera("c1", "101", "rtsp://10.0.0.5/1"))
        work.lessons.add(LessonRecord(lesson, Policy(), LessonState.RUNNING))
    return starts_at


def run_once(house: Installation, starts_at: datetime) -> None:
    """A recorder whose camera never answers, told to stop at its first try."""
    stop = threading.Event()

    def refuse(_camera: CameraConfig) -> PacketSource:
        stop.set()
        raise StreamUnreachable("the camera is off")

    recording = Recording(house, InProcessBus(2), LiveHub(), Metrics(), lambda _camera: refuse)
    due = StreamDue("L1", "c1", Interval(starts_at, starts_at + timedelta(hours=1)))
    recording._recorder(due).run(stop)
    recording.booking.book_due()


def test_the_beginning_that_was_missed_is_a_gap(house: Installation) -> None:
    starts_at = plan(house, timedelta(minutes=-20))
    run_once(house, starts_at)
    with house.ledger.read() as work:
        gaps = work.footage.gaps("L1", "c1")
    assert gaps[0].starts_at == starts_at
    assert gaps[0].cause is GapCause.PROCESS_RESTARTED
    missed = sum((gap.interval.duration for gap in gaps), timedelta())
    assert missed >= timedelta(minutes=20)


def test_a_lesson_that_has_not_begun_has_missed_nothing(house: Installation) -> None:
    run_once(house, plan(house, timedelta(minutes=20)))
    with house.ledger.read() as work:
        gaps = work.footage.gaps("L1", "c1")
    assert all(gap.cause is not GapCause.PROCESS_RESTARTED for gap in gaps)
    assert sum((gap.interval.duration for gap in gaps), timedelta()) < timedelta(minutes=1)
