"""Reading a folder of objects; needs no right to write it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from models.errors import EvidenceBroken, NotFound
from models.footage import KeyVersion, StoredObject
from storage.objects.lock_rules import RESERVED_ENDING, LockRecord, checked_key, checked_range
from storage.objects.sidecar import load_record

CHUNK_BYTES: Final = 1024 * 1024


class FilesystemObjectReader:
    """Objects below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        """What the disk says now; ``lock_mode`` is ``None`` where the sidecar is missing.

        Raises:
            NotFound: no such object or version.
            EvidenceBroken: the file's size is not the stored one, or its sidecar is damaged.
        """
        path = self._path(key)
        size_bytes = self._size(path, key)
        if version is None and not sidecar_path(path).exists():
            return self._unlocked(path, key, size_bytes)
        record = self._record(key, version)
        if record.size_bytes != size_bytes:
            raise EvidenceBroken(
                f"stored with {record.size_bytes} bytes, found with {size_bytes}",
                place=key,
                hint="raise an evidence flag and look for another copy",
            )
        return record.as_stored()

    def read_range(self, key: str, start: int, end: int | None) -> bytes:
        """Bytes ``[start, end)``; a whole object is compared with its hash.

        Raises:
            NotFound, EvidenceBroken.
        """
        checked_range(start, end)
        path = self._path(key)
        stored = self.stat(key)
        with _opened(path, key) as file:
            stop = stored.size_bytes if end is None else min(end, stored.size_bytes)
            file_bytes = os.pread(file, max(0, stop - start), start)
        if start == 0 and len(file_bytes) == stored.size_bytes:
            compare_hash(hashlib.sha256(file_bytes).hexdigest(), stored.sha256, key)
        return file_bytes

    def rehash(self, key: str) -> StoredObject:
        """Read the whole object and compare it with its hash. Raises ``EvidenceBroken``, ``NotFound``."""
        stored = self.stat(key)
        digest = hashlib.sha256()
        with _opened(self._path(key), key) as file:
            while chunk := os.read(file, CHUNK_BYTES):
                digest.update(chunk)
        compare_hash(digest.hexdigest(), stored.sha256, key)
        return stored

    def list_versions(self, prefix: str) -> Sequence[StoredObject]:
        """By key. Objects without a sidecar are listed too, without a lock."""
        found = [self._listed(path, key) for path, key in self._objects(prefix)]
        return [stored for stored in found if stored is not None]

    def versions(self, key: str) -> Sequence[KeyVersion]:
        """At most one: a key is written once.

        Raises:
            EvidenceBroken: its lock is not known, or its size is not the stored one.
        """
        try:
            stored = self.stat(key, self._record(key, None).version)
        except NotFound:
            return ()
        return (KeyVersion(stored.version, stored.retain_until, stored.legal_hold),)

    def presign(self, key: str, expires_s: int) -> str | None:  # noqa: ARG002
        """A folder has no addresses of its own."""
        return None

    def _record(self, key: str, version: str | None) -> LockRecord:
        path = self._path(key)
        self._size(path, key)
        try:
            content = sidecar_path(path).read_bytes()
        except FileNotFoundError:
            raise EvidenceBroken(
                "the lock's sidecar is missing", place=key, hint="restore it from a backup of the store"
            ) from None
        record = load_record(content, key)
        if version not in (None, record.version):
            raise NotFound("no such version", place=key)
        return record

    def _unlocked(self, path: Path, key: str, size_bytes: int) -> StoredObject:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        stored_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return StoredObject(key, "", size_bytes, sha256, sha256, None, None, False, stored_at)

    def _listed(self, path: Path, key: str) -> StoredObject | None:
        try:
            size_bytes = path.stat().st_size
            if not sidecar_path(path).exists():
                return self._unlocked(path, key, size_bytes)
            return replace(
                load_record(sidecar_path(path).read_bytes(), key), size_bytes=size_bytes
            ).as_stored()
        except FileNotFoundError:
            return None  # purged while we were listing

    def _objects(self, prefix: str) -> Iterator[tuple[Path, str]]:
        """Object files below a key prefix, by key. The prefix need not end at a slash."""
        folder = self._root.joinpath(
            *[name for name in prefix.split("/")[:-1] if name not in ("", ".", "..")]
        )
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(self._root).as_posix()
            hidden = name.startswith(".") or "/." in name
            if (
                not hidden
                and name.startswith(prefix)
                and not name.endswith(RESERVED_ENDING)
                and path.is_file()
            ):
                yield path, name

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _size(self, path: Path, key: str) -> int:
        try:
            found = path.stat(follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound("no such object", place=key) from None
        if stat.S_ISDIR(found.st_mode):
            raise NotFound("no such object, only others below it", place=key)
        return found.st_size


def sidecar_path(path: Path) -> Path:
    return path.with_name(path.name + RESERVED_ENDING)


@contextmanager
def _opened(path: Path, key: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound("no such object", place=key) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def compare_hash(found: str, expected: str, place: str) -> None:
    if found != expected:
        raise EvidenceBroken(
            f"the bytes are not those that were hashed ({found[:12]}… instead of {expected[:12]}…)",
            place=place,
            hint="raise an evidence flag and look for another copy",
        )
