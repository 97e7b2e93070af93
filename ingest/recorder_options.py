"""How a recorder runs, apart from policy: values that wiring and tests choose."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.retry import RetryWaits
from models.footage import GapCause

Wait = Callable[[threading.Event, float], bool]
"""Waits until the event is set or the seconds are over; tells whether it is set."""


def _no_offset() -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """Options of one recorder's run.

    ``sample_every``: period of the frames for recognition. ``first_sequence``: number of the first segment;
    ``missing_since``: end of the last known footage where an earlier run was broken off, so that the hole
    since then is declared with ``missing_cause``. ``reserve_bytes``: room on the spool's disk that is never
    used; ``disk_retry_s``: how often a full disk is tried again. ``clock_offset_s``: the machine's clock
    against its time source in seconds, where known. ``wait``, ``rng``: replaced by tests.
    """

    sample_every: timedelta = timedelta(seconds=2)
    first_sequence: int = 1
    missing_since: datetime | None = None
    missing_cause: GapCause = GapCause.PROCESS_RESTARTED
    reserve_bytes: int = 128 * 1024 * 1024
    disk_retry_s: float = 5.0
    waits: RetryWaits = field(default_factory=RetryWaits)
    clock_offset_s: Callable[[], float | None] = _no_offset
    wait: Wait = threading.Event.wait
    rng: random.Random = field(default_factory=random.Random)
