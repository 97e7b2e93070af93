"""Takes keyframes from the bus, has them judged, hands judgements on. One thread; never ends by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

from ingest.bus import InProcessBus
from models.errors import NotFound, RecogniserGone, RollcallError, StorageError
from models.frame import EncodedFrame
from models.ports import Clock
from models.register import LessonRecord
from recognition.unknown_people import last_number
from storage.unit_of_work import Ledger
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.judgement_writer import JudgementWriter
from supervision_api.pipeline.live_roll import LiveRoll
from supervision_api.pipeline.recogniser_process import Judged, RecogniserProcess
from supervision_api.pipeline.same_faces import class_templates

_log = structlog.get_logger(__name__)

FLUSH_EVERY_S = 2.0
_TAKE_S = 0.5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0

_OPEN_AGAIN_S = 10.0
"""A lesson that could not be opened is tried again after so long, not with each of its frames."""

StartRecogniser = Callable[[], RecogniserProcess]
SetSampling = Callable[[str, timedelta], None]


class RecogniserLoop:
    """The recogniser's life in ``serve``: started, fed, and started again when it dies."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        bus: InProcessBus,
        hub: LiveHub,
        metrics: Metrics,
        clock: Clock,
        start: StartRecogniser,
        set_sampling: SetSampling,
    ) -> None:
        self._ledger = ledger
        self._bus = bus
        self._hub = hub
        self._metrics = metrics
        self._clock = clock
        self._start = start
        self._set_sampling = set_sampling
        self._writer = JudgementWriter(ledger)
        self._process: RecogniserProcess | None = None
        self._rolls: dict[str, LiveRoll] = {}
        self._over: set[str] = set()
        self._lock = threading.Lock()
        self._not_before_s: dict[str, float] = {}
        self._rounds_idle = 0
        self._deaths = 0

    @property
    def health(self) -> str:
        """``ok``, ``idle`` (started with the first frame) or ``recogniser_gone``."""
        process = self._process
        if process is not None and process.alive:
            return "ok"
        return "recogniser_gone" if self._deaths or process is not None else "idle"

    @property
    def healthy(self) -> bool:
        return self.health != "recogniser_gone"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def finish(self, lesson_id: str) -> None:
        """No more frames of this lesson will come; its faces are forgotten."""
        with self._lock:
            self._over.add(lesson_id)

    def rounds_idle(self) -> int:
        """How often nothing was left to judge or to write. Two rounds after a question, all that had come
        before it is done: the round under way may have looked for frames earlier."""
        return self._rounds_idle

    def run(self, stop: threading.Event) -> None:
        """Judge until told to stop."""
        flushed_s = self._clock.monotonic_s()
        try:
            while not stop.is_set():
                frame = self._bus.take(_TAKE_S)
                if frame is not None and self._ensure(stop):
                    self._judge(frame)
                now_s = self._clock.monotonic_s()
                if frame is None or now_s - flushed_s > FLUSH_EVERY_S:
                    flushed_s = now_s
                    written = self._flush()
                    self._forget()
                    if frame is None and written:
                        self._rounds_idle += 1
        finally:
            self._flush()
            if self._process is not None:
                self._process.close()

    def _ensure(self, stop: threading.Event) -> bool:
        if self._process is not None and self._process.alive:
            return True
        if self._deaths:
            wait_s = min(_FIRST_WAIT_S * 2.0 ** min(self._deaths - 1, 16), _LONGEST_WAIT_S)
            if stop.wait(wait_s):
                return False
        try:
            self._process = self._start()
            self._process.heed(stop)
        except RollcallError as error:
            self._deaths += 1
            _log.error("recogniser did not start", code=error.code, message=error.message, hint=error.hint)
            return False
        self._rolls.clear()
        _log.info("recogniser started", pid=self._process.pid, model=self._process.model)
        return True

    def _judge(self, frame: EncodedFrame) -> None:
        process, began_s = self._process, self._clock.monotonic_s()
        if process is None or began_s < self._not_before_s.get(frame.lesson_id, began_s):
            return
        try:
            roll = self._opened(process, frame.lesson_id)
            judged = process.judge(frame, with_picture=True)
        except RecogniserGone as error:
            self._deaths += 1
            _log.error("recogniser gone", message=error.message, camera=frame.camera_id)
            process.close()
            self._process = None
            return
        except RollcallError as error:
            self._not_judged(frame, error, began_s)
            return
        self._deaths = 0
        self._metrics.judge_seconds.observe(self._clock.monotonic_s() - began_s)
        self._count(judged)
        self._writer.collect(judged.judgement)
        roll.judged(judged.judgement, judged.jpeg)
        self._set_sampling(frame.lesson_id, judged.sampling)

    def _not_judged(self, frame: EncodedFrame, error: RollcallError, now_s: float) -> None:
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        if frame.lesson_id in self._rolls:
            _log.warning("frame not judged", camera=frame.camera_id, **told)
            return
        self._not_before_s[frame.lesson_id] = now_s + _OPEN_AGAIN_S
        _log.error(
            "lesson not open for recognition", lesson=frame.lesson_id, again_in_s=_OPEN_AGAIN_S, **told
        )

    def _opened(self, process: RecogniserProcess, lesson_id: str) -> LiveRoll:
        roll = self._rolls.get(lesson_id)
        if roll is not None:
            return roll
        # What an earlier recogniser saw must be in the books before its numbers of unknown people are read.
        self._writer.flush()
        with self._ledger.read() as work:
            record: LessonRecord = work.lessons.get(lesson_id)
            templates = class_templates(work, record.lesson.class_code)
            given = last_number(person.key for person in work.sightings.unknown_people(lesson_id))
        process.open_lesson(lesson_id, templates, record.policy.recognition, given)
        gap = record.policy.attendance.presence_gap
        late_after = record.policy.attendance.late_after
        roll = LiveRoll(self._hub, lesson_id, record.lesson.starts_at, gap, late_after)
        self._rolls[lesson_id] = roll
        return roll

    def _count(self, judged: Judged) -> None:
        judgement = judged.judgement
        camera = judgement.camera_id
        self._metrics.frames_judged.labels(camera).inc()
        self._metrics.frames_dropped.labels(camera).set(self._bus.dropped(camera))
        named = sum(1 for s in judgement.sightings if s.trainee is not None)
        self._metrics.sightings.labels("named").inc(named)
        self._metrics.sightings.labels("unknown").inc(len(judgement.sightings) - named)

    def _flush(self) -> bool:
        try:
            self._writer.flush()
        except StorageError as error:
            _log.error("sightings wait", code=error.code, message=error.message, hint=error.hint)
            return False
        return True

    def _forget(self) -> None:
        with self._lock:
            over, self._over = self._over, set()
        for lesson_id in over:
            self._not_before_s.pop(lesson_id, None)
            if self._rolls.pop(lesson_id, None) is not None and self._process is not None:
                try:
                    self._process.close_lesson(lesson_id)
                except (RecogniserGone, NotFound) as error:
                    _log.info("lesson was not open", lesson=lesson_id, code=error.code)
