"""Reading a bucket: which version is ours, its lock as the server shows it, and its bytes.

A key is written once, so the *oldest* version under it is the object. A delete marker or a newer version that
somebody with a key of the store laid over it changes nothing here: the bytes that were locked are still read.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final

from minio import Minio
from minio.datatypes import Object
from minio.error import S3Error, ServerError

from models.errors import EvidenceBroken, NotFound, StoreUnavailable
from models.footage import KeyVersion, StoredObject
from storage.objects.lock_rules import checked_key, checked_range
from storage.objects.s3_connection import S3Connection
from storage.objects.s3_sending import SHA256_KEY

_META: Final = f"x-amz-meta-{SHA256_KEY}"
_PIECE_BYTES: Final = 4 << 20
_REMEMBERED: Final = 4096  # a lesson of four cameras has some 200 segments
_HEADS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class _Known:
    """What never changes of a version: enough to ask for a range of it without asking what it is."""

    version: str
    size_bytes: int
    sha256: str


class S3ObjectReader:
    """Objects of one bucket."""

    def __init__(self, connection: S3Connection) -> None:
        self._connection = connection
        self._bucket = connection.bucket
        self._known: dict[str, _Known] = {}
        self._known_lock = threading.Lock()

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        """What the server says now of the oldest version, or of the one named.

        Raises:
            NotFound: no such object or version.
            StorageError: the store does not answer, or refuses.
        """
        checked_key(key)
        return self._head(key, version or self._version_of(key))

    def read_range(self, key: str, start: int, end: int | None) -> bytes:
        """Bytes ``[start, end)``; a whole object is compared with its hash.

        Raises:
            NotFound, EvidenceBroken, StorageError.
        """
        checked_key(key)
        checked_range(start, end)
        known = self._remembered(key)
        stop = known.size_bytes if end is None else min(end, known.size_bytes)
        if stop <= start:
            return b""
        content = self._connection.ask(key, self._reading(key, known.version, start, stop))
        if stop - start == known.size_bytes:
            compare_read(hashlib.sha256(content).hexdigest(), known.sha256, key)
        return content

    def rehash(self, key: str) -> StoredObject:
        """Read the whole object and compare it with its hash. Raises ``EvidenceBroken``, ``NotFound``."""
        stored = self.stat(key)
        compare_read(self._digest(stored), stored.sha256, key)
        return stored

    def list_versions(self, prefix: str) -> Sequence[StoredObject]:
        """By key, oldest version first, each with its lock: one question to the server per version."""
        listed = self._listed(prefix)
        with ThreadPoolExecutor(_HEADS_AT_ONCE, thread_name_prefix="s3-list") as threads:
            found = threads.map(self._head_or_none, listed)
            return [stored for stored in found if stored is not None]

    def versions(self, key: str) -> Sequence[KeyVersion]:
        """All that lies under this very key, the oldest first, delete markers after the versions.

        An upload whose answer was lost may have made two versions, and whoever has a key of the store can
        lay others over them. One question to the server, and one more for the lock of each version.

        Raises:
            StorageError: the store does not answer, or refuses.
        """
        checked_key(key)
        oldest_first = self._under(key)[::-1]
        oldest_first.sort(key=lambda one: one.is_delete_marker)
        return tuple(self._key_version(one) for one in oldest_first)

    def presign(self, key: str, expires_s: int) -> str | None:
        """An address that anybody may read the object under for so long. Raises ``NotFound``.

        It holds the key's name and a signature, not the secret; whoever has it reads.
        """
        checked_key(key)
        version = self._version_of(key)

        def sign(client: Minio) -> str:
            return client.presigned_get_object(
                self._bucket, key, expires=timedelta(seconds=expires_s), version_id=version
            )

        return self._connection.once(key, sign)

    def _digest(self, stored: StoredObject) -> str:
        digest = hashlib.sha256()
        for start in range(0, stored.size_bytes, _PIECE_BYTES):
            stop = min(start + _PIECE_BYTES, stored.size_bytes)
            digest.update(
                self._connection.ask(stored.key, self._reading(stored.key, stored.version, start, stop))
            )
        return digest.hexdigest()

    def _reading(self, key: str, version: str, start: int, stop: int) -> Callable[[Minio], bytes]:
        def read(client: Minio) -> bytes:
            response = client.get_object(
                self._bucket, key, offset=start, length=stop - start, version_id=version
            )
            with closing(response):
                content: bytes = response.read()
            response.release_conn()
            if len(content) != stop - start:
                raise StoreUnavailable(f"sent {len(content)} of {stop - start} bytes", place=key)
            return content

        return read

    def _remembered(self, key: str) -> _Known:
        known = self._known.get(key)
        if known is None:
            self._head(key, self._version_of(key))
            known = self._known[key]
        return known

    def _version_of(self, key: str) -> str:
        """The oldest version of a key. Raises ``NotFound``."""
        known = self._known.get(key)
        return known.version if known is not None else self._oldest(key).version_id or ""

    def _under(self, key: str) -> list[Object]:
        """Versions, newest first, and delete markers of this very key: a listing shows longer keys too."""

        def under(client: Minio) -> list[Object]:
            found = client.list_objects(self._bucket, prefix=key, recursive=True, include_version=True)
            return [one for one in found if one.object_name == key]

        return self._connection.ask(key, under)

    def _oldest(self, key: str) -> Object:
        versions = [one for one in self._under(key) if not one.is_delete_marker]
        if not versions:
            raise NotFound("no such object", place=key)
        return versions[-1]

    def _listed(self, prefix: str) -> list[Object]:
        def versions(client: Minio) -> list[Object]:
            found = client.list_objects(self._bucket, prefix=prefix, recursive=True, include_version=True)
            return [one for one in found if not one.is_delete_marker]

        newest_first = self._connection.ask(prefix or self._connection.place, versions)
        newest_first.reverse()
        return sorted(newest_first, key=lambda one: str(one.object_name))

    def _head(self, key: str, version: str) -> StoredObject:
        def look(client: Minio) -> Object:
            try:
                return client.stat_object(self._bucket, key, version_id=version)
            except (ServerError, S3Error) as error:
                if _is_no_version(error):
                    raise NotFound("no such version", place=key) from None
                raise

        try:
            stored = as_stored(key, self._connection.ask(key, look))
        except NotFound:
            self._forget(key, version)
            raise
        self._remember(stored)
        return stored

    def _head_or_none(self, listed: Object) -> StoredObject | None:
        try:
            return self._head(str(listed.object_name), listed.version_id or "")
        except NotFound:
            return None  # purged while we were listing

    def _key_version(self, listed: Object) -> KeyVersion:
        version = listed.version_id or ""
        if listed.is_delete_marker:
            return KeyVersion(version, is_marker=True)
        stored = self._head_or_none(listed)
        if stored is None:
            return KeyVersion(version)  # what is listed is there until it is listed no more
        return KeyVersion(version, stored.retain_until, stored.legal_hold)

    def _remember(self, stored: StoredObject) -> None:
        with self._known_lock:
            if stored.key in self._known:
                return
            while len(self._known) >= _REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[stored.key] = _Known(stored.version, stored.size_bytes, stored.sha256)

    def _forget(self, key: str, version: str) -> None:
        with self._known_lock:
            known = self._known.get(key)
            if known is not None and known.version == version:
                del self._known[key]


def as_stored(key: str, found: Object) -> StoredObject:
    """A server's answer to HEAD as our value; locks are taken from its headers."""
    headers = {name.lower(): value for name, value in (found.metadata or {}).items()}
    mode = headers.get("x-amz-object-lock-mode")
    until = headers.get("x-amz-object-lock-retain-until-date")
    return StoredObject(
        key=key,
        version=found.version_id or "",
        size_bytes=found.size or 0,
        sha256=headers.get(_META, ""),
        etag=found.etag or "",
        lock_mode=mode if mode in {"GOVERNANCE", "COMPLIANCE"} and until else None,
        retain_until=_instant(until, key) if until else None,
        legal_hold=headers.get("x-amz-object-lock-legal-hold", "").upper() == "ON",
        stored_at=(found.last_modified or datetime.fromtimestamp(0, UTC)).astimezone(UTC),
    )


def compare_read(found: str, expected: str, place: str) -> None:
    """Raises ``EvidenceBroken`` where the store's bytes are not those that were hashed."""
    if found != expected:
        raise EvidenceBroken(
            f"the stored bytes are not those that were hashed ({found[:12]}… instead of {expected[:12]}…)",
            place=place,
            hint="raise an evidence flag and look for another copy",
        )


def _instant(text: str, key: str) -> datetime:
    """Servers write whole seconds, milliseconds or (radosgw) nine digits; Python reads up to six."""
    try:
        head, dot, rest = text.removesuffix("Z").removesuffix("+00:00").partition(".")
        digits = "".join(takewhile(str.isdigit, rest))[:6]
        return datetime.fromisoformat(f"{head}{dot}{digits.ljust(6, '0') if dot else ''}").replace(tzinfo=UTC)
    except ValueError:
        raise EvidenceBroken("the lock's date cannot be read", place=key) from None


def _is_no_version(error: ServerError | S3Error) -> bool:
    """A version that cannot exist is 400 with some servers; 405 says that it is a delete marker."""
    if isinstance(error, ServerError):
        return error.status_code == 400
    return error.code in {"InvalidArgument", "BadRequest", "MethodNotAllowed", "NoSuchVersion"}
