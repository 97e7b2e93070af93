"""Rules of keys and locks that every object store keeps. Pure.

The mode is always COMPLIANCE here: these stores have no bypass, so anything milder would be a lie.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from models.errors import InvalidInput, ObjectLocked
from models.footage import StoredObject

LOCK_MODE: Final = "COMPLIANCE"
LONGEST_KEY: Final = 700
LONGEST_NAME_BYTES: Final = 200  # most filesystems: 255 bytes, less what a temporary or sidecar name adds
RESERVED_ENDING: Final = ".lock.json"
_NAME: Final = re.compile(r"\w[\w.=@+-]*")


@dataclass(frozen=True, slots=True)
class LockRecord:
    """What a store knows of an object beside its bytes."""

    key: str
    version: str
    sha256: str
    size_bytes: int
    retain_until: datetime
    legal_hold: bool
    stored_at: datetime

    def as_stored(self) -> StoredObject:
        return StoredObject(
            key=self.key,
            version=self.version,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            etag=self.sha256,
            lock_mode=LOCK_MODE,
            retain_until=self.retain_until,
            legal_hold=self.legal_hold,
            stored_at=self.stored_at,
        )


def checked_key(key: str) -> str:
    """The key, if it can be a path below a folder and a name in every store.

    Raises:
        InvalidInput: empty, too long, absolute, with ``.`` or ``..``, hidden, reserved or odd names.
    """
    names = key.split("/")
    fits = (
        0 < len(key) <= LONGEST_KEY
        and unicodedata.normalize("NFC", key) == key
        and not key.endswith(RESERVED_ENDING)
        and all(_NAME.fullmatch(name) and len(name.encode()) <= LONGEST_NAME_BYTES for name in names)
    )
    if not fits:
        raise InvalidInput(
            f"{key[:80]!r} cannot be an object's key",
            place="key",
            hint="use names of letters, digits and . _ - = @ +, joined by single slashes",
        )
    return key


def checked_retention(retain_until: datetime, now: datetime) -> datetime:
    """The instant in UTC. Raises ``InvalidInput`` when it is naive or already over."""
    if retain_until.tzinfo is None:
        raise InvalidInput("retain_until needs a zone", place="retain_until", hint="pass an aware instant")
    if retain_until <= now:
        raise InvalidInput(
            f"retain_until ({retain_until.isoformat()}) is not in the future",
            place="retain_until",
            hint="check the lesson's date and this machine's clock",
        )
    return retain_until.astimezone(UTC)


def checked_range(start: int, end: int | None) -> None:
    """Raises ``InvalidInput`` for a negative start or an end before it."""
    if start < 0 or (end is not None and end < start):
        raise InvalidInput(f"no such range: {start} to {end}", place="range", hint="0 ≤ start ≤ end")


def refuse_shorter(record: LockRecord, retain_until: datetime) -> None:
    """Raises ``ObjectLocked`` for a date before the present one: a lock only grows."""
    if retain_until < record.retain_until:
        raise ObjectLocked(
            f"retained until {record.retain_until.isoformat()}; a lock cannot be shortened",
            place=record.key,
            hint="choose the same date or a later one",
        )


def refuse_locked(record: LockRecord, now: datetime) -> None:
    """Raises ``ObjectLocked`` while the object is held or its retention runs."""
    if record.legal_hold:
        raise ObjectLocked("under legal hold", place=record.key, hint="the hold must be released first")
    if now < record.retain_until:
        raise ObjectLocked(
            f"retained until {record.retain_until.isoformat()}",
            place=record.key,
            hint="nothing deletes it before; there is no force flag",
        )


def is_expired(record: LockRecord, now: datetime) -> bool:
    """Whether a purge may remove it."""
    return not record.legal_hold and now >= record.retain_until
