"""One thread's chores, each at its own interval; one that fails holds up no other and is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from models.errors import RollcallError
from supervision_api.metrics import Metrics

_log = structlog.get_logger(__name__)

TICK_S = 1.0
FIRST_REST_S, LONGEST_REST_S = 5.0, 600.0
"""A chore that failed is tried again after the first, then after twice as long each time."""


@dataclass(frozen=True, slots=True)
class Chore:
    """``run`` does what is due now, in at most some seconds: what takes longer goes on at the next call.

    ``every_s``: seconds from one call's end to the next call. ``run`` raises ``RollcallError`` for what a
    person should hear of.
    """

    name: str
    every_s: float
    run: Callable[[], None]


class ChoreLoop:
    """Calls each chore when it is due."""

    def __init__(self, chores: Sequence[Chore], metrics: Metrics, monotonic_s: Callable[[], float]) -> None:
        self._chores = tuple(chores)
        self._metrics = metrics
        self._monotonic_s = monotonic_s
        self._due_s: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop."""
        while not stop.is_set():
            self.tick(stop)
            stop.wait(TICK_S)

    def tick(self, stop: threading.Event | None = None) -> None:
        """Every chore that is due now, in order; none is begun once told to stop."""
        for chore in self._chores:
            if stop is not None and stop.is_set():
                return
            if self._monotonic_s() >= self._due_s.get(chore.name, 0.0):
                rest_s = self._attempt(chore)
                self._due_s[chore.name] = self._monotonic_s() + rest_s

    def _attempt(self, chore: Chore) -> float:
        """Seconds until the chore's next turn."""
        try:
            chore.run()
        except RollcallError as error:
            failures = self._failures[chore.name] = self._failures.get(chore.name, 0) + 1
            rest_s = min(FIRST_REST_S * 2.0 ** min(failures - 1, 16), LONGEST_REST_S, chore.every_s)
            self._metrics.chore_failures.labels(chore.name).inc()
            _log.error(
                "chore failed",
                chore=chore.name,
                code=error.code,
                message=error.message,
                hint=error.hint,
                again_in_s=rest_s,
            )
            return rest_s
        self._failures.pop(chore.name, None)
        return chore.every_s
