"""kill −9 of a writing process: what was acknowledged is there, and the file opens again."""

from __future__ import annotations

import os
import random
import select
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from models.evidence import Leaf, LeafKind
from models.merkle import CompactRange
from models.register import TrainingClass
from storage.database import Database, schema_is_current, sqlite_url, upgrade
from storage.leaf_store import LeafQuery
from storage.unit_of_work import Ledger
from storage.vault import Vault


def start_child(work: Callable[[int], None]) -> tuple[int, int]:
    """A child that runs ``work`` with the write end of a pipe; gives its id and the read end."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            work(writer)
        finally:
            os._exit(0)
    os.close(writer)
    return child, reader


def read_acknowledged(reader: int, at_least: int) -> list[int]:
    """Numbers that the child has acknowledged, as soon as there are so many."""
    received = b""
    while received.count(b"\n") < at_least:
        ready, _, _ = select.select([reader], [], [], 30)
        assert ready, "the child did not get on"
        chunk = os.read(reader, 65536)
        assert chunk, "the child ended by itself"
        received += chunk
    return [int(line) for line in received[: received.rfind(b"\n")].split(b"\n")]


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed_twenty_times(
    migrated_file: Path, tmp_path: Path, vault: Vault, clock: object, now: datetime
) -> None:
    """Row and leaf of one unit of work are both there or both not; the log has no hole."""
    path = tmp_path / "test.db"
    path.write_bytes(migrated_file.read_bytes())
    dice = random.Random(20261123)

    def ledger() -> Ledger:
        return Ledger(Database(sqlite_url(path)), vault, clock, "test.rollcall/log")  # type: ignore[arg-type]

    def write_on(writer: int) -> None:
        opened = ledger()
        with opened.read() as work:
            number = len(tuple(work.evidence.store.rows(LeafQuery())))
        while True:
            with opened.write() as work:
                work.classes.add(TrainingClass(f"C{number:06d}", "n"), now)
                work.evidence.append(Leaf(LeafKind.HEARTBEAT, now, None, {"number": number}))
            os.write(writer, b"%d\n" % number)
            number += 1

    for _ in range(20):
        child, reader = start_child(write_on)
        acknowledged = read_acknowledged(reader, dice.randint(1, 12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        opened = ledger()
        with opened.read() as work:
            leaves = list(work.evidence.store.rows(LeafQuery()))
            head = work.evidence.store.head()
            newest = work.classes.find(f"C{len(leaves) - 1:06d}")
            beyond = work.classes.find(f"C{len(leaves):06d}")
        opened.database.close()
        assert len(leaves) > acknowledged[-1]
        assert [leaf.seq for leaf in leaves] == list(range(len(leaves)))
        assert newest is not None
        assert beyond is None
        tree = CompactRange()
        for leaf in leaves:
            tree, _ = tree.append(leaf.leaf_hash)
        assert head is not None
        assert (head.size, head.peaks) == (tree.size, tree.peaks)


def test_an_upgrade_that_is_killed_starts_over(tmp_path: Path) -> None:
    path = tmp_path / "test.db"

    def upgrade_and_tell(writer: int) -> None:
        os.write(writer, b"0\n")
        upgrade(sqlite_url(path))
        os.write(writer, b"1\n")

    for _ in range(3):
        child, reader = start_child(upgrade_and_tell)
        read_acknowledged(reader, 1)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
    upgrade(sqlite_url(path))
    database = Database(sqlite_url(path))
    assert schema_is_current(database)
    database.close()


def test_two_programs_that_upgrade_at_once_do_not_collide(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    Database(sqlite_url(path)).close()

    def upgrade_and_tell(writer: int) -> None:
        upgrade(sqlite_url(path))
        os.write(writer, b"1\n")

    children = [start_child(upgrade_and_tell) for _ in range(3)]
    for child, reader in children:
        assert read_acknowledged(reader, 1) == [1]
        os.waitpid(child, 0)
        os.close(reader)
    database = Database(sqlite_url(path))
    assert schema_is_current(database)
    database.close()


@pytest.mark.parametrize("writers", [4])
def test_many_processes_append_one_log(
    migrated_file: Path, tmp_path: Path, vault: Vault, clock: object, now: datetime, writers: int
) -> None:
    path = tmp_path / "test.db"
    path.write_bytes(migrated_file.read_bytes())

    def append(writer: int) -> None:
        opened = Ledger(Database(sqlite_url(path)), vault, clock, "test.rollcall/log")  # type: ignore[arg-type]
        for number in range(5):
            with opened.write() as work:
                work.evidence.append(Leaf(LeafKind.HEARTBEAT, now, None, {"pid": os.getpid()}))
            os.write(writer, b"%d\n" % number)

    children = [start_child(append) for _ in range(writers)]
    for child, reader in children:
        assert read_acknowledged(reader, 5) == list(range(5))
        os.waitpid(child, 0)
        os.close(reader)
    opened = Ledger(Database(sqlite_url(path)), vault, clock, "test.rollcall/log")  # type: ignore[arg-type]
    with opened.read() as work:
        assert [leaf.seq for leaf in work.evidence.store.rows(LeafQuery())] == list(range(5 * writers))
    opened.database.close()
