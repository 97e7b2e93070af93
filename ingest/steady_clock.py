"""The recorder's clock: the machine's time when the run began, carried on by the clock that never steps."""

from __future__ import annotations

from models.ports import Clock


class SteadyClock:
    """Wall time in seconds since 1970 that only moves forward.

    A machine's clock that is set back or forward during a lesson would make footage overlap or tear it
    apart. The run keeps the time it began with and reports the difference instead (``offset_s``).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._zero_s = clock.now().timestamp() - clock.monotonic_s()

    def now_s(self) -> float:
        return self._zero_s + self._clock.monotonic_s()

    def offset_s(self) -> float:
        """By how much the machine's clock is ahead of this one now."""
        return self._clock.now().timestamp() - self.now_s()
