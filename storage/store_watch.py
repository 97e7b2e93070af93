"""Whether the object store as a whole answers: a pure state machine, time as an argument.

A store that is away is asked by one worker at growing intervals, and no file pays for it with an attempt. A
store that answers questions and yet takes no file is found by several files that fail one after another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
"""A store that is back is noticed within a minute at most; a minute's footage of a camera is 15 MB."""

FAILED_FILES: Final = 3
"""So many attempts in a row, with none that succeeded between them, are no accident of one file."""


@dataclass(frozen=True, slots=True)
class StoreWatch:
    """``pauses``: in a row, without a success between them; 0 while the store is taken to be there.

    ``until_s``: monotonic second before which nobody asks. ``trying``: one worker is asking now.
    ``failed_files``: attempts in a row after which the store answered, and had not taken the file.
    """

    pauses: int = 0
    until_s: float = 0.0
    trying: bool = False
    failed_files: int = 0

    @property
    def away(self) -> bool:
        return self.pauses > 0

    def may_work(self, now_s: float) -> bool:
        """Whether a worker may take a file: always while the store is there, else one at a time, when due."""
        return not self.away or (not self.trying and now_s >= self.until_s)

    def begun(self) -> StoreWatch:
        """A worker has taken its turn; while the store is away, it is the only one."""
        return replace(self, trying=self.away)

    def answered(self) -> StoreWatch:
        """A file got through, or was refused for its own sake: all is well."""
        return StoreWatch()

    def unreachable(self, now_s: float) -> StoreWatch:
        """The store does not answer. Workers that learn it together make one pause of it."""
        if self.away and not self.trying:
            return self
        wait_s = min(FIRST_PAUSE_S * 2.0 ** min(self.pauses, 16), LONGEST_PAUSE_S)
        return StoreWatch(self.pauses + 1, now_s + wait_s)

    def refused(self, now_s: float) -> StoreWatch:
        """The store answers and did not take a file."""
        if self.trying or self.failed_files + 1 >= FAILED_FILES:
            return self.unreachable(now_s)
        return replace(self, failed_files=self.failed_files + 1)
