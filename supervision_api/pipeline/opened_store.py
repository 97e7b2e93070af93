"""The object store that the settings choose: a folder, or a bucket on an S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from models.errors import SettingInvalid, StorageError
from models.ports import Clock
from storage.objects.filesystem import FilesystemObjectStore
from storage.objects.locked_store import LockedStore
from storage.objects.s3 import S3ObjectStore
from storage.objects.s3_connection import S3Access, S3Connection
from storage.objects.source import OpenSource, open_plainly
from storage.objects.time_guard import HighestTimeFile
from supervision_api.settings import Settings

TIME_FILE = ".s3-highest-time.json"
"""In the installation's folder: the highest time that purging from the bucket has believed."""


@contextmanager
def open_store(
    settings: Settings, folder: Path, clock: Clock, open_source: OpenSource = open_plainly
) -> Iterator[LockedStore]:
    """The store, for as long as the installation is open; it reads what it is to keep by ``open_source``.

    A server that does not answer now does not keep an installation from opening: lessons are recorded, and
    footage waits in the spool. A bucket without locks shows then when the first lock is read back.

    Raises:
        SettingInvalid: the S3 settings are not whole, or the bucket cannot lock.
        StorageError: the folder cannot be used.
    """
    if settings.store == "filesystem":
        yield FilesystemObjectStore(
            folder / "store", clock, immutable=settings.store_immutable, open_source=open_source
        )
        return
    connection = S3Connection(s3_access(settings), clock)
    try:
        store = S3ObjectStore(
            connection,
            clock,
            HighestTimeFile(folder / TIME_FILE),
            mode=settings.store_lock_mode,
            read_back=settings.s3_read_back,
            open_source=open_source,
        )
        # Recording does not wait for the store: one that is away or refuses our key now is prepared by the
        # first upload that it takes. Until then /readyz, doctor and the log of uploads tell.
        with suppress(StorageError):
            store.prepare()
        yield store
    finally:
        connection.close()


def s3_access(settings: Settings) -> S3Access:
    """Where the server is and our key. Raises ``SettingInvalid`` naming what is missing, never a value."""
    secret = settings.s3_secret_key.get_secret_value() if settings.s3_secret_key is not None else ""
    needed = {
        "ROLLCALL_S3_ENDPOINT": settings.s3_endpoint,
        "ROLLCALL_S3_BUCKET": settings.s3_bucket,
        "ROLLCALL_S3_ACCESS_KEY": settings.s3_access_key,
        "ROLLCALL_S3_SECRET_KEY": secret,
    }
    missing = ", ".join(name for name, value in needed.items() if not value)
    if missing:
        raise SettingInvalid(
            "footage is to be kept on an S3 server, but this is not set",
            place=missing,
            hint="set it; docs/guides/settings.md has an example",
        )
    return S3Access(
        endpoint=settings.s3_endpoint,
        bucket=settings.s3_bucket,
        access_key=settings.s3_access_key,
        secret_key=secret,
        region=settings.s3_region,
        ca_file=settings.s3_ca_file,
        connect_timeout_s=settings.s3_connect_timeout_s,
        read_timeout_s=settings.s3_read_timeout_s,
    )
