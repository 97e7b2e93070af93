"""A sealed lesson of an installation: published, recorded, stored, judged, its log copied into the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from models.evidence_leaves import lesson_published
from models.footage import Segment
from models.policy import Policy
from models.register import LessonRecord, TrainingClass
from models.roster import Trainee
from models.timetable import Lesson, LessonState
from storage.leaf_store import LeafQuery
from storage.log_copy import CopiedRange, checkpoint_key, leaves_bytes
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.judging import judge_lesson
from tests.api.scene import id_number

CONTENTS = tuple(f"footage {number}".encode() * 500 for number in (1, 2, 3))


@dataclass(frozen=True)
class Before:
    """What the lost database knew."""

    segments: tuple[Segment, ...]
    statuses: list[str]
    leaves: int


def live_through_a_lesson(house: Installation, contents: Sequence[bytes] = CONTENTS) -> Before:
    """A lesson of two days ago: published, recorded, stored, judged, sealed, its log copied."""
    now = house.clock.now()
    starts_at = now - timedelta(days=2)
    lesson = Lesson(
        "L1", "C1", "第3课", starts_at, starts_at + timedelta(minutes=len(contents)), cameras=("cam1",)
    )
    record = LessonRecord(lesson, Policy(), LessonState.CLOSING, "5eed")
    with house.ledger.write() as work:
        work.classes.add(TrainingClass("C1", "养老护理员"), now)
        work.roster.add("C1", [Trainee("T01", "王建国", id_number(1))], now)
        work.lessons.add(record)
        work.evidence.append(lesson_published(lesson, record.policy, "5eed", now))
    for number, content in enumerate(contents, start=1):
        assert house.spool.accept(_segment(house, lesson, number, content))
    assert all(attempt.stored for attempt in house.uploader.drain())
    with house.ledger.write() as work:
        judge_lesson(work, "L1", now)
        work.lessons.move("L1", LessonState.JUDGED, LessonState.SEALED)
        work.evidence.write_checkpoint(house.signer)
    copy_log(house)
    with house.ledger.read() as work:
        head = work.evidence.store.head()
        assert head is not None
        statuses = [one.status.value for one in work.verdicts.of_lesson("L1")]
        return Before(work.footage.segments("L1"), statuses, head.size)


def _segment(house: Installation, lesson: Lesson, number: int, content: bytes) -> Segment:
    path = house.spool.folder("L1", "cam1") / f"{number:06d}.mp4"
    path.write_bytes(content)
    starts_at = lesson.starts_at + timedelta(minutes=number - 1)
    return Segment(
        segment_id=f"seg-{number}",
        lesson_id="L1",
        camera_id="cam1",
        sequence=number,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=1),
        first_pts_s=60.0 * (number - 1),
        duration_s=60.0,
        codec="h264",
        width=1920,
        height=1080,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        path=str(path),
        keyframes=30,
    )


def copy_log(house: Installation) -> None:
    """As the chore that copies the log does it, in two ranges."""
    with house.ledger.read() as work:
        rows = tuple(work.evidence.store.rows(LeafQuery()))
        notes = work.evidence.store.checkpoints(0, len(rows))
    for piece in (rows[:4], rows[4:]):
        content = leaves_bytes(piece)
        digest = hashlib.sha256(content).hexdigest()
        _put(house, CopiedRange(piece[0].seq, piece[-1].seq, digest).key, content)
    for note in notes:
        _put(house, checkpoint_key(note.size, note.note.encode()), note.note.encode())


def _put(house: Installation, key: str, content: bytes) -> None:
    path = house.folder / "copied"
    path.write_bytes(content)
    until = house.clock.now() + timedelta(days=2000)
    house.store.put_locked(key, str(path), hashlib.sha256(content).hexdigest(), until)
