"""Several processes over one folder of objects."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from models.errors import ObjectExists
from models.ports import Clock
from storage.objects import FilesystemObjectStore

UNTIL = datetime(2031, 11, 24, tzinfo=UTC)


def in_children(number: int, work: Callable[[int], int]) -> list[int]:
    """Exit codes of children that each run ``work`` at about the same time."""
    start_reader, start_writer = os.pipe()
    children = []
    for index in range(number):
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.read(start_reader, 1)
                code = work(index)
            finally:
                os._exit(code)
        children.append(child)
    os.write(start_writer, bytes(number))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    os.close(start_reader)
    os.close(start_writer)
    return codes


def telling(writer: int) -> Callable[[str], None]:
    """Writes a byte into a pipe at each step."""

    def step(_name: str) -> None:
        os.write(writer, b".")

    return step


def test_of_many_processes_that_write_one_key_exactly_one_wins(tmp_path: Path, clock: Clock) -> None:
    def write(index: int) -> int:
        source = tmp_path / f"source{index}"
        content = f"footage of {index}".encode() * 5000
        source.write_bytes(content)
        store = FilesystemObjectStore(tmp_path / "store", clock)
        try:
            store.put_locked("key", str(source), hashlib.sha256(content).hexdigest(), UNTIL)
        except ObjectExists:
            return 1
        return 0

    assert sorted(in_children(5, write)) == [0, 1, 1, 1, 1]
    store = FilesystemObjectStore(tmp_path / "store", clock)
    stored = store.rehash("key")
    assert len(store.read_range("key", 0, None)) == stored.size_bytes
    assert len(store.list_versions("")) == 1


def test_locks_lengthened_by_many_processes_keep_the_latest_date(tmp_path: Path, clock: Clock) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"footage")
    store = FilesystemObjectStore(tmp_path / "store", clock)
    version = store.put_locked("key", str(source), hashlib.sha256(b"footage").hexdigest(), UNTIL).version
    latest = UNTIL + timedelta(days=5)

    def extend(index: int) -> int:
        other = FilesystemObjectStore(tmp_path / "store", clock)
        other.extend_lock("key", version, latest)
        other.set_hold("key", version, index % 2 == 0)
        return 0

    assert in_children(4, extend) == [0, 0, 0, 0]
    assert store.stat("key").retain_until == latest


def test_a_writer_killed_at_a_random_moment_leaves_the_object_whole_or_absent(
    tmp_path: Path, clock: Clock
) -> None:
    content = os.urandom(3 * 1024 * 1024)
    source = tmp_path / "source"
    source.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    for number in range(8):
        key = f"footage/{number}"
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                store = FilesystemObjectStore(tmp_path / "store", clock, step=telling(writer))
                store.put_locked(key, str(source), sha256, UNTIL)
            finally:
                os._exit(0)
        os.close(writer)
        for _ in range(number % 5):  # killed after so many steps, wherever it has got to since
            os.read(reader, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        store = FilesystemObjectStore(tmp_path / "store", clock)
        found = {stored.key for stored in store.list_versions("")}
        if key not in found:
            store.put_locked(key, str(source), sha256, UNTIL)
        assert store.rehash(key).retain_until == UNTIL
    assert len(store.list_versions("")) == 8
