"""What the log says of one lesson or several, gathered for a bundle: proven leaves, checkpoints, keys.

Gathering happens inside a unit of work, for taking a bundle out is itself a leaf; writing files happens after
it, so that copying gigabytes keeps no lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

from models.errors import Conflict, NotFound
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_leaves import FileDigest, export
from models.merkle import consistency_proof, inclusion_proof
from storage.evidence_log import EvidenceLog
from storage.evidence_proofs import LogKey, StoredTree, key_chain
from storage.leaf_store import EvidenceStore, LeafQuery, StoredCheckpoint, StoredLeaf
from storage.signing import NoteSigner


class FootageMode(StrEnum):
    """Whether a bundle carries the footage, only its hashes in the log, or the segments that were chosen."""

    INCLUDED = "included"
    HASHES = "hashes"
    SELECTED = "selected"


class BundleScope(StrEnum):
    """What a bundle is of."""

    LESSON = "lesson"
    CASE = "case"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Who takes out what.

    ``subject``: id of the lesson, flag or class. ``files``: everything beside the footage whose bytes the
    log shall vouch for. ``lesson_ids``: the lessons of a case or class; a lesson is its own. ``segments``:
    SHA-256 of the footage that goes with ``FootageMode.SELECTED``.
    """

    subject: str
    actor: str
    footage: FootageMode
    files: tuple[FileDigest, ...] = ()
    scope: BundleScope = BundleScope.LESSON
    lesson_ids: tuple[str, ...] = ()
    segments: frozenset[str] = frozenset()

    @property
    def lessons(self) -> tuple[str, ...]:
        """The lessons in the order of their export leaves."""
        return tuple(sorted(self.lesson_ids)) or (self.subject,)

    def carries(self, sha256: str) -> bool:
        """Whether the bundle holds this segment's bytes."""
        return self.footage is FootageMode.INCLUDED or sha256 in self.segments

    def part_of(self) -> dict[str, JsonValue]:
        """What each lesson's export leaf says of the whole; nothing for a lesson with all or no footage."""
        said: dict[str, JsonValue] = {}
        if self.scope is not BundleScope.LESSON:
            said = {"scope": self.scope.value, "subject": self.subject, "lessons": [*self.lessons]}
        if self.footage is FootageMode.SELECTED:
            said["segments"] = [*sorted(self.segments)]
        return said


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """A leaf and its audit path in the tree of the bundle's last checkpoint."""

    row: StoredLeaf
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConsistencyStep:
    """Shows that the log of ``old_size`` leaves is the beginning of that of ``new_size``."""

    old_size: int
    new_size: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BundleEvidence:
    """All that the log contributes to a bundle. ``leaves``: the lessons' and those of context, in log order;
    ``checkpoints``: from the last one before the first lesson to the one that covers the export, by size;
    ``care``: files of second parties and time-stamp authorities, by name."""

    origin: str
    request: ExportRequest
    exported_at: datetime
    leaves: tuple[ProvenLeaf, ...]
    checkpoints: tuple[StoredCheckpoint, ...]
    consistency: tuple[ConsistencyStep, ...]
    keys: tuple[LogKey, ...]
    care: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def lesson_rows(self) -> tuple[StoredLeaf, ...]:
        """The lessons' own leaves."""
        lessons = frozenset(self.request.lessons)
        return tuple(leaf.row for leaf in self.leaves if leaf.row.lesson_id in lessons)

    def rows_of(self, lesson_id: str) -> tuple[StoredLeaf, ...]:
        """One lesson's leaves."""
        return tuple(leaf.row for leaf in self.leaves if leaf.row.lesson_id == lesson_id)

    @property
    def last_checkpoint(self) -> StoredCheckpoint:
        return self.checkpoints[-1]


def gather_evidence(log: EvidenceLog, signer: NoteSigner, request: ExportRequest) -> BundleEvidence:
    """Append each lesson's export leaf, sign a checkpoint over them, and collect everything with its proofs.

    Raises:
        NotFound: the log knows no such lesson.
        Conflict: a lesson is not closed yet.
    """
    store = log.store
    for lesson_id in request.lessons:
        _refuse_unclosed(store, lesson_id)
    at = log.clock.now()
    log.append_all([_export_leaf(request, lesson_id, at) for lesson_id in request.lessons])
    last = log.write_checkpoint(signer)
    rows = _leaves_of(store, request.lessons, last.size)
    tree = StoredTree(store, last.size)
    proven = tuple(ProvenLeaf(row, inclusion_proof(row.seq, last.size, tree.range_hash)) for row in rows)
    checkpoints = _checkpoints(store, request, rows, last)
    return BundleEvidence(
        origin=log.origin,
        request=request,
        exported_at=at,
        leaves=proven,
        checkpoints=checkpoints,
        consistency=consistency_steps(store, checkpoints),
        keys=key_chain(store, log.origin),
    )


def lesson_folder(lesson_id: str) -> str:
    """Where a bundle of several lessons keeps what belongs to one of them."""
    return f"lessons/{safe_name(lesson_id)}/"


def safe_name(identifier: str) -> str:
    """An id percent-encoded so that it is one safe folder name."""
    return quote(identifier, safe="").replace(".", "%2E")


def _export_leaf(request: ExportRequest, lesson_id: str, at: datetime) -> Leaf:
    """A lesson's leaf vouches for its own files and for those of the whole."""
    others = tuple(lesson_folder(other) for other in request.lessons if other != lesson_id)
    files = [item for item in request.files if not others or not item.name.startswith(others)]
    return export(lesson_id, request.actor, request.footage.value, files, at, request.part_of())


def _refuse_unclosed(store: EvidenceStore, lesson_id: str) -> None:
    if not store.lesson_leaves(lesson_id):
        raise NotFound(f"the evidence log knows no lesson {lesson_id}")
    if not tuple(store.rows(LeafQuery(lesson_id=lesson_id, kinds=(LeafKind.LESSON_CLOSED,)))):
        raise Conflict(
            f"lesson {lesson_id} is not closed yet, so nothing says how much evidence it has",
            hint="wait until it has been judged",
        )


def _leaves_of(store: EvidenceStore, lessons: tuple[str, ...], size: int) -> tuple[StoredLeaf, ...]:
    by_seq = {row.seq: row for row in store.rows(LeafQuery(context=True, stop=size))}
    for lesson_id in lessons:
        by_seq |= {row.seq: row for row in store.rows(LeafQuery(lesson_id=lesson_id, stop=size))}
    return tuple(by_seq[seq] for seq in sorted(by_seq))


def _checkpoints(
    store: EvidenceStore, request: ExportRequest, rows: tuple[StoredLeaf, ...], last: StoredCheckpoint
) -> tuple[StoredCheckpoint, ...]:
    """Those around each lesson, and the last. Of many lessons only the first and last ones around each: a
    class of months would bring a hundred thousand, and those between prove nothing more of its records."""
    chosen: list[StoredCheckpoint] = []
    for lesson_id in request.lessons:
        own = [row for row in rows if row.lesson_id == lesson_id]
        around = _checkpoints_around(store, own, last)
        chosen += around if request.scope is not BundleScope.CLASS else {*around[:2], *around[-1:]}
    if last not in chosen:
        chosen.append(last)
    # A size may be signed again later; the last in the bundle must be the one that covers the export.
    return tuple(sorted(dict.fromkeys(chosen), key=lambda row: (row.size, row.at)))


def _checkpoints_around(
    store: EvidenceStore, lesson: Sequence[StoredLeaf], last: StoredCheckpoint
) -> list[StoredCheckpoint]:
    """The last checkpoint before the lesson, and those up to the first one that covers its closing.

    What the log signed between the closing and a late export adds nothing about the lesson.
    """
    closing = max(row.seq for row in lesson if row.kind is LeafKind.LESSON_CLOSED)
    chosen: list[StoredCheckpoint] = []
    before = store.checkpoint_before(lesson[0].seq)
    if before is not None:
        chosen.append(before)
    chosen += store.checkpoints(lesson[0].seq + 1, closing)
    chosen += _first_after(store, closing, last.size)
    return chosen


def _first_after(store: EvidenceStore, closing: int, last: int) -> tuple[StoredCheckpoint, ...]:
    """The first signed state that covers the leaf ``closing``.

    Looked for in growing stretches: the log of an old lesson goes on for years and hundreds of thousands of
    signed states, and the wanted one is a minute away.
    """
    start, length = closing + 1, 1024
    while start <= last:
        found = store.checkpoints(start, min(start + length - 1, last))
        if found:
            return (found[0],)
        start, length = start + length, length * 4
    return ()


def consistency_steps(
    store: EvidenceStore, checkpoints: tuple[StoredCheckpoint, ...]
) -> tuple[ConsistencyStep, ...]:
    """From each earlier size to the last, so that a lost checkpoint leaves the others provable."""
    last = checkpoints[-1].size
    tree = StoredTree(store, last)
    earlier = sorted({row.size for row in checkpoints if 0 < row.size < last})
    return tuple(ConsistencyStep(old, last, consistency_proof(old, last, tree.range_hash)) for old in earlier)
