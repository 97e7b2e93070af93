"""What drills of uploads share: an installation on a store behind a line that breaks, footage, the count.

Footage here is random bytes in segments of a minute, booked as a recorder books them. A store that is a
server stands behind ``tests/services/faulty_proxy.py``; a folder has no line.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from models.errors import RollcallError
from models.footage import Segment
from models.register import LessonRecord, TrainingClass, Upload, UploadState
from models.timetable import Lesson, LessonState
from storage.uploader import Uploader
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.uploads import UploadLoop
from tests.drills.drill_store import DrillStore
from tests.drills.outcome import Outcome
from tests.services.faulty_proxy import FaultyProxy, faulty_proxy

CAMERA = "front"
SEGMENT = timedelta(seconds=60)


@dataclass
class Site:
    """An opened installation, its store, and the line to it."""

    house: Installation
    store: DrillStore
    line: FaultyProxy
    metrics: Metrics = field(default_factory=Metrics)
    recorded: list[Segment] = field(default_factory=list)

    def record(self, count: int, size: int = 200_000, lesson: str = "L1") -> None:
        """So many closed segments in the spool."""
        for _ in range(count):
            sequence = 1 + sum(1 for one in self.recorded if one.lesson_id == lesson)
            content = os.urandom(size)
            path = self.house.spool.folder(lesson, CAMERA) / f"{sequence:06d}.mp4"
            path.write_bytes(content)
            with self.house.ledger.read() as work:
                begins = work.lessons.get(lesson).lesson.starts_at + SEGMENT * (sequence - 1)
            segment = Segment(
                f"{lesson}-{sequence}", lesson, CAMERA, sequence, begins, begins + SEGMENT, 0.0,
                SEGMENT.total_seconds(), "h264", 640, 360, size, hashlib.sha256(content).hexdigest(),
                str(path), 60,
            )  # fmt: skip
            self.house.spool.accept(segment)
            self.recorded.append(segment)

    def uploads(self) -> dict[str, Upload]:
        with self.house.ledger.read() as work:
            return {one.upload_id: one for one in work.uploads.in_state(UploadState.WAITING)} | {
                one.upload_id: one for one in work.uploads.in_state(UploadState.CLEARED)
            }

    def waiting(self) -> int:
        return self.house.spool.state().waiting_files

    @contextmanager
    def uploading(self) -> Iterator[UploadLoop]:
        """The upload part of a server, as ``serve`` runs it."""
        stop, loop = threading.Event(), UploadLoop(self.house, self.metrics)
        thread = threading.Thread(target=loop.run, args=(stop,), name="uploads")
        thread.start()
        try:
            yield loop
        finally:
            stop.set()
            thread.join()

    def count(self, name: str) -> Outcome:
        """Every recorded byte looked for: in the store, locked and re-read, or whole in the spool."""
        outcome = Outcome(name, self.store.name, len(self.recorded))
        uploads = self.uploads()
        for segment in self.recorded:
            upload = uploads.get(segment.segment_id)
            if upload is not None and (_in_store(self.house, upload) or _in_spool(segment)):
                continue
            outcome.seconds += segment.duration_s
            outcome.size_bytes += segment.size_bytes
            outcome.failures.append(f"lost: {segment.segment_id}")
        return outcome


def _in_store(house: Installation, upload: Upload) -> bool:
    try:
        return Uploader(house.spool, house.store).is_kept(upload) and (
            house.store.rehash(upload.object_key).sha256 == upload.sha256
        )
    except RollcallError:
        return False


def _in_spool(segment: Segment) -> bool:
    path = Path(segment.path)
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == segment.sha256


def seed_lessons(house: Installation, *lessons: str, hours: float = 1.0) -> None:
    """A class and running lessons of that length, each with one camera."""
    now = house.clock.now()
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "drill", now)
        work.classes.add(TrainingClass("C1", "drill", "local"), now)
        for lesson_id in lessons:
            lesson = Lesson(lesson_id, "C1", "drill", now, now + timedelta(hours=hours), cameras=(CAMERA,))
            policy = work.classes.get("C1").policy
            work.lessons.add(LessonRecord(lesson, policy, LessonState.RUNNING, "0" * 64))


@contextmanager
def drill_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rollcall-drill-") as name:
        yield Path(name)


@contextmanager
def line_to(store: DrillStore) -> Iterator[FaultyProxy]:
    """The line to a server; for a folder one that nobody uses."""
    if not store.is_server:
        yield FaultyProxy("")
        return
    with faulty_proxy(store.endpoint) as line:
        yield line


@contextmanager
def site_on(store: DrillStore, folder: Path | None = None, hours: float = 1.0) -> Iterator[Site]:
    """An installation of its own, in a folder of its own unless one is given, with a bucket of its own."""
    with ExitStack() as parts:
        place = folder or parts.enter_context(drill_folder())
        line = parts.enter_context(line_to(store))
        house = parts.enter_context(open_installation(store.settings(place, line.endpoint)))
        seed_lessons(house, "L1", hours=hours)
        yield Site(house, store, line)
