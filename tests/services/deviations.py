"""What each test server does otherwise than S3 promises: found by trying, printed as the guide's table.

    python -m tests.services.deviations            starts the servers, prints the table
    python -m tests.services.deviations --write    puts it into docs/guides/object-stores.md

``tests/contract/test_store_deviations.py`` tries the same on the servers of the run and compares the guide.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from minio.error import MinioException
from minio.retention import Retention

from storage.objects.s3_bucket import open_bucket
from supervision_api.clock import SystemClock
from tests.services.localstack import localstack
from tests.services.radosgw import radosgw
from tests.services.run_with_services import started
from tests.services.s3_servers import NAMES, S3Server, parsed

GUIDE: Final = Path(__file__).resolve().parents[2] / "docs" / "guides" / "object-stores.md"
BEGIN: Final = "<!-- table: python -m tests.services.deviations --write -->"
END: Final = "<!-- end of table -->"
_TITLES: Final[Mapping[str, str]] = {"localstack": "LocalStack 4.13.1", "radosgw": "radosgw 16.2"}
_PART: Final = 5 << 20


class Trial:
    """A bucket of its own on one server."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        connection = server.connect(SystemClock())
        open_bucket(connection)
        self.client, self.bucket = connection.client, connection.bucket
        self.later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1830)

    def put(self, key: str, content: bytes = b"x", *, until: datetime | None = None, **more: Any) -> str:
        retention = Retention("GOVERNANCE", until or self.later)
        made = self.client.put_object(
            self.bucket, key, io.BytesIO(content), len(content), retention=retention, **more
        )
        return made.version_id or ""

    def header(self, key: str, version: str, name: str) -> str | None:
        found = self.client.stat_object(self.bucket, key, version_id=version).metadata or {}
        return {given.lower(): value for given, value in found.items()}.get(name)


def _refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except MinioException:
        return True
    return False


def _lock_of_one_piece(trial: Trial) -> bool:
    version = trial.put("one")
    return trial.header("one", version, "x-amz-object-lock-mode") == "GOVERNANCE"


def _lock_of_parts(trial: Trial) -> bool:
    version = trial.put("parts", b"x" * (_PART + 1), part_size=_PART)
    return trial.header("parts", version, "x-amz-object-lock-mode") == "GOVERNANCE"


def _delete_refused(trial: Trial) -> bool:
    version = trial.put("delete")
    return _refused(lambda: trial.client.remove_object(trial.bucket, "delete", version_id=version))


def _shorten_refused(trial: Trial) -> bool:
    version = trial.put("shorten")
    sooner = Retention("GOVERNANCE", trial.later - timedelta(days=1))
    return _refused(
        lambda: trial.client.set_object_retention(trial.bucket, "shorten", sooner, version_id=version)
    )


def _past_refused(trial: Trial) -> bool:
    return _refused(lambda: trial.put("past", until=datetime.now(UTC) - timedelta(days=1)))


def _checksum_compared(trial: Trial) -> bool:
    wrong = {"x-amz-checksum-sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    return _refused(lambda: trial.put("checksum", metadata=wrong))


def _secret_compared(trial: Trial) -> bool:
    stranger = trial.server.connect(SystemClock(), secret_key="wrong", bucket=trial.bucket)
    return _refused(lambda: stranger.client.bucket_exists(trial.bucket))


def _etag_is_md5(trial: Trial) -> bool:
    version = trial.put("etag", b"some bytes")
    found = trial.client.stat_object(trial.bucket, "etag", version_id=version)
    return found.etag == hashlib.md5(b"some bytes", usedforsecurity=False).hexdigest()


def _dates_readable(trial: Trial) -> bool:
    version = trial.put("dates")
    try:
        trial.client.get_object_retention(trial.bucket, "dates", version_id=version)
    except ValueError:
        return False
    return True


def _far_dates_kept(trial: Trial) -> bool:
    far = datetime(2126, 1, 1, tzinfo=UTC)
    version = trial.put("far", until=far)
    return (trial.header("far", version, "x-amz-object-lock-retain-until-date") or "").startswith("2126")


@dataclass(frozen=True)
class Promise:
    """Something that S3 promises, how it is tried, and what Rollcall does where a server breaks it."""

    text: str
    try_it: Callable[[Trial], bool]
    answer: str


PROMISES: Final = (
    Promise(
        "keeps the lock of an object written in one piece", _lock_of_one_piece, "read back after each write"
    ),
    Promise("keeps the lock of an object written in parts", _lock_of_parts, "noticed, set again, read back"),
    Promise("refuses to delete a locked version", _delete_refused, "the canary finds it"),
    Promise("refuses to shorten a lock", _shorten_refused, "the canary finds it"),
    Promise("refuses a retention in the past", _past_refused, "refused before it is sent"),
    Promise("compares a given SHA-256 with the bytes", _checksum_compared, "size, MD5 and hash are compared"),
    Promise("compares the signature with the secret", _secret_compared, "none: no use outside tests"),
    Promise("shows the MD5 as ETag of one piece", _etag_is_md5, "else the bytes are read back"),
    Promise("writes lock dates that `minio` can read", _dates_readable, "dates are taken from HEAD"),
    Promise("keeps a retention beyond 2106", _far_dates_kept, "noticed: `evidence_broken`"),
)


def tried(server: S3Server) -> tuple[bool, ...]:
    """Whether the server keeps each promise, in order."""
    trial = Trial(server)
    return tuple(promise.try_it(trial) for promise in PROMISES)


def table(servers: Iterable[S3Server]) -> str:
    """The guide's table, in Markdown."""
    found = {server.name: tried(server) for server in servers}
    names = [name for name in NAMES if name in found]
    lines = [
        f"| S3 | {' | '.join(_TITLES[name] for name in names)} | where it is broken |",
        f"|---|{'---|' * len(names)}---|",
    ]
    for number, promise in enumerate(PROMISES):
        kept = " | ".join("yes" if found[name][number] else "**no**" for name in names)
        lines.append(f"| {promise.text} | {kept} | {promise.answer} |")
    return "\n".join(lines)


def in_the_guide() -> str:
    """The table as the guide has it."""
    return GUIDE.read_text().split(BEGIN)[1].split(END)[0].strip()


def _write(found: str) -> None:
    head, rest = GUIDE.read_text().split(BEGIN)
    GUIDE.write_text(f"{head}{BEGIN}\n\n{found}\n\n{END}{rest.split(END)[1]}")


def main(arguments: list[str]) -> None:
    with started((localstack, radosgw)) as addresses:
        found = table(parsed(name, addresses[f"ROLLCALL_TEST_S3_{name.upper()}"]) for name in NAMES)
    print(found)
    if "--write" in arguments:
        _write(found)


if __name__ == "__main__":
    main(sys.argv[1:])
