"""Rows of the log's copy, certified times, second parties and re-hashes, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from models.errors import Conflict, NotFound
from models.evidence import Leaf, LeafKind
from models.evidence_care import (
    CopyKind,
    Cosignature,
    FootageProblem,
    LessonTimestamp,
    LogObject,
    RehashFinding,
)
from models.footage import StoredObject
from models.register import Upload, UploadKind, UploadState
from storage.signing import Ed25519Signer
from storage.unit_of_work import Ledger

SIGNER = Ed25519Signer("test.rollcall/log", b"\x01" * 32)
PARTIES = [Ed25519Signer(f"witness/{n}", bytes([n]) * 32, cosigner=True) for n in (5, 6)]


def planned(first: int, last: int, until: datetime, kind: CopyKind = CopyKind.LEAVES) -> LogObject:
    return LogObject(f"log/{kind.value}/{first}-{last}", kind, first, last, f"{first:064x}", until)


def stored(one: LogObject, at: datetime) -> StoredObject:
    return StoredObject(one.key, "v1", 10, one.sha256, "e", "COMPLIANCE", one.retain_until, False, at)


def test_a_planned_object_counts_until_it_is_stored_and_after(ledger: Ledger, now: datetime) -> None:
    until = now + timedelta(days=1827)
    one, two = planned(0, 9, until), planned(10, 14, until)
    with ledger.write() as work:
        assert work.log_objects.next_leaf() == 0
        assert work.log_objects.last_stored() is None
        work.log_objects.plan(two)
        work.log_objects.plan(one)
        with pytest.raises(Conflict):
            work.log_objects.plan(one)
    with ledger.write() as work:
        assert work.log_objects.planned() == (one, two)
        assert work.log_objects.next_leaf() == 15
        work.log_objects.note_stored(stored(one, now), now)
        with pytest.raises(NotFound):
            work.log_objects.note_stored(stored(planned(50, 51, until), now), now)
        with pytest.raises(Conflict):
            work.log_objects.note_stored(replace(stored(two, now), sha256="f" * 64), now)
    with ledger.read() as work:
        assert work.log_objects.planned() == (two,)
        found = work.log_objects.find(one.key)
        assert found == replace(one, version="v1", stored_at=now)
        assert work.log_objects.last_stored() == found
        assert work.log_objects.find("nothing") is None


def test_checkpoints_come_in_the_order_of_their_rows_up_to_what_is_stored(
    ledger: Ledger, now: datetime
) -> None:
    with ledger.write() as work:
        for number in range(4):
            work.evidence.append(Leaf(LeafKind.VIEW, now, None, {"n": number}))
            early = work.evidence.write_checkpoint(SIGNER)
        work.evidence.store.add_checkpoint(replace(early, size=2, note=early.note + "again"))
    with ledger.write() as work:
        after = work.log_objects.checkpoints_after(work.log_objects.last_checkpoint_id(), 3, 10)
        assert [row.size for _, row in after] == [1, 2, 3], "a later one never overtakes an earlier one"
        until = now + timedelta(days=1827)
        number, row = after[-1]
        one = LogObject("log/checkpoints/x", CopyKind.CHECKPOINT, row.size, row.size, "0" * 64, until, number)
        work.log_objects.plan(one)
        rest = work.log_objects.checkpoints_after(work.log_objects.last_checkpoint_id(), 4, 10)
        assert [row.size for _, row in rest] == [4, 2]


def test_a_time_waits_is_tried_again_and_is_kept(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as work:
        for number in range(3):
            work.evidence.append(Leaf(LeafKind.VIEW, now, None, {"n": number}))
        assert work.timestamps.covering(0) is None
        note = work.evidence.write_checkpoint(SIGNER)
        assert work.timestamps.covering(2) == note
        assert work.timestamps.covering(3) is None
        assert work.timestamps.last_closing() == -1
        for closing, lesson_id in ((1, "L1"), (2, "L2")):
            work.timestamps.queue(LessonTimestamp(lesson_id, closing, 3, note.note))
        with pytest.raises(Conflict):
            work.timestamps.queue(LessonTimestamp("L1", 1, 3, note.note))
        assert work.timestamps.last_closing() == 2
    with ledger.write() as work:
        work.timestamps.note_failure("L1", "storage_error", now + timedelta(minutes=1))
        assert [one.lesson_id for one in work.timestamps.waiting(now, 9)] == ["L2"]
        assert work.timestamps.count_waiting() == 2
        assert work.timestamps.latest() is None
        work.timestamps.note_token("L2", b"token", now, "CN=a")
        with pytest.raises(NotFound):
            work.timestamps.note_token("L9", b"token", now, "CN=a")
    with ledger.write() as work:
        first, second = work.timestamps.of_lesson("L1"), work.timestamps.of_lesson("L2")
        assert first is not None
        assert (first.attempts, first.problem) == (1, "storage_error")
        assert second is not None
        assert (second.token, second.certified_at, second.authority) == (b"token", now, "CN=a")
        assert work.timestamps.latest() == second
        assert work.timestamps.token_of(2) == b"token"
        assert work.timestamps.uncopied(9) == (second,)
        work.log_objects.plan(planned(3, 2, now + timedelta(days=1827), CopyKind.TIMESTAMP))
        assert work.timestamps.uncopied(9) == ()
        assert [one.lesson_id for one in work.timestamps.waiting(now + timedelta(hours=1), 9)] == ["L1"]


def test_second_parties_and_what_each_signed_first_and_last(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as work:
        for party in PARTIES:
            work.cosigners.add(party.public_key, now)
        with pytest.raises(Conflict):
            work.cosigners.add(PARTIES[0].public_key, now)
        for size in (3, 5, 9):
            key = PARTIES[0].public_key
            work.cosigners.keep(Cosignature(key.name, key.key_id.hex(), size, now, f"note {size}"))
        with pytest.raises(Conflict):
            work.cosigners.keep(Cosignature(key.name, key.key_id.hex(), 5, now, "again"))
    with ledger.read() as work:
        assert set(work.cosigners.trusted()) == {party.public_key for party in PARTIES}
        assert [one.size for one in work.cosigners.covering(4)] == [5]
        assert work.cosigners.covering(10) == ()
        assert [one.note for one in work.cosigners.latest()] == ["note 9"]


@pytest.fixture
def filled(with_lesson: Ledger, now: datetime) -> Ledger:
    """Three uploads: two stored, one waiting."""
    with with_lesson.write() as work:
        for number in (1, 2, 3):
            upload = Upload(
                f"s{number}", UploadKind.SEGMENT, "L1", "cam1", number, f"/s/{number}", f"footage/{number}",
                f"{number:064x}", 100 * number, now + timedelta(days=1827), UploadState.WAITING, now,
            )  # fmt: skip
            work.uploads.queue(upload)
            if number < 3:
                one = planned(number, number, now + timedelta(days=1827))
                work.uploads.note_stored(upload.upload_id, replace(stored(one, now), key=f"footage/{number}"))
    return with_lesson


def test_a_walk_is_kept_and_goes_on_where_it_was(filled: Ledger, now: datetime) -> None:
    with filled.write() as work:
        assert work.rehash.running() is None
        begun = work.rehash.begin(now)
        assert (begun.total_objects, begun.total_bytes) == (2, 300)
        half = replace(begun, position="footage/1", objects=1, size_bytes=100, findings=1)
        work.rehash.save(half)
        with pytest.raises(NotFound):
            work.rehash.save(replace(begun, pass_id=99))
    with filled.write() as work:
        assert work.rehash.running() == half
        assert half.share == pytest.approx(1 / 3)
        assert [one.upload_id for one in work.rehash.stored_after("", 9)] == ["s1", "s2"]
        assert [one.upload_id for one in work.rehash.stored_after("footage/1", 9)] == ["s2"]
        assert [one.upload_id for one in work.rehash.stored_of(["s2", "s3", "s9"])] == ["s2"]
        assert work.rehash.last_finished() is None
        work.rehash.save(replace(half, finished_at=now))
    with filled.read() as work:
        assert work.rehash.running() is None
        finished = work.rehash.last_finished()
        assert finished is not None
        assert finished.share == 1.0


def test_a_finding_is_one_row_that_is_mended_and_opened_again(filled: Ledger, now: datetime) -> None:
    wrong = RehashFinding("s1", "L1", "cam1", 1, "footage/1", FootageProblem.MISSING, now, now)
    with filled.write() as work:
        work.rehash.put_finding(wrong)
        work.rehash.put_finding(replace(wrong, upload_id="s2", sequence=2))
    with filled.write() as work:
        assert work.rehash.count_open() == 2
        assert work.rehash.finding("s1") == wrong
        assert work.rehash.finding("s9") is None
        work.rehash.put_finding(replace(wrong, mended_at=now))
        assert [one.upload_id for one in work.rehash.open_findings()] == ["s2"]
        assert work.rehash.open_findings("L2") == ()
        again = replace(wrong, problem=FootageProblem.ALTERED)
        work.rehash.put_finding(again)
        assert work.rehash.finding("s1") == again


def test_every_problem_has_a_column_value(filled: Ledger, now: datetime) -> None:
    with filled.write() as work:
        for number, problem in enumerate(FootageProblem):
            work.rehash.put_finding(RehashFinding(f"u{number}", "L1", "cam1", number, "k", problem, now, now))
        assert {one.problem for one in work.rehash.open_findings()} == set(FootageProblem)
