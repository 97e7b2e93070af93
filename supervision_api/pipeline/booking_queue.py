"""Between live recorders and the database: a recorder never waits for a row to be written.

A recorder's word is queued and booked by a thread of its own, in order. A database that is locked or whose
disk is full is tried again after growing waits. The queue is bounded: beyond its limit

- a *segment* is left in the spool, where its file and sidecar are durable already, and brought in from
  there (``Reconciler.adopt_closed``) as soon as the queue is empty;
- a *gap*, which lies nowhere else, may use as much room again; beyond that it is refused, and the
  recorder keeps it and tells it again with its next segment.

What is still queued when the process dies is found by the next start: segments from the spool, missing time
as a gap with cause ``process_restarted``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from models.errors import (
    Conflict,
    DatabaseBusy,
    EvidenceBroken,
    InvalidInput,
    NotFound,
    RollcallError,
    StorageError,
)
from models.evidence import Leaf
from models.footage import CameraReport, Gap, Segment
from models.ports import Clock
from supervision_api.pipeline.booking_sink import BookingSink

_log = structlog.get_logger(__name__)

LIMIT: Final = 4096
"""Items in memory, about a kilobyte each: an hour of a locked database for 60 cameras."""

FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 30.0
ADOPT_EVERY_S: Final = 60.0
SETTLED: Final = timedelta(minutes=2)
_LOOK_EVERY_S: Final = 0.5

Adopt = Callable[[timedelta], Sequence[Segment]]
"""Books closed segments in the spool that have no row and are at least so old; returns them."""


@dataclass(frozen=True, slots=True)
class BookingState:
    """How booking stands. ``refusal``: code of the error that holds it up, empty while it works;
    ``left``: lessons of which segments wait in the spool because the queue was full; ``running``: whether a
    thread is at it."""

    waiting: int
    refusal: str
    left: tuple[str, ...]
    running: bool


class BookingQueue:
    """A ``RecorderSink`` for many recorders' threads; one thread books.

    ``run`` is that thread; tests call ``book_due`` instead.
    """

    def __init__(self, sink: BookingSink, clock: Clock, adopt: Adopt, *, limit: int = LIMIT) -> None:
        self._sink = sink
        self._clock = clock
        self._adopt = adopt
        self._limit = limit
        self._changed = threading.Condition()
        self._waiting: deque[Segment | Gap | Leaf] = deque()
        self._left: set[str] = set()
        self._ends: dict[tuple[str, str], datetime] = {}
        self._refusal = ""
        self._running = False
        self._wait_s = FIRST_RETRY_S
        self._retry_at_s = 0.0
        self._adopt_at_s = clock.monotonic_s() + ADOPT_EVERY_S

    def segment_closed(self, segment: Segment) -> None:
        """Queue it; a full queue leaves it in the spool, to be brought in later."""
        with self._changed:
            self._note_end(segment)
            if len(self._waiting) < self._limit:
                self._put(segment)
            else:
                self._left.add(segment.lesson_id)

    def gap_declared(self, gap: Gap) -> None:
        """Queue it. Raises ``DatabaseBusy`` when even the room kept for gaps is used up: tell it again."""
        with self._changed:
            self._require_room()
            self._note_end(gap)
            self._put(gap)

    def note(self, leaf: Leaf) -> None:
        """Queue a leaf about a recorder; two for each of its runs, so they need no bound."""
        with self._changed:
            self._put(leaf)

    def camera_changed(self, report: CameraReport) -> None:
        self._sink.camera_changed(report)

    @property
    def state(self) -> BookingState:
        with self._changed:
            return BookingState(len(self._waiting), self._refusal, tuple(sorted(self._left)), self._running)

    def waits_for(self, lesson_id: str) -> bool:
        """Whether anything of a lesson is not in the books yet."""
        with self._changed:
            return lesson_id in self._left or any(item.lesson_id == lesson_id for item in self._waiting)

    def accounted_until(self, lesson_id: str, camera_id: str) -> datetime | None:
        """End of the latest footage or gap of a stream that may not be in the books yet."""
        with self._changed:
            return self._ends.get((lesson_id, camera_id))

    def run(self, stop: threading.Event) -> None:
        """Book until told to stop, then try once more what waits."""
        self._running = True
        try:
            while not stop.is_set():
                wait_s = self.book_due()
                with self._changed:
                    if not self._waiting or self._refusal:
                        self._changed.wait(min(wait_s, _LOOK_EVERY_S))
            self._retry_at_s = 0.0
            self.book_due()
        finally:
            self._running = False
        if (state := self.state).waiting:
            _log.error("not booked; the next start finds it in the spool", waiting=state.waiting)

    def book_due(self) -> float:
        """Book what waits, in order, until it is done or refused; seconds until there is more to do."""
        now_s = self._clock.monotonic_s()
        if now_s < self._retry_at_s:
            return self._retry_at_s - now_s
        while (item := self._first()) is not None:
            if not self._is_done_with(item):
                return self._back_off(now_s)
            with self._changed:
                self._waiting.popleft()
        return self._bring_in(now_s)

    def _is_done_with(self, item: Segment | Gap | Leaf) -> bool:
        """Booked, or never to be booked; ``False``: try again later."""
        try:
            if isinstance(item, Segment):
                self._sink.segment_closed(item)
            elif isinstance(item, Gap):
                self._sink.gap_declared(item)
            else:
                self._sink.note(item)
        except (EvidenceBroken, NotFound, InvalidInput) as refusal:
            return self._given_up(refusal)
        except Conflict as refusal:
            if isinstance(item, Segment):
                return self._given_up(refusal)  # another segment has its number
            self._refused(refusal)  # another writer was first
            return False
        except StorageError as refusal:
            self._refused(refusal)
            return False
        self._recovered()
        return True

    def _bring_in(self, now_s: float) -> float:
        """Book the spool's closed segments that have no row: settled ones now and then; of any age where the
        queue was too full for them. Gives the seconds until the next time."""
        with self._changed:
            left = set(self._left)
        if not left and now_s < self._adopt_at_s:
            return self._adopt_at_s - now_s
        try:
            adopted = self._adopt(timedelta() if left else SETTLED)
        except StorageError as refusal:
            self._refused(refusal)
            return self._back_off(now_s)
        if adopted:
            _log.warning("footage found in the spool was booked", segments=len(adopted))
        self._recovered()
        self._adopt_at_s = now_s + ADOPT_EVERY_S
        with self._changed:
            self._left -= left
            if not self._waiting and not self._left:
                self._ends.clear()
        return ADOPT_EVERY_S

    def _back_off(self, now_s: float) -> float:
        wait_s = self._wait_s
        self._retry_at_s = now_s + wait_s
        self._wait_s = min(wait_s * 2, LONGEST_RETRY_S)
        return wait_s

    def _given_up(self, refusal: RollcallError) -> bool:
        # A segment's file stays in the spool; the next start sets it aside for a person.
        _log.error("cannot be booked", code=refusal.code, place=refusal.place, message=refusal.message)
        return True

    def _refused(self, refusal: RollcallError) -> None:
        if refusal.code != self._refusal:
            _log.error(
                "footage is kept but cannot be booked now",
                code=refusal.code,
                message=refusal.message,
                hint=refusal.hint,
                waiting=len(self._waiting),
            )
        self._refusal = refusal.code

    def _recovered(self) -> None:
        if self._refusal:
            _log.warning("footage is booked again")
        self._refusal = ""
        self._wait_s, self._retry_at_s = FIRST_RETRY_S, 0.0

    def _first(self) -> Segment | Gap | Leaf | None:
        # It stays in the queue until it is booked, so that nobody takes its lesson for complete meanwhile.
        with self._changed:
            return self._waiting[0] if self._waiting else None

    def _put(self, item: Segment | Gap | Leaf) -> None:
        self._waiting.append(item)
        self._changed.notify()

    def _require_room(self) -> None:
        if len(self._waiting) >= 2 * self._limit:
            raise DatabaseBusy(
                f"{len(self._waiting)} items wait to be booked",
                hint="look for what locks or fills the database; recording goes on",
            )

    def _note_end(self, item: Segment | Gap) -> None:
        key = (item.lesson_id, item.camera_id)
        self._ends[key] = max(item.ends_at, self._ends.get(key, item.ends_at))
