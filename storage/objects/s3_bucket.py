"""The bucket: made with Object Lock where it is missing, refused where it cannot lock."""

from __future__ import annotations

from collections.abc import Callable

from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import S3Error

from models.errors import SettingInvalid
from storage.objects.s3_connection import S3Connection


def open_bucket(connection: S3Connection) -> None:
    """Make the bucket if it is missing; look whether it locks.

    Raises:
        SettingInvalid: it exists without Object Lock or without versions; both are chosen when it is made.
        StorageError: the store does not answer, or refuses.
    """
    bucket, place = connection.bucket, connection.place
    if not connection.ask(place, lambda client: client.bucket_exists(bucket)):
        connection.ask(place, _making(bucket))
    if not connection.ask(place, _has_lock(bucket)):
        raise SettingInvalid(
            "the bucket was made without Object Lock, so nothing in it can be locked",
            place=place,
            hint="name another bucket in ROLLCALL_S3_BUCKET; Rollcall makes it with Object Lock",
        )
    versioning = connection.ask(place, lambda client: client.get_bucket_versioning(bucket))
    if versioning.status != ENABLED:
        raise SettingInvalid(
            "the bucket keeps no versions, so an overwritten object would be gone",
            place=place,
            hint="turn versioning on, or name another bucket in ROLLCALL_S3_BUCKET",
        )


def _making(bucket: str) -> Callable[[Minio], None]:
    def make(client: Minio) -> None:
        try:
            client.make_bucket(bucket, object_lock=True)
        except S3Error as error:
            # two processes start at once, or an answer got lost and the call was repeated
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    return make


def _has_lock(bucket: str) -> Callable[[Minio], bool]:
    def look(client: Minio) -> bool:
        try:
            client.get_object_lock_config(bucket)
        except S3Error as error:
            if error.code in {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}:
                return False
            raise
        return True

    return look
