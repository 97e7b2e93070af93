"""Where the evidence log keeps its rows: a small port, and an implementation in memory.

``LeafStore`` and ``CheckpointStore`` hold rows and decide nothing; the rules of the log are in
``storage.evidence_log``. The SQL implementation is ``storage.leaf_store_sql``; one contract suite
(tests/contract/test_leaf_store_contract.py) runs over both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from models.errors import Conflict, EvidenceBroken
from models.evidence import LeafKind

KEPT_LEVELS = 8
"""Inner nodes are kept at every eighth level: one row in 256, and a proof in a log of a million leaves reads
a few hundred hashes instead of a million."""


@dataclass(frozen=True, slots=True)
class LogHead:
    """State of the log that the next leaf builds on. ``peaks`` as in ``models.merkle.CompactRange``.

    ``latest_at``: the latest time written, lowered only by a declared step of the clock.
    """

    origin: str
    size: int = 0
    peaks: tuple[bytes, ...] = ()
    latest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """One leaf as kept: ``seq`` is its index in the log, from 0; ``record`` its exact canonical bytes.

    ``lesson_seq`` counts the lesson's leaves from 1. ``stepped_back_s`` is set where the clock went back.
    """

    seq: int
    kind: LeafKind
    at: datetime
    lesson_id: str | None
    lesson_seq: int | None
    record: bytes
    leaf_hash: bytes
    stepped_back_s: float | None = None


@dataclass(frozen=True, slots=True)
class StoredNode:
    """Root of a perfect subtree at a kept level (8, 16, 24 …), for quick proofs."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A signed checkpoint as published: the note whole, and what to find it by."""

    size: int
    root: bytes
    at: datetime
    note: str


@dataclass(frozen=True, slots=True)
class LeafQuery:
    """Which leaves to read, in log order: all filled fields must match.

    ``context``: leaves of any lesson that every bundle needs: the log's opening, rotations of its key, and
    leaves before which the clock stepped back.
    """

    lesson_id: str | None = None
    kinds: tuple[LeafKind, ...] = ()
    start: int = 0
    stop: int | None = None
    context: bool = False


class LeafStore(Protocol):
    """Rows of the log. ``lock_head`` serialises writers until the surrounding transaction ends."""

    def head(self) -> LogHead | None:
        """The state of the log, or ``None`` before its first leaf; takes no lock."""
        ...

    def lock_head(self, origin: str) -> LogHead:
        """The same for a writer, who now is alone; creates the head of a new log."""
        ...

    def append(self, head: LogHead, row: StoredLeaf, nodes: Sequence[StoredNode]) -> None:
        """Keep the leaf and its nodes and move the head. Raises ``Conflict`` if another writer was first."""
        ...

    def rows(self, query: LeafQuery) -> Iterable[StoredLeaf]:
        """Leaves in log order."""
        ...


class NodeStore(Protocol):
    """What proofs read, and what numbering within a lesson needs."""

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """Hashes of nodes ``[start, stop)`` at level 0 (leaf hashes) or a kept level; all must be there."""
        ...

    def lesson_leaves(self, lesson_id: str) -> int:
        """How many leaves the lesson has so far."""
        ...


class CheckpointStore(Protocol):
    """Published checkpoints."""

    def add_checkpoint(self, row: StoredCheckpoint) -> None:
        """Keep it beside the others; a size may be signed again later."""
        ...

    def latest_checkpoint(self) -> StoredCheckpoint | None:
        """The one of the greatest size, the newest among equals."""
        ...

    def checkpoints(self, start_size: int, stop_size: int) -> Sequence[StoredCheckpoint]:
        """Those with ``start_size ≤ size ≤ stop_size``, by size and then by age."""
        ...

    def checkpoint_before(self, size: int) -> StoredCheckpoint | None:
        """The greatest with a size of at most ``size``."""
        ...


class EvidenceStore(LeafStore, NodeStore, CheckpointStore, Protocol):
    """All three, as one transaction offers them."""


@dataclass(slots=True)
class MemoryEvidenceStore:
    """The log in memory: for the offline job and for tests. One thread at a time."""

    _head: LogHead | None = None
    _rows: list[StoredLeaf] = field(default_factory=list)
    _nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _checkpoints: list[StoredCheckpoint] = field(default_factory=list)
    _lesson_counts: dict[str, int] = field(default_factory=dict)

    def head(self) -> LogHead | None:
        return self._head

    def lock_head(self, origin: str) -> LogHead:
        if self._head is None:
            self._head = LogHead(origin)
        return self._head

    def append(self, head: LogHead, row: StoredLeaf, nodes: Sequence[StoredNode]) -> None:
        if row.seq != len(self._rows) or head.size != row.seq + 1:
            raise Conflict(f"leaf {row.seq} cannot follow {len(self._rows)} leaves", hint="try again")
        self._rows.append(row)
        self._nodes.update({(node.level, node.index): node.hash for node in nodes})
        self._head = head
        if row.lesson_id is not None:
            self._lesson_counts[row.lesson_id] = self.lesson_leaves(row.lesson_id) + 1

    def rows(self, query: LeafQuery) -> Iterable[StoredLeaf]:
        return tuple(row for row in self._rows[query.start : query.stop] if matches(query, row))

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        if level == 0:
            found = [row.leaf_hash for row in self._rows[start:stop]]
        else:
            found = [self._nodes[level, i] for i in range(start, stop) if (level, i) in self._nodes]
        if len(found) != stop - start:
            raise EvidenceBroken(f"the log lacks nodes {start} to {stop} of level {level}")
        return found

    def lesson_leaves(self, lesson_id: str) -> int:
        return self._lesson_counts.get(lesson_id, 0)

    def add_checkpoint(self, row: StoredCheckpoint) -> None:
        self._checkpoints.append(row)
        self._checkpoints.sort(key=lambda kept: kept.size)

    def latest_checkpoint(self) -> StoredCheckpoint | None:
        return self._checkpoints[-1] if self._checkpoints else None

    def checkpoints(self, start_size: int, stop_size: int) -> Sequence[StoredCheckpoint]:
        return [row for row in self._checkpoints if start_size <= row.size <= stop_size]

    def checkpoint_before(self, size: int) -> StoredCheckpoint | None:
        earlier = [row for row in self._checkpoints if row.size <= size]
        return earlier[-1] if earlier else None


CONTEXT_KINDS = (LeafKind.LOG_OPENED, LeafKind.KEY_ROTATED)


def matches(query: LeafQuery, row: StoredLeaf) -> bool:
    """Whether a leaf belongs to a query, its range aside."""
    if query.context and row.kind not in CONTEXT_KINDS and row.stepped_back_s is None:
        return False
    if query.lesson_id is not None and row.lesson_id != query.lesson_id:
        return False
    return not query.kinds or row.kind in query.kinds
