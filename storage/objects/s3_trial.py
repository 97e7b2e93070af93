"""Trying a bucket past our own refusals: the server alone says no, or does not."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Final

from minio import Minio
from minio.retention import Retention

from models.footage import StoredObject
from models.store_trial import TrialCheck, TrialWay
from storage.objects.s3_connection import S3Connection
from storage.objects.s3_reader import as_stored

_PART_BYTES: Final = 5 << 20


class S3Trial:
    """Fills the canary's port ``LockTrial``."""

    def __init__(self, connection: S3Connection, mode: str) -> None:
        self._connection = connection
        self._bucket = connection.bucket
        self._mode = mode

    @property
    def place(self) -> str:
        """Server and bucket."""
        return self._connection.place

    def put(self, key: str, path: Path, retain_until: datetime, way: TrialWay) -> StoredObject:
        """Write as segments are written, or in parts; what the server shows of it, repaired by nobody."""
        content = path.read_bytes()

        def write(client: Minio) -> str:
            made = client.put_object(
                self._bucket,
                key,
                io.BytesIO(content),
                len(content),
                part_size=_PART_BYTES if way is TrialWay.PARTS else max(len(content), _PART_BYTES),
                num_parallel_uploads=1,
                retention=Retention(self._mode, retain_until),
            )
            return made.version_id or ""

        return self._head(key, self._connection.once(key, write))

    def attempt(self, check: TrialCheck, stored: StoredObject, sooner: datetime) -> None:
        """Raises what the server answers."""
        key, version = stored.key, stored.version

        def act(client: Minio) -> None:
            if check is TrialCheck.DELETE:
                client.remove_object(self._bucket, key, version_id=version)
            elif check is TrialCheck.SHORTEN:
                mode = stored.lock_mode or self._mode
                client.set_object_retention(self._bucket, key, Retention(mode, sooner), version_id=version)
            elif check is TrialCheck.OVERWRITE:
                client.put_object(self._bucket, key, io.BytesIO(b"other"), 5)
            else:
                client.remove_object(self._bucket, key)

        self._connection.once(key, act)

    def look(self, stored: StoredObject) -> tuple[StoredObject, bytes]:
        """The version as it is now, and its bytes."""

        def read(client: Minio) -> bytes:
            response = client.get_object(self._bucket, stored.key, version_id=stored.version)
            try:
                content: bytes = response.read()
            finally:
                response.close()
                response.release_conn()
            return content

        return self._head(stored.key, stored.version), self._connection.ask(stored.key, read)

    def _head(self, key: str, version: str) -> StoredObject:
        found = self._connection.ask(
            key, lambda client: client.stat_object(self._bucket, key, version_id=version)
        )
        return as_stored(key, found)
