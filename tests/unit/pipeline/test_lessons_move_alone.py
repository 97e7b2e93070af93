"""Timers move each lesson by itself: one in trouble rests, the others go on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from models.errors import DatabaseBusy
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.jobs import FIRST_REST_S, LONGEST_REST_S, Jobs, LessonHooks
from supervision_api.settings import Settings
from tests.hand_clock import HandClock

ENDED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
BAD, GOOD = "L-bad", "L-good"


@dataclass
class Recorders:
    """Hooks of recorders whose state of one lesson cannot be asked for while ``broken``."""

    broken: bool = True
    asked: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    rounds: Iterator[int] = field(default_factory=lambda: itertools.count(step=2))

    def still_recording(self, lesson_id: str) -> bool:
        self.asked.append(lesson_id)
        if lesson_id == BAD and self.broken:
            raise DatabaseBusy("the database stayed locked", hint="wait")
        return False

    def hooks(self) -> LessonHooks:
        return LessonHooks(self.still_recording, lambda: next(self.rounds), self.finished.append)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(ENDED + timedelta(hours=1))


@pytest.fixture
def house(settings: Settings, clock: HandClock) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        with opened.ledger.write() as work:
            work.classes.ensure_institution("local", "school", ENDED)
            work.classes.add(TrainingClass("C1", "care", "local"), ENDED)
            for lesson_id in (BAD, GOOD):
                lesson = Lesson(lesson_id, "C1", "lesson", ENDED - timedelta(minutes=45), ENDED, cameras=())
                work.lessons.add(LessonRecord(lesson, Policy(), LessonState.CLOSING, "ab" * 32))
        yield replace(opened, clock=clock)


def jobs_of(house: Installation, recorders: Recorders) -> Jobs:
    return Jobs(house, LiveHub(), Metrics(), recorders.hooks())


def state(house: Installation, lesson_id: str) -> LessonState:
    with house.ledger.read() as work:
        return work.lessons.get(lesson_id).state


def test_a_lesson_that_cannot_be_judged_does_not_keep_the_others_back(house: Installation) -> None:
    recorders = Recorders()
    jobs = jobs_of(house, recorders)
    jobs.tick()
    jobs.tick()
    assert state(house, GOOD) is LessonState.JUDGED
    assert state(house, BAD) is LessonState.CLOSING
    assert recorders.finished == [GOOD]


def test_a_lesson_in_trouble_rests_longer_each_time_and_never_past_the_longest(
    house: Installation, clock: HandClock
) -> None:
    recorders = Recorders()
    jobs = jobs_of(house, recorders)
    tried_at: list[float] = []
    for _second in range(400):
        recorders.asked.clear()
        jobs.tick()
        if BAD in recorders.asked:
            tried_at.append(clock.monotonic_s())
        clock.at += timedelta(seconds=1)
    rests = [later - earlier for earlier, later in itertools.pairwise(tried_at)]
    assert rests[0] == FIRST_REST_S
    assert rests == sorted(rests)
    assert rests[1] == 2 * FIRST_REST_S
    assert rests[-1] == LONGEST_REST_S


def test_a_lesson_whose_trouble_has_passed_is_judged_after_its_rest(
    house: Installation, clock: HandClock
) -> None:
    recorders = Recorders()
    jobs = jobs_of(house, recorders)
    jobs.tick()
    recorders.broken = False
    jobs.tick()
    assert state(house, BAD) is LessonState.CLOSING, "it still rests"
    clock.at += timedelta(seconds=FIRST_REST_S)
    jobs.tick()
    jobs.tick()
    assert state(house, BAD) is LessonState.JUDGED
    assert recorders.finished == [GOOD, BAD]
