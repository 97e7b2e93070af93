"""One PUT whose body goes from the file to the line: the client's own holds a whole file in memory, twice.

The hash of the body is known beforehand, so the request is signed over it (AWS Signature Version 4, signed
payload) also where the client would leave the body unsigned.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, cast
from urllib.parse import urlunsplit

from minio import Minio
from minio.error import InvalidResponseError, S3Error
from minio.helpers import genheaders
from minio.retention import Retention
from minio.signer import sign_v4_s3

from models.errors import EvidenceBroken
from storage.objects.source import unreadable

_DATE: Final = "%Y%m%dT%H%M%SZ"


class StreamedBody:
    """``size_bytes`` (at least one) of a file, hashed as they go; the last leave only if all are right.

    Bytes that are not those of the record are never stored under a key that is locked for years: the request
    stays a piece short, and the server drops it.
    """

    def __init__(self, file: BinaryIO, size_bytes: int, sha256: str, place: str) -> None:
        self.size_bytes = size_bytes
        self.sha256 = sha256
        self._file = file
        self._left = size_bytes
        self._hash = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._place = place

    @property
    def md5(self) -> str:
        """Of what was read so far, in hex: what the server calls the object's ETag."""
        return self._md5.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; empty at the end.

        Raises:
            EvidenceBroken: instead of the last piece: the bytes are not those of the record.
            StorageError: the file cannot be read.
        """
        if self._left == 0:
            return b""
        try:
            piece = self._file.read(self._left if size < 0 else min(size, self._left))
        except OSError as error:
            raise unreadable(error, self._place) from None
        self._hash.update(piece)
        self._md5.update(piece)
        self._left -= len(piece)
        if not piece or (self._left == 0 and self._hash.hexdigest() != self.sha256):
            raise other_bytes(self._hash.hexdigest(), self.sha256, self._place)
        return piece


def other_bytes(found: str, expected: str, place: str) -> EvidenceBroken:
    """The file in the spool is not what was recorded."""
    return EvidenceBroken(
        f"the bytes are not those hashed ({found[:12]}… instead of {expected[:12]}…)",
        place=place,
        hint="raise an evidence flag and look for another copy",
    )


def put_streamed(
    client: Minio,
    target: tuple[str, str, str],
    body: StreamedBody,
    metadata: dict[str, Any],
    retention: Retention,
    *,
    legal_hold: bool,
) -> str:
    """The version that the server made. ``target``: bucket, key, region that the request is signed for.

    Raises:
        EvidenceBroken: the bytes are not those of the record; nothing was stored.
        minio.error.MinioException, urllib3.exceptions.HTTPError, OSError: as the client's own calls do.
    """
    bucket, key, region = target
    url = client._base_url.build(method="PUT", region=region, bucket_name=bucket, object_name=key)
    date = datetime.now(UTC)  # the server compares it with its own clock
    headers = cast(dict[str, Any], genheaders(metadata, None, None, retention, legal_hold))
    headers |= {
        "Host": url.netloc,
        "Content-Length": str(body.size_bytes),
        "x-amz-content-sha256": body.sha256,
        "x-amz-date": date.strftime(_DATE),
    }
    provider = client._provider
    if provider is None:
        raise ValueError("no key to sign with")
    signed = sign_v4_s3(
        method="PUT",
        url=url,
        region=region,
        headers=headers,
        credentials=provider.retrieve(),
        content_sha256=body.sha256,
        date=date,
    )
    # the client writes user metadata as lists of one text
    plain = {name: value[0] if isinstance(value, list) else value for name, value in signed.items()}
    answer = client._http.urlopen(
        "PUT",
        urlunsplit(url),
        body=cast(Any, body),
        headers=cast(dict[str, str], plain),
        preload_content=True,
    )
    if answer.status not in (200, 204):
        content_type = answer.headers.get("content-type", "")
        if answer.data and "application/xml" in content_type:
            raise S3Error.fromxml(answer)
        raise InvalidResponseError(answer.status, content_type, None)
    return answer.headers.get("x-amz-version-id", "")
