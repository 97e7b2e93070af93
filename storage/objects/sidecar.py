"""The lock's sidecar: a small JSON file that a person can read without Rollcall."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from models.errors import EvidenceBroken
from storage.objects.lock_rules import LOCK_MODE, LockRecord

_FORMAT = 1


def dump_record(record: LockRecord) -> bytes:
    """The sidecar's bytes."""
    document = {
        "format": _FORMAT,
        "key": record.key,
        "version": record.version,
        "sha256": record.sha256,
        "size_bytes": record.size_bytes,
        "lock_mode": LOCK_MODE,
        "retain_until": record.retain_until.astimezone(UTC).isoformat(),
        "legal_hold": record.legal_hold,
        "stored_at": record.stored_at.astimezone(UTC).isoformat(),
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def load_record(content: bytes, key: str) -> LockRecord:
    """What a sidecar says.

    Raises:
        EvidenceBroken: damaged, or another object's.
    """
    try:
        document = json.loads(content)
        record = LockRecord(
            key=document["key"],
            version=document["version"],
            sha256=document["sha256"],
            size_bytes=int(document["size_bytes"]),
            retain_until=datetime.fromisoformat(document["retain_until"]).astimezone(UTC),
            legal_hold=document["legal_hold"],
            stored_at=datetime.fromisoformat(document["stored_at"]).astimezone(UTC),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise _broken("the lock's sidecar is damaged", key) from None
    if record.key != key or not isinstance(record.legal_hold, bool):
        raise _broken("the lock's sidecar belongs to another object", key)
    return record


def _broken(message: str, key: str) -> EvidenceBroken:
    return EvidenceBroken(message, place=key, hint="restore it from a backup of the store")
