"""A lesson's footage on a bench's store, through the real spool and uploader, until its retention is over.

Books and locks end in five years. No test can wait so long for a server's clock: there the books are told an
end in seconds before the footage goes up, so that its lock has that end too, and the end is awaited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from models.footage import Segment
from models.register import TrainingClass, UploadState
from storage.tables import UploadRow
from storage.unit_of_work import Ledger
from tests.contract.store_benches import Bench
from tests.unit.storage.conftest import lesson_record
from tests.unit.storage.retained import OVER, Archive
from tests.unit.storage.whole_life import SIGNER


def with_lesson(ledger: Ledger, starts_at: datetime) -> Ledger:
    """An opened log, class C1 and its lesson L1, which begins now and runs."""
    with ledger.write() as work:
        work.evidence.open(SIGNER)
        work.classes.add(TrainingClass("C1", "养老护理员"), starts_at)
        work.lessons.add(lesson_record(starts_at=starts_at))
    return ledger


def segments_from(starts_at: datetime) -> Callable[..., Segment]:
    """Builds a minute of camera cam1; the sequence says which."""

    def build(sequence: int, **changes: Any) -> Segment:
        begin = starts_at + timedelta(minutes=sequence - 1)
        values: dict[str, Any] = {
            "segment_id": f"seg-{sequence}",
            "lesson_id": "L1",
            "camera_id": "cam1",
            "sequence": sequence,
            "starts_at": begin,
            "ends_at": begin + timedelta(minutes=1),
            "first_pts_s": 60.0 * (sequence - 1),
            "duration_s": 60.0,
            "codec": "h264",
            "width": 1920,
            "height": 1080,
            "keyframes": 30,
        }
        return Segment(**(values | changes))

    return build


class KeptArchive(Archive):
    """``short_lived``: whether footage is to outlive its retention in this test."""

    def __init__(self, bench: Bench, ledger: Ledger) -> None:
        super().__init__(ledger, bench.folder, bench.clock, segments_from(bench.now), bench.store)
        self.bench = bench
        self.short_lived = bench.awaits
        self.locked_until = bench.now

    def before_uploads(self) -> None:
        if not self.short_lived:
            return
        self.locked_until = self.bench.shortly()
        waiting = update(UploadRow).where(UploadRow.state == UploadState.WAITING)
        with self.ledger.database.transaction(writing=True) as connection:
            connection.execute(waiting.values(retain_until=self.locked_until))

    def outlive(self) -> None:
        """Five years by the books and the program; on a server the end of its locks."""
        self.live_through(OVER)
        self.bench.await_server(self.locked_until + timedelta(seconds=1))

    def version(self, key: str) -> str:
        """As the receipt names it."""
        with self.ledger.read() as work:
            (found,) = [one for one in work.uploads.of_lesson("L1") if one.object_key == key]
            receipt = work.uploads.receipt(found.upload_id)
        assert receipt is not None
        return receipt.version
