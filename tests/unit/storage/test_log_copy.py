"""The log's copy in the object store: in order, whole, resumable, and enough to get the log back from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from models.errors import EvidenceBroken, StorageError
from models.evidence import Leaf, LeafKind
from models.evidence_care import CopyKind
from models.footage import StoredObject
from models.policy import Policy
from models.retention import retain_until
from storage import log_copier
from storage.evidence_proofs import audit_log
from storage.leaf_store import LeafQuery, MemoryEvidenceStore
from storage.log_copier import LogCopier
from storage.log_copy import CHECKPOINTS, KEYS, LEAVES, LogCopy, leaves_bytes, replay
from storage.objects.memory import MemoryObjectStore
from storage.signing import Ed25519Signer
from storage.unit_of_work import Ledger

SIGNER = Ed25519Signer("test.rollcall/log", b"\x01" * 32)


class Killed(BaseException):
    """The process ends here."""


class AwayStore(MemoryObjectStore):
    away = False

    def put_locked(
        self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
    ) -> StoredObject:
        if self.away:
            raise StorageError("the store is away")
        return super().put_locked(key, path, sha256, retain_until, hold=hold)


class Scene:
    """A log that grows, a store, and a copier that may be killed at a step."""

    def __init__(self, ledger: Ledger, clock: object, scratch: Path) -> None:
        self.ledger, self.clock, self.scratch = ledger, clock, scratch
        self.store = AwayStore(ledger.clock)
        self.kill_at, self.told = "", list[str]()
        with ledger.write() as work:
            work.evidence.open(SIGNER)

    def copier(self) -> LogCopier:
        def step(name: str) -> None:
            self.told.append(name)
            if name == self.kill_at:
                raise Killed

        return LogCopier(self.ledger, self.store, self.scratch, step=step)

    def grow(self, leaves: int = 3, kind: LeafKind = LeafKind.VIEW, lesson: str | None = None) -> None:
        with self.ledger.write() as work:
            for number in range(leaves):
                work.evidence.append(Leaf(kind, self.ledger.clock.now(), lesson, {"n": number}))
            work.evidence.write_checkpoint(SIGNER)

    def sign(self) -> None:
        with self.ledger.write() as work:
            work.evidence.write_checkpoint(SIGNER)

    def size(self) -> int:
        with self.ledger.read() as work:
            head = work.evidence.store.head()
            assert head is not None
            return head.size

    def copied(self) -> int:
        ranges = LogCopy(self.store).ranges()
        return ranges[-1].last + 1 if ranges else 0

    def restored(self) -> MemoryEvidenceStore:
        rows = MemoryEvidenceStore()
        replay(LogCopy(self.store), rows, self.ledger.origin)
        return rows


@pytest.fixture
def scene(sqlite_with_lesson: Ledger, clock: object, tmp_path: Path) -> Scene:
    return Scene(sqlite_with_lesson, clock, tmp_path)


def later(scene: Scene, **parts: float) -> None:
    scene.clock.forward(**parts)  # type: ignore[attr-defined]


def test_a_lost_database_gets_its_log_back_from_the_store(scene: Scene) -> None:
    copier = scene.copier()
    for _ in range(3):
        scene.grow(5)
        copier.run()
        later(scene, seconds=61)
    rows = scene.restored()
    assert audit_log(rows, scene.ledger.origin) == ()
    with scene.ledger.read() as work:
        ours = tuple(work.evidence.store.rows(LeafQuery(stop=scene.copied())))
        signed = work.evidence.store.checkpoints(0, scene.copied())
    assert tuple(rows.rows(LeafQuery())) == ours
    assert list(rows.checkpoints(0, 10**9)) == list(signed)
    assert LogCopy(scene.store).keys() == (SIGNER.public_key,)


def test_every_object_is_locked_for_five_years_by_the_calendar(scene: Scene, now: datetime) -> None:
    scene.grow()
    scene.copier().run()
    locked = {stored.retain_until for stored in scene.store.list_versions("log/")}
    assert locked == {retain_until(now)}
    assert {stored.key.rsplit("/", 1)[0] + "/" for stored in scene.store.list_versions("log/")} == {
        LEAVES,
        CHECKPOINTS,
        KEYS,
    }


def test_leaves_of_a_lesson_that_is_kept_longer_are_locked_as_long(scene: Scene) -> None:
    with scene.ledger.write() as work:
        record = work.lessons.get("L1")
        recording = replace(Policy().recording, retention_years=8)
        work.lessons.change(replace(record, policy=replace(record.policy, recording=recording)))
    scene.grow(1, lesson="L1")
    scene.copier().run()
    ends_at = record.lesson.ends_at
    assert {s.retain_until for s in scene.store.list_versions(LEAVES)} == {retain_until(ends_at, 8)}
    assert {s.retain_until for s in scene.store.list_versions(CHECKPOINTS)} == {retain_until(ends_at, 8)}


def test_a_receipt_alone_is_no_reason_to_store(scene: Scene) -> None:
    copier = scene.copier()
    scene.grow()
    assert copier.run()
    for _ in range(5):
        later(scene, minutes=5)
        scene.sign()
        assert copier.run() == ()
    scene.grow(1)
    later(scene, minutes=2)
    assert copier.run()
    assert scene.copied() == scene.size() - 1, "the receipt went along with the next leaf"


def test_young_leaves_wait_for_others_unless_a_lesson_was_closed(scene: Scene) -> None:
    copier = scene.copier()
    scene.grow()
    copier.run()
    scene.grow()
    later(scene, seconds=20)
    assert copier.run() == ()
    scene.grow(1, LeafKind.LESSON_CLOSED, "L1")
    assert copier.run()


def test_leaves_that_nothing_has_signed_are_not_stored(scene: Scene) -> None:
    scene.grow()
    signed = scene.size()
    with scene.ledger.write() as work:
        work.evidence.append(Leaf(LeafKind.VIEW, scene.ledger.clock.now(), None, {}))
    scene.copier().run()
    assert scene.copied() == signed


def test_a_store_that_is_away_loses_nothing_and_repeats_nothing(scene: Scene) -> None:
    copier = scene.copier()
    scene.store.away = True
    scene.grow()
    for _ in range(3):
        with pytest.raises(StorageError):
            copier.run()
        scene.grow()
        later(scene, minutes=2)
    scene.store.away = False
    while copier.run():
        later(scene, minutes=2)
    assert scene.copied() == scene.size() - 2, "all but the receipts that came since"
    assert audit_log(scene.restored(), scene.ledger.origin) == ()


@pytest.mark.parametrize("kill_at", ["planned", "stored", "receipt"])
def test_killed_between_any_two_steps_it_goes_on_without_overlap(scene: Scene, kill_at: str) -> None:
    scene.kill_at = kill_at
    for _ in range(4):
        scene.grow()
        later(scene, minutes=2)
        with suppress(Killed):
            scene.copier().run()
    assert scene.told.count(kill_at) >= 2
    scene.kill_at = ""
    for _ in range(10):
        scene.grow(1)
        later(scene, minutes=2)
        scene.copier().run()
    rows = scene.restored()
    assert audit_log(rows, scene.ledger.origin) == ()
    with scene.ledger.read() as work:
        receipts = tuple(work.evidence.store.rows(LeafQuery(kinds=(LeafKind.LOG_STORED,))))
        assert work.log_objects.planned() == ()
        for stored in scene.store.list_versions("log/"):
            found = work.log_objects.find(stored.key)
            assert found is not None
            assert found.stored_at is not None
            assert any(stored.key.encode() in receipt.record for receipt in receipts)


def test_a_long_log_is_copied_in_pieces(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_copier, "LEAVES_PER_OBJECT", 4)
    scene.grow(15)
    copier = scene.copier()
    later(scene, minutes=2)
    while copier.run():
        pass
    assert [one.last - one.first for one in LogCopy(scene.store).ranges()] == [3, 3, 3, 3]
    assert len(scene.store.list_versions(CHECKPOINTS)) == 1


def test_a_note_is_stored_only_after_all_leaves_that_it_covers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_copier, "LEAVES_PER_OBJECT", 3)
    for _ in range(4):
        scene.grow(4)
    copier = scene.copier()
    later(scene, minutes=2)
    while copier.run():
        copy = LogCopy(scene.store)
        held = copy.ranges()[-1].last + 1
        assert all(row.size <= held for row in copy.checkpoints())
    assert len(LogCopy(scene.store).checkpoints()) == 4


def test_an_older_database_over_a_newer_copy_is_refused(
    scene: Scene, sqlite_ledger: Ledger, tmp_path: Path
) -> None:
    scene.grow()
    scene.copier().run()
    with sqlite_ledger.database.transaction(writing=True) as connection:
        connection.exec_driver_sql("DELETE FROM log_objects")
        connection.exec_driver_sql("DELETE FROM evidence_leaves WHERE sequence > 1")
        connection.exec_driver_sql("UPDATE evidence_head SET size = 2")
    with pytest.raises(EvidenceBroken, match="the object store holds leaves up to 3"):
        scene.copier().run()


def test_objects_that_a_restored_database_forgot_are_taken_in_again(scene: Scene) -> None:
    scene.grow()
    scene.copier().run()
    with scene.ledger.database.transaction(writing=True) as connection:
        connection.exec_driver_sql("DELETE FROM log_objects")
    scene.grow()
    later(scene, minutes=2)
    scene.copier().run()
    assert len(LogCopy(scene.store).ranges()) == 2
    assert audit_log(scene.restored(), scene.ledger.origin) == ()


def test_a_log_with_other_leaves_than_its_copy_is_told(scene: Scene) -> None:
    scene.grow()
    scene.copier().run()
    with scene.ledger.database.transaction(writing=True) as connection:
        connection.exec_driver_sql("DELETE FROM log_objects")
        connection.exec_driver_sql("UPDATE evidence_leaves SET record = x'7b7d' WHERE sequence = 1")
    with pytest.raises(EvidenceBroken, match="no longer holds"):
        scene.copier().run()


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def _reorder(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([lines[1], lines[0], *lines[2:]])


def tampered(scene: Scene, key: str, change: Callable[[bytes], bytes], *, renamed: bool) -> None:
    """Someone with the store in their hands changes an object, and perhaps gives it the fitting name."""
    record, content = scene.store._objects.pop(key)
    changed = change(content)
    name = key.replace(sha256(content).hexdigest(), sha256(changed).hexdigest()) if renamed else key
    scene.store._objects[name] = (replace(record, key=name), changed)


@pytest.mark.parametrize(
    ("change", "renamed", "message"),
    [
        (_flip, False, "not those that its name"),
        (_reorder, True, "not where its number belongs"),
        (lambda content: content[: content.rindex(b"\n", 0, -1) + 1], True, "another number of records"),
    ],
)
def test_a_tampered_object_of_leaves_is_found(
    scene: Scene, change: Callable[[bytes], bytes], renamed: bool, message: str
) -> None:
    scene.grow()
    scene.copier().run()
    tampered(scene, scene.store.list_versions(LEAVES)[0].key, change, renamed=renamed)
    with pytest.raises(EvidenceBroken, match=message):
        tuple(LogCopy(scene.store).leaves())


def test_a_record_edited_under_a_fitting_name_fails_its_checkpoint(scene: Scene) -> None:
    scene.grow()
    scene.copier().run()
    key = scene.store.list_versions(LEAVES)[0].key
    tampered(scene, key, lambda content: content.replace(b'{"n":1}', b'{"n":7}'), renamed=True)
    problems = audit_log(scene.restored(), scene.ledger.origin)
    assert [one.message for one in problems] == ["its root does not follow from the leaves"]


@pytest.mark.parametrize("what", ["removed", "doubled", "cut"])
def test_a_missing_or_doubled_object_is_found(scene: Scene, what: str) -> None:
    copier = scene.copier()
    for _ in range(3):
        scene.grow()
        later(scene, minutes=2)
        copier.run()
    keys = [one.key for one in LogCopy(scene.store).ranges()]
    if what == "removed":
        del scene.store._objects[keys[1]]
    elif what == "cut":
        del scene.store._objects[keys[2]]
    else:
        record, content = scene.store._objects[keys[1]]
        other = keys[1].replace(record.sha256, "0" * 64)
        scene.store._objects[other] = (replace(record, key=other), content)
    with pytest.raises(EvidenceBroken):
        scene.restored()


def test_a_checkpoint_under_another_size_is_found(scene: Scene) -> None:
    scene.grow()
    scene.copier().run()
    key = scene.store.list_versions(CHECKPOINTS)[0].key
    record, content = scene.store._objects.pop(key)
    other = key.replace("000000000004", "000000000003")
    scene.store._objects[other] = (replace(record, key=other), content)
    with pytest.raises(EvidenceBroken, match="another size"):
        LogCopy(scene.store).checkpoints()


def test_a_lock_that_the_store_did_not_set_is_set_and_read_again_or_told(scene: Scene) -> None:
    class Forgetful(AwayStore):
        deaf = False

        def put_locked(
            self, key: str, path: str, sha256: str, retain_until: datetime, *, hold: bool = False
        ) -> StoredObject:
            soon = self._clock.now() + timedelta(days=1)
            return super().put_locked(key, path, sha256, soon, hold=hold)

        def extend_lock(self, key: str, version: str, retain_until: datetime) -> StoredObject:
            if self.deaf:
                return self.stat(key)
            return super().extend_lock(key, version, retain_until)

        def stat(self, key: str, version: str | None = None) -> StoredObject:
            stored = super().stat(key, version)
            return replace(stored, lock_mode=None, retain_until=None) if self.deaf else stored

    store = scene.store = Forgetful(scene.ledger.clock)
    scene.grow()
    scene.copier().run()
    until = retain_until(scene.ledger.clock.now())
    assert {stored.retain_until for stored in store.list_versions("log/")} == {until}
    store.deaf = True
    scene.grow()
    later(scene, minutes=2)
    with pytest.raises(EvidenceBroken, match="did not keep or lock"):
        scene.copier().run()


def test_a_new_key_is_stored_beside_the_old_one(scene: Scene) -> None:
    new = Ed25519Signer("test.rollcall/log", b"\x02" * 32)
    scene.grow()
    with scene.ledger.write() as work:
        work.evidence.rotate_key(SIGNER, new)
    scene.copier().run()
    assert set(LogCopy(scene.store).keys()) == {SIGNER.public_key, new.public_key}
    with scene.ledger.read() as work:
        last = work.log_objects.last_stored()
    assert last is not None
    assert last.kind in CopyKind


def test_the_content_of_an_object_is_the_very_bytes_hashed(scene: Scene) -> None:
    scene.grow()
    scene.copier().run()
    one = LogCopy(scene.store).ranges()[0]
    with scene.ledger.read() as work:
        rows = tuple(work.evidence.store.rows(LeafQuery(stop=one.last + 1)))
    assert scene.store.read_range(one.key, 0, None) == leaves_bytes(rows)
    assert sha256(leaves_bytes(rows)).hexdigest() == one.sha256


def test_a_note_signed_twice_in_one_instant_is_one_object_and_stops_nothing(scene: Scene) -> None:
    scene.grow()
    scene.sign()
    scene.copier().run()
    assert len(scene.store.list_versions(CHECKPOINTS)) == 1
    scene.sign()
    scene.grow()
    later(scene, minutes=2)
    scene.copier().run()
    assert scene.copied() == scene.size() - 1
    assert audit_log(scene.restored(), scene.ledger.origin) == ()
