"""Starts and stops recorders by the timetable, each in a thread of its own, and revives those that die."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from ingest.lesson_plan import StreamDue, streams_due
from models.errors import StorageError
from models.footage import CameraReport, CameraState
from models.policy import AttendancePolicy
from models.ports import Clock, RecorderSink
from models.timetable import Lesson

_FIRST_REVIVAL_S = 1.0
_REVIVAL_CAP_S = 60.0


class RunsStream(Protocol):
    """A recorder, as the watch needs it."""

    def run(self, stop: threading.Event) -> None: ...

    def set_sampling(self, every: timedelta) -> None: ...


MakeRecorder = Callable[[StreamDue], RunsStream]
"""Makes the recorder of a stream. It knows the cameras, where the last footage of that stream ended
(``RecorderOptions.first_sequence``, ``missing_since``), and the sampling of the moment."""


@dataclass(frozen=True, slots=True)
class RunningStream:
    """A stream under the watch, as shown to people. ``revivals``: how often its recorder was revived."""

    due: StreamDue
    alive: bool
    stopping: bool
    revivals: int


class LessonWatch:
    """Keeps exactly the recorders running that the timetable wants now.

    ``lessons`` gives the timetable's entries around now; it is asked at every tick, so changes take effect
    by themselves. ``tick`` may be called by tests; ``run`` calls it until told to stop.
    """

    def __init__(
        self,
        *,
        lessons: Callable[[], Sequence[Lesson]],
        make_recorder: MakeRecorder,
        policy: AttendancePolicy,
        sink: RecorderSink,
        clock: Clock,
        every_s: float = 1.0,
    ) -> None:
        self._lessons = lessons
        self._make_recorder = make_recorder
        self._policy = policy
        self._sink = sink
        self._clock = clock
        self._every_s = every_s
        self._streams: dict[tuple[str, str], _Stream] = {}
        self._lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Watch until ``stop`` is set, then stop all recorders and wait for them."""
        try:
            while not stop.is_set():
                # A timetable that cannot be read now changes nothing: what records goes on recording.
                with suppress(StorageError):
                    self.tick()
                stop.wait(self._every_s)
        finally:
            self.close()

    def tick(self) -> None:
        """Start what is due, stop what no longer is, revive what died, forget what has ended."""
        due = {stream.key: stream for stream in streams_due(self._lessons(), self._clock.now(), self._policy)}
        with self._lock:
            for key, stream in list(self._streams.items()):
                if key not in due:
                    stream.stop.set()
                if stream.stop.is_set() and stream.ended:
                    stream.release()
                    del self._streams[key]
            for key, wanted in due.items():
                if key not in self._streams:
                    self._streams[key] = self._start(wanted)
                else:
                    self._tend(self._streams[key], wanted)

    def streams(self) -> tuple[RunningStream, ...]:
        """What runs now, for the console and for health checks."""
        with self._lock:
            return tuple(stream.shown() for stream in self._streams.values())

    def set_sampling(self, lesson_id: str, every: timedelta) -> None:
        """Change the sampling period of all cameras of a lesson."""
        with self._lock:
            for (running_id, _), stream in self._streams.items():
                if running_id == lesson_id:
                    stream.recorder.set_sampling(every)

    def close(self) -> None:
        """Stop all recorders and wait until each has closed its footage."""
        with self._lock:
            streams = list(self._streams.values())
            self._streams.clear()
        for stream in streams:
            stream.stop.set()
        for stream in streams:
            stream.release()

    def _start(self, due: StreamDue) -> _Stream:
        stream = _Stream(due, self._make_recorder(due))
        if due.also_for:
            others = ", ".join(due.also_for)
            self._tell(
                due, CameraState.CONNECTING, "camera_shared", f"the camera also records lesson {others}"
            )
        return stream

    def _tend(self, stream: _Stream, due: StreamDue) -> None:
        """Revive a recorder that died of a defect, after a wait that grows with each death."""
        stream.due = due
        failure = stream.failure()
        if failure is None:
            return
        now_s = self._clock.monotonic_s()
        if stream.revive_at_s is None:
            wait_s = min(_FIRST_REVIVAL_S * 2.0 ** min(stream.revivals, 30), _REVIVAL_CAP_S)
            stream.revive_at_s = now_s + wait_s
            # The kind of the defect only: its text may hold anything.
            message = f"the recorder died of {type(failure).__name__} and is started again"
            self._tell(due, CameraState.WAITING, "recorder_failed", message, wait_s)
        elif now_s >= stream.revive_at_s:
            stream.revive()

    def _tell(
        self, due: StreamDue, state: CameraState, code: str, message: str, retry_in_s: float | None = None
    ) -> None:
        at = self._clock.now()
        report = CameraReport(due.camera_id, due.lesson_id, at, state, code, message, retry_in_s)
        self._sink.camera_changed(report)


class _Stream:
    """One recorder and its thread."""

    def __init__(self, due: StreamDue, recorder: RunsStream) -> None:
        self.due = due
        self.recorder = recorder
        self.stop = threading.Event()
        self.revivals = 0
        self.revive_at_s: float | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"record {due.camera_id}")
        self._future: Future[None] = self._pool.submit(recorder.run, self.stop)

    @property
    def ended(self) -> bool:
        return self._future.done()

    def failure(self) -> BaseException | None:
        """What the recorder died of, or that it ended unasked; ``None`` while it lives."""
        if not self._future.done() or self.stop.is_set():
            return None
        return self._future.exception() or RuntimeError("ended unasked")

    def revive(self) -> None:
        self.revivals += 1
        self.revive_at_s = None
        self._future = self._pool.submit(self.recorder.run, self.stop)

    def release(self) -> None:
        """Wait for the thread; a failure at the end has been told or is of no more use."""
        self._pool.shutdown(wait=True)

    def shown(self) -> RunningStream:
        return RunningStream(self.due, not self._future.done(), self.stop.is_set(), self.revivals)
