"""The way of footage into a real S3 server: what a broken line, a lost answer and a foreign hand do to it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.errors import StoreUnavailable
from models.evidence import LeafKind
from models.footage import Segment
from models.register import UploadState
from storage.leaf_store import LeafQuery
from storage.objects.s3 import S3ObjectStore
from storage.objects.time_guard import HighestTimeInMemory
from storage.spool import Spool, SpoolLimits, object_key
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from tests.services.faulty_proxy import Call, Fault, FaultyProxy, always, faulty_proxy
from tests.services.s3_servers import NAMES, S3Server, running

pytestmark = pytest.mark.service

NewSegment = Callable[..., Segment]


@pytest.fixture
def now() -> datetime:
    """A server believes its own clock: the lesson is today."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> S3Server:
    return running(request.param)


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.endpoint) as made:
        yield made


@dataclass
class Bench:
    """A spool and a store behind a line that can fail."""

    spool: Spool
    ledger: Ledger
    clock: Any
    store: S3ObjectStore
    proxy: FaultyProxy
    new_segment: NewSegment

    def queue(self, sequence: int) -> Segment:
        content = f"footage {sequence}".encode() * 100
        path = self.spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
        path.write_bytes(content)
        path.with_suffix(".json").write_text("{}")
        sha256 = hashlib.sha256(content).hexdigest()
        segment = self.new_segment(sequence, path=str(path), size_bytes=len(content), sha256=sha256)
        assert self.spool.accept(segment)
        return segment

    def later(self) -> None:
        """Past the rest of the circuit and of every upload."""
        self.clock.forward(minutes=11)

    def states(self) -> list[UploadState]:
        with self.ledger.read() as work:
            return [upload.state for upload in work.uploads.of_lesson("L1")]

    def receipts(self) -> list[dict[str, Any]]:
        with self.ledger.read() as work:
            rows = list(work.evidence.store.rows(LeafQuery("L1", (LeafKind.SEGMENT_STORED,))))
        return [json.loads(row.record)["body"] for row in rows]


@pytest.fixture
def bench(
    server: S3Server,
    proxy: FaultyProxy,
    sqlite_with_lesson: Ledger,
    tmp_path: Path,
    clock: Any,
    now: datetime,
    new_segment: NewSegment,
) -> Bench:
    clock.at = now
    store = S3ObjectStore(server.connect(clock, endpoint=proxy.endpoint), clock, HighestTimeInMemory())
    store.prepare()
    spool = Spool(tmp_path / "spool", sqlite_with_lesson, SpoolLimits(reserve_bytes=0))
    return Bench(spool, sqlite_with_lesson, clock, store, proxy, new_segment)


def test_a_receipt_says_what_the_server_showed_of_the_lock(bench: Bench) -> None:
    segment = bench.queue(1)
    (attempt,) = Uploader(bench.spool, bench.store).drain()
    assert attempt.error is None
    (receipt,) = bench.receipts()
    stored = bench.store.stat(object_key(segment))
    assert (receipt["version"], receipt["lock_mode"]) == (stored.version, "GOVERNANCE")
    with bench.ledger.read() as work:
        (upload,) = work.uploads.of_lesson("L1")
    assert stored.retain_until == upload.retain_until
    assert not Path(segment.path).exists()


def test_while_the_store_is_away_footage_waits_and_afterwards_all_of_it_arrives_once(bench: Bench) -> None:
    segments = [bench.queue(number) for number in (1, 2, 3)]
    uploader = Uploader(bench.spool, bench.store)
    bench.proxy.choose = always(Fault.DOWN)
    attempts = uploader.drain()
    assert {type(attempt.error) for attempt in attempts} == {StoreUnavailable}
    assert set(bench.states()) == {UploadState.WAITING}
    assert all(Path(segment.path).exists() for segment in segments)
    bench.proxy.choose = always(Fault.PASS)
    bench.later()
    assert [attempt.error for attempt in uploader.drain()] == [None] * 3
    assert len(bench.receipts()) == 3
    assert len(bench.store.list_versions("footage/")) == 3


def test_an_upload_that_arrived_while_all_answers_were_lost_is_not_stored_twice(bench: Bench) -> None:
    segment = bench.queue(1)
    uploader = Uploader(bench.spool, bench.store)

    def silent_after_the_upload(call: Call) -> Fault:
        uploaded = any(one.method == "PUT" and "footage/" in one.path for one in bench.proxy.calls)
        return Fault.LOST_ANSWER if uploaded else Fault.PASS

    bench.proxy.choose = silent_after_the_upload
    (attempt,) = uploader.drain()
    assert isinstance(attempt.error, StoreUnavailable)
    assert bench.receipts() == []
    bench.proxy.choose = always(Fault.PASS)
    bench.later()
    assert [attempt.error for attempt in uploader.drain()] == [None]
    assert len(bench.store.list_versions(object_key(segment))) == 1
    assert len(bench.receipts()) == 1


def test_an_object_that_somebody_laid_under_the_key_first_is_no_receipt(
    bench: Bench, server: S3Server
) -> None:
    segment = bench.queue(1)
    client, key = bench.store._connection.client, object_key(segment)
    client.put_object(bench.store._bucket, key, io.BytesIO(b"forged"), 6)
    (attempt,) = Uploader(bench.spool, bench.store).drain()
    assert attempt.error is not None
    assert bench.receipts() == []
    assert Path(segment.path).exists(), "the only true copy stays"


def test_a_locked_version_that_is_gone_is_not_taken_for_kept(bench: Bench) -> None:
    """An administrator of the server took it out past its lock: the spool's copy must not be cleared."""
    segment = bench.queue(1)
    uploader = Uploader(bench.spool, bench.store)
    uploader.drain()
    with bench.ledger.read() as work:
        (upload,) = work.uploads.of_lesson("L1")
    assert uploader.is_kept(upload)
    stored = bench.store.stat(object_key(segment))
    other = S3ObjectStore(bench.store._connection, bench.clock, HighestTimeInMemory())
    bench.store._connection.client._execute(
        "DELETE",
        bench.store._bucket,
        stored.key,
        headers={"x-amz-bypass-governance-retention": "true"},
        query_params={"versionId": stored.version},
    )
    assert not uploader.is_kept(upload)
    assert list(other.list_versions("footage/")) == []
