"""Rules of the append-only evidence log (RFC 9162 tree over canonical JSON records).

An ``EvidenceLog`` lives inside one unit of work, over that unit's ``EvidenceStore``: what is appended here
commits together with the rows it speaks of, or not at all.

A record says when its subject happened (``at``, from the caller) and what the writer's clock showed when it
was written (``clock``, read while this writer is alone). The order of the log and the order of its clock are
therefore one; where the clock went back, the record itself says by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.canonical_json import canonical_json, parse_json
from models.checkpoint import checkpoint_text, utc_text
from models.errors import Conflict, EvidenceBroken, KeyUnusable
from models.evidence import Checkpoint, JsonValue, Leaf, LeafKind
from models.evidence_leaves import CameraTotals, heartbeat, lesson_closed
from models.merkle import CompactRange, leaf_hash
from models.ports import Clock
from storage.leaf_store import (
    KEPT_LEVELS,
    EvidenceStore,
    LeafQuery,
    LogHead,
    StoredCheckpoint,
    StoredLeaf,
    StoredNode,
)
from storage.signing import NoteSigner, rotation_leaf, sign_note

RECORD_VERSION = 1
CLOCK_TOLERANCE = timedelta(seconds=2)
"""Machines that write to one log may differ by this much; anything more is a clock that went back."""

HEARTBEAT_EVERY = timedelta(minutes=10)
"""A quiet log shows life this often; busy ones need no heartbeat."""


@dataclass(frozen=True, slots=True)
class EvidenceLog:
    """The log as one unit of work sees it. ``clock_offset_s``: the machine's clock against its time source,
    where known; written into each record."""

    store: EvidenceStore
    origin: str
    clock: Clock
    clock_offset_s: float | None = None

    def append(self, leaf: Leaf) -> StoredLeaf:
        """Add one leaf and return it as kept.

        Raises:
            InvalidInput: the body has no canonical form.
            Conflict: another writer was first; the unit of work must be repeated.
            EvidenceBroken: the store belongs to another log.
        """
        head = self._lock()
        latest_at, now = self._latest_at(head), self.clock.now()
        stepped_back_s = _stepped_back_s(latest_at, now)
        lesson_seq = None if leaf.lesson_id is None else self.store.lesson_leaves(leaf.lesson_id) + 1
        record = canonical_json(self._record(leaf, head.size, lesson_seq, now, stepped_back_s))
        row = StoredLeaf(
            seq=head.size,
            kind=leaf.kind,
            at=leaf.at,
            lesson_id=leaf.lesson_id,
            lesson_seq=lesson_seq,
            record=record,
            leaf_hash=leaf_hash(record),
            stepped_back_s=stepped_back_s,
        )
        self._keep(replace(head, latest_at=latest_at), row, now)
        return row

    def append_all(self, leaves: Sequence[Leaf]) -> tuple[StoredLeaf, ...]:
        """Add leaves in order."""
        return tuple(self.append(leaf) for leaf in leaves)

    def lock(self) -> None:
        """Be the only writer until this unit of work ends, before anything is appended."""
        self._lock()

    def is_new(self) -> bool:
        """Whether nothing was ever written: only then may a signing key be made."""
        return not self._lock().size

    def open(self, signer: NoteSigner) -> StoredLeaf | None:
        """Write the first leaf of a new log, which names its key; nothing where the log exists.

        Raises:
            KeyUnusable: the log exists and its key is another one; its auditors could check nothing new.
        """
        if self._lock().size:
            if signer.public_key.document() != self._current_key():
                raise KeyUnusable(
                    "the signing key is not the one that this evidence log knows",
                    place=self.origin,
                    hint="restore the key folder that belongs to this database",
                )
            return None
        body: dict[str, JsonValue] = {"origin": self.origin, "key": signer.public_key.document()}
        return self.append(Leaf(LeafKind.LOG_OPENED, self.clock.now(), None, body))

    def _current_key(self) -> JsonValue:
        """Public-key document of whoever signs now: named by the first leaf, or by the last rotation."""
        kinds = (LeafKind.LOG_OPENED, LeafKind.KEY_ROTATED)
        key: JsonValue = None
        for leaf in self.store.rows(LeafQuery(kinds=kinds)):
            record = parse_json(leaf.record)
            body = record.get("body") if isinstance(record, dict) else None
            name = "new_key" if leaf.kind is LeafKind.KEY_ROTATED else "key"
            key = body.get(name) if isinstance(body, dict) else None
        return key

    def close_lesson(
        self, lesson_id: str, cameras: Sequence[CameraTotals], retain_until: datetime
    ) -> StoredLeaf:
        """Write the lesson's closing leaf: leaves so far (this one included) and segments per camera.

        Raises:
            Conflict: the lesson is closed already.
        """
        self._lock()
        if tuple(self.store.rows(LeafQuery(lesson_id=lesson_id, kinds=(LeafKind.LESSON_CLOSED,)))):
            raise Conflict(f"lesson {lesson_id} is closed in the evidence log already")
        count = self.store.lesson_leaves(lesson_id) + 1
        return self.append(lesson_closed(lesson_id, count, cameras, retain_until, self.clock.now()))

    def write_checkpoint(self, *signers: NoteSigner) -> StoredCheckpoint:
        """Sign the state of the log, now, with each signer.

        Where the clock went back since the last leaf or checkpoint, a heartbeat that says so comes first: a
        checkpoint itself has no word for it.
        """
        head, now = self._lock(), self.clock.now()
        if _stepped_back_s(self._latest_at(head), now) is not None:
            self.append(heartbeat(now))
            head = self._lock()
        checkpoint = Checkpoint(
            self.origin, head.size, CompactRange(head.size, head.peaks).root(), self.clock.now()
        )
        note = sign_note(checkpoint_text(checkpoint), *signers).encode().decode("utf-8")
        row = StoredCheckpoint(checkpoint.size, checkpoint.root, checkpoint.at, note)
        self.store.add_checkpoint(row)
        return row

    def beat(
        self, *signers: NoteSigner, heartbeat_every: timedelta = HEARTBEAT_EVERY
    ) -> StoredCheckpoint | None:
        """What a timer calls every minute: a checkpoint if the log grew, a heartbeat first if it is quiet.

        Returns ``None`` where nothing was due.
        """
        head, latest = self._lock(), self.store.latest_checkpoint()
        if latest is not None and latest.size == head.size:
            now = self.clock.now()
            # A clock behind the last checkpoint is just what a heartbeat must put on record.
            if timedelta() <= now - latest.at < heartbeat_every:
                return None
            self.append(heartbeat(now))
        return self.write_checkpoint(*signers)

    def rotate_key(self, old: NoteSigner, new: NoteSigner) -> StoredCheckpoint:
        """Hand the log over to a new key: a leaf signed by both, and a checkpoint signed by both."""
        self.append(rotation_leaf(self.origin, old, new, self.clock.now()))
        return self.write_checkpoint(old, new)

    def _lock(self) -> LogHead:
        head = self.store.lock_head(self.origin)
        if head.origin != self.origin:
            raise EvidenceBroken(
                f"this database holds the log of {head.origin}, not of {self.origin}",
                hint="restore the setting of the log's name, or use another database",
            )
        return head

    def _latest_at(self, head: LogHead) -> datetime | None:
        """The latest time written: that of the leaves, or of a checkpoint signed after the last of them."""
        signed = [checkpoint.at for checkpoint in self.store.checkpoints(head.size, head.size)]
        return max(signed if head.latest_at is None else [head.latest_at, *signed], default=None)

    def _record(
        self, leaf: Leaf, seq: int, lesson_seq: int | None, now: datetime, stepped_back_s: float | None
    ) -> dict[str, object]:
        record: dict[str, object] = {
            "v": RECORD_VERSION,
            "seq": seq,
            "kind": leaf.kind.value,
            "at": utc_text(leaf.at),
            "lesson_id": leaf.lesson_id,
            "lesson_seq": lesson_seq,
            "clock": {"now": utc_text(now), "offset_s": self.clock_offset_s},
            "body": leaf.body,
        }
        if stepped_back_s is not None:
            record["clock_stepped_back_s"] = stepped_back_s
        return record

    def _keep(self, head: LogHead, row: StoredLeaf, now: datetime) -> None:
        tree, completed = CompactRange(head.size, head.peaks).append(row.leaf_hash)
        latest_at = (
            now if row.stepped_back_s is not None or head.latest_at is None else max(head.latest_at, now)
        )
        kept = [
            StoredNode(node.level, node.index, node.hash)
            for node in completed
            if node.level and node.level % KEPT_LEVELS == 0
        ]
        self.store.append(replace(head, size=tree.size, peaks=tree.peaks, latest_at=latest_at), row, kept)


def _stepped_back_s(latest_at: datetime | None, now: datetime) -> float | None:
    """Seconds by which the clock lies behind the latest time written, where that is too much.

    Measured against the latest time and not the last, so that many small steps add up to one that shows.
    """
    if latest_at is None or now >= latest_at - CLOCK_TOLERANCE:
        return None
    return (latest_at - now).total_seconds()
