"""The contract of object stores, run over every implementation.

A new store joins by adding a builder to ``tests/contract/store_benches.py``.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import EvidenceBroken, InvalidInput, NotFound, ObjectExists, ObjectLocked
from models.footage import KeyVersion
from models.ports import ObjectPurger, ObjectReader, ObjectWriter
from tests.contract.store_benches import KEY, ON_SERVERS, Bench, LayeredBench


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


def test_a_key_that_was_written_once_has_one_version(bench: Bench) -> None:
    stored = bench.put(until=bench.soon)
    bench.put(KEY + ".mp4")
    bench.put(KEY + "/below") if bench.awaits else bench.put("footage/L1/cam2/below")
    assert bench.store.versions(KEY) == (KeyVersion(stored.version, bench.soon),)
    bench.store.set_hold(KEY, stored.version, True)
    assert bench.store.versions(KEY) == (KeyVersion(stored.version, bench.soon, legal_hold=True),)
    bench.store.set_hold(KEY, stored.version, False)
    bench.come(bench.soon + bench.short)
    bench.store.delete_version(KEY, stored.version)
    assert bench.store.versions(KEY) == ()


def test_an_unknown_key_has_no_versions_and_an_impossible_one_is_refused(bench: Bench) -> None:
    bench.put()
    assert bench.store.versions(KEY[:-1]) == ()
    assert bench.store.versions("none") == ()
    with pytest.raises(InvalidInput):
        bench.store.versions("../up")


@pytest.mark.parametrize("bench", ON_SERVERS, indirect=True)
def test_every_version_of_this_very_key_is_listed_and_can_be_deleted(bench: LayeredBench) -> None:
    stored = bench.put(until=bench.soon)
    second = bench.lay_over(b"footage", until=bench.soon)
    third = bench.lay_over(b"other")
    marker = bench.mark_deleted()
    for longer in (KEY + ".mp4", KEY + "/below"):
        bench.put(longer)
        bench.mark_deleted(longer)
    assert bench.store.versions(KEY) == (
        KeyVersion(stored.version, bench.soon),
        KeyVersion(second, bench.soon),
        KeyVersion(third),
        KeyVersion(marker, is_marker=True),
    )
    with pytest.raises(ObjectLocked):
        bench.store.delete_version(KEY, second)
    bench.come(bench.soon + bench.short)
    for version in (marker, second, third, stored.version):
        bench.store.delete_version(KEY, version)
    assert bench.store.versions(KEY) == ()
    assert len(bench.store.versions(KEY + ".mp4")) == 2


@pytest.mark.parametrize("bench", ON_SERVERS, indirect=True)
def test_a_marker_is_not_deleted_while_the_clock_is_not_believed(bench: LayeredBench) -> None:
    bench.put()
    marker = bench.mark_deleted()
    bench.clock.at -= timedelta(days=3)
    with pytest.raises(ObjectLocked, match="was seen before"):
        bench.store.delete_version(KEY, marker)
    assert KeyVersion(marker, is_marker=True) in bench.store.versions(KEY)


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


def test_what_only_has_others_below_it_is_no_object(bench: Bench) -> None:
    bench.put()
    assert bench.store.versions("footage/L1") == ()
    for act in (
        lambda: bench.store.stat("footage/L1"),
        lambda: bench.store.read_range("footage/L1", 0, None),
        lambda: bench.store.delete_version("footage/L1", "v"),
    ):
        with pytest.raises(NotFound):
            act()


def test_capabilities_are_one_of_the_three_words(bench: Bench) -> None:
    assert bench.store.capabilities() in {"server-enforced", "os-immutable", "software-only"}


def test_presigned_addresses_are_texts_or_none(bench: Bench) -> None:
    bench.put()
    address = bench.store.presign(KEY, 60)
    assert address is None or address.startswith("http")
