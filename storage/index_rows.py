"""The index of footage and verdicts, as the evidence log tells it: each leaf becomes the rows it speaks of.

What a log does not hold cannot come back from it: names, identity numbers, photos, rosters, sightings,
cameras' addresses, accounts. ``storage.rebuild`` says so to whoever asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from models.attendance import Verdict
from models.evidence import JsonValue, LeafKind
from models.flags import Flag
from models.footage import Gap, Segment, StoredObject
from models.policy import Policy
from models.register import UploadKind
from models.retention import footage_retention
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.documents import from_document, object_document
from storage.index_statements import (
    CLOSE_LESSON,
    KEEP_RECEIPT,
    NO_RECEIPT,
    NOTE_REMOVAL,
    class_row,
    delete_matching,
    lesson_row,
    receipt,
)
from storage.leaf_store import StoredLeaf
from storage.repositories.writing import new_id
from storage.spool import object_key
from storage.tables import (
    ClassRow,
    CoverageRow,
    FlagRow,
    GapRow,
    LessonRow,
    SegmentRow,
    UploadRow,
    VerdictRow,
)

BATCH = 2000
Body = Mapping[str, JsonValue]


@dataclass(slots=True)
class _Lesson:
    """What later leaves need to know of a lesson."""

    ends_at: datetime
    years: int
    class_code: str


@dataclass(frozen=True, slots=True)
class _Covered:
    """The body of a coverage leaf."""

    camera_id: str
    intervals: tuple[Interval, ...]


@dataclass(slots=True)
class _Pending:
    """Rows on their way into one table, by their key, so that a later leaf may still change them."""

    rows: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def take(self) -> list[dict[str, Any]]:
        taken = list(self.rows.values())
        self.rows = {}
        return taken


class IndexRows:
    """Turns leaves into rows, many at a time. Its caller commits."""

    def __init__(self, connection: Connection, spool: Path, classes: frozenset[str] = frozenset()) -> None:
        """``classes``: codes that the database has already, where a load goes on."""
        self._connection = connection
        self._spool = spool
        self._lessons: dict[str, _Lesson] = {}
        self._classes = set(classes)
        self._flags: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._new_lessons = _Pending()
        self._closed: list[dict[str, Any]] = []
        self._segments = _Pending()
        self._uploads = _Pending()
        self._receipts: list[dict[str, Any]] = []
        self._removals: list[dict[str, Any]] = []
        self._gaps = _Pending()
        self._verdicts = _Pending()
        self._coverage = _Pending()
        self.made: Counter[str] = Counter()
        self._take = {
            LeafKind.LESSON_PUBLISHED: self._published,
            LeafKind.LESSON_CLOSED: self._close,
            LeafKind.SEGMENT_CLOSED: self._segment,
            LeafKind.SEGMENT_STORED: self._stored,
            LeafKind.ORIGINAL_STORED: self._original,
            LeafKind.GAP: self._gap,
            LeafKind.COVERAGE: self._covered,
            LeafKind.VERDICT: self._verdict,
            LeafKind.FLAG: self._flag,
            LeafKind.PURGE: self._removed,
        }

    def add(self, leaf: StoredLeaf, body: Body) -> None:
        """The next leaf of the log.

        Raises:
            StorageError, KeyError, TypeError, ValueError: its body is not what its kind says.
        """
        take = self._take.get(leaf.kind)
        if take is not None and leaf.lesson_id is not None:
            take(leaf, body)
        if len(self._uploads.rows) + len(self._verdicts.rows) + len(self._receipts) >= BATCH:
            self.write()

    def classes_known(self) -> frozenset[str]:
        """Codes of the classes whose lessons were found."""
        return frozenset(self._classes)

    def knows(self, lesson_id: str) -> bool:
        """Whether the log published this lesson."""
        return lesson_id in self._lessons

    def write(self) -> None:
        """Write what has gathered, parents first."""
        run = self._connection.execute
        for table, pending in (
            (LessonRow, self._new_lessons),
            (SegmentRow, self._segments),
            (UploadRow, self._uploads),
            (GapRow, self._gaps),
        ):
            if rows := pending.take():
                run(insert(table), rows)
        if self._closed:
            run(CLOSE_LESSON, self._closed)
        if self._receipts:
            run(KEEP_RECEIPT, self._receipts)
        if self._removals:
            run(NOTE_REMOVAL, self._removals)
        self._closed, self._receipts, self._removals = [], [], []
        self._replace(VerdictRow, self._verdicts, ("lesson_id", "trainee"))
        self._write_coverage()

    def _write_coverage(self) -> None:
        if rows := self._coverage.take():
            keys = [{"b_lesson_id": one["lesson_id"], "b_camera_id": one["camera_id"]} for one in rows]
            self._connection.execute(delete_matching(CoverageRow, ("lesson_id", "camera_id")), keys)
            pieces = [piece for one in rows for piece in one["pieces"]]
            self._connection.execute(insert(CoverageRow), pieces)

    def finish(self, sealed_before: datetime) -> None:
        """Write everything, flags as they stood last; judged lessons that ended earlier are sealed."""
        self.write()
        if self._flags:
            self._connection.execute(insert(FlagRow), list(self._flags.values()))
        sealing = update(LessonRow).where(
            LessonRow.state == LessonState.JUDGED, LessonRow.ends_at < sealed_before
        )
        self._connection.execute(sealing.values(state=LessonState.SEALED))

    def _replace(self, table: Any, pending: _Pending, keys: tuple[str, ...]) -> None:
        if rows := pending.take():
            self._connection.execute(
                delete_matching(table, keys), [{f"b_{key}": row[key] for key in keys} for row in rows]
            )
            self._connection.execute(insert(table), rows)

    def _published(self, leaf: StoredLeaf, body: Body) -> None:
        policy = from_document(Policy, body["policy"])
        lesson = from_document(Lesson, {**body, "lesson_id": leaf.lesson_id})
        if lesson.class_code not in self._classes:
            self._connection.execute(insert(ClassRow), class_row(lesson.class_code, leaf.at))
            self._classes.add(lesson.class_code)
        row = lesson_row(lesson, policy, body["roll_call_seed"])
        if lesson.lesson_id in self._lessons and lesson.lesson_id not in self._new_lessons.rows:
            values = {name: value for name, value in row.items() if name != "lesson_id"}
            self._connection.execute(
                update(LessonRow).where(LessonRow.lesson_id == lesson.lesson_id).values(**values)
            )
        else:
            self._new_lessons.rows[lesson.lesson_id] = row
        known = _Lesson(lesson.ends_at, policy.recording.retention_years, lesson.class_code)
        self._lessons[lesson.lesson_id] = known
        self.made["lessons"] = len(self._lessons)

    def _close(self, leaf: StoredLeaf, _body: Body) -> None:
        self._closed.append({"b_lesson_id": leaf.lesson_id})

    def _segment(self, leaf: StoredLeaf, body: Body) -> None:
        path = self._spool / str(leaf.lesson_id) / str(body["camera_id"]) / f"{body['sequence']:06d}.mp4"
        segment = from_document(Segment, {**body, "lesson_id": leaf.lesson_id, "path": str(path)})
        lesson = self._lessons[segment.lesson_id]
        row = {name: getattr(segment, name) for name in Segment.__dataclass_fields__}
        self._segments.rows[segment.segment_id] = row
        until = footage_retention(max(lesson.ends_at, segment.ends_at), leaf.at, lesson.years)
        self._queue(UploadKind.SEGMENT, segment.segment_id, segment, object_key(segment), until, leaf.at)
        self.made["segments"] += 1

    def _queue(
        self, kind: UploadKind, upload_id: str, segment: Segment, key: str, until: datetime, at: datetime
    ) -> None:
        self._uploads.rows[key] = {
            **NO_RECEIPT,
            "upload_id": upload_id,
            "kind": kind,
            "lesson_id": segment.lesson_id,
            "camera_id": segment.camera_id,
            "sequence": segment.sequence,
            "path": segment.path,
            "object_key": key,
            "sha256": segment.sha256,
            "size_bytes": segment.size_bytes,
            "retain_until": until,
            "queued_at": at,
        }

    def _stored(self, _leaf: StoredLeaf, body: Body) -> None:
        stored = from_document(StoredObject, body)
        pending = self._uploads.rows.get(stored.key)
        if pending is not None:
            pending.update(receipt(stored))
        else:
            self._receipts.append({"b_key": stored.key, **receipt(stored)})
        self.made["receipts"] += 1

    def _original(self, leaf: StoredLeaf, body: Body) -> None:
        stored = from_document(StoredObject, body)
        self._uploads.rows[stored.key] = {
            "upload_id": f"original:{stored.sha256}",
            "kind": UploadKind.ORIGINAL,
            "lesson_id": leaf.lesson_id,
            "camera_id": str(body["camera_id"]),
            "sequence": body["sequence"],
            "path": str(self._spool / str(leaf.lesson_id) / Path(stored.key).name),
            "object_key": stored.key,
            "sha256": stored.sha256,
            "size_bytes": stored.size_bytes,
            "retain_until": stored.retain_until or leaf.at,
            "queued_at": leaf.at,
            **receipt(stored),
        }
        self.made["receipts"] += 1

    def _gap(self, leaf: StoredLeaf, body: Body) -> None:
        gap = from_document(Gap, {**body, "lesson_id": leaf.lesson_id})
        key = (gap.lesson_id, gap.camera_id, gap.starts_at, gap.ends_at, gap.cause)
        self._gaps.rows[key] = {name: getattr(gap, name) for name in Gap.__dataclass_fields__}
        self.made["gaps"] += 1

    def _covered(self, leaf: StoredLeaf, body: Body) -> None:
        covered = from_document(_Covered, body)
        camera_id = covered.camera_id
        names = {"lesson_id": leaf.lesson_id, "camera_id": camera_id}
        pieces = [{**names, "starts_at": one.starts_at, "ends_at": one.ends_at} for one in covered.intervals]
        if pieces:
            self._coverage.rows[leaf.lesson_id, camera_id] = {**names, "pieces": pieces}

    def _verdict(self, leaf: StoredLeaf, body: Body) -> None:
        verdict = from_document(Verdict, {**body, "lesson_id": leaf.lesson_id})
        self._verdicts.rows[verdict.lesson_id, verdict.trainee] = {
            "lesson_id": verdict.lesson_id,
            "trainee": verdict.trainee,
            "status": verdict.status,
            "credited_hours": verdict.credited_hours,
            "policy_version": verdict.policy_version,
            "document": object_document(verdict),
            "judged_at": leaf.at,
        }
        self.made["verdicts"] += 1

    def _flag(self, leaf: StoredLeaf, body: Body) -> None:
        flag = from_document(Flag, {**body, "lesson_id": leaf.lesson_id})
        row = self._flags.setdefault(
            flag.identity, {"flag_id": new_id(), "raised_at": leaf.at, "revision": 1}
        )
        row |= {
            "kind": flag.kind,
            "lesson_id": flag.lesson_id,
            "subject": flag.subject,
            "state": flag.state,
            "policy_version": flag.policy_version,
            "document": object_document(flag),
            "changed_at": leaf.at,
        }
        self.made["flags"] = len(self._flags)

    def _removed(self, leaf: StoredLeaf, body: Body) -> None:
        if body.get("act") != "removed":
            return
        gone = {"removing_since": leaf.at, "removed_at": leaf.at, "removed_leaf": leaf.seq}
        pending = self._uploads.rows.get(body["key"])
        if pending is not None:
            pending.update(gone)
        else:
            self._removals.append({"b_key": body["key"], **gone})
        self.made["removed objects"] += 1
