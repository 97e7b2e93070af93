"""The canary finds each way in which a store can fail to keep a lock, and says which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import StoreUnavailable
from models.footage import StoredObject
from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialWay
from storage.objects import FilesystemObjectStore, MemoryObjectStore
from storage.objects.canary import LOCKED_FOR, PREFIX, try_store
from storage.objects.folder_trial import FolderTrial
from storage.objects.immutable import set_immutable
from storage.objects.s3 import S3ObjectStore
from storage.objects.time_guard import HighestTimeInMemory
from tests.hand_clock import HandClock
from tests.services.faulty_proxy import Fault, faulty_proxy
from tests.services.s3_servers import NAMES, running

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class WeakTrial(FolderTrial):
    """Does what it is asked where the store is weak."""

    def attempt(self, check: TrialCheck, stored: StoredObject, sooner: datetime) -> None:
        store = self._store
        assert isinstance(store, WeakStore)
        if store.away:
            raise StoreUnavailable("away")
        if check is not store.weakness:
            super().attempt(check, stored, sooner)
            return
        record, _ = store._objects[stored.key]
        if check in (TrialCheck.DELETE, TrialCheck.PLAIN_DELETE):
            del store._objects[stored.key]
        elif check is TrialCheck.SHORTEN:
            store._objects[stored.key] = (replace(record, retain_until=sooner), store._objects[stored.key][1])
        else:
            store._objects[stored.key] = (record, b"other")


class WeakStore(MemoryObjectStore):
    """A store that says it is a server and gives way in one point."""

    weakness: TrialCheck | None = None
    away = False

    def capabilities(self) -> str:
        return "server-enforced"

    def trial(self) -> FolderTrial:
        return WeakTrial(self, Path("weak"), immutable=False)

    def set_hold(self, key: str, version: str, held: bool) -> StoredObject:
        return super().set_hold(key, version, held and self.weakness is not TrialCheck.HOLD_SET)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(AT)


def outcomes(trial: StoreTrial) -> set[tuple[str, str]]:
    return {(one.check.value, one.way.value) for one in trial.results if one.outcome is TrialOutcome.BROKEN}


def test_a_store_that_keeps_its_locks_is_sound_in_every_check(clock: HandClock) -> None:
    trial = try_store(WeakStore(clock), clock, "COMPLIANCE")
    assert trial.verdict is TrialOutcome.HELD
    assert trial.sound
    tried = {(one.check, one.way) for one in trial.results}
    both = {(check, way) for check in TrialCheck for way in TrialWay}
    assert tried == both - {(TrialCheck.HOLD_SET, TrialWay.PARTS)}


@pytest.mark.parametrize(
    "weakness",
    [
        TrialCheck.DELETE,
        TrialCheck.SHORTEN,
        TrialCheck.OVERWRITE,
        TrialCheck.PLAIN_DELETE,
        TrialCheck.HOLD_SET,
    ],
)
def test_each_weakness_is_found_and_named(clock: HandClock, weakness: TrialCheck) -> None:
    store = WeakStore(clock)
    store.weakness = weakness
    trial = try_store(store, clock, "COMPLIANCE")
    assert trial.verdict is TrialOutcome.BROKEN
    assert not trial.sound
    assert (weakness.value, "single") in outcomes(trial)


def test_a_store_that_goes_away_meanwhile_is_not_called_broken(clock: HandClock) -> None:
    store = WeakStore(clock)
    store.away = True
    trial = try_store(store, clock, "COMPLIANCE")
    assert trial.verdict is TrialOutcome.FAILED
    assert outcomes(trial) == set()


def test_what_a_trial_left_is_removed_by_a_later_one_and_footage_is_not(
    clock: HandClock, tmp_path: Path
) -> None:
    store = FilesystemObjectStore(tmp_path / "store", clock)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    store.put_locked("footage/L1/cam/1", str(source), sha256, AT + timedelta(minutes=2))
    try_store(store, clock, "COMPLIANCE")
    left = [stored.key for stored in store.list_versions(PREFIX)]
    assert len(left) == 1
    clock.forward(hours=24)
    try_store(store, clock, "COMPLIANCE")
    assert left[0] not in [stored.key for stored in store.list_versions(PREFIX)]
    assert len(store.list_versions(PREFIX)) == 1
    assert len(store.list_versions("footage/")) == 1


def test_the_canary_is_locked_for_a_minute_only(clock: HandClock, tmp_path: Path) -> None:
    store = FilesystemObjectStore(tmp_path / "store", clock)
    try_store(store, clock, "COMPLIANCE")
    (stored,) = store.list_versions(PREFIX)
    assert stored.retain_until is not None
    assert stored.retain_until <= AT + LOCKED_FOR


@pytest.fixture
def immutable_store(clock: HandClock, tmp_path: Path) -> Iterator[FilesystemObjectStore]:
    store = FilesystemObjectStore(tmp_path / "store", clock, immutable=True)
    yield store
    for path in tmp_path.rglob("*"):
        if path.is_file():
            set_immutable(path, False)


def test_on_an_immutable_folder_the_system_itself_is_tried(
    immutable_store: FilesystemObjectStore, clock: HandClock
) -> None:
    trial = try_store(immutable_store, clock, "COMPLIANCE")
    plain = next(one for one in trial.results if one.check is TrialCheck.PLAIN_DELETE)
    told = {"os-immutable": "object_locked", "software-only": "not refused"}
    assert (plain.outcome, plain.detail) == (TrialOutcome.HELD, told[immutable_store.capabilities()])


def test_a_folder_whose_immutable_attribute_somebody_took_off_is_broken(
    immutable_store: FilesystemObjectStore, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(immutable_store, "_immutable", True)
    monkeypatch.setattr(immutable_store, "_protect", lambda _path: None)
    assert ("plain_delete", "single") in outcomes(try_store(immutable_store, clock, "COMPLIANCE"))


@pytest.mark.service
@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
@pytest.mark.parametrize("name", NAMES)
def test_real_servers_keep_locks_and_radosgw_loses_those_of_parts_first(name: str, mode: str) -> None:
    clock = HandClock(datetime.now(UTC))
    store = S3ObjectStore(running(name).connect(clock), clock, HighestTimeInMemory(), mode=mode)
    store.prepare()
    trial = try_store(store, clock, mode)
    repaired = [(one.check, one.way) for one in trial.results if one.outcome is TrialOutcome.REPAIRED]
    assert trial.sound
    assert repaired == ([(TrialCheck.LOCK_SET, TrialWay.PARTS)] if name == "radosgw" else [])


@pytest.mark.service
def test_a_server_that_shows_no_lock_is_broken_whatever_it_says() -> None:
    server, clock = running("localstack"), HandClock(datetime.now(UTC))
    with faulty_proxy(server.endpoint) as proxy:
        proxy.choose = lambda call: Fault.NO_LOCK if call.method == "HEAD" else Fault.PASS
        store = S3ObjectStore(server.connect(clock, endpoint=proxy.endpoint), clock, HighestTimeInMemory())
        store.prepare()
        trial = try_store(store, clock, "GOVERNANCE")
    assert outcomes(trial) == {("lock_set", "single"), ("lock_set", "parts")}
