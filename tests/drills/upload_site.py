"""What drills of uploads share: an installation, a store behind a line that breaks, footage, the count.

Footage here is random bytes in segments of a minute, booked as a recorder books them. The store is a real S3
server behind ``fault_proxy``: the one that ``ROLLCALL_TEST_S3_LOCALSTACK`` or ``ROLLCALL_TEST_S3_RADOSGW``
names, else a LocalStack that the drill starts.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from models.errors import RollcallError
from models.footage import Segment
from models.register import LessonRecord, TrainingClass, Upload, UploadState
from models.timetable import Lesson, LessonState
from storage.objects.s3_connection import S3Access
from storage.uploader import Uploader
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.uploads import UploadLoop
from supervision_api.settings import Settings
from tests.drills.fault_proxy import Faults, proxied
from tests.services.localstack import localstack

PATIENCE_S = 120.0
CAMERA = "front"
SEGMENT = timedelta(seconds=60)


@dataclass
class Outcome:
    """What a drill cost. ``seconds`` and ``size_bytes``: of footage that neither spool nor store holds whole
    and locked; ``facts``: what else it measured; ``failures``: what must not be."""

    name: str
    files: int = 0
    seconds: float = 0.0
    size_bytes: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures and self.seconds == 0 and self.size_bytes == 0

    def tell(self) -> int:
        """Prints it; the exit code."""
        facts = "".join(f"; {name} {value}" for name, value in self.facts.items())
        print(
            f"{self.name}: {self.files} files, lost {self.seconds:.1f} s and {self.size_bytes} bytes{facts}",
            flush=True,
        )
        for failure in self.failures:
            print(f"  {failure}", flush=True)
        return 0 if self.passed else 1


@dataclass
class Site:
    """An opened installation and the line to its store."""

    house: Installation
    faults: Faults
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
        outcome = Outcome(name, len(self.recorded))
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


@contextmanager
def store_server() -> Iterator[str]:
    """Address of an S3 server, with its key in it."""
    for name in ("ROLLCALL_TEST_S3_LOCALSTACK", "ROLLCALL_TEST_S3_RADOSGW"):
        if os.environ.get(name):
            yield os.environ[name]
            return
    with localstack() as addresses:
        yield addresses["ROLLCALL_TEST_S3_LOCALSTACK"]


def s3_settings(folder: Path, address: str, port: int, **changes: object) -> Settings:
    """An installation in ``folder`` whose store is reached over loopback ``port``."""
    parts = urlsplit(address)
    values: dict[str, object] = {
        "data_dir": folder / "data",
        "cache_dir": folder / "cache",
        "weights_dir": None,
        "detector": "hog",
        "port": 0,
        "spool_reserve_mb": 16,
        "log_level": "error",
        "store": "s3",
        "s3_endpoint": f"http://127.0.0.1:{port}",
        "s3_bucket": f"drill-{os.urandom(6).hex()}",
        "s3_access_key": parts.username,
        "s3_secret_key": parts.password,
        "s3_connect_timeout_s": 2.0,
        "s3_read_timeout_s": 10.0,
    }
    return Settings(**(values | changes))  # type: ignore[arg-type]


def direct_access(settings: Settings, address: str) -> S3Access:
    """The same bucket without the line that breaks."""
    parts = urlsplit(address)
    return S3Access(
        f"http://{parts.hostname}:{parts.port}",
        settings.s3_bucket,
        parts.username or "",
        parts.password or "",
    )


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
def site_with_s3(address: str | None = None) -> Iterator[Site]:
    """An installation of its own with a bucket of its own."""
    with ExitStack() as parts:
        name = parts.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-drill-"))
        known = parts.enter_context(_server(address))
        line = parts.enter_context(proxied(urlsplit(known).port or 80))
        house = parts.enter_context(open_installation(s3_settings(Path(name), known, line.port)))
        seed_lessons(house, "L1", "L2")
        yield Site(house, line.faults)


@contextmanager
def _server(address: str | None) -> Iterator[str]:
    if address is not None:
        yield address
        return
    with store_server() as found:
        yield found


def wait_until(ready: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> float:
    """Seconds until it was so. Raises ``SystemExit`` when it does not come."""
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > patience_s:
            raise SystemExit(f"{what} did not happen within {patience_s:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began
