"""A thread that does not die unseen: a defect is told, counted and followed by a fresh start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from supervision_api.metrics import Metrics
from supervision_api.services import Readiness

_log = structlog.get_logger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""A part that failed starts again after the first, then after twice as long each time."""

SETTLED_S = 60.0
"""Who ran for so long before failing again starts anew with the shortest wait."""

Work = Callable[[threading.Event], None]
"""Works until the event is set; to return earlier is a defect."""

Rest = Callable[[threading.Event, float], bool]
"""Waits for the event, at most so many seconds."""


@dataclass(frozen=True, slots=True)
class ThreadState:
    """``failures``: in a row, until it has run for a while. ``last_error``: kind of the last, or empty."""

    running: bool
    failures: int = 0
    last_error: str = ""


class WatchedThread:
    """One part of the program in a thread of its own."""

    def __init__(
        self,
        name: str,
        work: Work,
        metrics: Metrics,
        monotonic_s: Callable[[], float],
        rest: Rest = threading.Event.wait,
    ) -> None:
        self._name = name
        self._work = work
        self._metrics = metrics
        self._monotonic_s = monotonic_s
        self._rest = rest
        self._stop = threading.Event()
        self._state = ThreadState(running=False)
        self._thread = threading.Thread(target=self._run, name=name)
        metrics.part_running.labels(name).set(0)

    @property
    def state(self) -> ThreadState:
        return self._state

    def readiness(self) -> Readiness:
        """For ``/readyz``."""
        state = self._state
        if state.running:
            return Readiness(self._name, True)
        told = f"{state.last_error}, failed {state.failures} times" if state.failures else "not started"
        return Readiness(self._name, False, "part_failed" if state.failures else "part_stopped", told)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks it to end and waits until it has."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began_s = self._monotonic_s()
            self._tell(ThreadState(True, failures, self._state.last_error))
            error = self._attempt()
            if self._stop.is_set():
                break
            if self._monotonic_s() - began_s >= SETTLED_S:
                failures = 0
            failures += 1
            wait_s = min(FIRST_WAIT_S * 2.0 ** min(failures - 1, 16), LONGEST_WAIT_S)
            self._metrics.part_failures.labels(self._name).inc()
            self._tell(ThreadState(False, failures, error))
            _log.error("part failed", part=self._name, error=error, failures=failures, again_in_s=wait_s)
            self._rest(self._stop, wait_s)
        self._tell(ThreadState(False, 0, self._state.last_error))

    def _attempt(self) -> str:
        """Kind of the error that ended the work."""
        try:
            self._work(self._stop)
        except Exception as defect:  # noqa: BLE001 - whatever it is, recording and judging must go on
            # The traceback names places of the program; an error's own text may hold an address or a name.
            _log.error("defect", part=self._name, where=_places(defect))
            return type(defect).__name__
        return "ended by itself"

    def _tell(self, state: ThreadState) -> None:
        self._state = state
        self._metrics.part_running.labels(self._name).set(1 if state.running else 0)


def _places(defect: BaseException) -> list[str]:
    """File, line and function of each step to the defect, outermost first."""
    places = []
    trace = defect.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places
