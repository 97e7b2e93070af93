"""What the log says of one lesson, gathered for a bundle: leaves with proofs, checkpoints, keys.

Gathering happens inside a unit of work, for taking a bundle out is itself a leaf; writing files happens after
it, so that copying gigabytes keeps no lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.errors import Conflict, NotFound
from models.evidence import LeafKind
from models.evidence_leaves import FileDigest, export
from models.merkle import consistency_proof, inclusion_proof
from storage.evidence_log import EvidenceLog
from storage.evidence_proofs import LogKey, StoredTree, key_chain
from storage.leaf_store import EvidenceStore, LeafQuery, StoredCheckpoint, StoredLeaf
from storage.signing import NoteSigner


class FootageMode(StrEnum):
    """Whether a bundle carries the footage, or only its hashes in the log."""

    INCLUDED = "included"
    HASHES = "hashes"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Who takes out what. ``files``: everything beside the footage whose bytes the log shall vouch for."""

    lesson_id: str
    actor: str
    footage: FootageMode
    files: tuple[FileDigest, ...] = ()


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
    """All that the log contributes to a bundle. ``leaves``: the lesson's and those of context, in log order;
    ``checkpoints``: from the last one before the lesson to the one that covers the export, by size."""

    origin: str
    request: ExportRequest
    exported_at: datetime
    leaves: tuple[ProvenLeaf, ...]
    checkpoints: tuple[StoredCheckpoint, ...]
    consistency: tuple[ConsistencyStep, ...]
    keys: tuple[LogKey, ...]

    @property
    def lesson_rows(self) -> tuple[StoredLeaf, ...]:
        """The lesson's own leaves."""
        return tuple(leaf.row for leaf in self.leaves if leaf.row.lesson_id == self.request.lesson_id)

    @property
    def last_checkpoint(self) -> StoredCheckpoint:
        return self.checkpoints[-1]


def gather_evidence(log: EvidenceLog, signer: NoteSigner, request: ExportRequest) -> BundleEvidence:
    """Append the export leaf, sign a checkpoint over it, and collect everything with its proofs.

    Raises:
        NotFound: the log knows no such lesson.
        Conflict: the lesson is not closed yet.
    """
    store = log.store
    _refuse_unclosed(store, request.lesson_id)
    taken_out = log.append(
        export(request.lesson_id, request.actor, request.footage.value, request.files, log.clock.now())
    )
    last = log.write_checkpoint(signer)
    rows = _leaves_of(store, request.lesson_id, last.size)
    tree = StoredTree(store, last.size)
    proven = tuple(ProvenLeaf(row, inclusion_proof(row.seq, last.size, tree.range_hash)) for row in rows)
    checkpoints = _checkpoints_around(store, request.lesson_id, rows, last)
    return BundleEvidence(
        origin=log.origin,
        request=request,
        exported_at=taken_out.at,
        leaves=proven,
        checkpoints=checkpoints,
        consistency=_steps(store, checkpoints),
        keys=key_chain(store, log.origin),
    )


def _refuse_unclosed(store: EvidenceStore, lesson_id: str) -> None:
    if not store.lesson_leaves(lesson_id):
        raise NotFound(f"the evidence log knows no lesson {lesson_id}")
    if not tuple(store.rows(LeafQuery(lesson_id=lesson_id, kinds=(LeafKind.LESSON_CLOSED,)))):
        raise Conflict(
            f"lesson {lesson_id} is not closed yet, so nothing says how much evidence it has",
            hint="wait until it has been judged",
        )


def _leaves_of(store: EvidenceStore, lesson_id: str, size: int) -> tuple[StoredLeaf, ...]:
    by_seq = {row.seq: row for row in store.rows(LeafQuery(context=True, stop=size))}
    by_seq |= {row.seq: row for row in store.rows(LeafQuery(lesson_id=lesson_id, stop=size))}
    return tuple(by_seq[seq] for seq in sorted(by_seq))


def _checkpoints_around(
    store: EvidenceStore, lesson_id: str, rows: tuple[StoredLeaf, ...], last: StoredCheckpoint
) -> tuple[StoredCheckpoint, ...]:
    """The last checkpoint before the lesson, those up to the first one that covers its closing, and the last.

    What the log signed between the closing and a late export adds nothing about the lesson.
    """
    lesson = [row for row in rows if row.lesson_id == lesson_id]
    closing = max(row.seq for row in lesson if row.kind is LeafKind.LESSON_CLOSED)
    chosen: list[StoredCheckpoint] = []
    before = store.checkpoint_before(lesson[0].seq)
    if before is not None:
        chosen.append(before)
    for row in store.checkpoints(lesson[0].seq + 1, last.size):
        chosen.append(row)
        if row.size > closing:
            break
    if last not in chosen:
        chosen.append(last)
    return tuple(chosen)


def _steps(store: EvidenceStore, checkpoints: tuple[StoredCheckpoint, ...]) -> tuple[ConsistencyStep, ...]:
    """From each earlier size to the last, so that a lost checkpoint leaves the others provable."""
    last = checkpoints[-1].size
    tree = StoredTree(store, last)
    earlier = sorted({row.size for row in checkpoints if 0 < row.size < last})
    return tuple(ConsistencyStep(old, last, consistency_proof(old, last, tree.range_hash)) for old in earlier)
