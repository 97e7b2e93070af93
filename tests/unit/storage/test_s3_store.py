"""What only an S3 server shows: lost locks, lost answers, foreign hands in the bucket, refused keys."""

from __future__ import annotations

import hashlib
import io
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.errors import (
    EvidenceBroken,
    InvalidInput,
    NotFound,
    ObjectExists,
    ObjectLocked,
    SettingInvalid,
    StorageError,
    StoreUnavailable,
)
from models.footage import KeyVersion, StoredObject
from storage.objects.breaker import Circuit
from storage.objects.s3 import S3ObjectStore
from storage.objects.s3_bucket import open_bucket
from storage.objects.s3_lifecycle import expiry_rules, has_expiry, set_expiry
from storage.objects.time_guard import HighestTimeInMemory
from tests.hand_clock import HandClock
from tests.rtsp.certificates import Authority
from tests.services.faulty_proxy import Fault, FaultyProxy, FirstUploads, always, every, faulty_proxy
from tests.services.s3_servers import NAMES, S3Server, running

pytestmark = pytest.mark.service

KEY = "footage/L1/cam1/000001-abc.mp4"
CONTENT = bytes(range(256)) * 16


@dataclass
class Bench:
    """A store behind a proxy that can fail, and the server behind that."""

    store: Any
    clock: HandClock
    proxy: FaultyProxy
    server: S3Server
    bucket: str
    folder: Path

    @property
    def later(self) -> datetime:
        return self.clock.now() + timedelta(days=5 * 365)

    @property
    def client(self) -> Any:
        """The same bucket without our rules: what another holder of a key may do."""
        return self.server.connect(self.clock, bucket=self.bucket).client

    def put(self, key: str = KEY, content: bytes = CONTENT, **more: Any) -> StoredObject:
        path = self.folder / "source.mp4"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        stored = self.store.put_locked(key, str(path), sha256, self.later, **more)
        assert isinstance(stored, StoredObject)
        return stored

    def versions(self, key: str = KEY) -> list[Any]:
        found = self.client.list_objects(self.bucket, prefix=key, recursive=True, include_version=True)
        return [one for one in found if not one.is_delete_marker]


def bench_on(server: S3Server, proxy: FaultyProxy, folder: Path, **options: Any) -> Bench:
    clock = HandClock(datetime.now(UTC).replace(microsecond=0))
    connection = server.connect(clock, endpoint=proxy.endpoint, read_timeout_s=20.0)
    store = S3ObjectStore(connection, clock, HighestTimeInMemory(), **options)
    store.prepare()
    return Bench(store, clock, proxy, server, connection.bucket, folder)


@pytest.fixture(params=NAMES)
def server(request: pytest.FixtureRequest) -> S3Server:
    return running(request.param)


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.endpoint) as made:
        yield made


@pytest.fixture
def bench(server: S3Server, proxy: FaultyProxy, tmp_path: Path) -> Bench:
    return bench_on(server, proxy, tmp_path)


def test_a_file_above_the_single_limit_goes_up_in_parts_and_is_locked_in_the_end(
    server: S3Server, proxy: FaultyProxy, tmp_path: Path
) -> None:
    bench = bench_on(server, proxy, tmp_path, largest_single_put=5 << 20)
    stored = bench.put(content=b"x" * ((5 << 20) + 1))
    assert "-2" in stored.etag, "two parts"
    assert (stored.lock_mode, stored.retain_until) == ("GOVERNANCE", bench.later)
    # radosgw drops the lock of an upload in parts; it was noticed and set again. LocalStack keeps it.
    assert bench.store.locks_repaired == {"radosgw": 1, "localstack": 0}[server.name]
    with pytest.raises(ObjectLocked):
        bench.store.delete_version(KEY, stored.version)


def test_a_large_file_that_vanishes_on_its_way_is_no_fault_of_the_store(
    server: S3Server, proxy: FaultyProxy, tmp_path: Path
) -> None:
    bench = bench_on(server, proxy, tmp_path, largest_single_put=5 << 20)
    bench.proxy.choose = lambda _call: (bench.folder / "source.mp4").unlink(missing_ok=True) or Fault.PASS
    with pytest.raises(NotFound, match="file to store"):
        bench.put(content=b"x" * ((5 << 20) + 1))
    assert bench.store._connection.breaker.failures == 0


def test_a_lock_that_the_server_never_shows_is_an_evidence_fault(bench: Bench) -> None:
    bench.proxy.choose = lambda call: Fault.NO_LOCK if call.method == "HEAD" else Fault.PASS
    with pytest.raises(EvidenceBroken, match="does not keep the lock"):
        bench.put()
    assert any("retention" in call.path for call in bench.proxy.calls), "it was set again before"


def test_bytes_that_differ_when_read_back_after_the_upload_are_an_evidence_fault(
    server: S3Server, proxy: FaultyProxy, tmp_path: Path
) -> None:
    bench = bench_on(server, proxy, tmp_path, read_back=True)
    bench.proxy.choose = lambda call: Fault.FLIPPED if "versionId" in call.path else Fault.PASS
    with pytest.raises(EvidenceBroken, match="stored bytes"):
        bench.put()


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.CUT, Fault.DOWN, Fault.BUSY])
def test_an_upload_whose_answer_is_lost_is_neither_lost_nor_stored_twice(bench: Bench, fault: Fault) -> None:
    bench.proxy.choose = FirstUploads(1, fault)
    stored = bench.put()
    assert bench.store.rehash(KEY) == stored
    assert len(bench.versions()) == 1


def test_an_upload_that_arrives_late_is_a_second_version_and_both_are_listed(bench: Bench) -> None:
    """The race: the first attempt had left nothing when it was asked for, and then it came all the same."""
    bench.proxy.choose = FirstUploads(1, Fault.LATE)
    stored = bench.put()
    assert len(bench.store.versions(KEY)) == 1
    assert bench.proxy.deliver() == [200]
    first, second = bench.store.versions(KEY)
    assert (first.version, first.retain_until) == (stored.version, bench.later)
    assert second.version != first.version
    assert second.retain_until == bench.later, "it carries its lock with it"
    assert bench.store.stat(KEY) == stored, "the oldest is the object"


def test_a_version_that_is_listed_counts_as_there_whatever_else_is_said_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a listing without it shows that it is gone."""
    stored = bench.put()
    monkeypatch.setattr(bench.store, "_head_or_none", lambda _listed: None)
    assert bench.store.versions(KEY) == (KeyVersion(stored.version),)


def test_every_third_call_refused_stops_nothing(bench: Bench) -> None:
    bench.proxy.choose = every(3, Fault.BUSY)
    for number in range(6):
        bench.put(f"footage/L1/{number}")
    assert len(bench.store.list_versions("footage/L1/")) == 6


def test_a_dead_store_is_asked_a_few_times_and_then_not_at_all_until_the_rest_is_over(bench: Bench) -> None:
    stored = bench.put()
    bench.proxy.choose = always(Fault.DOWN)
    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            bench.store.stat(KEY)
    assert bench.store._connection.breaker.circuit is Circuit.OPEN
    asked = len(bench.proxy.calls)
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        bench.store.stat(KEY)
    assert len(bench.proxy.calls) == asked
    bench.proxy.choose = always(Fault.PASS)
    bench.clock.forward(seconds=10)
    assert bench.store.stat(KEY) == stored


def test_a_flipped_bit_on_the_way_back_is_noticed(bench: Bench) -> None:
    bench.put()
    bench.proxy.choose = lambda call: (
        Fault.FLIPPED if call.method == "GET" and KEY in call.path else Fault.PASS
    )
    with pytest.raises(EvidenceBroken):
        bench.store.read_range(KEY, 0, None)
    with pytest.raises(EvidenceBroken):
        bench.store.rehash(KEY)


def test_the_first_version_stays_the_object_whatever_is_laid_over_it(bench: Bench) -> None:
    stored = bench.put()
    bench.client.put_object(bench.bucket, KEY, io.BytesIO(b"forged"), 6)
    bench.client.remove_object(bench.bucket, KEY)
    fresh = S3ObjectStore(bench.store._connection, bench.clock, HighestTimeInMemory())
    assert fresh.stat(KEY) == stored
    assert fresh.read_range(KEY, 0, None) == CONTENT
    with pytest.raises(ObjectExists):
        bench.put(content=b"other")


def test_the_server_itself_refuses_to_delete_and_to_shorten(bench: Bench) -> None:
    from minio.error import MinioException
    from minio.retention import Retention

    stored = bench.put()
    with pytest.raises(MinioException):
        bench.client.remove_object(bench.bucket, KEY, version_id=stored.version)
    sooner = Retention("GOVERNANCE", bench.clock.now() + timedelta(days=1))
    with pytest.raises(MinioException):
        bench.client.set_object_retention(bench.bucket, KEY, sooner, version_id=stored.version)
    assert bench.store.stat(KEY) == stored


def test_compliance_is_what_the_server_shows_when_it_was_asked_for(
    server: S3Server, proxy: FaultyProxy, tmp_path: Path
) -> None:
    bench = bench_on(server, proxy, tmp_path, mode="COMPLIANCE", read_back=True)
    assert bench.put(hold=True).lock_mode == "COMPLIANCE"
    assert any(
        call.method == "GET" and KEY in call.path and "versionId" in call.path for call in bench.proxy.calls
    )


def test_a_presigned_address_reads_without_a_key_and_holds_no_secret(bench: Bench) -> None:
    import urllib3

    bench.put()
    address = bench.store.presign(KEY, 60)
    assert bench.server.secret_key not in address
    assert urllib3.request("GET", address).data == CONTENT
    with pytest.raises(NotFound):
        bench.store.presign("none", 60)


def test_a_bucket_without_object_lock_is_refused_by_name(server: S3Server) -> None:
    connection = server.connect(HandClock(datetime.now(UTC)))
    connection.client.make_bucket(connection.bucket)
    with pytest.raises(SettingInvalid, match="without Object Lock"):
        open_bucket(connection)


def test_a_wrong_secret_is_told_and_the_secret_is_not(tmp_path: Path) -> None:
    # LocalStack takes any secret; radosgw does not.
    clock = HandClock(datetime.now(UTC))
    connection = running("radosgw").connect(clock, secret_key="not-the-secret-at-all")
    with pytest.raises(StorageError, match="refuses our key") as raised:
        open_bucket(connection)
    assert "not-the-secret-at-all" not in f"{raised.value!r} {raised.value} {connection.__dict__!r}"


def test_over_tls_the_server_must_be_signed_by_the_authority_that_is_named(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    signed = ours.sign("store")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(signed.certificate, signed.key)
    server, clock = running("radosgw"), HandClock(datetime.now(UTC))
    with faulty_proxy(server.endpoint, tls) as proxy:
        trusted = server.connect(clock, endpoint=proxy.endpoint, ca_file=ours.certificate)
        open_bucket(trusted)
        # over TLS the body is not signed; its MD5 travels instead, which AWS wants for locked objects
        trusted.client.put_object(trusted.bucket, "a", io.BytesIO(b"a"), 1)
        assert "content-md5" in proxy.calls[-1].headers
        for ca_file in (None, other.certificate):
            with pytest.raises(StorageError, match="not signed by anyone we trust"):
                open_bucket(server.connect(clock, endpoint=proxy.endpoint, ca_file=ca_file))


def test_the_three_rules_are_set_and_read_back_and_any_other_rule_shows(bench: Bench) -> None:
    from minio.commonconfig import ENABLED, Filter
    from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule

    connection = bench.store._connection
    assert not has_expiry(connection, "footage/", timedelta(days=1830))
    set_expiry(connection, "footage/", timedelta(days=1830))
    assert has_expiry(connection, "footage/", timedelta(days=1830))
    assert not has_expiry(connection, "footage/", timedelta(days=1829))
    everything = Rule(ENABLED, rule_filter=Filter(prefix=""), rule_id="all", expiration=Expiration(days=1))
    bench.client.set_bucket_lifecycle(bench.bucket, LifecycleConfig([everything]))
    assert not has_expiry(connection, "footage/", timedelta(days=1830))


@pytest.mark.parametrize(("prefix", "days"), [("", 1830), ("footage/", 0)])
def test_rules_for_the_whole_bucket_or_for_at_once_are_refused(prefix: str, days: int) -> None:
    with pytest.raises(InvalidInput):
        expiry_rules(prefix, timedelta(days=days))
