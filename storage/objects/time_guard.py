"""Whether a clock may be believed when it says that a retention is over.

Deleting by date trusts the clock, and a clock is easily wrong or moved. So the highest believed time is
kept on disk and a claimed time is believed only when

- it is not before the highest believed time (less a small tolerance): a clock that went back was wrong once,
  and nobody knows when; and
- it is not further ahead of it than the longest absence (7 days unless set otherwise): a machine that runs
  notes the time at every write and heartbeat, so a greater leap is either a long switch-off or a clock set
  forward. A person who has looked at the date confirms it, by name.

While the time is not believed nothing is purged; writing and reading go on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from models.errors import InvalidInput, ObjectLocked
from storage.durable import write_durably

TOLERANCE: Final = timedelta(minutes=2)
LONGEST_ABSENCE: Final = timedelta(days=7)
# A file write per minute at most: the guard only needs to know the time to within its tolerance.
_NOTE_EVERY: Final = timedelta(minutes=1)


class HighestTime(Protocol):
    """Keeps one instant."""

    def read(self) -> datetime | None: ...

    def write(self, at: datetime, by: str) -> None: ...


class TimeGuard:
    """Believes or doubts a time, and remembers the highest one believed.

    ``fallback``: the latest time the store's own objects speak of, asked when the memory is gone; a guard
    that lost its memory must not believe whatever the clock says.
    """

    def __init__(
        self,
        memory: HighestTime,
        fallback: Callable[[], datetime | None] = lambda: None,
        *,
        longest_absence: timedelta = LONGEST_ABSENCE,
    ) -> None:
        self._memory = memory
        self._longest_absence = longest_absence
        self._highest = memory.read() or fallback()

    @property
    def highest(self) -> datetime | None:
        """The highest time believed so far."""
        return self._highest

    def observe(self, now: datetime) -> bool:
        """Note the time if it can be believed; whether it was. Never raises for a wrong clock."""
        if self._highest is not None and abs(now - self._highest) < _NOTE_EVERY:
            return True
        self._refresh()
        if self._doubt(now) is not None:
            return False
        if self._highest is None or now > self._highest:
            self._memory.write(now, "")
            self._highest = now
        return True

    def believed(self, now: datetime) -> datetime:
        """The time, for a deletion.

        Raises:
            ObjectLocked: the clock went back, or leapt further than a switch-off explains.
        """
        self._refresh()
        doubt = self._doubt(now)
        if doubt is not None:
            raise ObjectLocked(
                f"nothing is purged: {doubt}",
                hint='set the clock right; if its date is right: rollcall doctor --confirm-time "YOUR NAME"',
            )
        self.observe(now)
        return now

    def doubt(self, now: datetime) -> str | None:
        """Why this time would not be believed, for people; ``None`` where it would be."""
        self._refresh()
        return self._doubt(now)

    def confirm(self, now: datetime, by: str) -> None:
        """A person says that this is the time; forward only.

        Raises:
            InvalidInput: no name, or a time before the highest believed one.
        """
        if not by.strip():
            raise InvalidInput("a confirmation needs a name", place="by", hint="say who looked at the clock")
        self._refresh()
        if self._highest is not None and now < self._highest:
            raise InvalidInput(
                f"the time {now.isoformat()} is before {self._highest.isoformat()}, seen earlier",
                place="now",
                hint="wait until the clock has passed it; purging must wait as long",
            )
        self._memory.write(now, by)
        self._highest = now

    def _refresh(self) -> None:
        # Other processes note the time as well; whoever deletes must know the highest of all.
        noted = self._memory.read()
        if noted is not None and (self._highest is None or noted > self._highest):
            self._highest = noted

    def _doubt(self, now: datetime) -> str | None:
        if self._highest is None:
            return None
        if now < self._highest - TOLERANCE:
            return f"the clock shows {now.isoformat()}, but {self._highest.isoformat()} was seen before"
        if now > self._highest + self._longest_absence:
            return f"the clock leapt from {self._highest.isoformat()} to {now.isoformat()}"
        return None


class HighestTimeFile:
    """The highest time in a small JSON file, replaced as a whole. Damaged counts as lost."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> datetime | None:
        try:
            document = json.loads(self._path.read_bytes())
            return datetime.fromisoformat(document["highest"]).astimezone(UTC)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None

    def write(self, at: datetime, by: str) -> None:
        document = {"highest": at.astimezone(UTC).isoformat(), "confirmed_by": by}
        write_durably(self._path, json.dumps(document, ensure_ascii=False).encode())


class HighestTimeInMemory:
    """The same for fakes."""

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at

    def read(self) -> datetime | None:
        return self._at

    def write(self, at: datetime, by: str) -> None:  # noqa: ARG002
        self._at = at
