"""Calls to an S3 server: time-outs, bounded repeats, a circuit breaker, errors of ours.

The client's own repeats are off: repeating an upload that the server may have taken would store it twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio

from models.errors import RollcallError, SettingInvalid, StoreUnavailable
from models.ports import Clock
from storage.objects.breaker import Breaker
from storage.objects.s3_errors import FOREIGN, is_passing, translated

Answer = TypeVar("Answer")

ATTEMPTS: Final = 3
_REST_S: Final = 0.2  # before the second attempt; twice as long before each further one
_QUICK_S: Final = 2.0
_CONNECTIONS: Final = 16
# Bodies leave in pieces of so much: small ones cost a turn of the interpreter each, for every worker.
_BLOCK_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class S3Access:
    """Where the store is and who we are there. ``endpoint``: ``https://host:port``, without a path.

    ``secret_key`` is not shown by ``repr``.
    """

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    ca_file: Path | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0


class S3Connection:
    """One server and one bucket, for any number of threads."""

    def __init__(self, access: S3Access, clock: Clock) -> None:
        self.bucket = access.bucket
        self.region = access.region
        self.client = _client(access)
        self.place = f"{urlsplit(access.endpoint).netloc}/{access.bucket}"
        self._clock = clock
        self._longest_call_s = access.connect_timeout_s + access.read_timeout_s
        self._breaker = Breaker()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @property
    def breaker(self) -> Breaker:
        """Its state now, for readiness and metrics."""
        return self._breaker

    def ask(self, place: str, act: Callable[[Minio], Answer]) -> Answer:
        """Make a call that may be repeated: reading, or setting what is set already.

        Raises:
            StoreUnavailable: the store is away or overloaded, or was a moment ago (the circuit is open).
            NotFound, DiskFull, ObjectLocked, StoreKeyRefused, StorageError: see ``s3_errors``.
        """
        for attempt in range(1, ATTEMPTS):
            began_s = self._clock.monotonic_s()
            try:
                return self.once(place, act)
            except StoreUnavailable:
                now_s = self._clock.monotonic_s()
                # Three time-outs in a row would hold the caller up; repeating a quick failure costs little.
                if self._breaker.wait_s(now_s) > 0 or now_s - began_s > _QUICK_S:
                    raise
                self._stopped.wait(_REST_S * 2 ** (attempt - 1))
        return self.once(place, act)

    def once(self, place: str, act: Callable[[Minio], Answer]) -> Answer:
        """Make a call a single time. Raises as ``ask``."""
        self._admit(place)
        try:
            answer = act(self.client)
        except FOREIGN as error:
            self._note(failed=is_passing(error))
            raise translated(error, place) from None
        except RollcallError:
            self._note(failed=False)
            raise
        self._note(failed=False)
        return answer

    def close(self) -> None:
        """Give the connections back."""
        self._stopped.set()
        self.client._http.clear()

    def _admit(self, place: str) -> None:
        with self._lock:
            now_s = self._clock.monotonic_s()
            admitted = self._breaker.admit(now_s, self._longest_call_s)
            if admitted is None:
                wait_s = self._breaker.wait_s(now_s)
                raise StoreUnavailable(
                    f"the object store did not answer a moment ago; it is asked again in {wait_s:.0f} s",
                    place=place,
                    hint="look at the store and the line to it; it is tried again",
                )
            self._breaker = admitted

    def _note(self, *, failed: bool) -> None:
        with self._lock:
            self._breaker = (
                self._breaker.failed(self._clock.monotonic_s()) if failed else self._breaker.succeeded()
            )


def _client(access: S3Access) -> Minio:
    address = urlsplit(access.endpoint)
    if address.scheme not in {"http", "https"} or not address.hostname or address.path.strip("/"):
        raise SettingInvalid(
            "the store's address must be https://host:port, without a path",
            place="ROLLCALL_S3_ENDPOINT",
            hint="for example https://store.example:9000",
        )
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=access.connect_timeout_s, read=access.read_timeout_s),
        maxsize=_CONNECTIONS,
        blocksize=_BLOCK_BYTES,
        retries=urllib3.Retry(total=0, redirect=0, raise_on_status=False),
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(access.ca_file) if access.ca_file is not None else None,
    )
    try:
        return Minio(
            address.netloc,
            access_key=access.access_key,
            secret_key=access.secret_key,
            region=access.region,  # given, so that no call is spent on asking for it
            secure=address.scheme == "https",
            http_client=pool,
        )
    except (ValueError, TypeError):
        raise SettingInvalid(
            "the store's address cannot be used", place="ROLLCALL_S3_ENDPOINT", hint="https://host:port"
        ) from None
