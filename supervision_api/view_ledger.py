"""Which views of footage are already in the evidence log.

A browser plays one segment with dozens of range requests; one sitting is one view. The ledger remembers
in memory for a while: after a restart a view is written again, never left out.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=10)
_MOST = 10_000


class ViewLedger:
    """Thread-safe memory of (viewer, thing) pairs seen within the window."""

    def __init__(self, window: timedelta = WINDOW) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, ...], datetime] = OrderedDict()

    def is_known(self, view: tuple[str, ...], now: datetime) -> bool:
        """Whether this view was written within the window before ``now``."""
        with self._lock:
            at = self._seen.get(view)
            # a clock that stepped back must not keep a view known for ever.
            return at is not None and at <= now < at + self._window

    def remember(self, view: tuple[str, ...], now: datetime) -> None:
        """Note a view whose leaf has been committed."""
        with self._lock:
            self._seen[view] = now
            self._seen.move_to_end(view)
            while len(self._seen) > _MOST:
                self._seen.popitem(last=False)
