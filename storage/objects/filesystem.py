"""Objects as files: ``<root>/<key>`` and beside it ``<key>.lock.json``.

Order of a write: copy to a temporary file, hashing → fsync → sidecar, durable → link under the key without
replacing → fsync of the folder → read back. An object exists exactly when its own file exists, so a crash
leaves either nothing, a sidecar that the next attempt replaces, or the whole object with its lock.

What this protects against: this program's own mistakes, and with the immutable attribute everyone but root.
It does not protect against the owner of the machine; receipts in the evidence log make tampering show.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from models.errors import DiskFull, ObjectExists, StorageError
from models.footage import StoredObject
from models.ports import Clock
from storage.durable import is_disk_full, make_folders, sync_folder, write_durably
from storage.objects.folder import CHUNK_BYTES, FilesystemObjectReader, compare_hash, sidecar_path
from storage.objects.folder_trial import FolderTrial
from storage.objects.immutable import immutability_works, set_immutable
from storage.objects.incoming import claimed, sweep
from storage.objects.lock_rules import (
    LockRecord,
    checked_retention,
    is_expired,
    refuse_locked,
    refuse_shorter,
)
from storage.objects.sidecar import dump_record
from storage.objects.source import OpenSource, open_plainly
from storage.objects.time_guard import HighestTimeFile, TimeGuard


def no_step(_name: str) -> None:
    """Between two steps of a write nothing happens; tests put a crash there."""


class FilesystemObjectStore(FilesystemObjectReader):
    """Writer, reader and purger over a folder.

    ``immutable``: also set the immutable attribute where root and the filesystem allow. Such files cannot
    be removed with ``rm``, not even by root, so demonstrations and tests leave it off.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        *,
        immutable: bool = False,
        step: Callable[[str], None] = no_step,
        open_source: OpenSource = open_plainly,
    ) -> None:
        super().__init__(root)
        self._open_source = open_source
        self._incoming = self._root / ".incoming"
        self._clock = clock
        self._step = step
        self._threads = threading.Lock()
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            sweep(self._incoming)
            self._immutable = immutable and self._can_protect()
        except OSError as error:
            raise _failure(error, self._root) from None
        self.time_guard = TimeGuard(HighestTimeFile(self._root / ".highest-time.json"), self._latest_stored)

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject:
        """Store a file's bytes under a new key, locked, and report what reading back showed.

        Raises:
            ObjectExists: the key is taken.
            EvidenceBroken: the bytes are not those of ``sha256``, on the way in or read back.
            DiskFull: no room; nothing is left behind.
            NotFound: the file is not there.
        """
        target = self._path(key)
        now = self._clock.now()
        until = checked_retention(retain_until, now)
        self._refuse_taken(target, key)
        try:
            # Held until the object stands under its key: a store that opens meanwhile must not sweep it.
            with claimed(self._incoming) as (temporary, descriptor):
                size_bytes = self._copy(Path(path), descriptor, sha256)
                self._step("copied")
                version = f"{now:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"
                record = LockRecord(key, version, sha256, size_bytes, until, hold, now)
                self._publish(temporary, target, record)
        except OSError as error:
            raise _failure(error, target) from None
        self._step("published")
        self.time_guard.observe(now)
        return self.rehash(key)

    def extend_lock(self, key: str, version: str, retain_until: datetime) -> StoredObject:
        """Raises ``ObjectLocked`` for an earlier date, ``NotFound``."""
        until = checked_retention(retain_until, self._clock.now())
        with self._exclusive():
            record = self._record(key, version)
            refuse_shorter(record, until)
            self._write_sidecar(replace(record, retain_until=until))
            self._protect(self._path(key))  # a crash may have come before the attribute was set
        return self.stat(key, version)

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject:
        """Raises ``NotFound``."""
        with self._exclusive():
            self._write_sidecar(replace(self._record(key, version), legal_hold=held))
        return self.stat(key, version)

    def capabilities(self) -> str:
        """``"os-immutable"`` where the attribute was tried and held, else ``"software-only"``."""
        return "os-immutable" if self._immutable else "software-only"

    def delete_version(self, key: str, version: str) -> None:
        """Raises ``ObjectLocked`` while retained or held or while the clock cannot be believed."""
        with self._exclusive():
            record = self._record(key, version)
            now = self._clock.now()
            refuse_locked(record, now)
            self.time_guard.believed(now)
            self._remove(record)

    def purge_expired(self, prefix: str, now: datetime) -> Sequence[StoredObject]:
        """Remove what is neither retained nor held and say what it was.

        Raises:
            ObjectLocked: the clock went back or leapt (see ``time_guard``); nothing was removed.
        """
        gone: list[StoredObject] = []
        with self._exclusive():
            believed = self.time_guard.believed(min(now, self._clock.now()))
            for path, key in list(self._objects(prefix)):
                if not sidecar_path(path).exists():
                    continue  # its lock is unknown, so it is kept
                record = self._record(key, None)
                if is_expired(record, believed):
                    self._remove(record)
                    gone.append(record.as_stored())
        return gone

    def trial(self) -> FolderTrial:
        """For the canary: what refuses here is this program, and the system where files are immutable."""
        return FolderTrial(self, self._root, immutable=self._immutable)

    def _can_protect(self) -> bool:
        with claimed(self._incoming) as (probe, _):
            return immutability_works(probe)

    def _copy(self, source: Path, descriptor: int, sha256: str) -> int:
        digest = hashlib.sha256()
        size_bytes = 0
        with (
            self._open_source(str(source)) as reader,
            os.fdopen(descriptor, "wb", closefd=False) as writer,
        ):
            while chunk := reader.read(CHUNK_BYTES):
                digest.update(chunk)
                size_bytes += len(chunk)
                writer.write(chunk)
            writer.flush()
            os.fchmod(descriptor, 0o444)
            os.fsync(descriptor)
        compare_hash(digest.hexdigest(), sha256, str(source))
        return size_bytes

    def _publish(self, temporary: Path, target: Path, record: LockRecord) -> None:
        with self._exclusive():
            make_folders(target.parent, self._root)
            self._refuse_taken(target, record.key)
            self._write_sidecar(record)
            self._step("sidecar")
            try:
                target.hardlink_to(temporary)
            except FileExistsError:
                raise _taken(record.key) from None
            self._step("linked")
            temporary.unlink()
            sync_folder(target.parent)
            self._protect(target)

    def _protect(self, path: Path) -> None:
        if self._immutable:
            set_immutable(path, True)

    def _write_sidecar(self, record: LockRecord) -> None:
        path = sidecar_path(self._path(record.key))
        set_immutable(path, False)
        try:
            write_durably(path, dump_record(record), mode=0o444)
        except OSError as error:
            raise _failure(error, path) from None
        finally:
            self._protect(path)

    def _remove(self, record: LockRecord) -> None:
        path = self._path(record.key)
        for file in (path, sidecar_path(path)):
            set_immutable(file, False)
            file.unlink()
            sync_folder(path.parent)
            self._step("removed")

    def _latest_stored(self) -> datetime | None:
        """For a guard that lost its memory: the latest time any object speaks of."""
        return max((stored.stored_at for stored in self.list_versions("")), default=None)

    def _refuse_taken(self, target: Path, key: str) -> None:
        if target.exists():
            raise _taken(key)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One change at a time, over threads and processes."""
        with self._threads, (self._root / ".store.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _taken(key: str) -> ObjectExists:
    return ObjectExists("this key is taken", place=key, hint="a key is written once")


def _failure(error: OSError, place: Path) -> StorageError:
    if is_disk_full(error):
        return DiskFull("the object store's disk is full", place=str(place), hint="free space or add a disk")
    return StorageError(
        f"the object store cannot be written ({error.strerror})",
        place=str(place),
        hint="check owner, mode and state of its disk",
    )
