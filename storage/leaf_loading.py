"""Records of an evidence log that exists already, loaded into an empty database: exact bytes, many at a time.

Rules of appending do not apply here: nothing is new. What is checked is that the records are numbered without
holes and that their columns are what they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from models.canonical_json import parse_json
from models.checkpoint import parse_utc
from models.errors import EvidenceBroken, RollcallError
from models.evidence import JsonValue, LeafKind
from models.merkle import CompactRange, leaf_hash
from storage.leaf_store import KEPT_LEVELS, StoredCheckpoint, StoredLeaf
from storage.tables import CheckpointRow, LeafRow, LogHeadRow, NodeRow

BATCH = 2000


class LeafLoader:
    """Fills the log's tables in log order. Its caller commits."""

    def __init__(self, connection: Connection, origin: str, tree: CompactRange | None = None) -> None:
        """``tree``: what is loaded already, where a load goes on."""
        self._connection = connection
        self._origin = origin
        self._leaves: list[dict[str, Any]] = []
        self._nodes: list[dict[str, Any]] = []
        self._latest_at: datetime | None = None
        self.tree = tree or CompactRange()

    def add(self, leaf: StoredLeaf, clock: datetime) -> None:
        """The next leaf; ``clock``: what its writer's clock showed.

        Raises:
            EvidenceBroken: it is not the next.
        """
        if leaf.seq != self.tree.size:
            raise EvidenceBroken(
                f"leaf {leaf.seq} stands where leaf {self.tree.size} belongs", place="evidence log"
            )
        self.tree, completed = self.tree.append(leaf.leaf_hash)
        self._leaves.append(
            {
                "sequence": leaf.seq,
                "kind": leaf.kind.value,
                "at": leaf.at,
                "lesson_id": leaf.lesson_id,
                "lesson_sequence": leaf.lesson_seq,
                "record": leaf.record,
                "leaf_hash": leaf.leaf_hash,
                "stepped_back_s": leaf.stepped_back_s,
            }
        )
        self._nodes += [
            {"level": node.level, "position": node.index, "node_hash": node.hash}
            for node in completed
            if node.level and node.level % KEPT_LEVELS == 0
        ]
        if leaf.stepped_back_s is not None or self._latest_at is None or clock > self._latest_at:
            self._latest_at = clock
        if len(self._leaves) >= BATCH:
            self._write()

    def add_checkpoints(self, rows: Iterable[StoredCheckpoint]) -> None:
        """Signed states of the log, checked by the caller."""
        found = [{"size": row.size, "root": row.root, "at": row.at, "note": row.note} for row in rows]
        if found:
            self._connection.execute(insert(CheckpointRow), found)

    def finish(self) -> None:
        """Write what is left, and the head that the next append builds on."""
        self._write()
        head = {
            "head_id": 1,
            "origin": self._origin,
            "size": self.tree.size,
            "frontier": b"".join(self.tree.peaks),
            "latest_at": self._latest_at,
        }
        self._connection.execute(insert(LogHeadRow), head)

    def _write(self) -> None:
        if self._leaves:
            self._connection.execute(insert(LeafRow), self._leaves)
        if self._nodes:
            self._connection.execute(insert(NodeRow), self._nodes)
        self._leaves, self._nodes = [], []


def read_record(raw: bytes) -> tuple[StoredLeaf, datetime, dict[str, JsonValue]]:
    """A record's leaf, its writer's clock, and its body.

    Raises:
        EvidenceBroken: these bytes are no record of this program.
    """
    try:
        record = parse_json(raw)
        if not isinstance(record, dict):
            raise TypeError("no object")
        body, clock = record["body"], record["clock"]
        if not isinstance(body, dict) or not isinstance(clock, dict):
            raise TypeError("no objects inside")
        leaf = StoredLeaf(
            seq=_whole(record["seq"]),
            kind=LeafKind(str(record["kind"])),
            at=parse_utc(str(record["at"])),
            lesson_id=_text(record["lesson_id"]),
            lesson_seq=None if record["lesson_seq"] is None else _whole(record["lesson_seq"]),
            record=raw,
            leaf_hash=leaf_hash(raw),
            stepped_back_s=_seconds(record.get("clock_stepped_back_s")),
        )
        return leaf, parse_utc(str(clock["now"])), body
    except (RollcallError, KeyError, TypeError, ValueError):
        raise EvidenceBroken(
            "a line is no record of an evidence log", hint="keep the object and look for another copy"
        ) from None


def _whole(value: JsonValue) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("no whole number")
    return value


def _text(value: JsonValue) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError("no text")
    return value


def _seconds(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None
