"""The recogniser in a child process: one request at a time through a pipe (docs/decisions/0002).

The child ends when the pipe closes, so a killed parent leaves no orphan. A child that dies raises
``RecogniserGone`` at the caller, who starts another.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import cast

from models.errors import RecogniserGone, RollcallError
from models.frame import EncodedFrame, FrameJudgement
from models.policy import RecognitionPolicy
from recognition.calibration import Calibration
from recognition.decode import encode_jpeg
from recognition.gallery import Template
from recognition.worker import RecognitionWorker
from supervision_api.pipeline.faces import FaceSetup, open_faces

START_TIMEOUT_S = 120.0
"""Converting the network the first time takes seconds; this bound is for disasters."""

JUDGE_TIMEOUT_S = 60.0
"""A 4K picture with HOG takes a few seconds; a child that says nothing for longer hangs."""

STOP_GRACE_S = 5.0
"""What a child may still take for its answer once the program is told to stop."""

_LISTEN_S = 0.25

LIVE_WIDTH_PX = 1280
LIVE_QUALITY = 72


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement, the picture for the live page, and how often this camera should be sampled now."""

    judgement: FrameJudgement
    jpeg: bytes | None
    sampling: timedelta


@dataclass(frozen=True, slots=True)
class _OpenLesson:
    lesson_id: str
    templates: tuple[Template, ...]
    policy: RecognitionPolicy
    unknown_given: int


@dataclass(frozen=True, slots=True)
class _Judge:
    frame: EncodedFrame
    with_picture: bool


@dataclass(frozen=True, slots=True)
class _CloseLesson:
    lesson_id: str


@dataclass(frozen=True, slots=True)
class _Ready:
    model: str


@dataclass(frozen=True, slots=True)
class _Failed:
    """A domain error of the child, carried over as itself."""

    error: RollcallError


_Request = _OpenLesson | _Judge | _CloseLesson
_Answer = _Ready | _Failed | Judged | None


class RecogniserProcess:
    """The parent's side. Belongs to one thread."""

    def __init__(self, setup: FaceSetup, calibration: Calibration | None = None) -> None:
        """Starts the child and waits until its networks are loaded.

        Raises:
            RecogniserGone: it did not start.
            RollcallError: weights missing or altered.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        self._pipe: Connection = ours
        self._stop = threading.Event()
        self._process: SpawnProcess = context.Process(
            target=_child, args=(theirs, setup, calibration), name="rollcall-recogniser", daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            ready = self._answer(START_TIMEOUT_S)
        except RollcallError:
            self.close()
            raise
        self.model = ready.model if isinstance(ready, _Ready) else ""

    def heed(self, stop: threading.Event) -> None:
        """From now on a child that hangs while ``stop`` is set does not hold the program up."""
        self._stop = stop

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def open_lesson(
        self,
        lesson_id: str,
        templates: tuple[Template, ...],
        policy: RecognitionPolicy,
        unknown_given: int = 0,
    ) -> None:
        """Starts judging a lesson; ``unknown_given``: see the worker's. Raises RecogniserGone, Conflict,
        InvalidInput."""
        self._ask(_OpenLesson(lesson_id, templates, policy, unknown_given), START_TIMEOUT_S)

    def judge(self, frame: EncodedFrame, *, with_picture: bool) -> Judged:
        """Judges one frame. Raises RecogniserGone, NotFound (lesson not open), StreamUnsupported."""
        answer = self._ask(_Judge(frame, with_picture), JUDGE_TIMEOUT_S)
        if not isinstance(answer, Judged):
            raise RecogniserGone("the recogniser answered out of turn", hint="it is started again by itself")
        return answer

    def close_lesson(self, lesson_id: str) -> None:
        """Forgets a lesson's faces. Raises RecogniserGone, NotFound."""
        self._ask(_CloseLesson(lesson_id), JUDGE_TIMEOUT_S)

    def close(self) -> None:
        """Ends the child: by the closed pipe, then by force."""
        self._pipe.close()
        self._process.join(5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(5.0)

    def _ask(self, request: _Request, timeout_s: float) -> _Answer:
        try:
            self._pipe.send(request)
        except (OSError, ValueError):
            raise _gone("is not there") from None
        return self._answer(timeout_s)

    def _answer(self, timeout_s: float) -> _Answer:
        try:
            waited_s = self._listen(timeout_s)
            if waited_s is not None:
                self._process.kill()
                raise _gone(f"said nothing for {waited_s:.0f} s")
            answer = cast(_Answer, self._pipe.recv())
        except (EOFError, OSError):
            raise _gone("ended") from None
        if isinstance(answer, _Failed):
            raise answer.error
        return answer

    def _listen(self, timeout_s: float) -> float | None:
        """``None`` when an answer is there, else how long none came, in seconds."""
        began_s = time.monotonic()
        until_s, stopping = began_s + timeout_s, False
        while (now_s := time.monotonic()) < until_s:
            if self._pipe.poll(min(_LISTEN_S, until_s - now_s)):
                return None
            if self._stop.is_set() and not stopping:
                stopping, until_s = True, min(until_s, time.monotonic() + STOP_GRACE_S)
        return time.monotonic() - began_s


def _gone(what: str) -> RecogniserGone:
    return RecogniserGone(f"the recogniser {what}", hint="it is started again by itself; see the log")


def _child(pipe: Connection, setup: FaceSetup, calibration: Calibration | None) -> None:
    """The child's whole life: load, then answer until the pipe closes."""
    # Ctrl-C goes to the whole group; the parent decides when the child ends, by closing the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        faces = open_faces(setup, calibration)
        worker = RecognitionWorker(faces.detector, faces.encoder, faces.calibration)
    except RollcallError as exc:
        pipe.send(_Failed(exc))
        return
    pipe.send(_Ready(worker.model))
    while True:
        try:
            request = cast(_Request, pipe.recv())
        except (EOFError, OSError):
            return
        try:
            answer = _answer_for(worker, request)
        except RollcallError as exc:
            answer = _Failed(exc)
        try:
            pipe.send(answer)
        except OSError:
            return


def _answer_for(worker: RecognitionWorker, request: _Request) -> _Answer:
    if isinstance(request, _OpenLesson):
        worker.open_lesson(
            request.lesson_id,
            request.templates,
            policy=request.policy,
            unknown_given=request.unknown_given,
        )
        return None
    if isinstance(request, _CloseLesson):
        worker.close_lesson(request.lesson_id)
        return None
    frame = request.frame
    judgement, picture = worker.judge_with_picture(frame)
    jpeg = None
    if request.with_picture and picture is not None:
        jpeg = encode_jpeg(picture, quality=LIVE_QUALITY, max_width=LIVE_WIDTH_PX)
    sampling = worker.desired_sampling(frame.lesson_id, frame.camera_id, frame.at)
    return Judged(judgement, jpeg, sampling)
