"""The contract of object stores, run over every implementation.

A new store joins by adding a builder to ``STORES``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import EvidenceBroken, InvalidInput, NotFound, ObjectExists, ObjectLocked
from models.footage import StoredObject
from models.ports import ObjectPurger, ObjectReader, ObjectWriter
from storage.objects import FilesystemObjectStore, MemoryObjectStore
from storage.objects.immutable import set_immutable
from storage.objects.s3 import S3ObjectStore
from storage.objects.time_guard import HighestTimeInMemory
from tests.hand_clock import HandClock
from tests.services.s3_servers import S3Server, running

FIVE_YEARS = timedelta(days=5 * 365)
KEY = "footage/L1/cam1/000001-abc.mp4"


@dataclass
class Bench:
    """A store, its clock, and a folder for files to put.

    A server has a clock of its own, which no test can move: there a short lock lasts seconds, and its end is
    awaited. ``now`` is the time at which the test began, in whole seconds; ``later`` is five years after it.
    """

    store: Any
    clock: HandClock
    folder: Path
    short: timedelta = timedelta(days=1)
    awaits: bool = False

    def __post_init__(self) -> None:
        self.now = self.clock.now()
        self.later = self.now + FIVE_YEARS
        self.soon = self.now + self.short

    def come(self, at: datetime) -> None:
        """The store's clock shows this time; where its server has a clock, that shows it too."""
        self.clock.at = at
        self.await_server(at)

    def await_server(self, at: datetime) -> None:
        assert at <= self.soon + self.short, "only a short lock can be waited for"
        while self.awaits and datetime.now(UTC) < at:
            time.sleep(min(0.1, (at - datetime.now(UTC)).total_seconds() + 0.01))

    def file(self, content: bytes = b"footage") -> tuple[str, str]:
        path = self.folder / "source.mp4"
        path.write_bytes(content)
        return str(path), hashlib.sha256(content).hexdigest()

    def put(
        self, key: str = KEY, content: bytes = b"footage", until: datetime | None = None, **more: Any
    ) -> StoredObject:
        path, sha256 = self.file(content)
        stored = self.store.put_locked(key, path, sha256, until or self.later, **more)
        assert isinstance(stored, StoredObject)
        return stored

    def pass_time(self, until: datetime, every: timedelta = timedelta(days=5)) -> None:
        """Time passes while the store is in use: something is stored every few days."""
        number = 0
        while self.clock.at < until:
            self.clock.at = min(self.clock.at + every, until)
            number += 1
            self.put(f"passing/{number:06d}", until=self.clock.at + timedelta(days=3650))


def on_folder(folder: Path, *, immutable: bool = False) -> Bench:
    clock = HandClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    return Bench(FilesystemObjectStore(folder / "store", clock, immutable=immutable), clock, folder)


def in_memory(folder: Path) -> Bench:
    clock = HandClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    return Bench(MemoryObjectStore(clock), clock, folder)


def on_server(folder: Path, server: S3Server, mode: str) -> Bench:
    clock = HandClock(datetime.now(UTC).replace(microsecond=0))
    store = S3ObjectStore(server.connect(clock), clock, HighestTimeInMemory(), mode=mode)
    store.prepare()
    return Bench(store, clock, folder, short=timedelta(seconds=2), awaits=True)


LOCAL: dict[str, Callable[[Path], Bench]] = {
    "filesystem": on_folder,
    "filesystem immutable": lambda folder: on_folder(folder, immutable=True),
    "memory": in_memory,
}
# One mode each: the other is that server's own affair, and both are tried by the canary's tests.
SERVERS = {"localstack": "GOVERNANCE", "radosgw": "COMPLIANCE"}


@pytest.fixture(params=[*sorted(LOCAL), *(pytest.param(name, marks=pytest.mark.service) for name in SERVERS)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param in LOCAL:
        yield LOCAL[request.param](tmp_path)
    else:
        yield on_server(tmp_path, running(request.param), SERVERS[request.param])
    for path in tmp_path.rglob("*"):  # else nobody could remove the folder
        if path.is_file():
            set_immutable(path, False)


def test_the_store_fills_all_three_ports(bench: Bench) -> None:
    for port in (ObjectWriter, ObjectReader, ObjectPurger):
        assert isinstance(bench.store, port)


def test_what_was_put_is_reported_as_the_store_sees_it(bench: Bench) -> None:
    put = bench.put(content=b"footage of a lesson")
    seen = bench.store.stat(KEY)
    assert seen == put
    assert (seen.size_bytes, seen.retain_until, seen.legal_hold) == (19, bench.later, False)
    assert seen.lock_mode in {"COMPLIANCE", "GOVERNANCE"}
    assert seen.sha256 == hashlib.sha256(b"footage of a lesson").hexdigest()
    assert bench.store.stat(KEY, put.version) == put


@given(content=st.binary(max_size=200), cut=st.tuples(st.integers(0, 220), st.none() | st.integers(0, 220)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_a_range_is_that_slice_of_the_bytes(
    bench: Bench, content: bytes, cut: tuple[int, int | None]
) -> None:
    start, end = cut
    key = f"ranges/{hashlib.sha256(content).hexdigest()}"
    if not bench.store.list_versions(key):
        bench.put(key, content)
    if end is not None and end < start:
        with pytest.raises(InvalidInput):
            bench.store.read_range(key, start, end)
    else:
        assert bench.store.read_range(key, start, end) == content[start:end]


def test_a_negative_start_is_refused(bench: Bench) -> None:
    bench.put()
    with pytest.raises(InvalidInput):
        bench.store.read_range(KEY, -1, None)


def test_a_key_is_written_once_even_with_the_same_bytes(bench: Bench) -> None:
    before = bench.put()
    for content in (b"footage", b"other"):
        with pytest.raises(ObjectExists):
            bench.put(content=content)
    assert bench.store.stat(KEY) == before
    assert bench.store.read_range(KEY, 0, None) == b"footage"


def test_bytes_that_are_not_those_hashed_are_not_stored(bench: Bench) -> None:
    path, sha256 = bench.file()
    Path(path).write_bytes(b"altered on the way")
    with pytest.raises(EvidenceBroken):
        bench.store.put_locked(KEY, path, sha256, bench.later)
    with pytest.raises(NotFound):
        bench.store.stat(KEY)


def test_a_missing_file_is_named(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.store.put_locked(KEY, str(bench.folder / "gone.mp4"), "0" * 64, bench.later)


def test_a_retention_must_lie_in_the_future_and_have_a_zone(bench: Bench) -> None:
    for until in (bench.now, bench.now - timedelta(days=1), bench.later.replace(tzinfo=None)):
        with pytest.raises(InvalidInput):
            bench.put(until=until)
    assert bench.store.list_versions("") == []


@pytest.mark.parametrize(
    "key",
    [
        *("", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.hidden", "~/a", "a b"),
        *("a\\b", "a\x00b", "a\nb", "a/b.lock.json", "x" * 701, "y" * 201, "e\u0301"),
    ],
)
def test_keys_that_could_leave_the_store_are_refused(bench: Bench, key: str) -> None:
    with pytest.raises(InvalidInput):
        bench.put(key)
    with pytest.raises(InvalidInput):
        bench.store.stat(key)


def test_keys_may_be_chinese(bench: Bench) -> None:
    bench.put("footage/荷泽-2026/东教室/000001.mp4")
    assert [stored.key for stored in bench.store.list_versions("footage/荷泽")] == [
        "footage/荷泽-2026/东教室/000001.mp4"
    ]


def test_listing_is_by_key_and_by_any_prefix(bench: Bench) -> None:
    keys = ["footage/L1/a/1", "footage/L1/b/1", "footage/L10/a/1", "proof/L1"]
    for key in reversed(keys):
        bench.put(key)
    assert [stored.key for stored in bench.store.list_versions("")] == keys
    assert [stored.key for stored in bench.store.list_versions("footage/L1/")] == keys[:2]
    assert [stored.key for stored in bench.store.list_versions("footage/L1")] == keys[:3]
    assert bench.store.list_versions("footage/L2") == []
    assert bench.store.list_versions("../") == []


def test_a_locked_object_cannot_be_deleted(bench: Bench) -> None:
    stored = bench.put()
    with pytest.raises(ObjectLocked, match="retained until"):
        bench.store.delete_version(KEY, stored.version)
    assert bench.store.read_range(KEY, 0, None) == b"footage"


def test_a_lock_can_be_lengthened_and_not_shortened(bench: Bench) -> None:
    stored = bench.put()
    longer = bench.store.extend_lock(KEY, stored.version, bench.later + timedelta(days=1))
    assert longer.retain_until == bench.later + timedelta(days=1)
    for shorter in (bench.later, bench.now + timedelta(seconds=1)):
        with pytest.raises(ObjectLocked, match="shortened"):
            bench.store.extend_lock(KEY, stored.version, shorter)
    assert bench.store.stat(KEY).retain_until == bench.later + timedelta(days=1)
    assert bench.store.extend_lock(KEY, stored.version, bench.later + timedelta(days=1)) == longer


def test_the_wrong_version_is_not_found(bench: Bench) -> None:
    bench.put()
    for act in (
        lambda: bench.store.stat(KEY, "other"),
        lambda: bench.store.extend_lock(KEY, "other", bench.later + timedelta(days=1)),
        lambda: bench.store.set_hold(KEY, "other", True),
        lambda: bench.store.delete_version(KEY, "other"),
    ):
        with pytest.raises(NotFound):
            act()


def test_an_expired_object_can_be_deleted_and_its_key_written_anew_as_another_version(bench: Bench) -> None:
    first = bench.put(until=bench.soon)
    bench.come(bench.soon + bench.short)
    bench.store.delete_version(KEY, first.version)
    with pytest.raises(NotFound):
        bench.store.stat(KEY)
    assert bench.put(content=b"other").version != first.version


def test_a_hold_outlives_the_retention_until_it_is_released(bench: Bench) -> None:
    stored = bench.put(until=bench.soon, hold=True)
    bench.come(bench.soon + bench.short)
    with pytest.raises(ObjectLocked, match="hold"):
        bench.store.delete_version(KEY, stored.version)
    assert bench.store.purge_expired("", bench.clock.at) == []
    assert not bench.store.set_hold(KEY, stored.version, False).legal_hold
    assert [gone.key for gone in bench.store.purge_expired("", bench.clock.at)] == [KEY]


def test_a_hold_can_be_set_later_and_survives_a_longer_lock(bench: Bench) -> None:
    stored = bench.put()
    assert bench.store.set_hold(KEY, stored.version, True).legal_hold
    assert bench.store.extend_lock(KEY, stored.version, bench.later + timedelta(days=9)).legal_hold


def test_a_purge_removes_what_is_over_and_only_below_the_prefix(bench: Bench) -> None:
    bench.put("a/over", until=bench.soon)
    bench.put("a/running", until=bench.now + timedelta(days=30))
    bench.put("b/over", until=bench.soon)
    bench.come(bench.soon + bench.short)
    assert [gone.key for gone in bench.store.purge_expired("a/", bench.clock.at)] == ["a/over"]
    assert [stored.key for stored in bench.store.list_versions("")] == ["a/running", "b/over"]


def test_a_purge_at_the_very_instant_removes_and_just_before_does_not(bench: Bench) -> None:
    until = bench.soon
    bench.put(until=until)
    bench.clock.at = until - timedelta(microseconds=1)
    assert bench.store.purge_expired("", bench.clock.at) == []
    bench.come(until)
    assert len(bench.store.purge_expired("", bench.clock.at)) == 1


def test_a_caller_cannot_purge_the_future(bench: Bench) -> None:
    bench.put(until=bench.soon)
    assert bench.store.purge_expired("", bench.now + timedelta(days=2)) == []


def test_after_the_clock_went_back_nothing_is_purged(bench: Bench) -> None:
    stored = bench.put(until=bench.soon)
    bench.pass_time(bench.now + timedelta(days=20))
    bench.clock.at -= timedelta(days=3)
    with pytest.raises(ObjectLocked, match="was seen before"):
        bench.store.purge_expired("", bench.clock.at)
    with pytest.raises(ObjectLocked, match="was seen before"):
        bench.store.delete_version(KEY, stored.version)
    assert bench.store.stat(KEY) == stored


def test_after_a_leap_forward_nothing_is_purged(bench: Bench) -> None:
    stored = bench.put(until=bench.later)
    bench.clock.at = bench.later + timedelta(days=1)
    for _ in range(2):  # asking twice does not make the leap believable
        with pytest.raises(ObjectLocked, match="leapt"):
            bench.store.purge_expired("", bench.clock.at)
        with pytest.raises(ObjectLocked, match="leapt"):
            bench.store.delete_version(KEY, stored.version)
    assert bench.store.stat(KEY) == stored


def test_storing_goes_on_while_the_clock_is_not_believed_and_does_not_make_it_believed(bench: Bench) -> None:
    bench.put(until=bench.later)
    bench.clock.at = bench.later + timedelta(days=1)
    bench.put("other", until=bench.later + timedelta(days=400))
    with pytest.raises(ObjectLocked):
        bench.store.purge_expired("", bench.clock.at)


def test_time_that_passes_in_use_purges_in_the_end(bench: Bench) -> None:
    bench.put(until=bench.soon)
    bench.pass_time(bench.now + timedelta(days=41))
    bench.await_server(bench.soon)
    assert [gone.key for gone in bench.store.purge_expired("footage/", bench.clock.at)] == [KEY]


def test_unknown_objects_are_not_found(bench: Bench) -> None:
    for act in (
        lambda: bench.store.stat("none"),
        lambda: bench.store.read_range("none", 0, None),
        lambda: bench.store.delete_version("none", "v"),
        lambda: bench.store.set_hold("none", "v", True),
    ):
        with pytest.raises(NotFound):
            act()


def test_capabilities_are_one_of_the_three_words(bench: Bench) -> None:
    assert bench.store.capabilities() in {"server-enforced", "os-immutable", "software-only"}


def test_presigned_addresses_are_texts_or_none(bench: Bench) -> None:
    bench.put()
    address = bench.store.presign(KEY, 60)
    assert address is None or address.startswith("http")
