"""Timers of an installation: lessons open and close, verdicts are made, the log is signed.

Every job may be missed and catches up: each tick asks the database what is due, nothing is remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from models.errors import RollcallError
from models.register import LessonRecord
from models.timetable import LessonState, due_moves
from supervision_api import live_events
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.judging import judge_lesson, raise_live_flags
from supervision_api.pipeline.same_faces import same_faces

_log = structlog.get_logger(__name__)

TICK_S = 1.0
LIVE_FLAGS_EVERY_S = 15.0
DRAIN_S = 30.0
"""How long judging waits for the recogniser to work off what was taken; what is late stays unobserved."""

_IDLE_ROUNDS = 2
"""The round under way may have looked for frames before the last one came; the one after it has not."""

FIRST_REST_S, LONGEST_REST_S = 2.0, 60.0
"""A lesson that cannot be moved is tried again after the first, then after twice as long each time."""

SEALED_AFTER = timedelta(hours=24)
"""Instructors may confirm or enter leave for a day (the usual appeal window); then only corrections."""

_AHEAD = timedelta(days=2)
"""A timetable may be full for years: only what may be due soon is looked at each second."""

_ACTIVE = (LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING)


@dataclass(frozen=True, slots=True)
class LessonHooks:
    """What jobs ask of recorders and recogniser, none of which may wait.

    ``still_recording``: some stream of the lesson is open. ``rounds_idle``: how often the recogniser has
    found nothing to do, with everything written. ``finish``: no more frames of the lesson will come.
    """

    still_recording: Callable[[str], bool]
    rounds_idle: Callable[[], int]
    finish: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Rest:
    """Until when a lesson in trouble is left alone, and for how long that is."""

    until_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class _Drain:
    """A lesson that waits for its last frames: until which idle round, or at most until when."""

    rounds: int
    until_s: float


class Jobs:
    """One thread's timers."""

    def __init__(self, house: Installation, hub: LiveHub, metrics: Metrics, hooks: LessonHooks) -> None:
        self._house = house
        self._hub = hub
        self._metrics = metrics
        self._hooks = hooks
        self._next_beat_s = 0.0
        self._next_flags_s = 0.0
        self._resting: dict[str, _Rest] = {}
        self._draining: dict[str, _Drain] = {}

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop; a job that fails is told and tried again."""
        while not stop.is_set():
            self.tick()
            stop.wait(TICK_S)

    def tick(self) -> None:
        """Everything that is due now."""
        for name, job in (
            ("lessons", self._move_lessons),
            ("live flags", self._live_flags),
            ("checkpoint", self._checkpoint),
        ):
            try:
                job()
            except RollcallError as error:
                _log.error("job failed", job=name, code=error.code, message=error.message, hint=error.hint)

    def _move_lessons(self) -> None:
        house, now = self._house, self._house.clock.now()
        with house.ledger.read() as work:
            active = work.lessons.in_states(_ACTIVE, before=now + _AHEAD)
            judged = work.lessons.in_states((LessonState.JUDGED,))
        for record in active:
            self._move_alone(record)
        for record in judged:
            if now > record.lesson.ends_at + SEALED_AFTER:
                self._seal(record.lesson.lesson_id, now)

    def _seal(self, lesson_id: str, now: datetime) -> None:
        """A day after the last verdict was made: a lesson judged late is open to appeal as long as any."""
        with self._house.ledger.read() as work:
            judged_at = work.verdicts.last_judged_at(lesson_id)
        if judged_at is None or now > judged_at + SEALED_AFTER:
            self._step(lesson_id, LessonState.JUDGED, LessonState.SEALED)
            # Nobody watches it any more: its pictures and events need not fill the memory.
            self._hub.forget(lesson_id)

    def _move_alone(self, record: LessonRecord) -> None:
        """One lesson in trouble rests for a while; the others go on."""
        lesson_id, now_s = record.lesson.lesson_id, self._house.clock.monotonic_s()
        rest = self._resting.get(lesson_id, _Rest(now_s, 0.0))
        if now_s < rest.until_s:
            return
        try:
            self._move(record)
            self._resting.pop(lesson_id, None)
        except RollcallError as error:
            wait_s = min(LONGEST_REST_S, max(FIRST_REST_S, 2 * rest.length_s))
            self._resting[lesson_id] = _Rest(now_s + wait_s, wait_s)
            _log.error(
                "lesson waits",
                lesson=lesson_id,
                code=error.code,
                message=error.message,
                hint=error.hint,
                again_in_s=wait_s,
            )

    def _move(self, record: LessonRecord) -> None:
        lesson, state = record.lesson, record.state
        moves = due_moves(lesson, record.policy.attendance, state, self._house.clock.now())
        for move in moves:
            if move.state is LessonState.JUDGED:
                self._judge(record)
                return
            if move.state is LessonState.SEALED:
                return
            self._step(lesson.lesson_id, state, move.state)
            state = move.state

    def _step(self, lesson_id: str, before: LessonState, after: LessonState) -> None:
        with self._house.ledger.write() as work:
            work.lessons.move(lesson_id, before, after)
        self._hub.publish(lesson_id, live_events.lesson_changed(self._house.clock.now(), after))
        _log.info("lesson moved", lesson=lesson_id, state=after.value)

    def _judge(self, record: LessonRecord) -> None:
        """Only when the recorders have closed their footage and the recogniser is done."""
        lesson_id = record.lesson.lesson_id
        if self._hooks.still_recording(lesson_id) or not self._drained(lesson_id):
            return
        self._hooks.finish(lesson_id)
        house = self._house
        with house.ledger.write() as work:
            now = house.clock.now()
            outcome = judge_lesson(work, lesson_id, now, same_faces(work, record.lesson.class_code))
            work.evidence.write_checkpoint(house.signer)
        for flag in outcome.flags:
            self._metrics.flags_raised.labels(flag.kind.value).inc()
            self._hub.publish(lesson_id, live_events.flag_raised(now, flag))
        self._hub.publish(lesson_id, live_events.lesson_changed(now, LessonState.JUDGED))
        _log.info("lesson judged", lesson=lesson_id, trainees=len(outcome.verdicts), flags=len(outcome.flags))
        self._draining.pop(lesson_id, None)

    def _drained(self, lesson_id: str) -> bool:
        """Whether the recogniser is done with the lesson, or has had its time. Asked at each tick."""
        now_s, rounds = self._house.clock.monotonic_s(), self._hooks.rounds_idle()
        drain = self._draining.setdefault(lesson_id, _Drain(rounds + _IDLE_ROUNDS, now_s + DRAIN_S))
        if rounds >= drain.rounds:
            return True
        if now_s < drain.until_s:
            return False
        _log.warning("judging without the last frames", lesson=lesson_id)
        return True

    def _live_flags(self) -> None:
        now_s = self._house.clock.monotonic_s()
        if now_s < self._next_flags_s:
            return
        self._next_flags_s = now_s + LIVE_FLAGS_EVERY_S
        with self._house.ledger.read() as work:
            running = work.lessons.in_states((LessonState.RUNNING,))
        for record in running:
            lesson_id, now = record.lesson.lesson_id, self._house.clock.now()
            with self._house.ledger.write() as work:
                changed = raise_live_flags(work, lesson_id, now)
            for flag in changed:
                self._metrics.flags_raised.labels(flag.kind.value).inc()
                self._hub.publish(lesson_id, live_events.flag_raised(now, flag))

    def _checkpoint(self) -> None:
        now_s = self._house.clock.monotonic_s()
        if now_s < self._next_beat_s:
            return
        self._next_beat_s = now_s + self._house.settings.checkpoint_every_s
        with self._house.ledger.write() as work:
            work.evidence.beat(self._house.signer)
            latest = work.evidence.store.latest_checkpoint()
        if latest is not None:
            self._metrics.evidence_leaves.set(latest.size)
            age_s = (self._house.clock.now() - latest.at).total_seconds()
            self._metrics.checkpoint_age_seconds.set(max(0.0, age_s))
        self._house.store.time_guard.observe(self._house.clock.now())
