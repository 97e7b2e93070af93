"""Ties media time to the recorder's clock. Pure: arrival times enter as arguments.

Cameras' clocks lie, so the wall time of a picture is when it could have arrived at the earliest. Delays
only ever add: the least delay seen is the nearest to the truth.

* During the trial after (re)connecting, a packet that arrives before its wall time proves that the first
  ones came late (a server sends what it has in store): the anchor is pulled earlier, however little.
* Afterwards the same proof must exceed the drift limit.
* Where even the least delay of a whole window exceeds the drift limit, media time runs slow: the anchor
  moves on by that much.

All wall times here are seconds since 1970 (float): exact to a microsecond, and cheap per packet.
"""

from __future__ import annotations

from math import inf

TRIAL_S = 10.0
WINDOW_S = 10.0


class LiveAnchor:
    """Anchor of a stream whose packets arrive in real time."""

    def __init__(self, drift_s: float) -> None:
        self._drift_s = drift_s
        self.base_s = 0.0
        """Wall time of media time zero."""
        self.moved_s = 0.0
        """Sum of all moves after trials, for reports."""
        self._trial_until_s = -inf
        self._window_until_s = -inf
        self._least_s = inf

    def start(self, pts_s: float, now_s: float) -> None:
        """Begin (again) with a picture that has just arrived; a trial begins."""
        self.base_s = now_s - pts_s
        self._trial_until_s = now_s + TRIAL_S
        self._restart_window(now_s)

    def wall_s(self, pts_s: float) -> float:
        return self.base_s + pts_s

    def on_trial(self, now_s: float) -> bool:
        return now_s < self._trial_until_s

    def observe(self, pts_s: float, now_s: float) -> bool:
        """Judge one arrival; ``pts_s`` grows with arrivals. True when the anchor moved after its trial."""
        delay_s = now_s - self.wall_s(pts_s)
        if delay_s < 0 and self.on_trial(now_s):
            self.base_s += delay_s
            return False
        if delay_s < -self._drift_s:
            return self._move(delay_s, now_s)
        self._least_s = min(self._least_s, delay_s)
        if now_s < self._window_until_s:
            return False
        least_s = self._least_s
        self._restart_window(now_s)
        return least_s > self._drift_s and self._move(least_s, now_s)

    def jumped(self, pts_s: float, now_s: float, _jump_s: float) -> float:
        """After a jump of the stream's clock: anchor anew, give the seconds that are truly missing."""
        missing_s = max(0.0, now_s - self.wall_s(pts_s))
        self.start(pts_s, now_s)
        return missing_s

    def _move(self, by_s: float, now_s: float) -> bool:
        self.base_s += by_s
        self.moved_s += by_s
        self._restart_window(now_s)
        return True

    def _restart_window(self, now_s: float) -> None:
        self._window_until_s = now_s + WINDOW_S
        self._least_s = inf


class FileAnchor:
    """Anchor of a file: its media time is all there is, tied to the instant the video starts."""

    def __init__(self, starts_at_s: float) -> None:
        self._starts_at_s = starts_at_s
        self.base_s = starts_at_s
        self.moved_s = 0.0
        self.skipped_s = 0.0
        """Sum of the jumps forward: time without pictures."""

    def start(self, pts_s: float, _now_s: float) -> None:
        self.base_s = self._starts_at_s - pts_s

    def wall_s(self, pts_s: float) -> float:
        return self.base_s + pts_s

    def on_trial(self, _now_s: float) -> bool:
        return False

    def observe(self, _pts_s: float, _now_s: float) -> bool:
        return False

    def jumped(self, _pts_s: float, _now_s: float, jump_s: float) -> float:
        """A jump forward is time without pictures; a jump back is a file glued together: nothing missing."""
        missing_s = max(0.0, jump_s)
        self.base_s += missing_s
        self.skipped_s += missing_s
        return missing_s


Anchor = LiveAnchor | FileAnchor
