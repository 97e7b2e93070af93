"""A file on its way to an S3 server: hashed first, then sent in one PUT, or in parts where it is large."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from minio import Minio
from minio.retention import Retention

from models.errors import EvidenceBroken, StorageError
from storage.objects.s3_connection import S3Connection
from storage.objects.s3_stream import StreamedBody, put_streamed
from storage.objects.source import OpenSource, open_plainly

SHA256_KEY: Final = "sha256"
LARGEST_SINGLE_PUT: Final = 64 << 20  # one atomic PUT stores a whole segment
_PART_BYTES: Final = 16 << 20  # at least 5 MiB: a rule of S3
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A file to store and what its bytes hash to."""

    key: str
    path: Path
    size_bytes: int
    sha256: str
    md5: str


@dataclass(frozen=True, slots=True)
class WantedLock:
    """What is wanted of a version."""

    retain_until: datetime
    hold: bool


class S3Sender:
    """Sends files to a bucket, locked in ``mode`` from their first moment on."""

    def __init__(
        self, connection: S3Connection, mode: str, largest_single_put: int, open_source: OpenSource
    ) -> None:
        self._connection = connection
        self._open_source = open_source
        self._mode = mode
        self._largest_single_put = largest_single_put

    def sending(self, source: Source, lock: WantedLock) -> Callable[[Minio], str]:
        """The call that sends it, in one PUT or in parts; it answers with the version the server made."""
        return lambda client: self._send(client, source, lock)

    def _send(self, client: Minio, source: Source, lock: WantedLock) -> str:
        content_type = "video/mp4" if source.key.endswith(".mp4") else "application/octet-stream"
        metadata: dict[str, str | list[str] | tuple[str]] = {SHA256_KEY: source.sha256}
        retention = Retention(self._mode, lock.retain_until)
        with self._reading(source.path) as file:
            if source.size_bytes <= self._largest_single_put:
                metadata["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(source.sha256)).decode()
                metadata["Content-Type"] = content_type
                body = StreamedBody(file, source.size_bytes, source.sha256, str(source.path))
                target = (self._connection.bucket, source.key, self._connection.region)
                return put_streamed(client, target, body, metadata, retention, legal_hold=lock.hold)
            made = client.put_object(
                self._connection.bucket,
                source.key,
                file,
                source.size_bytes,
                content_type=content_type,
                metadata=metadata,
                part_size=min(self._largest_single_put, _PART_BYTES),
                num_parallel_uploads=1,
                retention=retention,
                legal_hold=lock.hold,
            )
        return made.version_id or ""

    def _reading(self, path: Path) -> BinaryIO:
        """What is wrong with the file must not look like a line that fails."""
        try:
            return self._open_source(str(path))
        except OSError as error:
            raise _unreadable(error, path) from None

    def measured(self, key: str, path: Path, sha256: str) -> Source:
        """The file, its hashes compared.

        Raises:
            NotFound: it is not there.
            EvidenceBroken: its bytes are not those of ``sha256``.
            StorageError: it cannot be read.
        """
        sha, md5, size_bytes = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        with _opened(path) as file:
            for chunk in _read(file, path):
                sha.update(chunk)
                md5.update(chunk)
                size_bytes += len(chunk)
        if sha.hexdigest() != sha256:
            raise EvidenceBroken(
                f"the bytes are not those hashed ({sha.hexdigest()[:12]}… instead of {sha256[:12]}…)",
                place=str(path),
                hint="raise an evidence flag and look for another copy",
            )
        return Source(key, path, size_bytes, sha256, md5.hexdigest())


def _read(file: BinaryIO, path: Path) -> Iterator[bytes]:
    try:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise _unreadable(error, path) from None


def _opened(path: Path) -> BinaryIO:
    try:
        return open_plainly(str(path))
    except OSError as error:
        raise _unreadable(error, path) from None


def _unreadable(error: OSError, path: Path) -> StorageError:
    reason = os.strerror(error.errno) if error.errno else "read error"
    return StorageError(f"the file to store cannot be read ({reason})", place=str(path))
