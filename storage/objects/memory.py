"""An object store in memory: for tests of what uses one, under the same contract."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from models.errors import EvidenceBroken, NotFound, ObjectExists
from models.footage import KeyVersion, StoredObject
from models.ports import Clock
from storage.objects.folder_trial import FolderTrial
from storage.objects.lock_rules import (
    LockRecord,
    checked_key,
    checked_range,
    checked_retention,
    is_expired,
    refuse_locked,
    refuse_shorter,
)
from storage.objects.time_guard import HighestTimeInMemory, TimeGuard


class MemoryObjectStore:
    """Writer, reader and purger at once; bytes live as long as this value."""

    def __init__(self, clock: Clock, guard: TimeGuard | None = None) -> None:
        self._clock = clock
        self.time_guard = guard or TimeGuard(HighestTimeInMemory())
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[LockRecord, bytes]] = {}
        self._written = 0

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject:
        checked_key(key)
        now = self._clock.now()
        until = checked_retention(retain_until, now)
        content = _read_source(path)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise EvidenceBroken("the file's bytes are not those that were hashed", place=path)
        with self._lock:
            if key in self._objects:
                raise ObjectExists("this key is taken", place=key, hint="a key is written once")
            self._written += 1
            record = LockRecord(key, f"m{self._written}", sha256, len(content), until, hold, now)
            self._objects[key] = (record, content)
            self.time_guard.observe(now)
        return record.as_stored()

    def extend_lock(self, key: str, version: str, retain_until: datetime) -> StoredObject:
        until = checked_retention(retain_until, self._clock.now())
        with self._lock:
            record, content = self._find(key, version)
            refuse_shorter(record, until)
            changed = replace(record, retain_until=until)
            self._objects[key] = (changed, content)
        return changed.as_stored()

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject:
        with self._lock:
            record, content = self._find(key, version)
            changed = replace(record, legal_hold=held)
            self._objects[key] = (changed, content)
        return changed.as_stored()

    def capabilities(self) -> str:
        return "software-only"

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        with self._lock:
            return self._find(key, version)[0].as_stored()

    def read_range(self, key: str, start: int, end: int | None) -> bytes:
        with self._lock:
            content = self._find(key, None)[1]
        checked_range(start, end)
        return content[start:end]

    def rehash(self, key: str) -> StoredObject:
        with self._lock:
            record, content = self._find(key, None)
        if hashlib.sha256(content).hexdigest() != record.sha256:
            raise EvidenceBroken("the bytes are not those that were hashed", place=key)
        return record.as_stored()

    def list_versions(self, prefix: str) -> Sequence[StoredObject]:
        with self._lock:
            found = [record for record, _ in self._objects.values() if record.key.startswith(prefix)]
        return [record.as_stored() for record in sorted(found, key=lambda record: record.key)]

    def presign(self, key: str, expires_s: int) -> str | None:  # noqa: ARG002
        return None

    def versions(self, key: str) -> Sequence[KeyVersion]:
        """At most one: a key is written once."""
        try:
            stored = self.stat(key)
        except NotFound:
            return ()
        return (KeyVersion(stored.version, stored.retain_until, stored.legal_hold),)

    def delete_version(self, key: str, version: str) -> None:
        with self._lock:
            record, _ = self._find(key, version)
            now = self._clock.now()
            refuse_locked(record, now)
            self.time_guard.believed(now)
            del self._objects[key]

    def purge_expired(self, prefix: str, now: datetime) -> Sequence[StoredObject]:
        with self._lock:
            believed = self.time_guard.believed(min(now, self._clock.now()))
            gone = [
                record
                for record, _ in self._objects.values()
                if record.key.startswith(prefix) and is_expired(record, believed)
            ]
            for record in gone:
                del self._objects[record.key]
        return [record.as_stored() for record in sorted(gone, key=lambda record: record.key)]

    def trial(self) -> FolderTrial:
        return FolderTrial(self, Path("memory"), immutable=False)

    def _find(self, key: str, version: str | None) -> tuple[LockRecord, bytes]:
        checked_key(key)
        found = self._objects.get(key)
        if found is None or version not in (None, found[0].version):
            raise NotFound("no such object", place=key)
        return found


def _read_source(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise NotFound("the file to store is not there", place=path) from None
