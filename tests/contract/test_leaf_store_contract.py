"""The contract of the evidence log's store: in memory, over SQLite, over PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from models.errors import Conflict, EvidenceBroken
from models.evidence import Leaf, LeafKind
from models.merkle import CompactRange, hashes_of, leaf_hash
from storage.database import Database, sqlite_url, upgrade
from storage.evidence_log import EvidenceLog
from storage.evidence_proofs import StoredTree, audit_log
from storage.leaf_store import (
    KEPT_LEVELS,
    EvidenceStore,
    LeafQuery,
    LogHead,
    MemoryEvidenceStore,
    StoredCheckpoint,
    StoredLeaf,
)
from storage.leaf_store_sql import SqlEvidenceStore

ORIGIN = "test.rollcall/log"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
Opened = Callable[[], AbstractContextManager[EvidenceStore]]


class SteppingClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Gives the store inside one transaction, which commits at the end of the block."""
    if request.param == "memory":
        kept = MemoryEvidenceStore()

        @contextmanager
        def remember() -> Iterator[EvidenceStore]:
            yield kept

        yield remember
        return
    url, drop = sqlite_url(tmp_path / "log.db"), ""
    server = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    if server:
        name = f"leaves_{uuid.uuid4().hex}"
        administer(server, f"CREATE DATABASE {name}")
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        drop = f"DROP DATABASE {name} WITH (FORCE)"
    upgrade(url)
    database = Database(url, busy_wait_s=5)

    @contextmanager
    def begin() -> Iterator[EvidenceStore]:
        with database.transaction(writing=True) as connection:
            yield SqlEvidenceStore(connection)

    yield begin
    database.close()
    if drop:
        administer(server, drop)


def administer(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def fill(opened: Opened, count: int, *, batch: int = 100) -> list[StoredLeaf]:
    """A log of so many leaves: every third of lesson L1, every fifth a gap."""
    clock, rows = SteppingClock(), list[StoredLeaf]()
    for start in range(0, count, batch):
        with opened() as store:
            log = EvidenceLog(store, ORIGIN, clock)
            for number in range(start, min(count, start + batch)):
                kind = LeafKind.GAP if number % 5 == 0 else LeafKind.HEARTBEAT
                lesson_id = "L1" if number % 3 == 0 else None
                rows.append(log.append(Leaf(kind, NOW, lesson_id, {"n": number})))
    return rows


def checkpoint(size: int, note: str = "note") -> StoredCheckpoint:
    return StoredCheckpoint(size, bytes([size]) * 32, NOW + timedelta(minutes=size), note)


def test_before_the_first_leaf_there_is_no_head(opened: Opened) -> None:
    with opened() as store:
        assert store.head() is None
        assert list(store.rows(LeafQuery())) == []
        assert store.latest_checkpoint() is None
        assert store.checkpoint_before(100) is None
        assert store.lesson_leaves("L1") == 0


def test_a_writer_makes_the_head_of_a_new_log_and_finds_it_again(opened: Opened) -> None:
    with opened() as store:
        assert store.lock_head(ORIGIN) == LogHead(ORIGIN)
    with opened() as store:
        assert store.lock_head("another/log") == LogHead(ORIGIN), "the first name stays"
        assert store.head() == LogHead(ORIGIN)


def test_leaves_come_back_as_they_were_kept(opened: Opened) -> None:
    rows = fill(opened, 7)
    with opened() as store:
        assert list(store.rows(LeafQuery())) == rows
        head = store.head()
    assert head is not None
    tree = CompactRange()
    for row in rows:
        tree, _ = tree.append(row.leaf_hash)
    assert (head.origin, head.size, head.peaks) == (ORIGIN, 7, tree.peaks)
    assert head.latest_at == NOW + timedelta(seconds=7)


def test_a_leaf_of_a_clock_that_went_back_keeps_the_step(opened: Opened) -> None:
    fill(opened, 3)
    with opened() as store:
        clock = SteppingClock()
        clock.at = NOW - timedelta(hours=1)
        row = EvidenceLog(store, ORIGIN, clock).append(Leaf(LeafKind.HEARTBEAT, NOW, None, {}))
    with opened() as store:
        assert list(store.rows(LeafQuery(context=True))) == [row]
        head = store.head()
    assert row.stepped_back_s == pytest.approx(3602)
    assert head is not None
    assert head.latest_at == NOW - timedelta(hours=1) + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (LeafQuery(), range(20)),
        (LeafQuery(lesson_id="L1"), range(0, 20, 3)),
        (LeafQuery(lesson_id="L9"), ()),
        (LeafQuery(kinds=(LeafKind.GAP,)), range(0, 20, 5)),
        (LeafQuery(lesson_id="L1", kinds=(LeafKind.GAP,)), (0, 15)),
        (LeafQuery(kinds=(LeafKind.GAP, LeafKind.HEARTBEAT), start=18), (18, 19)),
        (LeafQuery(start=5, stop=8), (5, 6, 7)),
        (LeafQuery(lesson_id="L1", start=1, stop=7), (3, 6)),
        (LeafQuery(start=20), ()),
        (LeafQuery(stop=0), ()),
        (LeafQuery(context=True), ()),
    ],
)
def test_a_query_gives_what_all_its_fields_ask_for(
    opened: Opened, query: LeafQuery, wanted: tuple[int, ...]
) -> None:
    fill(opened, 20)
    with opened() as store:
        assert [row.seq for row in store.rows(query)] == list(wanted)


def test_the_second_of_two_writers_at_one_place_is_refused(opened: Opened) -> None:
    rows = fill(opened, 3)
    with opened() as store, pytest.raises(Conflict, match="leaf 1 "):
        store.append(LogHead(ORIGIN, 2, (bytes(32),)), rows[1], ())
    with opened() as store:
        assert list(store.rows(LeafQuery())) == rows


def test_lessons_are_numbered_from_what_was_numbered_last(opened: Opened) -> None:
    fill(opened, 20)
    with opened() as store:
        assert store.lesson_leaves("L1") == 7
        assert store.lesson_leaves("L2") == 0


def test_leaf_hashes_are_given_by_range_and_all_must_be_there(opened: Opened) -> None:
    rows = fill(opened, 10)
    with opened() as store:
        assert list(store.hashes(0, 2, 5)) == [row.leaf_hash for row in rows[2:5]]
        assert list(store.hashes(0, 4, 4)) == []
        with pytest.raises(EvidenceBroken, match="lacks nodes 8 to 11"):
            store.hashes(0, 8, 11)
        with pytest.raises(EvidenceBroken, match="of level 8"):
            store.hashes(KEPT_LEVELS, 0, 1)


def test_at_every_eighth_level_nodes_are_kept_and_proofs_need_no_others(opened: Opened) -> None:
    rows = fill(opened, 520, batch=520)
    leaf_hashes = [leaf_hash(row.record) for row in rows]
    reference = hashes_of(leaf_hashes)
    with opened() as store:
        assert list(store.hashes(KEPT_LEVELS, 0, 2)) == [reference(0, 256), reference(256, 512)]
        tree = StoredTree(store, 520)
        assert tree.root() == reference(0, 520)
        for start, stop in ((0, 1), (0, 256), (256, 512), (512, 520), (64, 128), (519, 520)):
            assert tree.range_hash(start, stop) == reference(start, stop)
        assert StoredTree(store, 300).root() == reference(0, 300), "the tree as it was before"
        assert audit_log(store, ORIGIN)[0].place == "keys", "sound but for the key that nobody named"


def test_checkpoints_are_found_by_size_the_newest_among_equals(opened: Opened) -> None:
    fill(opened, 9)
    told = [checkpoint(3), checkpoint(9, "first"), checkpoint(5), checkpoint(9, "again")]
    for one in told:
        with opened() as store:
            store.add_checkpoint(one)
    with opened() as store:
        assert store.latest_checkpoint() == told[3]
        assert list(store.checkpoints(0, 100)) == [told[0], told[2], told[1], told[3]]
        assert list(store.checkpoints(4, 8)) == [told[2]]
        assert list(store.checkpoints(9, 9)) == [told[1], told[3]]
        assert list(store.checkpoints(10, 20)) == []
        assert store.checkpoint_before(8) == told[2]
        assert store.checkpoint_before(5) == told[2]
        assert store.checkpoint_before(2) is None
