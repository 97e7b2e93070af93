"""Proofs over a stored log, and the checks that the log is still what it signed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models.canonical_json import parse_json
from models.checkpoint import checkpoint_text, parse_checkpoint, parse_note
from models.errors import EvidenceBroken, RollcallError
from models.evidence import LeafKind
from models.merkle import CompactRange, empty_root, hashes_of, leaf_hash, node_hash, split_point
from storage.leaf_store import (
    KEPT_LEVELS,
    EvidenceStore,
    LeafQuery,
    NodeStore,
    StoredCheckpoint,
    StoredLeaf,
)
from storage.signing import PublicKey, check_rotation, read_public_key, verify_note

_TILE = 1 << KEPT_LEVELS


class StoredTree:
    """Hashes of ranges of a stored log of ``size`` leaves; reads tiles of 256 nodes and remembers them."""

    __slots__ = ("_folded", "_size", "_store", "_tiles")

    def __init__(self, store: NodeStore, size: int) -> None:
        self._store = store
        self._size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._folded: dict[tuple[int, int], bytes] = {}

    def root(self) -> bytes:
        """Root of the whole tree."""
        return self.range_hash(0, self._size) if self._size else empty_root()

    def range_hash(self, start: int, stop: int) -> bytes:
        """A ``models.merkle.RangeHash``: O(log² size) work, a few reads."""
        count = stop - start
        if count.bit_count() == 1 and start % count == 0:
            level = count.bit_length() - 1
            return self._perfect(level, start >> level)
        middle = start + split_point(count)
        return node_hash(self.range_hash(start, middle), self.range_hash(middle, stop))

    def _perfect(self, level: int, index: int) -> bytes:
        known = self._folded.get((level, index))
        if known is None:
            above = level % KEPT_LEVELS
            first = index << above
            tile, offset = divmod(first, _TILE)
            nodes = self._tile(level - above, tile)
            known = hashes_of(nodes)(offset, offset + (1 << above))
            self._folded[level, index] = known
        return known

    def _tile(self, level: int, tile: int) -> list[bytes]:
        if (level, tile) not in self._tiles:
            stop = min((tile + 1) * _TILE, self._size >> level)
            self._tiles[level, tile] = list(self._store.hashes(level, tile * _TILE, stop))
        return self._tiles[level, tile]


@dataclass(frozen=True, slots=True)
class LogState:
    """What a check found: leaves in the log, its root, and the size of the last signed checkpoint."""

    size: int
    root: bytes
    checkpoint_size: int


@dataclass(frozen=True, slots=True)
class LogProblem:
    """One thing an audit found wrong, and at which leaf or checkpoint."""

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log, and the note by which the key before it introduced it (none for the first)."""

    key: PublicKey
    rotation: str | None


def key_chain(store: EvidenceStore, origin: str) -> tuple[LogKey, ...]:
    """The log's keys from its first to its present one, each rotation checked.

    Raises:
        EvidenceBroken, KeyUnusable: the log names no first key, or a rotation does not hold.
    """
    chain: list[LogKey] = []
    for row in store.rows(LeafQuery(kinds=(LeafKind.LOG_OPENED, LeafKind.KEY_ROTATED))):
        record = parse_json(row.record)
        body = record.get("body") if isinstance(record, dict) else None
        if not isinstance(body, dict):
            raise EvidenceBroken("a leaf about the log's key cannot be read", place=f"leaf {row.seq}")
        if row.kind is LeafKind.LOG_OPENED and not chain:
            chain.append(LogKey(read_public_key(body.get("key")), None))
            continue
        old, new = check_rotation(origin, body)
        if not chain or chain[-1].key != old:
            raise EvidenceBroken("a key rotation does not follow the key before it", place=f"leaf {row.seq}")
        chain.append(LogKey(new, str(body.get("note"))))
    if not chain:
        raise EvidenceBroken("the evidence log does not name its key", hint="open the log first")
    return tuple(chain)


def log_keys(store: EvidenceStore, origin: str) -> tuple[PublicKey, ...]:
    """The keys of ``key_chain`` alone."""
    return tuple(link.key for link in key_chain(store, origin))


def present_key(store: EvidenceStore, origin: str) -> PublicKey | None:
    """The key that signs now, or ``None`` before the log is opened. Raises as ``key_chain`` does."""
    head = store.head()
    return log_keys(store, origin)[-1] if head is not None and head.size else None


def check_log(store: EvidenceStore, origin: str) -> LogState | None:
    """The quick check at start: reads a few hundred rows, whatever the size of the log.

    The head's root must follow from the stored nodes, the last leaves' records from their hashes, and the
    log must still contain, unchanged, what the last checkpoint signed. ``None``: there is no log yet.

    Raises:
        EvidenceBroken: any of this fails; recording evidence onto such a log would hide the break.
    """
    head = store.head()
    if head is None or not head.size:
        return None
    if head.origin != origin:
        raise EvidenceBroken(f"the log of {head.origin} was found where that of {origin} was expected")
    tree = StoredTree(store, head.size)
    root = tree.root()
    if root != CompactRange(head.size, head.peaks).root():
        raise EvidenceBroken("leaves of the evidence log were changed: its root does not follow from them")
    for row in store.rows(LeafQuery(start=max(0, head.size - _TILE))):
        if row.seq >= head.size or leaf_hash(row.record) != row.leaf_hash:
            raise EvidenceBroken("a record does not match its hash", place=f"leaf {row.seq}")
    latest = store.latest_checkpoint()
    if latest is None:
        return LogState(head.size, root, 0)
    if latest.size > head.size:
        raise EvidenceBroken(
            f"the log has {head.size} leaves, but {latest.size} were signed",
            hint="restore the newest backup; an older one lost evidence",
        )
    _check_checkpoint(latest, origin, log_keys(store, origin))
    signed_root = tree.range_hash(0, latest.size) if latest.size else empty_root()
    if signed_root != latest.root:
        raise EvidenceBroken(f"the first {latest.size} leaves are not those that were signed")
    return LogState(head.size, root, latest.size)


def audit_log(store: EvidenceStore, origin: str) -> tuple[LogProblem, ...]:
    """The thorough check: every record, hash and checkpoint; a few seconds per million leaves."""
    head = store.head()
    if head is None:
        return ()
    problems: list[LogProblem] = []
    roots: dict[int, bytes] = {0: empty_root()}
    signed = store.checkpoints(0, head.size)
    wanted = {row.size for row in signed}
    tree = CompactRange()
    for row in store.rows(LeafQuery()):
        if row.seq != tree.size:
            problems.append(LogProblem(f"leaf {tree.size}", f"missing: leaf {row.seq} follows"))
            return tuple(problems)
        problems.extend(_record_problems(row))
        tree, _ = tree.append(leaf_hash(row.record))
        if tree.size in wanted:
            roots[tree.size] = tree.root()
    if tree != CompactRange(head.size, head.peaks):
        problems.append(LogProblem("head", "the log's head does not follow from its leaves"))
    problems.extend(_checkpoint_problems(store, origin, signed, roots))
    return tuple(problems)


def _record_problems(row: StoredLeaf) -> list[LogProblem]:
    place = f"leaf {row.seq}"
    if leaf_hash(row.record) != row.leaf_hash:
        return [LogProblem(place, "the record does not match its hash")]
    record = parse_json(row.record)
    said = record if isinstance(record, dict) else {}
    columns = {
        "seq": row.seq,
        "kind": row.kind.value,
        "lesson_id": row.lesson_id,
        "lesson_seq": row.lesson_seq,
        "clock_stepped_back_s": row.stepped_back_s,
    }
    wrong = [name for name, value in columns.items() if said.get(name) != value]
    return [LogProblem(place, f"the row contradicts its record: {', '.join(wrong)}")] if wrong else []


def _checkpoint_problems(
    store: EvidenceStore, origin: str, signed: Iterable[StoredCheckpoint], roots: dict[int, bytes]
) -> list[LogProblem]:
    problems: list[LogProblem] = []
    try:
        keys = log_keys(store, origin)
    except RollcallError as error:
        return [LogProblem("keys", error.message)]
    for row in signed:
        place = f"checkpoint {row.size}"
        try:
            _check_checkpoint(row, origin, keys)
        except EvidenceBroken as error:
            problems.append(LogProblem(place, error.message))
        if roots.get(row.size) != row.root:
            problems.append(LogProblem(place, "its root does not follow from the leaves"))
    return problems


def _check_checkpoint(row: StoredCheckpoint, origin: str, keys: tuple[PublicKey, ...]) -> None:
    note = parse_note(row.note.encode("utf-8"))
    verify_note(note, keys)
    checkpoint = parse_checkpoint(note.text)
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (origin, row.size, row.root):
        raise EvidenceBroken(f"the checkpoint of {row.size} leaves is not the one that was signed")
    if checkpoint_text(checkpoint) != note.text:
        raise EvidenceBroken(f"the checkpoint of {row.size} leaves has lines this program does not write")
