"""The evidence log's copy in the object store: names of its objects, and reading it back (a lost database).

Layout (docs/guides/evidence.md, "The copy in the object store")::

    log/leaves/{first:012d}-{last:012d}-{sha256}.jsonl   records first..last, canonical, one per line
    log/checkpoints/{size:012d}-{sha256}.note            a signed checkpoint, whole
    log/keys/{key_id}.json                               a public-key document
    log/timestamps/{size:012d}-{sha256}.tsr              a time-stamp token over that checkpoint's note

Reading needs ``models.ports.ObjectReader`` alone and believes nothing that it did not compute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from models.canonical_json import canonical_json, parse_json
from models.checkpoint import parse_checkpoint, parse_note, parse_utc
from models.errors import EvidenceBroken, InvalidInput
from models.evidence import JsonValue, LeafKind
from models.merkle import CompactRange, leaf_hash
from models.ports import ObjectReader
from storage.leaf_store import (
    KEPT_LEVELS,
    EvidenceStore,
    LogHead,
    StoredCheckpoint,
    StoredLeaf,
    StoredNode,
)
from storage.signing import PublicKey, read_public_key

LEAVES: Final = "log/leaves/"
CHECKPOINTS: Final = "log/checkpoints/"
KEYS: Final = "log/keys/"
TIMESTAMPS: Final = "log/timestamps/"

_LEAVES_NAME = re.compile(re.escape(LEAVES) + r"([0-9]{12})-([0-9]{12})-([0-9a-f]{64})\.jsonl")
_SIZED_NAME = re.compile(r"log/(?:checkpoints|timestamps)/([0-9]{12})-([0-9a-f]{64})\.(?:note|tsr)")
_HINT = "keep everything as it is; look for another version or copy of this object"


@dataclass(frozen=True, slots=True)
class CopiedRange:
    """One object of leaves: indices ``first`` to ``last``, both in it."""

    first: int
    last: int
    sha256: str

    @property
    def key(self) -> str:
        return f"{LEAVES}{self.first:012d}-{self.last:012d}-{self.sha256}.jsonl"


def leaves_bytes(rows: Iterator[StoredLeaf] | tuple[StoredLeaf, ...]) -> bytes:
    """The content of an object of leaves: canonical records, each ended by a line feed."""
    return b"".join(row.record + b"\n" for row in rows)


def checkpoint_key(size: int, note: bytes) -> str:
    """Where a checkpoint's note lies; two notes of one size (signed again, co-signed) have two names."""
    return f"{CHECKPOINTS}{size:012d}-{sha256(note).hexdigest()}.note"


def timestamp_key(size: int, token: bytes) -> str:
    """Where the token over the checkpoint of ``size`` leaves lies."""
    return f"{TIMESTAMPS}{size:012d}-{sha256(token).hexdigest()}.tsr"


def public_key_key(key: PublicKey) -> str:
    """Where a key's document lies."""
    return f"{KEYS}{key.key_id.hex()}.json"


def public_key_bytes(key: PublicKey) -> bytes:
    """A key's document as stored: canonical JSON and a line feed."""
    return canonical_json(key.document()) + b"\n"


class LogCopy:
    """The log as the object store has it."""

    def __init__(self, store: ObjectReader) -> None:
        self._store = store

    def ranges(self) -> tuple[CopiedRange, ...]:
        """The objects of leaves in order, from leaf 0 on.

        Raises:
            EvidenceBroken: a name of another form, leaves that no object holds, or that two objects hold.
        """
        found = sorted({range_of(key) for key in self._names(LEAVES)}, key=lambda one: (one.first, one.last))
        expected = 0
        for one in found:
            if one.first != expected or one.last < one.first:
                what = "are missing" if one.first > expected else "stand in two objects"
                raise EvidenceBroken(
                    f"leaves from {min(expected, one.first)} on {what}", place=one.key, hint=_HINT
                )
            expected = one.last + 1
        return tuple(found)

    def leaves(self) -> Iterator[StoredLeaf]:
        """Every leaf in log order; one object is held in memory at a time.

        Raises:
            EvidenceBroken: an object's bytes are not those of its name, or its records not of its range.
        """
        for one in self.ranges():
            yield from self.read_range(one)

    def read_range(self, one: CopiedRange) -> tuple[StoredLeaf, ...]:
        """The leaves of one object. Raises ``EvidenceBroken``, ``NotFound``."""
        *lines, rest = self._read(one.key, one.sha256).split(b"\n")
        if rest or len(lines) != one.last - one.first + 1:
            raise EvidenceBroken(
                "holds another number of records than its name says", place=one.key, hint=_HINT
            )
        return tuple(
            _stored_leaf(line, seq, one.key)
            for line, seq in zip(lines, range(one.first, one.last + 1), strict=True)
        )

    def checkpoints(self) -> tuple[StoredCheckpoint, ...]:
        """Signed checkpoints by size and time. Their signatures are checked by ``audit_log``, not here.

        Raises:
            EvidenceBroken: a note is not the one of its name, or cannot be read.
        """
        found = [self._checkpoint(key) for key in self._names(CHECKPOINTS)]
        return tuple(sorted(found, key=lambda row: (row.size, row.at, row.note)))

    def keys(self) -> tuple[PublicKey, ...]:
        """Public keys, by name and id. The chain from one to the next is in the leaves, not here.

        Raises:
            EvidenceBroken, KeyUnusable: a document cannot be read, or lies under another key's name.
        """
        found = []
        for name in self._names(KEYS):
            key = read_public_key(_parsed(self._store.read_range(name, 0, None), name))
            if public_key_key(key) != name:
                raise EvidenceBroken("holds another key than its name says", place=name, hint=_HINT)
            found.append(key)
        return tuple(sorted(found, key=lambda key: (key.name, key.key_id)))

    def timestamps(self) -> tuple[tuple[int, bytes], ...]:
        """Tokens with the size of the checkpoint whose note they certify. Raises ``EvidenceBroken``."""
        return tuple((_sized(key)[0], self._read(key, _sized(key)[1])) for key in self._names(TIMESTAMPS))

    def _names(self, prefix: str) -> tuple[str, ...]:
        """A store may list several versions of one key, delete markers too; the name counts once."""
        return tuple(sorted({stored.key for stored in self._store.list_versions(prefix)}))

    def _read(self, key: str, digest: str) -> bytes:
        content = self._store.read_range(key, 0, None)
        if sha256(content).hexdigest() != digest:
            raise EvidenceBroken("its bytes are not those that its name speaks of", place=key, hint=_HINT)
        return content

    def _checkpoint(self, key: str) -> StoredCheckpoint:
        size, digest = _sized(key)
        raw = self._read(key, digest)
        checkpoint = parse_checkpoint(parse_note(raw).text)
        if checkpoint.size != size:
            raise EvidenceBroken("speaks of another size than its name", place=key, hint=_HINT)
        return StoredCheckpoint(size, checkpoint.root, checkpoint.at, raw.decode("utf-8"))


def replay(copy: LogCopy, store: EvidenceStore, origin: str) -> LogHead:
    """Write the copy into an empty store of rows, inside the caller's unit of work; returns its head.

    Run ``storage.evidence_proofs.audit_log`` on the result: it checks roots and signatures.

    Raises:
        EvidenceBroken: the copy is not whole, or a checkpoint speaks of more leaves than the copy holds.
        Conflict: the store is not empty.
    """
    head, tree = store.lock_head(origin), CompactRange()
    for row in copy.leaves():
        tree, completed = tree.append(row.leaf_hash)
        now = _clock_of(row)
        latest = now if row.stepped_back_s is not None or head.latest_at is None else max(head.latest_at, now)
        head = replace(head, size=tree.size, peaks=tree.peaks, latest_at=latest)
        kept = [node for node in completed if node.level and node.level % KEPT_LEVELS == 0]
        store.append(head, row, [StoredNode(node.level, node.index, node.hash) for node in kept])
    for checkpoint in copy.checkpoints():
        if checkpoint.size > head.size:
            raise EvidenceBroken(
                f"{checkpoint.size} leaves were signed, the copy holds {head.size}",
                place=checkpoint_key(checkpoint.size, checkpoint.note.encode("utf-8")),
                hint=_HINT,
            )
        store.add_checkpoint(checkpoint)
    return head


def range_of(key: str) -> CopiedRange:
    """What an object of leaves holds, by its name. Raises ``EvidenceBroken`` for another form."""
    match = _LEAVES_NAME.fullmatch(key)
    if match is None:
        raise EvidenceBroken("this is no name of an object of leaves", place=key, hint=_HINT)
    return CopiedRange(int(match[1]), int(match[2]), match[3])


def _sized(key: str) -> tuple[int, str]:
    match = _SIZED_NAME.fullmatch(key)
    if match is None:
        raise EvidenceBroken("this name has neither size nor hash", place=key, hint=_HINT)
    return int(match[1]), match[2]


def _parsed(raw: bytes, place: str) -> JsonValue:
    try:
        return parse_json(raw)
    except InvalidInput:
        raise EvidenceBroken("cannot be read as JSON", place=place, hint=_HINT) from None


def _stored_leaf(line: bytes, seq: int, place: str) -> StoredLeaf:
    record = _parsed(line, place)
    if not isinstance(record, dict) or record.get("seq") != seq or canonical_json(record) != line:
        raise EvidenceBroken(f"leaf {seq} is not where its number belongs", place=place, hint=_HINT)
    lesson_id, lesson_seq, back = (record.get(n) for n in ("lesson_id", "lesson_seq", "clock_stepped_back_s"))
    try:
        kind = LeafKind(str(record.get("kind")))
    except ValueError:
        raise EvidenceBroken(
            f"leaf {seq} is of no known kind", place=place, hint="use a newer release"
        ) from None
    return StoredLeaf(
        seq=seq,
        kind=kind,
        at=parse_utc(str(record.get("at"))),
        lesson_id=None if lesson_id is None else str(lesson_id),
        lesson_seq=lesson_seq if isinstance(lesson_seq, int) else None,
        record=line,
        leaf_hash=leaf_hash(line),
        stepped_back_s=float(back) if isinstance(back, (int, float)) else None,
    )


def _clock_of(row: StoredLeaf) -> datetime:
    record = parse_json(row.record)
    clock = record.get("clock") if isinstance(record, dict) else None
    return parse_utc(str(clock.get("now"))) if isinstance(clock, dict) else row.at
