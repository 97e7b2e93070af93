"""An S3 server with Object Lock as object store: written once, locked until a date, believed when read back.

Order of a write: ask whether the key is free → one PUT with lock, hold and checksum, hashed as it goes, whose
last bytes leave only if all are right → look at the version that the server made: size, MD5, hash, lock → a
missing lock is set and looked at again. Above ``LARGEST_SINGLE_PUT`` a file is hashed first and goes up in
parts; some servers drop the lock then, and all of them the MD5, so its bytes are read back and hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from minio import Minio
from minio.retention import Retention

from models.errors import EvidenceBroken, NotFound, ObjectExists, ObjectLocked, StorageError, StoreUnavailable
from models.footage import KeyVersion, StoredObject
from models.ports import Clock
from storage.objects.lock_rules import (
    LockRecord,
    checked_key,
    checked_retention,
    is_expired,
    refuse_locked,
    refuse_shorter,
)
from storage.objects.s3_bucket import open_bucket
from storage.objects.s3_connection import ATTEMPTS, S3Connection
from storage.objects.s3_reader import S3ObjectReader, compare_read
from storage.objects.s3_sending import LARGEST_SINGLE_PUT, S3Sender, Sent, Source, WantedLock
from storage.objects.s3_trial import S3Trial
from storage.objects.source import OpenSource, open_plainly
from storage.objects.time_guard import HighestTime, TimeGuard


class S3ObjectStore(S3ObjectReader):
    """Writer, reader and purger over a bucket with Object Lock.

    ``mode``: GOVERNANCE or COMPLIANCE. ``read_back``: read every object back after its upload and compare its
    SHA-256, beside the MD5 that the server computed. ``open_source``: how a file is read on its way up.
    ``locks_repaired`` counts locks that the server lost.
    """

    def __init__(
        self,
        connection: S3Connection,
        clock: Clock,
        highest_time: HighestTime,
        *,
        mode: str = "GOVERNANCE",
        read_back: bool = False,
        largest_single_put: int = LARGEST_SINGLE_PUT,
        open_source: OpenSource = open_plainly,
    ) -> None:
        super().__init__(connection)
        self._clock = clock
        self._mode = mode
        self._read_back = read_back
        self._sender = S3Sender(connection, mode, largest_single_put, open_source)
        self.locks_repaired = 0
        self._highest_time = highest_time
        self._prepared = False

    @cached_property
    def time_guard(self) -> TimeGuard:
        """Made when it is first asked: it may have to ask the store, which may be away at the start."""
        return TimeGuard(self._highest_time, self._latest_stored)

    def prepare(self) -> None:
        """Make the bucket if it is missing and look whether it locks, once; the first write does it too.

        Raises:
            SettingInvalid: the bucket cannot lock.
            StorageError: the store does not answer, or refuses.
        """
        if not self._prepared:
            open_bucket(self._connection)
            self._prepared = True

    def list_versions(self, prefix: str) -> Sequence[StoredObject]:
        """As every reader; a bucket that is missing is made first, so that asking a new store finds it."""
        self.prepare()
        return super().list_versions(prefix)

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject:
        """Store a file's bytes under a new key, locked, and report what reading back showed.

        Raises:
            ObjectExists: the key is taken.
            EvidenceBroken: the bytes are not those of ``sha256``, on the way in or read back; or the server
                does not keep the lock.
            NotFound: the file is not there.
            StoreUnavailable: the store is away; whether it holds the object shows when it is back.
        """
        checked_key(key)
        now = self._clock.now()
        lock = WantedLock(_whole_seconds(checked_retention(retain_until, now)), hold)
        source = self._sender.measured(key, Path(path), sha256)
        self.prepare()
        self._refuse_taken(key)
        sent = self._uploaded(source, lock)
        stored = self._locked(key, sent.version, lock)
        self._compare(source, sent, stored)
        self.time_guard.observe(now)
        return stored

    def extend_lock(self, key: str, version: str, retain_until: datetime) -> StoredObject:
        """Raises ``ObjectLocked`` for an earlier date, ``NotFound``, ``EvidenceBroken``, ``StorageError``."""
        until = _whole_seconds(checked_retention(retain_until, self._clock.now()))
        stored = self.stat(key, version)
        record = _record(stored)
        if record is not None:
            refuse_shorter(record, until)
        return self._locked(key, version, WantedLock(until, stored.legal_hold))

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject:
        """Raises ``NotFound``, ``EvidenceBroken``, ``StorageError``."""
        self.stat(key, version)
        self._set_hold(key, version, held)
        stored = self.stat(key, version)
        if stored.legal_hold is not held:
            raise EvidenceBroken("the store does not keep the hold", place=key, hint="rollcall store canary")
        return stored

    def capabilities(self) -> str:
        """``"server-enforced"``, as far as the server is believed: ``rollcall store canary`` tries it."""
        return "server-enforced"

    def delete_version(self, key: str, version: str) -> None:
        """Remove a version, or a delete marker, which nothing locks.

        Raises ``ObjectLocked`` while retained or held or while the clock cannot be believed, ``NotFound``.
        """
        now = self._clock.now()
        try:
            stored = self.stat(key, version)
        except NotFound:
            if KeyVersion(version, is_marker=True) not in self.versions(key):
                raise
            self.time_guard.believed(now)
            self._remove(key, version)
            return
        record = _record(stored)
        if record is not None:
            refuse_locked(record, now)
        elif stored.legal_hold:
            raise ObjectLocked("under legal hold", place=key, hint="the hold must be released first")
        self.time_guard.believed(now)
        self._remove(key, version)

    def purge_expired(self, prefix: str, now: datetime) -> Sequence[StoredObject]:
        """Remove what is neither retained nor held and say what it was.

        What the server refuses stays; a store that goes away meanwhile ends the round, and the next call goes
        on: what was removed is always told.

        Raises:
            ObjectLocked: the clock went back or leapt (see ``time_guard``); nothing was removed.
            StorageError: the store does not answer; nothing was removed.
        """
        believed = self.time_guard.believed(min(now, self._clock.now()))
        gone: list[StoredObject] = []
        for stored in self.list_versions(prefix):
            record = _record(stored)
            # What has no lock is not known to be free; a person decides about it.
            if record is None or not is_expired(record, believed):
                continue
            try:
                self._remove(stored.key, stored.version)
            except ObjectLocked:
                continue
            except StorageError:
                if gone:
                    break
                raise
            gone.append(stored)
        return gone

    def trial(self) -> S3Trial:
        """For the canary: what refuses there is the server alone."""
        return S3Trial(self._connection, self._mode)

    def _uploaded(self, source: Source, lock: WantedLock) -> Sent:
        """The version that the server made; after an answer that got lost, the one that it had made."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._connection.once(source.key, self._sender.sending(source, lock))
            except StoreUnavailable:
                if attempt == ATTEMPTS:
                    raise
                found = self._arrived(source)
                if found is not None:
                    return found
        raise AssertionError("unreachable")

    def _arrived(self, source: Source) -> Sent | None:
        try:
            stored = self.stat(source.key)
        except NotFound:
            return None
        return Sent(stored.version) if stored.sha256 == source.sha256 else None

    def _locked(self, key: str, version: str, lock: WantedLock) -> StoredObject:
        """The version as read back, its lock set anew where it is missing or too short."""
        stored = self.stat(key, version)
        if self._holds(stored, lock):
            return stored
        mode = "COMPLIANCE" if stored.lock_mode == "COMPLIANCE" else self._mode
        retention = Retention(mode, max(lock.retain_until, stored.retain_until or lock.retain_until))
        self._connection.ask(
            key, lambda client: client.set_object_retention(self._bucket, key, retention, version_id=version)
        )
        if lock.hold and not stored.legal_hold:
            self._set_hold(key, version, True)
        if stored.lock_mode is None:
            self.locks_repaired += 1
        again = self.stat(key, version)
        if not self._holds(again, lock):
            raise EvidenceBroken(
                "the store does not keep the lock it was given",
                place=key,
                hint="raise an evidence flag; rollcall store canary shows what the store enforces",
            )
        return again

    def _holds(self, stored: StoredObject, lock: WantedLock) -> bool:
        strong = stored.lock_mode in {"COMPLIANCE", self._mode}
        long = stored.retain_until is not None and stored.retain_until >= lock.retain_until
        return strong and long and (stored.legal_hold or not lock.hold)

    def _set_hold(self, key: str, version: str, held: bool) -> None:
        def change(client: Minio) -> None:
            act = client.enable_object_legal_hold if held else client.disable_object_legal_hold
            act(self._bucket, key, version_id=version)

        self._connection.ask(key, change)

    def _compare(self, source: Source, sent: Sent, stored: StoredObject) -> None:
        """The server's own MD5 shows what arrived; where it has none, the bytes are read back."""
        if stored.size_bytes != source.size_bytes or stored.sha256 != source.sha256:
            raise EvidenceBroken(
                f"sent {source.size_bytes} bytes, the store shows {stored.size_bytes}",
                place=source.key,
                hint="raise an evidence flag and look for another copy",
            )
        if self._read_back or stored.etag != sent.md5:
            compare_read(self._digest(stored), source.sha256, source.key)

    def _remove(self, key: str, version: str) -> None:
        def remove(client: Minio) -> None:
            client.remove_object(self._bucket, key, version_id=version)

        try:
            self._connection.ask(key, remove)
        except StoreUnavailable:
            raise
        except StorageError as error:
            raise ObjectLocked(f"the store refuses to delete it: {error.message}", place=key) from None
        self._forget(key, version)

    def _refuse_taken(self, key: str) -> None:
        try:
            self._oldest(key)
        except NotFound:
            return
        raise ObjectExists("this key is taken", place=key, hint="a key is written once")

    def _latest_stored(self) -> datetime | None:
        """For a guard that lost its memory: the latest time any object speaks of."""
        times = [one.last_modified for one in self._listed("") if one.last_modified is not None]
        return max(times, default=None)


def _whole_seconds(until: datetime) -> datetime:
    """Up, never down: servers keep whole seconds or milliseconds."""
    cut = until.replace(microsecond=0)
    return cut if cut == until else cut + timedelta(seconds=1)


def _record(stored: StoredObject) -> LockRecord | None:
    """The lock of a version, for the rules that all stores share; ``None`` where it has none."""
    if stored.retain_until is None:
        return None
    return LockRecord(
        stored.key,
        stored.version,
        stored.sha256,
        stored.size_bytes,
        stored.retain_until,
        stored.legal_hold,
        stored.stored_at,
    )
