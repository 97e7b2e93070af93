"""Uploads against a store that fails in every way: what is believed, what waits, what is never removed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from models.errors import (
    DiskFull,
    EvidenceBroken,
    NotFound,
    ObjectLocked,
    RollcallError,
    StorageError,
)
from models.evidence import LeafKind
from models.footage import Segment, StoredObject
from models.ports import Clock
from models.register import UploadState
from storage.leaf_store import LeafQuery
from storage.objects import MemoryObjectStore
from storage.spool import Spool, SpoolLimits
from storage.unit_of_work import Ledger
from storage.uploader import Uploader

NewSegment = Callable[..., Segment]


class TrickyStore(MemoryObjectStore):
    """A store whose answers can be bent: ``on_put`` before, ``on_stat`` after the honest answer."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.on_put: Callable[[], None] = lambda: None
        self.on_stat: Callable[[StoredObject], StoredObject] = lambda stored: stored
        self.puts: list[str] = []
        self.extended: list[str] = []

    def put_locked(self, key: str, *given: Any, **named: Any) -> StoredObject:
        self.puts.append(key)
        self.on_put()
        return super().put_locked(key, *given, **named)

    def stat(self, key: str, version: str | None = None) -> StoredObject:
        return self.on_stat(super().stat(key, version))

    def extend_lock(self, key: str, *given: Any) -> StoredObject:
        self.extended.append(key)
        return super().extend_lock(key, *given)


@pytest.fixture
def spool(sqlite_with_lesson: Ledger, tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", sqlite_with_lesson, SpoolLimits(reserve_bytes=0))


@pytest.fixture
def store(clock: Clock) -> TrickyStore:
    return TrickyStore(clock)


@pytest.fixture
def uploader(spool: Spool, store: TrickyStore) -> Uploader:
    return Uploader(spool, store)


@pytest.fixture
def queued(spool: Spool, new_segment: NewSegment) -> Callable[[int], Segment]:
    """A booked segment that waits for the store."""

    def build(sequence: int = 1) -> Segment:
        content = f"footage {sequence}".encode() * 100
        path = spool.folder("L1", "cam1") / f"{sequence:06d}.mp4"
        path.write_bytes(content)
        path.with_suffix(".json").write_text("{}")
        segment = new_segment(
            sequence,
            path=str(path),
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        assert spool.accept(segment)
        return segment

    return build


def states(ledger: Ledger) -> dict[int, UploadState]:
    with ledger.read() as work:
        return {upload.sequence: upload.state for upload in work.uploads.of_lesson("L1")}


def receipts(ledger: Ledger) -> int:
    with ledger.read() as work:
        return len(tuple(work.evidence.store.rows(LeafQuery("L1", (LeafKind.SEGMENT_STORED,)))))


def test_where_nothing_waits_nothing_is_done(uploader: Uploader, store: TrickyStore) -> None:
    assert uploader.upload_next() is None
    assert uploader.drain() == ()
    assert store.puts == []


def test_a_drain_takes_no_more_than_it_was_told(uploader: Uploader, queued: Callable[[int], Segment]) -> None:
    for sequence in range(1, 6):
        queued(sequence)
    assert len(uploader.drain(most=2)) == 2
    assert len(uploader.drain(most=0)) == 0
    assert len(uploader.drain()) == 3


@pytest.mark.parametrize(
    "refusal",
    [StorageError("x"), DiskFull("x"), EvidenceBroken("x"), ObjectLocked("x"), NotFound("x")],
)
def test_whatever_a_store_says_the_bytes_stay_until_it_confirms(
    uploader: Uploader,
    store: TrickyStore,
    spool: Spool,
    queued: Callable[[int], Segment],
    refusal: RollcallError,
) -> None:
    segment = queued(1)

    def refuse() -> None:
        raise refusal

    store.on_put = refuse
    (attempt,) = uploader.drain()
    assert attempt.error is refusal
    assert attempt.stored is None
    assert Path(segment.path).exists()
    assert states(spool.ledger) == {1: UploadState.WAITING}
    assert receipts(spool.ledger) == 0


@pytest.mark.parametrize(
    "bend",
    [
        lambda stored: replace(stored, sha256="f" * 64),
        lambda stored: replace(stored, size_bytes=stored.size_bytes - 1),
        lambda stored: replace(stored, lock_mode=None),
        lambda stored: replace(stored, retain_until=None),
        lambda stored: replace(stored, retain_until=stored.retain_until - timedelta(seconds=1)),
    ],
    ids=["other bytes", "shorter", "no lock", "no date", "an earlier date"],
)
def test_what_is_read_back_counts_and_not_what_the_put_answered(
    uploader: Uploader,
    store: TrickyStore,
    spool: Spool,
    queued: Callable[[int], Segment],
    bend: Callable[[StoredObject], StoredObject],
) -> None:
    segment = queued(1)
    store.on_stat = bend
    (attempt,) = uploader.drain()
    assert isinstance(attempt.error, EvidenceBroken)
    assert Path(segment.path).exists()
    assert receipts(spool.ledger) == 0


def test_a_lock_that_came_too_short_is_lengthened_and_looked_at_again(
    uploader: Uploader, store: TrickyStore, spool: Spool, queued: Callable[[int], Segment]
) -> None:
    segment = queued(1)
    short = spool.ledger.clock.now() + timedelta(days=1)
    upload = spool.next_to_upload()
    assert upload is not None
    MemoryObjectStore.put_locked(store, upload.object_key, segment.path, segment.sha256, short)
    (attempt,) = uploader.drain()
    assert attempt.stored is not None
    assert attempt.stored.retain_until == upload.retain_until
    assert store.extended == [upload.object_key]
    assert store.puts == [], "an earlier attempt had put it"
    assert not Path(segment.path).exists()


def test_another_uploader_that_was_faster_is_no_failure(
    uploader: Uploader, store: TrickyStore, spool: Spool, queued: Callable[[int], Segment]
) -> None:
    segment = queued(1)
    upload = spool.next_to_upload()
    assert upload is not None

    def overtake() -> None:
        MemoryObjectStore.put_locked(
            store, upload.object_key, segment.path, segment.sha256, upload.retain_until
        )

    store.on_put = overtake
    (attempt,) = uploader.drain()
    assert attempt.error is None
    assert store.puts == [upload.object_key]
    assert receipts(spool.ledger) == 1


def test_a_key_taken_by_other_bytes_is_never_believed(
    uploader: Uploader, store: TrickyStore, spool: Spool, queued: Callable[[int], Segment], tmp_path: Path
) -> None:
    segment = queued(1)
    upload = spool.next_to_upload()
    assert upload is not None
    other = tmp_path / "other.mp4"
    other.write_bytes(b"staged")
    digest = hashlib.sha256(b"staged").hexdigest()
    MemoryObjectStore.put_locked(store, upload.object_key, str(other), digest, upload.retain_until)
    (attempt,) = uploader.drain()
    assert isinstance(attempt.error, EvidenceBroken)
    assert "other bytes" in attempt.error.message
    assert Path(segment.path).exists()


def test_one_that_fails_waits_and_the_next_goes_by(
    uploader: Uploader, store: TrickyStore, spool: Spool, queued: Callable[[int], Segment]
) -> None:
    for sequence in (1, 2, 3):
        queued(sequence)
    refused: list[str] = []

    def refuse_the_first() -> None:
        if not refused:
            refused.append(store.puts[-1])
            raise StorageError("away")

    store.on_put = refuse_the_first
    attempts = uploader.drain()
    assert [attempt.error is None for attempt in attempts] == [False, True, True]
    assert states(spool.ledger) == {
        1: UploadState.WAITING,
        2: UploadState.CLEARED,
        3: UploadState.CLEARED,
    }


def test_a_store_that_does_not_answer_says_nothing_about_what_it_holds(
    uploader: Uploader, store: TrickyStore, spool: Spool, queued: Callable[[int], Segment]
) -> None:
    queued(1)
    upload = spool.next_to_upload()
    assert upload is not None

    def silent(_stored: StoredObject) -> StoredObject:
        raise StorageError("no answer")

    MemoryObjectStore.put_locked(store, upload.object_key, upload.path, upload.sha256, upload.retain_until)
    store.on_stat = silent
    with pytest.raises(StorageError, match="no answer"):
        uploader.is_kept(upload)
    assert uploader.finish_stored() == 0
    store.on_stat = lambda stored: stored
    assert uploader.is_kept(upload)


def test_what_the_store_lacks_or_holds_unlocked_is_not_kept(
    uploader: Uploader, store: TrickyStore, spool: Spool, queued: Callable[[int], Segment]
) -> None:
    queued(1)
    upload = spool.next_to_upload()
    assert upload is not None
    assert not uploader.is_kept(upload)
    MemoryObjectStore.put_locked(store, upload.object_key, upload.path, upload.sha256, upload.retain_until)
    store.on_stat = lambda stored: replace(stored, lock_mode=None)
    assert not uploader.is_kept(upload)
