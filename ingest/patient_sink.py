"""Between a recorder and its sink: a database that is locked for a while must not stop a recording."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from models.errors import EvidenceBroken, StorageError
from models.footage import CameraReport, Gap, Segment
from models.ports import RecorderSink

OnRefused = Callable[[StorageError], None]


class PatientSink:
    """Hands segments and gaps on in order; what cannot be booked now is tried again before the next.

    Nothing is lost by waiting: a segment's file is closed and durable before it is told, and sinks take the
    same segment or gap twice without harm. ``on_refused`` hears of each failed try.
    """

    def __init__(self, sink: RecorderSink, on_refused: OnRefused) -> None:
        self._sink = sink
        self._on_refused = on_refused
        self._waiting: deque[Segment | Gap] = deque()

    @property
    def waiting(self) -> int:
        """How many segments and gaps are not booked yet."""
        return len(self._waiting)

    def segment_closed(self, segment: Segment) -> None:
        self._waiting.append(segment)
        self.flush()

    def gap_declared(self, gap: Gap) -> None:
        self._waiting.append(gap)
        self.flush()

    def camera_changed(self, report: CameraReport) -> None:
        self._sink.camera_changed(report)

    def flush(self) -> None:
        """Hand on what waits, until the sink refuses."""
        while self._waiting:
            try:
                self._hand_on(self._waiting[0])
            except EvidenceBroken as refusal:
                # This one can never be booked; the reconciler and the auditor will see why.
                self._on_refused(refusal)
            except StorageError as refusal:
                self._on_refused(refusal)
                return
            self._waiting.popleft()

    def _hand_on(self, item: Segment | Gap) -> None:
        if isinstance(item, Segment):
            self._sink.segment_closed(item)
        else:
            self._sink.gap_declared(item)
