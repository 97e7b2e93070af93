"""The live hub: what a running lesson's page shows right now.

Pipeline threads publish; pages subscribe. The hub never waits for a page: a subscriber whose queue is
full loses the queue and gets a fresh snapshot instead, so a slow phone costs the recogniser nothing.
Nothing here is a record: records are rows and leaves, this is a view that a restart may empty.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import TracebackType

from models.errors import Conflict
from models.evidence import JsonValue


class LiveKind(StrEnum):
    """What an event speaks of; also the name of the server-sent event."""

    LESSON = "lesson"
    ROLL = "roll"
    UNKNOWN = "unknown"
    CAMERA = "camera"
    COVERAGE = "coverage"
    FLAG = "flag"
    PICTURE = "picture"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """A change. ``key`` names what it replaces in the snapshot (a trainee code, a camera id, ...)."""

    kind: LiveKind
    key: str
    at: datetime
    data: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class LiveBox:
    """A face in the live picture; coordinates are shares of the picture's width and height (0 to 1)."""

    x: float
    y: float
    width: float
    height: float
    trainee: str | None = None
    unknown_person: str | None = None
    score: float | None = None

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "x": round(self.x, 4),
            "y": round(self.y, 4),
            "w": round(self.width, 4),
            "h": round(self.height, 4),
            "trainee": self.trainee,
            "unknown": self.unknown_person,
        }


@dataclass(frozen=True, slots=True)
class LivePicture:
    """Last judged picture of a camera, JPEG, with the boxes that belong to exactly this picture."""

    jpeg: bytes
    at: datetime
    boxes: tuple[LiveBox, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Message:
    """One server-sent event, ready to be written."""

    event_id: str
    kind: LiveKind
    data: Mapping[str, JsonValue]


@dataclass(slots=True)
class _Room:
    """State of one lesson: the folded snapshot, recent events, pictures, listeners.

    ``count``: number of the newest event; ``dropped``: of the newest that a resume can no longer give.
    """

    state: dict[LiveKind, dict[str, Mapping[str, JsonValue]]] = field(default_factory=dict)
    recent: deque[tuple[int, LiveEvent]] = field(default_factory=deque)
    pictures: dict[str, LivePicture] = field(default_factory=dict)
    count: int = 0
    dropped: int = 0
    subscriptions: list[Subscription] = field(default_factory=list)


class LiveHub:
    """Thread-safe fan-out of live events, by lesson.

    ``history``: events kept per lesson for a page that reconnects. ``queue``: events a slow page may be
    behind before it is sent a snapshot instead. ``listeners``: pages per lesson; the next is refused.
    """

    def __init__(self, *, history: int = 512, queue: int = 128, listeners: int = 200) -> None:
        self._history = history
        self._queue = queue
        self._listeners = listeners
        self._lock = threading.Lock()
        self._rooms: dict[str, _Room] = {}
        # one count for all lessons: a lesson forgotten and begun anew must not repeat its numbers.
        self._count = 0
        self.closed = False
        # an id of another process run must not be resumed: the counts would match by accident.
        self._run = secrets.token_hex(4)

    def publish(self, lesson_id: str, event: LiveEvent) -> None:
        """Fold the event into the lesson's snapshot and hand it to every page. Never blocks."""
        with self._lock:
            woken = self._publish_locked(lesson_id, event)
        _wake(woken)

    def set_picture(
        self, lesson_id: str, camera_id: str, jpeg: bytes, boxes: Iterable[LiveBox], at: datetime
    ) -> None:
        """Replace a camera's live picture and tell the pages where its faces are."""
        with self._lock:
            room = self._room(lesson_id)
            before = room.pictures.get(camera_id)
            picture = LivePicture(jpeg, at, tuple(boxes), before.version + 1 if before else 1)
            room.pictures[camera_id] = picture
            data: dict[str, JsonValue] = {
                "camera": camera_id,
                "version": picture.version,
                "at": at.isoformat(),
                "boxes": [box.as_json() for box in picture.boxes],
            }
            woken = self._publish_locked(lesson_id, LiveEvent(LiveKind.PICTURE, camera_id, at, data))
        _wake(woken)

    def picture(self, lesson_id: str, camera_id: str) -> LivePicture | None:
        with self._lock:
            room = self._rooms.get(lesson_id)
            return room.pictures.get(camera_id) if room else None

    def snapshot(self, lesson_id: str) -> dict[LiveKind, dict[str, Mapping[str, JsonValue]]]:
        """A copy of the folded state: kind → key → data of the last event."""
        with self._lock:
            room = self._rooms.get(lesson_id)
            return {kind: dict(entries) for kind, entries in room.state.items()} if room else {}

    def subscribe(
        self, lesson_id: str, wake: Callable[[], None], last_event_id: str | None = None
    ) -> Subscription:
        """Start listening. ``wake`` is called from the publishing thread when there is something to take.

        Raises:
            Conflict: the lesson has as many listeners as it may.
        """
        with self._lock:
            room = self._room(lesson_id)
            if len(room.subscriptions) >= self._listeners:
                raise Conflict("too many live pages are open for this lesson", hint="close some and retry")
            subscription = Subscription(self, lesson_id, wake, self._queue)
            self._resume(room, subscription, last_event_id)
            room.subscriptions.append(subscription)
        return subscription

    def forget(self, lesson_id: str) -> None:
        """Drop a lesson's live state when it is over; open pages keep listening."""
        with self._lock:
            room = self._rooms.get(lesson_id)
            if room is None:
                return
            room.state.clear()
            room.recent.clear()
            room.dropped = room.count
            room.pictures.clear()
            if not room.subscriptions:
                del self._rooms[lesson_id]

    def close(self) -> None:
        """End every open page's stream: a server that stops would otherwise wait for them."""
        with self._lock:
            self.closed = True
            woken = [one.wake for room in self._rooms.values() for one in room.subscriptions]
        _wake(woken)

    def listeners(self) -> int:
        """Pages listening now, all lessons together."""
        with self._lock:
            return sum(len(room.subscriptions) for room in self._rooms.values())

    def _room(self, lesson_id: str) -> _Room:
        return self._rooms.setdefault(lesson_id, _Room(count=self._count, dropped=self._count))

    def _publish_locked(self, lesson_id: str, event: LiveEvent) -> list[Callable[[], None]]:
        room = self._room(lesson_id)
        self._count += 1
        room.count = self._count
        room.state.setdefault(event.kind, {})[event.key] = event.data
        # a picture is worth nothing once the next has come: it is not kept for a resume.
        if event.kind is not LiveKind.PICTURE:
            room.recent.append((room.count, event))
            while len(room.recent) > self._history:
                room.dropped, _ = room.recent.popleft()
        message = self._message(room.count, event)
        for subscription in room.subscriptions:
            subscription.offer(event.key, message)
        return [subscription.wake for subscription in room.subscriptions]

    def _resume(self, room: _Room, subscription: Subscription, last_event_id: str | None) -> None:
        seen = self._parse(last_event_id)
        if seen is None or not room.dropped <= seen <= room.count:
            subscription.lose()
            return
        for number, event in room.recent:
            if number > seen:
                subscription.offer(event.key, self._message(number, event))

    def _parse(self, last_event_id: str | None) -> int | None:
        run, _, number = (last_event_id or "").partition("-")
        return int(number) if run == self._run and number.isascii() and number.isdigit() else None

    def _message(self, number: int, event: LiveEvent) -> Message:
        return Message(f"{self._run}-{number}", event.kind, event.data)

    def _snapshot_message(self, lesson_id: str) -> Message:
        room = self._room(lesson_id)
        data: dict[str, JsonValue] = {
            kind.value: {key: dict(entry) for key, entry in entries.items()}
            for kind, entries in room.state.items()
        }
        return Message(f"{self._run}-{room.count}", LiveKind.SNAPSHOT, data)

    def _leave(self, lesson_id: str, subscription: Subscription) -> None:
        with self._lock:
            room = self._rooms.get(lesson_id)
            if room is not None and subscription in room.subscriptions:
                room.subscriptions.remove(subscription)
                if not room.subscriptions and not room.state:
                    del self._rooms[lesson_id]

    def _take(self, subscription: Subscription, lesson_id: str) -> list[Message]:
        with self._lock:
            lost, messages = subscription.drain()
            return [self._snapshot_message(lesson_id)] if lost else messages


class Subscription:
    """One page's queue. ``take`` empties it; leaving the ``with`` block ends the subscription."""

    def __init__(self, hub: LiveHub, lesson_id: str, wake: Callable[[], None], size: int) -> None:
        self._hub = hub
        self._lesson_id = lesson_id
        self._size = size
        self._lost = False
        self._queue: deque[tuple[str, Message]] = deque()
        self.wake = wake

    def take(self) -> list[Message]:
        """All waiting messages in order; a single snapshot where some were lost. Empty: nothing new."""
        return self._hub._take(self, self._lesson_id)

    def offer(self, key: str, message: Message) -> None:
        """Queue a message (called under the hub's lock)."""
        if self._lost:
            return
        if message.kind is LiveKind.PICTURE:
            stale = [e for e in self._queue if e[1].kind is LiveKind.PICTURE and e[0] == key]
            for entry in stale:
                self._queue.remove(entry)
        if len(self._queue) >= self._size:
            self.lose()
            return
        self._queue.append((key, message))

    def lose(self) -> None:
        """Forget the queue; the next ``take`` is a snapshot (called under the hub's lock)."""
        self._lost = True
        self._queue.clear()

    def drain(self) -> tuple[bool, list[Message]]:
        """Whether a snapshot is due, and what was queued (called under the hub's lock)."""
        lost, self._lost = self._lost, False
        messages = [message for _, message in self._queue]
        self._queue.clear()
        return lost, messages

    def close(self) -> None:
        self._hub._leave(self._lesson_id, self)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _wake(callbacks: Iterable[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()
