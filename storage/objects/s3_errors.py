"""What an S3 server or the line to it answered, as errors of ours. Foreign texts stop here."""

from __future__ import annotations

from typing import Final

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, LocationParseError, NewConnectionError, SSLError, TimeoutError

from models.errors import (
    DiskFull,
    NotFound,
    ObjectLocked,
    RollcallError,
    StorageError,
    StoreKeyRefused,
    StoreUnavailable,
)

FOREIGN: Final = (MinioException, HTTPError, OSError, ValueError)
"""Everything that minio and urllib3 raise for a call that was made; minio parses answers with ValueError."""

_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "ResourceNotFound"})
_BUSY: Final = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "InternalError",
        "RequestTimeout",
        "XMinioServerNotInitialized",
        "Throttling",
    }
)
_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "EntityTooLarge"})
_NOT_US: Final = frozenset(
    {
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "ExpiredToken",
        "UserSuspended",  # radosgw's, while the owner of the key is suspended
    }
)


def is_passing(error: Exception) -> bool:
    """Whether the store was away or overloaded, so that asking again may help."""
    if isinstance(error, S3Error):
        return error.code in _BUSY
    if isinstance(error, ServerError):
        return error.status_code >= 500
    if isinstance(error, InvalidResponseError):
        return error._code >= 500
    if _is_certificate(error):
        return False
    return isinstance(error, (HTTPError, OSError)) and not isinstance(error, LocationParseError)


def translated(error: Exception, place: str) -> RollcallError:
    """Our error for a foreign one; ``place``: the key, or the bucket."""
    if isinstance(error, S3Error):
        return _answered(error.code or "", place)
    if isinstance(error, ServerError):
        return _status(error.status_code, place)
    if isinstance(error, InvalidResponseError):
        return _status(error._code, place)
    if _is_certificate(error):
        return StorageError(
            "the store's certificate is not signed by anyone we trust",
            place=place,
            hint="name its authority's certificate in ROLLCALL_S3_CA_FILE",
        )
    if isinstance(error, ValueError) and not isinstance(error, HTTPError):
        return StorageError("the store's answer cannot be read", place=place, hint="is it an S3 server?")
    said = "did not answer in time" if _is_late(error) else "cannot be reached"
    return StoreUnavailable(
        f"the object store {said}",
        place=place,
        hint="look at the store and the line to it; it is tried again",
    )


def _answered(code: str, place: str) -> RollcallError:
    if code in _GONE:
        return NotFound("no such object", place=place)
    if code in _BUSY:
        return StoreUnavailable(
            f"the object store is overloaded ({code})", place=place, hint="it is tried again"
        )
    if code in _FULL:
        return DiskFull(f"the object store is full ({code})", place=place, hint="give it room")
    if code in _NOT_US:
        return StoreKeyRefused(
            f"the object store refuses our key ({code})",
            place=place,
            hint="was it withdrawn? let it in again, or put another into ROLLCALL_S3_ACCESS_KEY and "
            "ROLLCALL_S3_SECRET_KEY and start again",
        )
    if code == "RequestTimeTooSkewed":
        return StorageError(
            "this machine's clock and the store's differ by more than 15 minutes",
            place=place,
            hint="set this machine's clock right",
        )
    if code == "NoSuchBucket":
        return StorageError("the bucket is not there", place=place, hint="check ROLLCALL_S3_BUCKET")
    if code in {"ObjectLocked", "InvalidRetentionPeriod"}:
        return ObjectLocked(f"the object store refuses ({code})", place=place)
    return StorageError(f"the object store refuses ({code})", place=place, hint="look at the store's own log")


def _status(status: int, place: str) -> RollcallError:
    if status >= 500:
        return StoreUnavailable(
            f"the object store failed (HTTP {status})", place=place, hint="it is tried again"
        )
    return StorageError(
        f"the store answered HTTP {status}", place=place, hint="is ROLLCALL_S3_ENDPOINT right?"
    )


def _is_certificate(error: Exception) -> bool:
    # urllib3 wraps: MaxRetryError(reason=SSLError)
    return isinstance(error, SSLError) or isinstance(getattr(error, "reason", None), SSLError)


def _is_late(error: Exception) -> bool:
    cause = getattr(error, "reason", None) or error
    # urllib3 calls a refused connection a late one
    return isinstance(cause, TimeoutError) and not isinstance(cause, NewConnectionError)
