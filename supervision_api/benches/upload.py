"""Footage on its whole way into an S3 store, beside ``minio``'s own ``fput_object`` of one big file.

Both go to the same server in the same run, in turn. Ours includes what theirs has not: booking, hashing, the
checksum, the lock read back, the receipt in the evidence log, and the removal of the spool copy.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final

from minio import Minio

from models.errors import SettingInvalid, StorageError
from models.footage import Segment
from models.register import LessonRecord, TrainingClass
from models.timetable import Lesson, LessonState
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.opened_store import s3_access
from supervision_api.settings import Settings

ROUNDS: Final = 3
Figures = dict[str, float | int | str]
Progress = Callable[[float, str], None]


def bench_upload(settings: Settings, files: int, file_mb: int, progress: Progress) -> Figures:
    """``ratio``: our bytes per second over theirs, medians of some rounds.

    A bucket of its own is made; what is stored there stays locked for as long as footage is, so this belongs
    onto a test server.

    Raises:
        SettingInvalid: no S3 server is set.
        StorageError: it does not take what is sent.
    """
    if settings.store != "s3":
        raise SettingInvalid(
            "uploads are measured against an S3 server", place="ROLLCALL_STORE", hint="name a test server"
        )
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        big = folder / "big.bin"
        size_bytes = files * file_mb << 20
        _write_random(big, size_bytes)
        bucket = f"rollcall-bench-{os.urandom(6).hex()}"
        plain = settings.model_copy(
            update={"data_dir": folder / "data", "s3_bucket": bucket, "store_upload_mbit_s": 0.0}
        )
        with open_installation(plain) as house:
            _seed(house)
            client = _client(settings)
            for number in range(ROUNDS):
                progress(number / ROUNDS, "fput_object")
                theirs.append(size_bytes / _their_time_s(client, bucket, big, number))
                progress((number + 0.5) / ROUNDS, "uploads")
                ours.append(size_bytes / _our_time_s(house, number, files, file_mb << 20))
    return {
        "ratio": _median(ours) / _median(theirs),
        "ours_mb_s": _median(ours) / 1e6,
        "fput_object_mb_s": _median(theirs) / 1e6,
        "files": files,
        "file_mb": file_mb,
        "workers": settings.store_upload_workers,
    }


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _write_random(path: Path, size_bytes: int) -> None:
    with path.open("wb") as file:
        while size_bytes > 0:
            size_bytes -= file.write(os.urandom(min(size_bytes, 1 << 20)))


def _client(settings: Settings) -> Minio:
    access = s3_access(settings)
    scheme, _, netloc = access.endpoint.partition("://")
    return Minio(
        netloc,
        access_key=access.access_key,
        secret_key=access.secret_key,
        region=access.region,
        secure=scheme == "https",
    )


def _their_time_s(client: Minio, bucket: str, big: Path, number: int) -> float:
    began = time.perf_counter()
    client.fput_object(bucket, f"bench/{number}.bin", str(big))
    return time.perf_counter() - began


def _our_time_s(house: Installation, number: int, files: int, size_bytes: int) -> float:
    """From the first file in hand to the last receipt; writing and hashing the segments is the recorder's."""
    _record(house, number, files, size_bytes)
    began = time.perf_counter()
    empty = threading.Event()

    def work() -> None:
        while not empty.is_set():
            attempt = house.desk.work()
            if attempt is None:
                return
            if attempt.error is not None:
                raise attempt.error

    with ThreadPoolExecutor(house.settings.store_upload_workers) as pool:
        for worker in [pool.submit(work) for _ in range(house.settings.store_upload_workers)]:
            worker.result()
    took_s = time.perf_counter() - began
    if house.spool.state().waiting_files:
        raise StorageError("not all files were stored", place="bench", hint="look at the store")
    return took_s


def _seed(house: Installation) -> None:
    now = house.clock.now()
    with house.ledger.write() as work:
        work.classes.ensure_institution("local", "bench", now)
        work.classes.add(TrainingClass("bench", "bench", "local"), now)
        lesson = Lesson("bench", "bench", "bench", now, now + timedelta(hours=8), cameras=("bench",))
        policy = work.classes.get("bench").policy
        work.lessons.add(LessonRecord(lesson, policy, LessonState.RUNNING, "0" * 64))


def _record(house: Installation, number: int, files: int, size_bytes: int) -> None:
    """Closed segments in the spool, as a recorder leaves them."""
    folder = house.spool.folder("bench", "bench")
    with house.ledger.read() as work:
        starts_at = work.lessons.get("bench").lesson.starts_at
    for index in range(files):
        sequence = 1 + number * files + index
        content = os.urandom(size_bytes)
        path = folder / f"{sequence:06d}.mp4"
        path.write_bytes(content)
        begins = starts_at + timedelta(seconds=60 * (sequence - 1))
        house.spool.accept(
            Segment(
                f"bench-{sequence}", "bench", "bench", sequence, begins, begins + timedelta(seconds=60),
                0.0, 60.0, "h264", 1920, 1080, size_bytes, hashlib.sha256(content).hexdigest(), str(path), 60,
            )
        )  # fmt: skip
