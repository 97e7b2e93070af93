"""The log's copy and the re-hash over real S3 servers, whose listings, locks and errors are their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from models.evidence import Leaf, LeafKind
from models.evidence_care import FootageProblem
from models.register import Upload, UploadKind, UploadState
from storage.evidence_proofs import audit_log
from storage.footage_check import examine
from storage.leaf_store import MemoryEvidenceStore
from storage.log_copier import LogCopier
from storage.log_copy import LogCopy, replay
from storage.objects.s3 import S3ObjectStore
from storage.objects.time_guard import HighestTimeInMemory
from storage.signing import Ed25519Signer
from storage.unit_of_work import Ledger
from tests.services.s3_servers import running

pytestmark = pytest.mark.service
SIGNER = Ed25519Signer("test.rollcall/log", b"\x01" * 32)


@pytest.fixture(params=["localstack", "radosgw"])
def store(request: pytest.FixtureRequest, clock: object) -> S3ObjectStore:
    clock.at = datetime.now(UTC).replace(microsecond=0)  # type: ignore[attr-defined]
    server = running(request.param)
    opened = S3ObjectStore(server.connect(clock), clock, HighestTimeInMemory(), mode="GOVERNANCE")
    opened.prepare()
    return opened


def test_the_log_comes_back_whole_from_a_server(
    sqlite_ledger: Ledger, store: S3ObjectStore, clock: object, tmp_path: Path
) -> None:
    copier = LogCopier(sqlite_ledger, store, tmp_path)
    with sqlite_ledger.write() as work:
        work.evidence.open(SIGNER)
    for _ in range(2):
        with sqlite_ledger.write() as work:
            for number in range(5):
                work.evidence.append(Leaf(LeafKind.VIEW, sqlite_ledger.clock.now(), None, {"n": number}))
            work.evidence.write_checkpoint(SIGNER)
        clock.forward(minutes=2)  # type: ignore[attr-defined]
        assert {stored.lock_mode for stored in copier.run()} == {"GOVERNANCE"}
    rows = MemoryEvidenceStore()
    head = replay(LogCopy(store), rows, sqlite_ledger.origin)
    assert head.size == 12
    assert audit_log(rows, sqlite_ledger.origin) == ()
    assert LogCopier(sqlite_ledger, store, tmp_path).run() == (), "a new process finds nothing to adopt"


def test_footage_on_a_server_is_judged_by_what_the_log_says(
    store: S3ObjectStore, clock: object, tmp_path: Path
) -> None:
    content, file = b"footage" * 1000, tmp_path / "f"
    file.write_bytes(content)
    digest, now = sha256(content).hexdigest(), clock.now()  # type: ignore[attr-defined]
    key, until = f"footage/L/c/{digest}.mp4", now + timedelta(days=1827)
    store.put_locked(key, str(file), digest, now + timedelta(days=1))
    place = (UploadKind.SEGMENT, "c", 1)
    upload = Upload(
        "s", UploadKind.SEGMENT, "L", "c", 1, "", key, digest, len(content), until, UploadState.CLEARED, now
    )
    assert examine(store, upload, {place: digest}).problem is FootageProblem.LOCK_SHORT
    store.extend_lock(key, store.stat(key).version, until)
    assert examine(store, upload, {place: digest}).problem is None
    assert examine(store, upload, {place: "0" * 64}).problem is FootageProblem.ALTERED
    assert examine(store, upload, {}).problem is FootageProblem.NOT_IN_LOG
    other = Upload(
        "t", UploadKind.SEGMENT, "L", "c", 1, "", key + "x", digest, 50, until, UploadState.CLEARED, now
    )
    assert examine(store, other, {place: digest}).problem is FootageProblem.MISSING
