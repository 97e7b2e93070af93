"""The drills of uploads in small, so that they do not rot: a few files, a few seconds, the same counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills import clock_steps, disk_full, kill_steps, lost_database, store_down, store_faults
from tests.drills.drill_store import EVERY, SERVERS, DrillStore, running_store
from tests.drills.outcome import Outcome
from tests.drills.upload_site import Site, site_on

pytestmark = pytest.mark.service


@pytest.fixture
def store(request: pytest.FixtureRequest) -> DrillStore:
    return running_store(request.param)


on_servers = pytest.mark.parametrize("store", SERVERS, indirect=True)
on_every_store = pytest.mark.parametrize("store", EVERY, indirect=True)


def check(outcome: Outcome, store: DrillStore) -> None:
    assert (outcome.failures, outcome.seconds, outcome.size_bytes) == ([], 0.0, 0)
    assert outcome.files
    assert outcome.store == store.name


@on_servers
@pytest.mark.parametrize("fault", [store_faults.busy, store_faults.cut])
def test_a_store_that_fails_now_and_then_loses_nothing(
    store: DrillStore, fault: Callable[[Site, int], Outcome]
) -> None:
    with site_on(store) as site:
        check(fault(site, 6), store)


@pytest.mark.parametrize(
    ("store", "how"),
    [(name, how) for name, ways in store_faults.WITHDRAWALS.items() for how in ways],
    indirect=["store"],
)
def test_a_withdrawn_key_costs_time_and_nothing_else_and_is_named(
    store: DrillStore, how: Callable[[Site], store_faults.Withdrawal]
) -> None:
    with site_on(store.with_own_user()) as site:
        check(store_faults.revoked(site, how(site), 4, asks=1), store)


@on_servers
def test_a_key_that_still_works_is_no_drill(store: DrillStore) -> None:
    """The drill itself: where the withdrawal does not bite, it does not wait for ever and does not pass."""
    nothing = store_faults.Withdrawal("nothing", "InvalidAccessKeyId", lambda: None, lambda: None)
    with site_on(store) as site, pytest.raises(SystemExit, match="the pause did not happen"):
        store_faults.revoked(site, nothing, 2, patience_s=2.0)


def test_the_key_of_all_tests_is_never_withdrawn() -> None:
    with site_on(running_store("radosgw")) as site, pytest.raises(SystemExit, match="with_own_user"):
        store_faults.key_removed(site)


@pytest.mark.parametrize("store", ["localstack"], indirect=True)
def test_a_count_notices_a_byte_that_was_lost(store: DrillStore) -> None:
    """The drill itself: a file gone from the spool and never stored is told in seconds and bytes."""
    with site_on(store) as site:
        site.record(2, 1000)
        Path(site.recorded[0].path).unlink()
        content = bytearray(Path(site.recorded[1].path).read_bytes())
        content[7] ^= 1
        Path(site.recorded[1].path).write_bytes(bytes(content))
        outcome = site.count("tampered")
    assert not outcome.passed
    assert (outcome.seconds, outcome.size_bytes) == (120.0, 2000)
    assert outcome.tell() == 1


@on_every_store
def test_a_stepped_clock_purges_nothing(store: DrillStore) -> None:
    with clock_steps.clocked_site(store) as (site, clock):
        check(clock_steps.drill(site, clock), store)


@on_every_store
def test_a_full_disk_stops_recording_and_deletes_nothing(store: DrillStore) -> None:
    try:
        with disk_full.site_on_small_disk(store, disk_full.SMALLEST_MIB) as site:
            check(disk_full.drill(site), store)
    except SystemExit as refused:
        if "as root" not in str(refused):
            raise
        pytest.skip(str(refused))


@on_servers
def test_kills_between_steps_lose_nothing(store: DrillStore, tmp_path: Path) -> None:
    """Every fifth step; ``tests/unit/storage/test_spool_crashes.py`` has all of them on the folder store."""
    check(kill_steps.drill(store, tmp_path, every=5), store)


@on_servers
def test_a_lost_database_costs_no_footage(store: DrillStore, tmp_path: Path) -> None:
    check(lost_database.drill(store, tmp_path, [os.urandom(1000) for _ in range(3)]), store)


@pytest.mark.parametrize("store", ["files"], indirect=True)
def test_a_lost_database_whose_footage_was_tampered_with_is_told(
    store: DrillStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drill itself: one bit of an object turns, while the database is away."""
    honest = lost_database.remove_database

    def tampering(settings: lost_database.Settings) -> None:
        honest(settings)
        stored = next((settings.data_dir / "store" / "footage").rglob("*.mp4"))
        content = bytearray(stored.read_bytes())
        content[7] ^= 1
        stored.chmod(0o644)
        stored.write_bytes(bytes(content))

    monkeypatch.setattr(lost_database, "remove_database", tampering)
    outcome = lost_database.drill(store, tmp_path, [os.urandom(1000) for _ in range(3)])
    assert (outcome.seconds, outcome.size_bytes) == (60.0, 1000)
    assert not outcome.passed


@pytest.mark.parametrize("store", ["radosgw"], indirect=True)
def test_two_lessons_go_on_while_the_store_is_away(store: DrillStore) -> None:
    check(store_down.run(store, 5.0), store)
