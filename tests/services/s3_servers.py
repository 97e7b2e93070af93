"""The S3 servers that ``run_with_services`` started, for the tests: addresses, and a bucket per test."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from models.ports import Clock
from storage.objects.s3_connection import S3Access, S3Connection

NAMES: Final = ("localstack", "radosgw")


@dataclass(frozen=True)
class S3Server:
    """A running server and its key."""

    name: str
    endpoint: str
    access_key: str
    secret_key: str

    def access(self, **changes: Any) -> S3Access:
        """A bucket that no other test has, unless one is named."""
        values = {
            "endpoint": self.endpoint,
            "bucket": f"test-{uuid.uuid4().hex}",
            "access_key": self.access_key,
            "secret_key": self.secret_key,
        }
        return S3Access(**(values | changes))

    def connect(self, clock: Clock, **changes: Any) -> S3Connection:
        return S3Connection(self.access(**changes), clock)


def running(name: str) -> S3Server:
    """The server of this name; skips the test where none was started."""
    address = os.environ.get(f"ROLLCALL_TEST_S3_{name.upper()}")
    if not address:
        pytest.skip(f"no {name}: run SERVICES=1 make test")
    return parsed(name, address)


def parsed(name: str, address: str) -> S3Server:
    """From ``http://key:secret@host:port``."""
    parts = urlsplit(address)
    return S3Server(
        name, f"{parts.scheme}://{parts.hostname}:{parts.port}", parts.username or "", parts.password or ""
    )
