"""Rows from leaves, leaf by leaf: whatever the cut between two writes, and whatever came twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from models.attendance import Reason, Status, Verdict
from models.errors import EvidenceBroken
from models.evidence import Leaf, LeafKind
from models.evidence_leaves import (
    coverage,
    json_of,
    lesson_published,
    original_stored,
    segment_closed,
    segment_stored,
    verdict,
)
from models.evidence_leaves_retention import object_removed
from models.flags import Flag, FlagKind, FlagState
from models.footage import Segment, StoredObject
from models.merkle import CompactRange
from models.policy import Policy
from models.register import Upload, UploadKind, UploadState
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage import index_rows, leaf_loading
from storage.database import Database, sqlite_url
from storage.evidence_log import EvidenceLog
from storage.evidence_proofs import StoredTree
from storage.index_acts import ActRows
from storage.index_rows import IndexRows
from storage.leaf_loading import LeafLoader, read_record
from storage.leaf_store import LeafQuery, MemoryEvidenceStore, StoredLeaf
from storage.leaf_store_sql import SqlEvidenceStore
from storage.spool import object_key
from storage.tables import (
    CoverageRow,
    FlagRow,
    HoldRow,
    LessonRow,
    SegmentRow,
    UploadRow,
    VerdictRow,
)

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LESSON = Lesson("L1", "C1", "第3课", NOW, NOW + timedelta(minutes=45), cameras=("cam1",))
UNTIL = NOW + timedelta(days=1900)


class Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture(params=[1, 2000], ids=["each leaf written alone", "all written at once"])
def database(
    request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    monkeypatch.setattr(index_rows, "BATCH", request.param)
    monkeypatch.setattr(leaf_loading, "BATCH", request.param)
    database = Database(sqlite_url(Path(shutil.copy(migrated_file, tmp_path / "new.db"))))
    yield database
    database.close()


def segment(number: int = 1) -> Segment:
    starts_at = NOW + timedelta(minutes=number - 1)
    return Segment(
        f"seg-{number}", "L1", "cam1", number, starts_at, starts_at + timedelta(minutes=1),
        0.0, 60.0, "h264", 1920, 1080, 1000, f"{number:064x}", "", 30,
    )  # fmt: skip


def stored(one: Segment) -> StoredObject:
    key = object_key(one)
    return StoredObject(key, f"v{one.sequence}", 1000, one.sha256, "etag", "COMPLIANCE", UNTIL, False, NOW)


def upload(one: Segment) -> Upload:
    return Upload(
        one.segment_id, UploadKind.SEGMENT, "L1", "cam1", one.sequence, "", object_key(one), one.sha256,
        1000, UNTIL, UploadState.CLEARED, NOW,
    )  # fmt: skip


def published(lesson: Lesson = LESSON) -> Leaf:
    return lesson_published(lesson, Policy(), "5eed", NOW)


def verdict_of(status: Status) -> Verdict:
    return Verdict(
        "L1", "T01", status, (), None, None, (), (), 0.0, 45.0, 36.0, 0.0, (Reason("never_seen"),), (), "p",
    )  # fmt: skip


def build(database: Database, *leaves: Leaf) -> list[StoredLeaf]:
    """Leaves through the log's rules into records, and from records into rows."""
    log = EvidenceLog(MemoryEvidenceStore(), "test.rollcall/log", Clock())
    kept = [log.append(leaf) for leaf in leaves]
    with database.transaction(writing=True) as connection:
        loader = LeafLoader(connection, "test.rollcall/log")
        rows, acts = IndexRows(connection, Path("/spool")), ActRows(connection)
        for one in kept:
            leaf, clock, body = read_record(one.record)
            loader.add(leaf, clock)
            rows.add(leaf, body)
            acts.add(leaf, body)
        rows.finish(NOW - timedelta(days=1))
        acts.finish()
        loader.finish()
    return kept


def read(database: Database, *columns: object) -> list[tuple[object, ...]]:
    with database.transaction(writing=False) as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]  # type: ignore[call-overload]


def test_a_segment_without_a_receipt_waits_for_the_store(database: Database) -> None:
    build(database, published(), segment_closed(segment(), NOW))
    assert read(database, SegmentRow.path) == [("/spool/L1/cam1/000001.mp4",)]
    assert read(database, UploadRow.state, UploadRow.stored_at) == [(UploadState.WAITING, None)]


def test_a_receipt_finds_its_upload_wherever_the_writing_was_cut(database: Database) -> None:
    one = segment()
    build(database, published(), segment_closed(one, NOW), segment_stored(one, stored(one), NOW))
    found = read(database, UploadRow.state, UploadRow.object_version, UploadRow.locked_until)
    assert found == [(UploadState.CLEARED, "v1", UNTIL)]


def test_a_tombstone_finds_its_upload_wherever_the_writing_was_cut(database: Database) -> None:
    one = segment()
    gone = object_removed(upload(one), "v1", "p", True, NOW)
    kept = build(database, published(), segment_closed(one, NOW), segment_stored(one, stored(one), NOW), gone)
    assert read(database, UploadRow.removed_leaf, UploadRow.removed_at) == [(kept[-1].seq, NOW)]


def test_an_original_becomes_an_upload_of_its_own(database: Database) -> None:
    one = stored(segment())
    build(database, published(), original_stored("L1", "cam1", 1, one, NOW))
    assert read(database, UploadRow.upload_id, UploadRow.kind) == [
        (f"original:{one.sha256}", UploadKind.ORIGINAL)
    ]


def test_a_lesson_that_was_changed_is_the_last_one_published(database: Database) -> None:
    later = Lesson("L1", "C1", "第4课", NOW, NOW + timedelta(minutes=30), cameras=("cam1", "cam2"))
    build(database, published(), segment_closed(segment(), NOW), published(later))
    assert read(database, LessonRow.title, LessonRow.cameras) == [("第4课", ["cam1", "cam2"])]


def test_what_was_judged_again_is_the_last_word(database: Database) -> None:
    first, second = (verdict(verdict_of(status), NOW) for status in (Status.ABSENT, Status.EXCUSED))
    narrow = coverage("L1", "cam1", [Interval(NOW, NOW + timedelta(minutes=5))], NOW)
    whole = coverage("L1", "cam1", [LESSON.interval], NOW)
    build(database, published(), narrow, first, whole, second)
    assert read(database, VerdictRow.trainee, VerdictRow.status) == [("T01", Status.EXCUSED)]
    assert read(database, CoverageRow.starts_at, CoverageRow.ends_at) == [(LESSON.starts_at, LESSON.ends_at)]


def test_a_flag_is_as_it_stood_last_and_raised_when_it_was_first(database: Database) -> None:
    leaves = [published()]
    for state, at in ((FlagState.OPEN, NOW), (FlagState.WITHDRAWN, NOW + timedelta(hours=1))):
        body = json_of(Flag(FlagKind.ABSENCE, "L1", "T01", "p", (), (), state))
        body.pop("lesson_id")
        leaves.append(Leaf(LeafKind.FLAG, at, "L1", body))
    build(database, *leaves)
    found = read(database, FlagRow.state, FlagRow.raised_at, FlagRow.changed_at)
    assert found == [(FlagState.WITHDRAWN, NOW, NOW + timedelta(hours=1))]


def test_only_a_closed_lesson_of_the_past_is_sealed(database: Database) -> None:
    old = Lesson("L0", "C1", "t", NOW - timedelta(days=3), NOW - timedelta(days=3) + timedelta(hours=1))
    closed = [Leaf(LeafKind.LESSON_CLOSED, NOW, name, {}) for name in ("L0", "L1")]
    new = Lesson("L2", "C1", "t", NOW + timedelta(days=3), NOW + timedelta(days=3, hours=1))
    build(database, published(old), published(), published(new), *closed)
    assert sorted(read(database, LessonRow.lesson_id, LessonRow.state)) == [
        ("L0", LessonState.SEALED),
        ("L1", LessonState.JUDGED),
        ("L2", LessonState.PLANNED),
    ]


def test_a_hold_released_comes_back_unconfirmed(database: Database) -> None:
    acts = (("placed", "inquiry"), ("confirmed", ""), ("released", "closed"), ("confirmed", ""))
    bodies = [
        {"act": act, "hold_id": "h1", "case_ref": "c", "reason": reason, "actor": "auditor"}
        for act, reason in acts
    ]
    build(database, published(), *(Leaf(LeafKind.HOLD, NOW, "L1", body) for body in bodies))
    found = read(database, HoldRow.reason, HoldRow.release_reason, HoldRow.confirmed_at)
    assert found == [("inquiry", "closed", None)], "the store is asked again"


def test_the_loaded_log_proves_as_the_first_one_did(database: Database) -> None:
    """More than a tile, so that kept nodes count."""
    leaves = [Leaf(LeafKind.VIEW, NOW, None, {"n": number}) for number in range(600)]
    kept = build(database, *leaves)
    with database.transaction(writing=False) as connection:
        store = SqlEvidenceStore(connection)
        head = store.head()
        assert head is not None
        assert head.size == 600
        tree = StoredTree(store, 600)
        found = [row.record for row in store.rows(LeafQuery())]
        assert found == [row.record for row in kept]
        assert tree.root() == _root([row.leaf_hash for row in kept])


def _root(hashes: list[bytes]) -> bytes:
    tree = CompactRange()
    for one in hashes:
        tree, _ = tree.append(one)
    return tree.root()


def test_a_leaf_out_of_turn_is_refused(database: Database) -> None:
    log = EvidenceLog(MemoryEvidenceStore(), "test.rollcall/log", Clock())
    rows = [log.append(Leaf(LeafKind.VIEW, NOW, None, {"n": n})) for n in range(3)]
    with database.transaction(writing=True) as connection:
        loader = LeafLoader(connection, "test.rollcall/log")
        loader.add(rows[0], NOW)
        with pytest.raises(EvidenceBroken, match="leaf 2 stands where leaf 1 belongs"):
            loader.add(rows[2], NOW)


def test_tombstones_name_no_person() -> None:
    leaf = object_removed(upload(segment()), "v1", "p", False, NOW)
    assert set(leaf.body) == {
        "act", "key", "version", "sha256", "size_bytes", "camera_id", "sequence", "kind", "retention_ended",
        "policy_version", "was_there",
    }  # fmt: skip
