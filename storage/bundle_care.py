"""What a bundle carries of second signatures and certified times, beside the log's own words.

Layout: ``cosigners/{key_id}.json`` public keys of second parties, their notes among ``checkpoints/``, and
``timestamps/{size:012d}-{closing:012d}.tsr`` the authorities' answers over notes that are there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from models.checkpoint import parse_checkpoint, parse_note
from models.evidence import LeafKind
from storage.bundle_evidence import BundleEvidence, consistency_steps
from storage.leaf_store import StoredCheckpoint
from storage.log_copy import public_key_bytes
from storage.unit_of_work import UnitOfWork


def with_care(evidence: BundleEvidence, work: UnitOfWork, lessons: Sequence[str]) -> BundleEvidence:
    """The evidence with the tokens of these lessons, and each second party's first note over them all."""
    tokens = [stamp for one in lessons if (stamp := work.timestamps.of_lesson(one)) and stamp.token]
    closing = max(leaf.row.seq for leaf in evidence.leaves if leaf.row.kind is LeafKind.LESSON_CLOSED)
    signed = [
        one for one in work.cosigners.covering(closing + 1) if one.size <= evidence.last_checkpoint.size
    ]
    notes = [_checkpoint(note) for note in [one.note for one in signed] + [one.note for one in tokens]]
    parties = {one.key_id for one in signed}
    files = {
        f"cosigners/{key.key_id.hex()}.json": public_key_bytes(key)
        for key in work.cosigners.trusted()
        if key.key_id.hex() in parties
    }
    files |= {f"timestamps/{one.size:012d}-{one.closing:012d}.tsr": one.token or b"" for one in tokens}
    last = evidence.last_checkpoint
    others = dict.fromkeys((*evidence.checkpoints[:-1], *notes))
    others.pop(last, None)
    checkpoints = (*sorted(others, key=lambda row: (row.size, row.at)), last)
    steps = consistency_steps(work.evidence.store, checkpoints)
    return replace(evidence, checkpoints=checkpoints, consistency=steps, care=files)


def _checkpoint(note: str) -> StoredCheckpoint:
    checkpoint = parse_checkpoint(parse_note(note.encode("utf-8")).text)
    return StoredCheckpoint(checkpoint.size, checkpoint.root, checkpoint.at, note)
