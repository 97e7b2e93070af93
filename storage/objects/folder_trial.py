"""Trying a folder: the program's own refusals, and with the immutable attribute the system's as well.

Without the attribute whoever may write the folder can remove a file; ``capabilities()`` says so
(``software-only``), and this trial shows no more than that the program itself keeps its locks.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from models.errors import ObjectLocked
from models.footage import StoredObject
from models.store_trial import TrialCheck, TrialWay
from storage.objects.locked_store import LockedStore


class FolderTrial:
    """Fills the canary's port ``LockTrial``. ``immutable``: files carry the attribute."""

    def __init__(self, store: LockedStore, root: Path, *, immutable: bool) -> None:
        self._store = store
        self._root = root
        self._immutable = immutable

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def put(self, key: str, path: Path, retain_until: datetime, way: TrialWay) -> StoredObject:  # noqa: ARG002
        """A folder has one way of writing."""
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._store.put_locked(key, str(path), sha256, retain_until)

    def attempt(self, check: TrialCheck, stored: StoredObject, sooner: datetime) -> None:
        """Raises what the program or the system answers."""
        if check is TrialCheck.DELETE:
            self._store.delete_version(stored.key, stored.version)
        elif check is TrialCheck.SHORTEN:
            self._store.extend_lock(stored.key, stored.version, sooner)
        elif check is TrialCheck.OVERWRITE:
            file = self._root / stored.key
            self._store.put_locked(stored.key, str(file), stored.sha256, stored.retain_until or sooner)
        elif self._immutable:
            self._remove_file(stored)
        else:
            self._store.purge_expired(stored.key, stored.stored_at)

    def look(self, stored: StoredObject) -> tuple[StoredObject, bytes]:
        """The object as it is now, and its bytes."""
        return self._store.stat(stored.key, stored.version), self._store.read_range(stored.key, 0, None)

    def _remove_file(self, stored: StoredObject) -> None:
        try:
            (self._root / stored.key).unlink()
        except OSError:
            raise ObjectLocked("the system refuses", place=stored.key) from None
