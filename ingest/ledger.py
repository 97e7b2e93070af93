"""Book of one camera's run: every second is footage or lies in a gap with a cause. Pure.

All wall times are seconds since 1970 (float).
"""

from __future__ import annotations

from datetime import UTC, datetime

from models.footage import Gap, GapCause

# Shorter holes are rounding between two clocks, not missing footage: less than two pictures at 25 a second.
LEAST_GAP_S = 0.05


def utc(wall_s: float) -> datetime:
    """Aware UTC datetime of seconds since 1970."""
    return datetime.fromtimestamp(wall_s, UTC)


class FootageLedger:
    """Footage is entered in order and never overlaps; what lies between becomes gaps."""

    def __init__(self, lesson_id: str, camera_id: str, begins_s: float, cause: GapCause) -> None:
        self._lesson_id = lesson_id
        self._camera_id = camera_id
        self._covered_until_s = begins_s
        self._cause = cause
        self._detail = ""

    @property
    def covered_until_s(self) -> float:
        """Up to here every second is accounted for."""
        return self._covered_until_s

    def expect(self, cause: GapCause, detail: str) -> None:
        """Why the next missing time will be missing; for use while footage is being written."""
        self._cause, self._detail = cause, detail

    def blame(self, cause: GapCause, detail: str, at_s: float) -> Gap | None:
        """While nothing is recorded: from ``at_s`` on this is the cause; gives the gap before."""
        if cause == self._cause:
            return None
        gap = self._gap_until(at_s)
        self.expect(cause, detail)
        return gap

    def footage(self, starts_s: float, ends_s: float) -> Gap | None:
        """Enter a piece of footage; gives the gap before it, if any."""
        gap = self._gap_until(starts_s)
        self._covered_until_s = max(self._covered_until_s, ends_s)
        return gap

    def finish(self, at_s: float) -> Gap | None:
        """The run ends: what is missing up to now."""
        return self._gap_until(at_s)

    def _gap_until(self, at_s: float) -> Gap | None:
        starts_s = self._covered_until_s
        if at_s - starts_s < LEAST_GAP_S:
            return None
        self._covered_until_s = at_s
        return Gap(self._lesson_id, self._camera_id, utc(starts_s), utc(at_s), self._cause, self._detail)
