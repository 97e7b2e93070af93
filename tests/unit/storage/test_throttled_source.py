"""Files read through a bandwidth limit: the same bytes, in slices, no faster than allowed, nothing held."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import NotFound
from storage.objects import FilesystemObjectStore
from storage.objects.source import SLICE_BYTES, MeteredFile, Throttle, open_plainly
from tests.hand_clock import HandClock

_EPOCH = datetime(2026, 11, 23, tzinfo=UTC)


class Line:
    """Time that passes only while somebody waits for bytes."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def monotonic_s(self) -> float:
        return self.now_s

    def rest(self, _released: threading.Event, wait_s: float) -> bool:
        with self._lock:
            self.waits.append(wait_s)
            self.now_s += wait_s
        return False


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "segment.mp4"
    path.write_bytes(bytes(range(256)) * 4096)  # 1 MiB
    return path


def test_without_a_limit_the_file_itself_is_read(file: Path, line: Line) -> None:
    with Throttle(0.0, line.monotonic_s, line.rest).open(str(file)) as reader:
        assert not isinstance(reader, MeteredFile)
        assert reader.read() == file.read_bytes()
    assert line.waits == []


def test_a_limit_changes_no_byte_and_holds_the_rate(file: Path, line: Line) -> None:
    throttle = Throttle(0.8, line.monotonic_s, line.rest)  # 100,000 bytes a second
    with throttle.open(str(file)) as reader:
        pieces = []
        while piece := reader.read(1 << 20):
            assert len(piece) <= SLICE_BYTES
            pieces.append(piece)
    assert b"".join(pieces) == file.read_bytes()
    size = file.stat().st_size
    assert line.now_s == pytest.approx((size - SLICE_BYTES) / 100_000, rel=0.01)


def test_reading_it_whole_and_seeking_work_as_with_any_file(file: Path, line: Line) -> None:
    with Throttle(80.0, line.monotonic_s, line.rest).open(str(file)) as reader:
        assert reader.read() == file.read_bytes()
        assert reader.seek(1000) == 1000
        assert reader.tell() == 1000
        assert reader.read(10) == file.read_bytes()[1000:1010]
        assert reader.fileno() > 0


def test_all_workers_share_one_limit(file: Path, line: Line) -> None:
    throttle = Throttle(0.8, line.monotonic_s, line.rest)

    def read() -> int:
        with throttle.open(str(file)) as reader:
            return len(reader.read())

    with ThreadPoolExecutor(4) as pool:
        total = sum(pool.map(lambda _: read(), range(4)))
    assert total == 4 * file.stat().st_size
    # Each worker waits for all that were before it; together the waits are no less than the line's time.
    assert sum(line.waits) >= (total - SLICE_BYTES) / 100_000 * 0.99


def test_a_program_that_ends_waits_for_nothing(file: Path, line: Line) -> None:
    throttle = Throttle(0.001, line.monotonic_s, line.rest)
    throttle.release()
    with throttle.open(str(file)) as reader:
        assert reader.read() == file.read_bytes()
    assert line.waits == []


def test_a_wait_in_progress_ends_when_the_program_does(file: Path) -> None:
    """With the real event: a limit at which the file would take hours."""
    began = threading.Event()

    def rest(released: threading.Event, wait_s: float) -> bool:
        began.set()
        return released.wait(wait_s)

    throttle = Throttle(0.001, HandClock(_EPOCH).monotonic_s, rest)

    def read() -> bytes:
        with throttle.open(str(file)) as reader:
            return reader.read()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        assert began.wait(30)
        throttle.release()
        assert reading.result(30) == file.read_bytes()


def test_the_store_reads_through_the_limit_and_stores_the_same_bytes(
    tmp_path: Path, file: Path, line: Line
) -> None:
    clock = HandClock(_EPOCH)
    throttle = Throttle(0.8, line.monotonic_s, line.rest)
    store = FilesystemObjectStore(tmp_path / "store", clock, open_source=throttle.open)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    stored = store.put_locked("footage/1.mp4", str(file), digest, clock.now() + timedelta(days=2000))
    assert stored.sha256 == digest
    assert line.now_s > 9.0


@pytest.mark.parametrize("limit", [0.0, 1.0])
def test_a_file_that_is_gone_is_not_found(tmp_path: Path, line: Line, limit: float) -> None:
    with pytest.raises(NotFound, match="not there"):
        Throttle(limit, line.monotonic_s, line.rest).open(str(tmp_path / "gone.mp4"))
    with pytest.raises(NotFound):
        open_plainly(str(tmp_path / "gone.mp4"))
