"""A file on its way to an S3 server: in one PUT, hashed as it goes; a large one hashed first and in parts."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, cast

from minio import Minio
from minio.retention import Retention

from storage.objects.s3_connection import S3Connection
from storage.objects.s3_stream import StreamedBody, other_bytes, put_streamed
from storage.objects.source import OpenSource, open_plainly, unreadable

SHA256_KEY: Final = "sha256"
LARGEST_SINGLE_PUT: Final = 64 << 20  # one atomic PUT stores a whole segment
_PART_BYTES: Final = 16 << 20  # at least 5 MiB: a rule of S3


@dataclass(frozen=True, slots=True)
class Source:
    """A file to store and what its bytes must hash to."""

    key: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The version that the server made. ``md5``: of the bytes that went, empty where nobody knows it."""

    version: str
    md5: str = ""


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

    def sending(self, source: Source, lock: WantedLock) -> Callable[[Minio], Sent]:
        """The call that sends it, in one PUT or in parts."""
        return lambda client: self._send(client, source, lock)

    def _send(self, client: Minio, source: Source, lock: WantedLock) -> Sent:
        content_type = "video/mp4" if source.key.endswith(".mp4") else "application/octet-stream"
        metadata: dict[str, str | list[str] | tuple[str]] = {SHA256_KEY: source.sha256}
        retention = Retention(self._mode, lock.retain_until)
        with self._reading(source.path) as file:
            if not self._in_parts(source.size_bytes):
                metadata["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(source.sha256)).decode()
                metadata["Content-Type"] = content_type
                body = StreamedBody(file, source.size_bytes, source.sha256, str(source.path))
                target = (self._connection.bucket, source.key, self._connection.region)
                made_version = put_streamed(client, target, body, metadata, retention, legal_hold=lock.hold)
                return Sent(made_version, body.md5)
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
        return Sent(made.version_id or "")

    def _in_parts(self, size_bytes: int) -> bool:
        return size_bytes > self._largest_single_put

    def _reading(self, path: Path) -> BinaryIO:
        try:
            return self._open_source(str(path))
        except OSError as error:
            raise unreadable(error, str(path)) from None

    def measured(self, key: str, path: Path, sha256: str) -> Source:
        """The file and its size. Compared with its hash already where it goes in parts, or is empty: what
        goes in one PUT is compared on its way, before its last byte.

        Raises:
            NotFound: it is not there.
            EvidenceBroken: its bytes are not those of ``sha256``.
            StorageError: it cannot be read.
        """
        try:
            with open_plainly(str(path)) as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if size_bytes == 0 or self._in_parts(size_bytes):
                    found = hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
                    if found != sha256:
                        raise other_bytes(found, sha256, str(path))
        except OSError as error:
            raise unreadable(error, str(path)) from None
        return Source(key, path, size_bytes, sha256)
