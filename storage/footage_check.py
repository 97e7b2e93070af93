"""Reads stored footage again and says what is not as the evidence log has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from models.canonical_json import parse_json
from models.errors import EvidenceBroken, NotFound
from models.evidence import LeafKind
from models.evidence_care import FootageProblem
from models.footage import StoredObject
from models.ports import ObjectReader
from models.register import Upload, UploadKind
from storage.leaf_store import LeafQuery, LeafStore

PIECE_BYTES: Final = 4 << 20

LoggedHashes = Mapping[tuple[UploadKind, str, int], str]
"""SHA-256 as hex by kind, camera and sequence, as a lesson's leaves say."""

_KINDS: Final = {
    LeafKind.SEGMENT_CLOSED: UploadKind.SEGMENT,
    LeafKind.ORIGINAL_STORED: UploadKind.ORIGINAL,
}


@dataclass(frozen=True, slots=True)
class Examined:
    """``problem``: ``None`` where all is as the log says. ``read_bytes``: what the look cost."""

    problem: FootageProblem | None
    found_sha256: str | None
    read_bytes: int


def logged_hashes(store: LeafStore, lesson_id: str) -> LoggedHashes:
    """What the lesson's leaves say of its footage; the first word counts."""
    found: dict[tuple[UploadKind, str, int], str] = {}
    for row in store.rows(LeafQuery(lesson_id=lesson_id, kinds=tuple(_KINDS))):
        record = parse_json(row.record)
        body = record.get("body") if isinstance(record, dict) else None
        if isinstance(body, dict):
            place = (_KINDS[row.kind], str(body.get("camera_id")), int(str(body.get("sequence"))))
            found.setdefault(place, str(body.get("sha256")))
    return found


def examine(store: ObjectReader, upload: Upload, logged: LoggedHashes) -> Examined:
    """Look at one file: is it there, are its bytes those of the log, does its lock reach far enough.

    The bytes are compared with the log's leaf, not with what a row or the store itself says of them: whoever
    can change a file can change those too.

    Raises:
        StorageError: the store does not answer, so nobody knows.
    """
    expected = logged.get((upload.kind, upload.camera_id, upload.sequence))
    if expected is None:
        return Examined(FootageProblem.NOT_IN_LOG, None, 0)
    try:
        stored = store.stat(upload.object_key)
        found, size = _hash_of(store, stored)
    except NotFound:
        return Examined(FootageProblem.MISSING, None, 0)
    except EvidenceBroken:
        # A store that compares sizes or hashes itself has found it first.
        return Examined(FootageProblem.ALTERED, None, 0)
    if found != expected:
        return Examined(FootageProblem.ALTERED, found, size)
    return Examined(_lock_problem(stored, upload), found, size)


def _hash_of(store: ObjectReader, stored: StoredObject) -> tuple[str, int]:
    """In pieces smaller than the whole: some stores compare whole reads themselves, and refuse to show what
    they have instead."""
    hasher, start = sha256(), 0
    step = min(PIECE_BYTES, max(1, stored.size_bytes - 1))
    while start < stored.size_bytes and (piece := store.read_range(stored.key, start, start + step)):
        hasher.update(piece)
        start += len(piece)
    return hasher.hexdigest(), start


def _lock_problem(stored: StoredObject, upload: Upload) -> FootageProblem | None:
    if stored.lock_mode is None or stored.retain_until is None:
        return FootageProblem.LOCK_MISSING
    return FootageProblem.LOCK_SHORT if stored.retain_until < upload.retain_until else None
