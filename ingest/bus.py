"""The frame bus inside one process: bounded per camera, the oldest frame goes, every loss is counted."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque

from models.frame import EncodedFrame


class InProcessBus:
    """Frames from recorder threads to recogniser threads; any number of each.

    A slow recogniser skips stale frames camera by camera, and cameras are served in turn, so that a busy
    one starves nobody. ``publish`` never blocks longer than the lock: recording must not wait.
    """

    def __init__(self, frames_per_camera: int = 4) -> None:
        if frames_per_camera < 1:
            raise ValueError("a bus holds at least one frame per camera")
        self._limit = frames_per_camera
        self._queues: OrderedDict[str, deque[EncodedFrame]] = OrderedDict()
        self._dropped: Counter[str] = Counter()
        self._closed = False
        self._changed = threading.Condition()

    def publish(self, frame: EncodedFrame) -> None:
        """Queue a frame; after ``close`` it is counted as dropped."""
        with self._changed:
            if self._closed:
                self._dropped[frame.camera_id] += 1
                return
            queue = self._queues.setdefault(frame.camera_id, deque())
            if len(queue) == self._limit:
                queue.popleft()
                self._dropped[frame.camera_id] += 1
            queue.append(frame)
            self._changed.notify()

    def take(self, timeout_s: float) -> EncodedFrame | None:
        """Oldest frame of the camera whose turn it is; ``None`` after the wait or if closed and empty."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._queues:
                left = deadline - time.monotonic()
                if self._closed or left <= 0:
                    return None
                self._changed.wait(left)
            return self._next_in_turn()

    def dropped(self, camera_id: str) -> int:
        """Frames of this camera that nobody took, since the bus was made."""
        with self._changed:
            return self._dropped[camera_id]

    def close(self) -> None:
        """No more frames; what is queued can still be taken, then every ``take`` answers at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next_in_turn(self) -> EncodedFrame:
        camera_id, queue = self._queues.popitem(last=False)
        frame = queue.popleft()
        if queue:
            self._queues[camera_id] = queue
        return frame
