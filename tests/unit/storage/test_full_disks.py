"""A disk that is really full: loud, nothing purged, nothing half-written, and on again when there is room."""

from __future__ import annotations

import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.errors import DiskFull, KeyUnusable
from models.footage import Segment
from models.ports import Clock
from models.register import LessonRecord, TrainingClass, UploadState
from storage.database import Database, sqlite_url
from storage.key_files import create_secret_file
from storage.objects import FilesystemObjectStore
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader
from storage.vault import Vault, create_vault

HALF_MIB = bytes(512 * 1024)
NewSegment = Callable[..., Segment]


def fill(folder: Path, leave_bytes: int) -> Path:
    """Take up the room of a small disk."""
    filler = folder / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(folder).free - leave_bytes)))
    return filler


def put(store: FilesystemObjectStore, source: Path, key: str, until: datetime) -> None:
    store.put_locked(key, str(source), hashlib.sha256(source.read_bytes()).hexdigest(), until)


def test_a_full_store_refuses_whole_and_takes_again_when_there_is_room(
    tiny_disk: Path, tmp_path: Path, clock: Clock, now: datetime
) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes(HALF_MIB)
    store = FilesystemObjectStore(tiny_disk / "store", clock)
    until = now + timedelta(days=1800)
    put(store, source, "footage/1", until)
    filler = fill(tiny_disk, 256 * 1024)
    with pytest.raises(DiskFull):
        put(store, source, "footage/2", until)
    assert [stored.key for stored in store.list_versions("")] == ["footage/1"]
    assert list((tiny_disk / "store" / ".incoming").iterdir()) == []
    assert store.read_range("footage/1", 0, None) == HALF_MIB
    filler.unlink()
    put(store, source, "footage/2", until)
    assert store.rehash("footage/2").size_bytes == len(HALF_MIB)


def test_a_full_store_purges_nothing_that_is_retained(
    tiny_disk: Path, tmp_path: Path, clock: Clock, now: datetime
) -> None:
    """Recorders of this field are known to delete "retained" footage when the disk fills."""
    source = tmp_path / "source.mp4"
    source.write_bytes(HALF_MIB)
    store = FilesystemObjectStore(tiny_disk / "store", clock)
    stored: list[str] = []

    def store_next(number: int) -> None:
        put(store, source, f"footage/{number}", now + timedelta(days=1800))
        stored.append(f"footage/{number}")

    with pytest.raises(DiskFull):
        deque(map(store_next, range(10)))
    assert stored
    assert store.purge_expired("", now) == []
    assert [item.key for item in store.list_versions("")] == stored


def test_a_lock_can_be_read_and_held_on_a_full_disk_or_says_why_not(
    tiny_disk: Path, tmp_path: Path, clock: Clock, now: datetime
) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes(b"footage")
    store = FilesystemObjectStore(tiny_disk / "store", clock)
    put(store, source, "footage/1", now + timedelta(days=10))
    version = store.stat("footage/1").version
    fill(tiny_disk, 0)
    with pytest.raises(DiskFull):
        store.extend_lock("footage/1", version, now + timedelta(days=20))
    assert store.stat("footage/1").retain_until == now + timedelta(days=10)
    assert store.read_range("footage/1", 0, None) == b"footage"


def test_a_key_is_not_half_written(tiny_disk: Path) -> None:
    fill(tiny_disk, 0)
    with pytest.raises(DiskFull):
        create_secret_file(tiny_disk / "key", bytes(8192))
    assert not (tiny_disk / "key").exists()
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


def test_a_vault_that_found_no_room_can_be_created_later(tiny_disk: Path) -> None:
    (tiny_disk / "keys").mkdir(mode=0o700)
    filler = fill(tiny_disk, 0)
    with pytest.raises((DiskFull, KeyUnusable)):
        create_vault(tiny_disk / "keys")
    filler.unlink()
    assert create_vault(tiny_disk / "keys").current_key_id == "k1"


@pytest.fixture
def ledger_on_tiny_disk(
    tiny_disk: Path,
    migrated_file: Path,
    vault: Vault,
    clock: Clock,
    now: datetime,
    new_lesson: Callable[..., LessonRecord],
) -> Iterator[Ledger]:
    shutil.copy(migrated_file, tiny_disk / "test.db")
    ledger = Ledger(Database(sqlite_url(tiny_disk / "test.db")), vault, clock, "test.rollcall/log")
    with ledger.write() as work:
        work.classes.add(TrainingClass("C1", "n"), now)
        work.lessons.add(new_lesson())
    yield ledger
    ledger.database.close()


def test_the_whole_way_stops_on_a_full_disk_and_goes_on_when_there_is_room(
    tiny_disk: Path, ledger_on_tiny_disk: Ledger, clock: Clock, new_segment: NewSegment
) -> None:
    spool = Spool(tiny_disk / "spool", ledger_on_tiny_disk, SpoolLimits(reserve_bytes=300 * 1024))
    store = FilesystemObjectStore(tiny_disk / "store", clock)
    uploader = Uploader(spool, store)
    path = spool.folder("L1", "cam1") / "000001.mp4"
    content = bytes(300 * 1024)
    path.write_bytes(content)
    segment = new_segment(
        1, path=str(path), size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    spool.require_room()
    spool.accept(segment)
    filler = fill(tiny_disk, 200 * 1024)
    with pytest.raises(DiskFull):
        spool.require_room()
    assert "room" in spool.state().over
    (attempt,) = uploader.drain()
    assert isinstance(attempt.error, DiskFull)
    assert path.read_bytes() == content
    filler.unlink()
    clock.at += timedelta(minutes=1)  # type: ignore[attr-defined]
    (attempt,) = uploader.drain()
    assert attempt.stored is not None
    with ledger_on_tiny_disk.read() as work:
        assert work.uploads.get("seg-1").state is UploadState.CLEARED


def test_a_database_that_found_no_room_takes_the_same_segment_later(
    tiny_disk: Path, ledger_on_tiny_disk: Ledger, tmp_path: Path, new_segment: NewSegment
) -> None:
    """The file stays; booking it again is safe."""
    spool = Spool(tmp_path / "spool", ledger_on_tiny_disk, SpoolLimits(reserve_bytes=0))
    segments = []
    for sequence in range(1, 11):
        path = spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
        path.write_bytes(b"footage")
        segments.append(
            new_segment(sequence, path=str(path), size_bytes=7, sha256=hashlib.sha256(b"footage").hexdigest())
        )
    filler = fill(tiny_disk, 64 * 1024)
    with pytest.raises(DiskFull):
        deque(map(spool.accept, segments))
    with ledger_on_tiny_disk.read() as work:
        booked = len(work.footage.segments("L1"))
    assert booked < len(segments)
    filler.unlink()
    assert [spool.accept(segment) for segment in segments] == [False] * booked + [True] * (10 - booked)
    with ledger_on_tiny_disk.read() as work:
        assert len(work.footage.segments("L1")) == len(segments)
