"""What recorders report becomes rows and leaves: the sink between ingest and storage."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from models.evidence import Leaf
from models.footage import CameraReport, Gap, Segment
from storage.spool import Spool

_log = structlog.get_logger(__name__)


class BookingSink:
    """Books closed segments and gaps in the spool, at once and in the caller's thread; hands reports on.

    For jobs that may wait for the database; live recorders stand behind a ``BookingQueue``. What is told
    twice is booked once. ``on_segment``, ``on_gap``: hear of what was booked.
    """

    def __init__(
        self,
        spool: Spool,
        on_camera: Callable[[CameraReport], None] = lambda _report: None,
        on_segment: Callable[[Segment], None] = lambda _segment: None,
        on_gap: Callable[[Gap], None] = lambda _gap: None,
    ) -> None:
        self._spool = spool
        self._on_camera = on_camera
        self._on_segment = on_segment
        self._on_gap = on_gap

    def segment_closed(self, segment: Segment) -> None:
        """Leaf, row and upload in one unit of work; the file itself is durable already.

        Raises:
            StorageError: not booked; tell it again.
        """
        if self._spool.accept(segment):
            self._on_segment(segment)

    def gap_declared(self, gap: Gap) -> None:
        """Row and leaf in one unit of work. Raises ``StorageError``: not booked; tell it again."""
        if not self._spool.declare(gap):
            return
        self._on_gap(gap)
        _log.warning(
            "footage gap",
            lesson=gap.lesson_id,
            camera=gap.camera_id,
            cause=gap.cause.value,
            seconds=round(gap.interval.duration.total_seconds(), 3),
        )

    def camera_changed(self, report: CameraReport) -> None:
        self._on_camera(report)

    def note(self, leaf: Leaf) -> None:
        """A leaf without a row of its own: a recorder's start or stop. Raises ``StorageError``."""
        with self._spool.ledger.write() as work:
            work.evidence.append(leaf)
