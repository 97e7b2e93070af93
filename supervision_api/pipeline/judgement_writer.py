"""Judged frames on their way into the database, in batches."""

from __future__ import annotations

from models.frame import FrameJudgement
from storage.unit_of_work import Ledger

BATCH = 64


class JudgementWriter:
    """Collects judgements and writes them together: one transaction for many frames. One thread."""

    def __init__(self, ledger: Ledger, batch: int = BATCH) -> None:
        self._ledger = ledger
        self._batch = batch
        self._waiting: list[FrameJudgement] = []

    def collect(self, judgement: FrameJudgement) -> None:
        """Takes a judgement without writing."""
        self._waiting.append(judgement)

    def frame_judged(self, judgement: FrameJudgement) -> None:
        """Takes a judgement; it is on disk after the next ``flush``, which a full batch brings."""
        self._waiting.append(judgement)
        if len(self._waiting) >= self._batch:
            self.flush()

    def flush(self) -> None:
        """Writes what waits. On an error it keeps waiting, for the next try.

        Raises:
            StorageError: the database is busy, full or broken.
        """
        if self._waiting:
            with self._ledger.write() as work:
                work.sightings.add(self._waiting)
            self._waiting = []
