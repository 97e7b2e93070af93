"""Carries files of the spool into the object store, and believes only what was read back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from models.errors import EvidenceBroken, NotFound, ObjectExists, RollcallError, StorageError
from models.footage import StoredObject
from models.ports import ObjectReader, ObjectWriter
from models.register import Upload, UploadState
from storage.spool import Spool, refuse_unlocked


class ObjectStore(ObjectWriter, ObjectReader, Protocol):
    """A store that writes and reads, as uploads need it."""


@dataclass(frozen=True, slots=True)
class UploadAttempt:
    """What became of one upload: ``stored`` as read back, or the ``error`` after which it waits again."""

    upload: Upload
    stored: StoredObject | None = None
    error: RollcallError | None = None


# A key under which nothing is ever kept: listing it asks the store and costs nothing.
_NOWHERE: Final = "readiness/"


class Uploader:
    """A failure of one file holds up no other. Thread-safe, as long as no two carry one upload."""

    def __init__(self, spool: Spool, store: ObjectStore) -> None:
        self._spool = spool
        self._store = store

    def upload_next(self) -> UploadAttempt | None:
        """Take the next due upload all the way; ``None`` when nothing is due.

        Raises:
            StorageError: the database cannot be read or written; the upload stays as it is.
        """
        upload = self._spool.next_to_upload()
        if upload is None:
            return None
        attempt = self.carry(upload)
        if attempt.error is not None:
            self._spool.mark_failed(upload, attempt.error.code)
        return attempt

    def ask(self) -> None:
        """Raises ``StorageError`` when the store as a whole does not answer."""
        self._store.list_versions(_NOWHERE)

    def drain(self, most: int = 10_000) -> tuple[UploadAttempt, ...]:
        """Upload until nothing is due, each due file tried once."""
        attempts: list[UploadAttempt] = []
        while len(attempts) < most and (attempt := self.upload_next()) is not None:
            attempts.append(attempt)
        return tuple(attempts)

    def finish_stored(self) -> int:
        """Remove spool copies that a crash left behind their receipts; returns how many.

        Each is confirmed by the store once more; one that is not goes back to waiting.
        """
        with self._spool.ledger.read() as work:
            uploads = work.uploads.in_state(UploadState.STORED)
        return sum(1 for upload in uploads if self._finish(upload))

    def is_kept(self, upload: Upload) -> bool:
        """Whether the store holds these bytes, locked as they must be.

        Raises:
            StorageError: the store does not answer, so nobody knows.
        """
        try:
            refuse_unlocked(upload, self._store.stat(upload.object_key))
        except (NotFound, EvidenceBroken):
            return False
        return True

    def carry(self, upload: Upload) -> UploadAttempt:
        """Take one upload all the way: put, read back, receipt, spool copy gone.

        What the store or the file did is told in the attempt, and the upload stays as it was.

        Raises:
            StorageError: the database cannot be written.
        """
        try:
            stored = self._put(upload)
            self._spool.step("upload: read back")
            refuse_unlocked(upload, stored)
        except RollcallError as error:
            return UploadAttempt(upload, error=error)
        self._spool.mark_stored(upload, stored)
        self._spool.clear(upload)
        return UploadAttempt(upload, stored)

    def _put(self, upload: Upload) -> StoredObject:
        """Put the object unless an earlier attempt did, then look at it as the store sees it."""
        if self._present(upload) is None:
            # Another attempt may be faster: what counts is what stands there afterwards.
            with suppress(ObjectExists):
                self._store.put_locked(upload.object_key, upload.path, upload.sha256, upload.retain_until)
            self._spool.step("upload: put")
        stored = self._store.stat(upload.object_key)
        if (
            stored.lock_mode is None
            or stored.retain_until is None
            or stored.retain_until < upload.retain_until
        ):
            self._store.extend_lock(stored.key, stored.version, upload.retain_until)
            stored = self._store.stat(upload.object_key)
        return stored

    def _present(self, upload: Upload) -> StoredObject | None:
        try:
            return self._store.stat(upload.object_key)
        except NotFound:
            return None

    def _finish(self, upload: Upload) -> bool:
        try:
            kept = self.is_kept(upload)
        except StorageError:
            return False  # a store that does not answer says nothing about its objects
        if kept:
            self._spool.clear(upload)
            return True
        with self._spool.ledger.write() as work:
            work.uploads.reopen(upload.upload_id, "not_confirmed")
        return False
