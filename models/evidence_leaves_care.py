"""Leaves about the log's own keeping: its copy in the store, certified times, re-hashes of footage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.checkpoint import utc_text
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_care import FootageProblem, RehashFinding, RehashPass
from models.evidence_leaves import json_of
from models.footage import StoredObject


def log_stored(objects: Sequence[StoredObject], at: datetime) -> Leaf:
    """The store's own word about parts of the log, locks included, as they were read back."""
    return Leaf(LeafKind.LOG_STORED, at, None, {"objects": [json_of(stored) for stored in objects]})


def timestamped(
    lesson_id: str, size: int, note_sha256: str, token_sha256: str, certified: TimeWord, at: datetime
) -> Leaf:
    """An authority certified when the checkpoint of ``size`` leaves existed at the latest."""
    body: dict[str, JsonValue] = {
        "size": size,
        "note_sha256": note_sha256,
        "token_sha256": token_sha256,
        "certified_at": utc_text(certified[0]),
        "authority": certified[1],
    }
    return Leaf(LeafKind.TIMESTAMPED, at, lesson_id, body)


TimeWord = tuple[datetime, str]
"""An authority's time and name."""


def file_rehashed(finding: RehashFinding, found_sha256: str | None, at: datetime) -> Leaf:
    """A file is not as the log says, or is right again. ``found_sha256``: what its bytes hash to now."""
    problem: FootageProblem | None = None if finding.mended_at is not None else finding.problem
    body: dict[str, JsonValue] = {
        "key": finding.key,
        "camera_id": finding.camera_id,
        "sequence": finding.sequence,
        "problem": None if problem is None else problem.value,
        "found_sha256": found_sha256,
    }
    return Leaf(LeafKind.REHASHED, at, finding.lesson_id, body)


def all_rehashed(walked: RehashPass, still_open: int, at: datetime) -> Leaf:
    """A walk over all footage ended: what it read, what it found, what of it is still wrong."""
    body: dict[str, JsonValue] = {
        "pass": walked.pass_id,
        "started_at": utc_text(walked.started_at),
        "objects": walked.objects,
        "size_bytes": walked.size_bytes,
        "findings": walked.findings,
        "still_wrong": still_open,
    }
    return Leaf(LeafKind.REHASHED, at, None, body)
