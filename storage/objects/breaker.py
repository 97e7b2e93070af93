"""A circuit breaker: after a row of failures nobody asks for a while, then one does. Time is an argument.

A store that is away costs every caller its whole time-out. Once it has failed several times in a row, callers
are answered at once, and after a rest a single one tries; its success closes the circuit, its failure opens
it for twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

FAILURES_TO_OPEN: Final = 5
FIRST_REST_S: Final = 5.0
LONGEST_REST_S: Final = 120.0


class Circuit(StrEnum):
    """``closed``: calls pass. ``open``: none does. ``trying``: one is on its way to find out."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "trying"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state. ``until_s``: end of the rest, or of the try, on the clock that callers pass (seconds)."""

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    until_s: float = 0.0
    rest_s: float = FIRST_REST_S

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call may pass; 0 when it may now."""
        return 0.0 if self.circuit is Circuit.CLOSED else max(0.0, self.until_s - now_s)

    def admit(self, now_s: float, longest_call_s: float) -> Breaker | None:
        """The state with this call on its way, or ``None`` when it must not be made.

        ``longest_call_s``: a try that never reports back (its thread died) is given up after so long.
        """
        if self.circuit is Circuit.CLOSED:
            return self
        if self.wait_s(now_s) > 0:
            return None
        return replace(self, circuit=Circuit.TRYING, until_s=now_s + longest_call_s)

    def succeeded(self) -> Breaker:
        """The store answered, whatever it said."""
        return Breaker()

    def failed(self, now_s: float) -> Breaker:
        """The store did not answer, or said that it cannot."""
        failures = self.failures + 1
        if self.circuit is Circuit.CLOSED and failures < FAILURES_TO_OPEN:
            return replace(self, failures=failures)
        if self.circuit is Circuit.OPEN:
            return self  # a call from before it opened came back late; it says nothing new
        rest_s = FIRST_REST_S if self.circuit is Circuit.CLOSED else min(self.rest_s * 2, LONGEST_REST_S)
        return Breaker(Circuit.OPEN, failures, now_s + rest_s, rest_s)
