"""What only a folder of files can suffer: crashes between steps, foreign hands, full disks, lost sidecars."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.errors import (
    DiskFull,
    EvidenceBroken,
    InvalidInput,
    ObjectExists,
    ObjectLocked,
    StorageError,
)
from models.footage import StoredObject
from models.ports import Clock
from storage.objects import filesystem
from storage.objects.filesystem import FilesystemObjectStore
from storage.objects.immutable import immutability_works, is_immutable, set_immutable

UNTIL = datetime(2031, 11, 24, tzinfo=UTC)
KEY = "footage/L1/cam1/000001.mp4"


class Killed(BaseException):
    """Not an Exception: nothing in the program may catch it, as nothing catches a kill."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.mp4"
    path.write_bytes(b"footage" * 1000)
    return path


def put(store: FilesystemObjectStore, source: Path, key: str = KEY, until: datetime = UNTIL) -> StoredObject:
    return store.put_locked(key, str(source), hashlib.sha256(source.read_bytes()).hexdigest(), until)


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> FilesystemObjectStore:
    return FilesystemObjectStore(tmp_path / "store", clock)


def test_the_object_and_its_sidecar_are_read_only_and_readable_without_rollcall(
    tmp_path: Path, store: FilesystemObjectStore, source: Path
) -> None:
    put(store, source)
    path = tmp_path / "store" / KEY
    sidecar = path.with_name(path.name + ".lock.json")
    assert path.read_bytes() == source.read_bytes()
    assert [file.stat().st_mode & 0o777 for file in (path, sidecar)] == [0o444, 0o444]
    assert '"retain_until": "2031-11-24T00:00:00+00:00"' in sidecar.read_text()


@pytest.mark.parametrize("step", ["copied", "sidecar", "linked", "published"])
def test_a_kill_at_any_step_leaves_nothing_or_the_whole_object(
    tmp_path: Path, clock: Clock, source: Path, step: str
) -> None:
    def kill(name: str) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        put(FilesystemObjectStore(tmp_path / "store", clock, step=kill), source)
    again = FilesystemObjectStore(tmp_path / "store", clock)
    found = again.list_versions("")
    if step in {"copied", "sidecar"}:
        assert found == []
        assert put(again, source).retain_until == UNTIL
    else:
        assert [(stored.key, stored.lock_mode) for stored in found] == [(KEY, "COMPLIANCE")]
        with pytest.raises(ObjectExists):
            put(again, source)
    assert again.rehash(KEY).retain_until == UNTIL
    assert list((tmp_path / "store" / ".incoming").iterdir()) == []


def test_leftovers_of_a_killed_write_are_swept_and_files_in_use_are_not(tmp_path: Path, clock: Clock) -> None:
    FilesystemObjectStore(tmp_path / "store", clock)
    incoming = tmp_path / "store" / ".incoming"
    (incoming / "dead").write_bytes(b"half")
    with (incoming / "alive").open("wb") as file:
        filesystem.fcntl.flock(file, filesystem.fcntl.LOCK_EX)
        FilesystemObjectStore(tmp_path / "store", clock)
        assert [path.name for path in incoming.iterdir()] == ["alive"]


def test_one_flipped_bit_on_disk_is_found_when_the_whole_object_is_read(
    tmp_path: Path, store: FilesystemObjectStore, source: Path
) -> None:
    put(store, source)
    path = tmp_path / "store" / KEY
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    with pytest.raises(EvidenceBroken, match="not those that were hashed"):
        store.read_range(KEY, 0, None)
    with pytest.raises(EvidenceBroken):
        store.rehash(KEY)


def test_a_truncated_object_is_found_at_a_glance(
    tmp_path: Path, store: FilesystemObjectStore, source: Path
) -> None:
    put(store, source)
    os.truncate(tmp_path / "store" / KEY, 10)
    with pytest.raises(EvidenceBroken, match="found with 10"):
        store.stat(KEY)
    with pytest.raises(EvidenceBroken):
        store.read_range(KEY, 0, 5)
    assert store.list_versions("")[0].size_bytes == 10


def test_an_object_whose_sidecar_is_gone_shows_no_lock_and_is_never_purged(
    tmp_path: Path, store: FilesystemObjectStore, source: Path, now: datetime
) -> None:
    put(store, source)
    sidecar = tmp_path / "store" / f"{KEY}.lock.json"
    sidecar.unlink()
    assert (store.stat(KEY).lock_mode, store.stat(KEY).retain_until) == (None, None)
    assert store.list_versions("")[0].lock_mode is None
    assert store.purge_expired("", now) == []
    for act in (lambda: store.delete_version(KEY, "any"), lambda: store.versions(KEY)):
        with pytest.raises(EvidenceBroken, match="sidecar is missing"):
            act()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"key": "footage/L1/cam1/000001.mp4"}'])
def test_a_damaged_sidecar_is_broken_evidence_and_no_licence_to_delete(
    tmp_path: Path, store: FilesystemObjectStore, source: Path, content: bytes
) -> None:
    put(store, source)
    sidecar = tmp_path / "store" / f"{KEY}.lock.json"
    sidecar.chmod(0o644)
    sidecar.write_bytes(content)
    with pytest.raises(EvidenceBroken):
        store.stat(KEY)
    with pytest.raises(EvidenceBroken):
        store.delete_version(KEY, "any")
    assert (tmp_path / "store" / KEY).exists()


def test_another_objects_sidecar_is_refused(
    tmp_path: Path, store: FilesystemObjectStore, source: Path
) -> None:
    put(store, source)
    put(store, source, "footage/other.mp4", datetime(2027, 1, 1, tzinfo=UTC))
    sidecar = tmp_path / "store" / f"{KEY}.lock.json"
    sidecar.chmod(0o644)
    sidecar.write_bytes((tmp_path / "store/footage/other.mp4.lock.json").read_bytes())
    with pytest.raises(EvidenceBroken, match="another object"):
        store.stat(KEY)


def test_a_full_disk_says_so_and_leaves_nothing(
    tmp_path: Path, store: FilesystemObjectStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(filesystem.os, "fsync", full)
        with pytest.raises(DiskFull) as caught:
            put(store, source)
    assert caught.value.hint
    assert caught.value.__cause__ is None
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.name[0] != "."] == []
    assert put(store, source).size_bytes == 7000


def test_a_failing_disk_is_named(
    store: FilesystemObjectStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(filesystem.os, "fsync", fail)
    with pytest.raises(StorageError, match="Input/output"):
        put(store, source)


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        FilesystemObjectStore(tmp_path / "file" / "store", clock)
    assert caught.value.place == str(tmp_path / "file" / "store")


def test_of_many_writers_of_one_key_exactly_one_wins(store: FilesystemObjectStore, source: Path) -> None:
    outcomes: list[str] = []

    def write() -> None:
        try:
            put(store, source)
            outcomes.append("stored")
        except ObjectExists:
            outcomes.append("exists")

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["exists"] * 5 + ["stored"]
    store.rehash(KEY)


def test_the_highest_time_outlives_a_restart(
    tmp_path: Path, store: FilesystemObjectStore, source: Path, clock: Clock, now: datetime
) -> None:
    put(store, source, until=now + timedelta(days=1))
    clock.at = now + timedelta(days=5)  # type: ignore[attr-defined]
    put(store, source, "second")
    clock.at = now + timedelta(days=2)  # type: ignore[attr-defined]
    again = FilesystemObjectStore(tmp_path / "store", clock)
    with pytest.raises(ObjectLocked, match="was seen before"):
        again.purge_expired("", clock.now())


@pytest.mark.parametrize("damage", ["remove", "garble"])
def test_a_lost_memory_of_the_time_is_rebuilt_from_the_objects(
    tmp_path: Path, store: FilesystemObjectStore, source: Path, clock: Clock, now: datetime, damage: str
) -> None:
    put(store, source)
    memory = tmp_path / "store" / ".highest-time.json"
    memory.unlink() if damage == "remove" else memory.write_bytes(b"{")
    clock.at = UNTIL + timedelta(days=1)  # type: ignore[attr-defined]
    again = FilesystemObjectStore(tmp_path / "store", clock)
    assert again.time_guard.highest == now
    with pytest.raises(ObjectLocked, match="leapt"):
        again.purge_expired("", clock.now())


def test_a_confirmed_time_purges(
    tmp_path: Path, store: FilesystemObjectStore, source: Path, clock: Clock
) -> None:
    put(store, source)
    clock.at = UNTIL + timedelta(days=1)  # type: ignore[attr-defined]
    store.time_guard.confirm(clock.now(), "王工")
    again = FilesystemObjectStore(tmp_path / "store", clock)
    assert [gone.key for gone in again.purge_expired("", clock.now())] == [KEY]
    assert "王工" in (tmp_path / "store" / ".highest-time.json").read_text()


def test_a_confirmation_needs_a_name_and_goes_forward_only(
    store: FilesystemObjectStore, source: Path, now: datetime
) -> None:
    put(store, source)
    with pytest.raises(InvalidInput, match="name"):
        store.time_guard.confirm(now + timedelta(days=9), " ")
    with pytest.raises(InvalidInput, match="seen earlier"):
        store.time_guard.confirm(now - timedelta(days=9), "王工")


@pytest.fixture
def immutable_store(tmp_path: Path, clock: Clock) -> Iterator[FilesystemObjectStore]:
    probe = tmp_path / "probe"
    probe.touch()
    if not immutability_works(probe):
        pytest.skip("needs root and a filesystem with the immutable attribute")
    yield FilesystemObjectStore(tmp_path / "store", clock, immutable=True)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            set_immutable(path, False)


def test_with_the_immutable_attribute_not_even_root_removes_or_writes(
    tmp_path: Path, immutable_store: FilesystemObjectStore, source: Path
) -> None:
    put(immutable_store, source)
    path = tmp_path / "store" / KEY
    assert immutable_store.capabilities() == "os-immutable"
    assert is_immutable(path)
    assert is_immutable(path.with_name(path.name + ".lock.json"))
    for act in (path.unlink, lambda: path.write_bytes(b"x"), lambda: path.rename(tmp_path / "moved")):
        with pytest.raises(PermissionError):
            act()


def test_a_purge_takes_the_attribute_off_what_is_over(
    tmp_path: Path, immutable_store: FilesystemObjectStore, source: Path, clock: Clock, now: datetime
) -> None:
    put(immutable_store, source, until=now + timedelta(days=1))
    clock.at = now + timedelta(days=2)  # type: ignore[attr-defined]
    assert len(immutable_store.purge_expired("", clock.now())) == 1
    assert not (tmp_path / "store" / KEY).exists()


def test_a_longer_lock_sets_an_attribute_that_a_crash_left_off(
    tmp_path: Path, immutable_store: FilesystemObjectStore, source: Path
) -> None:
    stored = put(immutable_store, source)
    path = tmp_path / "store" / KEY
    set_immutable(path, False)
    immutable_store.extend_lock(KEY, stored.version, UNTIL)
    assert is_immutable(path)


def test_without_asking_for_it_nothing_becomes_immutable(
    tmp_path: Path, store: FilesystemObjectStore, source: Path
) -> None:
    put(store, source)
    assert store.capabilities() == "software-only"
    assert not is_immutable(tmp_path / "store" / KEY)
    assert not is_immutable(tmp_path / "nothing")
    assert not set_immutable(tmp_path / "nothing", True)
