"""Timers of an installation: lessons open and close, verdicts are made, footage is stored, the log is signed.

Every job may be missed and catches up: each tick asks the database what is due, nothing is remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from models.errors import RollcallError, StorageError
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

SEALED_AFTER = timedelta(hours=24)
"""Instructors may confirm or enter leave for a day (the usual appeal window); then only corrections."""

_ACTIVE = (LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING)


@dataclass(frozen=True, slots=True)
class LessonHooks:
    """What jobs ask of recorders and recogniser. ``still_recording``: some stream of the lesson is open."""

    still_recording: Callable[[str], bool]
    wait_until_drained: Callable[[float], bool]
    finish: Callable[[str], None]


class Jobs:
    """One thread's timers."""

    def __init__(self, house: Installation, hub: LiveHub, metrics: Metrics, hooks: LessonHooks) -> None:
        self._house = house
        self._hub = hub
        self._metrics = metrics
        self._hooks = hooks
        self._next_beat_s = 0.0
        self._next_flags_s = 0.0

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
            active = work.lessons.in_states(_ACTIVE)
            judged = work.lessons.in_states((LessonState.JUDGED,))
        for record in active:
            self._move(record)
        for record in judged:
            if now > record.lesson.ends_at + SEALED_AFTER:
                self._step(record.lesson.lesson_id, LessonState.JUDGED, LessonState.SEALED)

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
        if self._hooks.still_recording(lesson_id):
            return
        if not self._hooks.wait_until_drained(DRAIN_S):
            _log.warning("judging without the last frames", lesson=lesson_id)
        self._hooks.finish(lesson_id)
        house = self._house
        for attempt in house.uploader.drain():
            if attempt.error is not None:
                _log.warning("footage waits in the spool", code=attempt.error.code, lesson=lesson_id)
        with house.ledger.write() as work:
            now = house.clock.now()
            outcome = judge_lesson(work, lesson_id, now, same_faces(work, record.lesson.class_code))
            work.evidence.write_checkpoint(house.signer)
        for flag in outcome.flags:
            self._metrics.flags_raised.labels(flag.kind.value).inc()
            self._hub.publish(lesson_id, live_events.flag_raised(now, flag))
        self._hub.publish(lesson_id, live_events.lesson_changed(now, LessonState.JUDGED))
        _log.info("lesson judged", lesson=lesson_id, trainees=len(outcome.verdicts), flags=len(outcome.flags))

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


class UploadLoop:
    """Carries footage from the spool into the store, apart from all else: the store may be slow or away."""

    def __init__(self, house: Installation, metrics: Metrics) -> None:
        self._house = house
        self._metrics = metrics

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                for attempt in self._house.uploader.drain():
                    if attempt.error is not None:
                        _log.warning(
                            "upload waits",
                            code=attempt.error.code,
                            message=attempt.error.message,
                            object=attempt.upload.object_key,
                        )
                state = self._house.spool.state()
                self._metrics.spool_segments.set(state.waiting_files)
                if state.over:
                    _log.error("spool is filling", marks=state.over, free_mib=state.free_bytes >> 20)
            except StorageError as error:
                _log.error("uploads paused", code=error.code, message=error.message, hint=error.hint)
            stop.wait(TICK_S)
