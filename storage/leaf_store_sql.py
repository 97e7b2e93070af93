"""The evidence log's rows in the database, inside the caller's session.

Statements go around the ORM's identity map: another process may have moved the head since this session last
saw it, and a stale head would be a wrong root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, union, update
from sqlalchemy.orm import Session

from models.errors import Conflict, EvidenceBroken
from models.evidence import LeafKind
from models.merkle import HASH_BYTES
from storage.leaf_store import (
    CONTEXT_KINDS,
    LeafQuery,
    LogHead,
    StoredCheckpoint,
    StoredLeaf,
    StoredNode,
)
from storage.tables.evidence import CheckpointRow, LeafRow, LogHeadRow, NodeRow

_HEAD_ID = 1
_READ_AHEAD = 500


class SqlEvidenceStore:
    """``EvidenceStore`` over a session or a connection that is in a writing transaction; commits nothing."""

    __slots__ = ("_session",)

    def __init__(self, session: Session | Connection) -> None:
        self._session = session

    def head(self) -> LogHead | None:
        head = LogHeadRow
        row = self._session.execute(
            select(head.origin, head.size, head.frontier, head.latest_at).where(head.head_id == _HEAD_ID)
        ).one_or_none()
        return None if row is None else LogHead(row.origin, row.size, _split(row.frontier), row.latest_at)

    def lock_head(self, origin: str) -> LogHead:
        # An update that changes nothing takes the row's lock on PostgreSQL and the write lock on SQLite,
        # which knows no SELECT … FOR UPDATE; the state is read only afterwards.
        if not self._touch(
            update(LogHeadRow).where(LogHeadRow.head_id == _HEAD_ID).values(size=LogHeadRow.size)
        ):
            self._create_head(origin)
        head = self.head()
        if head is None:
            raise EvidenceBroken("the head of the evidence log vanished", hint="restore the database")
        return head

    def append(self, head: LogHead, row: StoredLeaf, nodes: Sequence[StoredNode]) -> None:
        moved = self._touch(
            update(LogHeadRow)
            .where(LogHeadRow.head_id == _HEAD_ID, LogHeadRow.size == row.seq)
            .values(size=head.size, frontier=b"".join(head.peaks), latest_at=head.latest_at)
        )
        if not moved:
            raise Conflict(f"leaf {row.seq} of the evidence log was written by another", hint="try again")
        self._session.execute(insert(LeafRow).values(**_leaf_columns(row)))
        for node in nodes:
            self._session.execute(
                insert(NodeRow).values(level=node.level, position=node.index, node_hash=node.hash)
            )

    def rows(self, query: LeafQuery) -> Iterable[StoredLeaf]:
        return self._read(_selected(query))

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        if level == 0:
            statement = select(LeafRow.leaf_hash).where(LeafRow.sequence >= start, LeafRow.sequence < stop)
            statement = statement.order_by(LeafRow.sequence)
        else:
            statement = select(NodeRow.node_hash).where(
                NodeRow.level == level, NodeRow.position >= start, NodeRow.position < stop
            )
            statement = statement.order_by(NodeRow.position)
        found = [_octets(value) for value in self._session.execute(statement).scalars()]
        if len(found) != stop - start:
            raise EvidenceBroken(f"the log lacks nodes {start} to {stop} of level {level}")
        return found

    def lesson_leaves(self, lesson_id: str) -> int:
        # The greatest number and not the count: a row that vanished must not give its number away again.
        statement = select(func.max(LeafRow.lesson_sequence)).where(LeafRow.lesson_id == lesson_id)
        return self._session.execute(statement).scalar_one() or 0

    def add_checkpoint(self, row: StoredCheckpoint) -> None:
        self._session.execute(
            insert(CheckpointRow).values(size=row.size, root=row.root, at=row.at, note=row.note)
        )

    def latest_checkpoint(self) -> StoredCheckpoint | None:
        return self._last(_CHECKPOINTS)

    def checkpoints(self, start_size: int, stop_size: int) -> Sequence[StoredCheckpoint]:
        statement = _CHECKPOINTS.where(CheckpointRow.size.between(start_size, stop_size))
        ordered = statement.order_by(CheckpointRow.size, CheckpointRow.checkpoint_id)
        return [_checkpoint(row) for row in self._session.execute(ordered)]

    def checkpoint_before(self, size: int) -> StoredCheckpoint | None:
        return self._last(_CHECKPOINTS.where(CheckpointRow.size <= size))

    def _last(self, statement: Any) -> StoredCheckpoint | None:
        newest = statement.order_by(CheckpointRow.size.desc(), CheckpointRow.checkpoint_id.desc()).limit(1)
        row = self._session.execute(newest).one_or_none()
        return None if row is None else _checkpoint(row)

    def _create_head(self, origin: str) -> None:
        # Two first writers meet on the primary key; the database's word for that is translated to Conflict.
        first = insert(LogHeadRow).values(
            head_id=_HEAD_ID, origin=origin, size=0, frontier=b"", latest_at=None
        )
        self._session.execute(first)

    def _touch(self, statement: Any) -> bool:
        result: Any = self._session.execute(statement, execution_options={"synchronize_session": False})
        return bool(result.rowcount == 1)

    def _read(self, statement: Any) -> Iterator[StoredLeaf]:
        result = self._session.execute(statement, execution_options={"yield_per": _READ_AHEAD})
        for row in result:
            yield _leaf(row)


_LEAVES: Any = select(
    LeafRow.sequence,
    LeafRow.kind,
    LeafRow.at,
    LeafRow.lesson_id,
    LeafRow.lesson_sequence,
    LeafRow.record,
    LeafRow.leaf_hash,
    LeafRow.stepped_back_s,
)
_CHECKPOINTS: Any = select(CheckpointRow.size, CheckpointRow.root, CheckpointRow.at, CheckpointRow.note)


def _selected(query: LeafQuery) -> Any:
    statement = _LEAVES.where(LeafRow.sequence >= query.start)
    if query.stop is not None:
        statement = statement.where(LeafRow.sequence < query.stop)
    if query.lesson_id is not None:
        statement = statement.where(LeafRow.lesson_id == query.lesson_id)
    if query.kinds:
        statement = statement.where(LeafRow.kind.in_([kind.value for kind in query.kinds]))
    if query.context:
        kinds = [kind.value for kind in CONTEXT_KINDS]
        # A union and not an OR: each half has an index of its own, an OR would read the whole log.
        keys = select(LeafRow.sequence).where(LeafRow.kind.in_(kinds))
        stepped = select(LeafRow.sequence).where(LeafRow.stepped_back_s.is_not(None))
        statement = statement.where(LeafRow.sequence.in_(union(keys, stepped)))
    return statement.order_by(LeafRow.sequence)


def _leaf_columns(row: StoredLeaf) -> dict[str, object]:
    return {
        "sequence": row.seq,
        "kind": row.kind.value,
        "at": row.at,
        "lesson_id": row.lesson_id,
        "lesson_sequence": row.lesson_seq,
        "record": row.record,
        "leaf_hash": row.leaf_hash,
        "stepped_back_s": row.stepped_back_s,
    }


def _octets(value: bytes | memoryview | str) -> bytes:
    # Whoever edits SQLite with text functions leaves text: that is an altered leaf, and no crash.
    return value.encode() if isinstance(value, str) else bytes(value)


def _leaf(row: Any) -> StoredLeaf:
    return StoredLeaf(
        seq=row.sequence,
        kind=LeafKind(row.kind),
        at=row.at,
        lesson_id=row.lesson_id,
        lesson_seq=row.lesson_sequence,
        record=_octets(row.record),
        leaf_hash=_octets(row.leaf_hash),
        stepped_back_s=row.stepped_back_s,
    )


def _checkpoint(row: Any) -> StoredCheckpoint:
    return StoredCheckpoint(row.size, bytes(row.root), row.at, row.note)


def _split(frontier: bytes) -> tuple[bytes, ...]:
    return tuple(frontier[i : i + HASH_BYTES] for i in range(0, len(frontier), HASH_BYTES))
