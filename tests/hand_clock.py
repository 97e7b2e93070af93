"""A clock that shows what a test sets, for tests of timers."""

from __future__ import annotations

from datetime import datetime, timedelta


class HandClock:
    """Wall and monotonic time move together, and only by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    def forward(self, **parts: float) -> None:
        """By ``days``, ``hours``, ``minutes``, ``seconds``."""
        self.at += timedelta(**parts)
