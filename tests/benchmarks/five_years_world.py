"""Five years of lessons under a virtual clock, written as the program writes them.

Each day twenty rooms record at once. Each minute every camera closes a segment and the store confirms it, and
the log is signed; at the end verdicts, coverage and the closing leaf follow. The rules of ``EvidenceLog``
make every record; ``storage.leaf_loading`` and ``storage.index_rows`` turn them into rows in large units,
as a rebuilt index is made (tests/unit/storage/test_rebuild.py holds those rows to what the repositories
write).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from models.attendance import EvidenceLink, Reason, Status, Verdict
from models.evidence_leaves import (
    camera_totals,
    coverage,
    lesson_published,
    segment_closed,
    segment_stored,
    verdict,
)
from models.footage import Segment, StoredObject
from models.merkle import CompactRange
from models.policy import Policy
from models.retention import footage_retention
from models.timeline import Interval
from models.timetable import Lesson
from storage.database import Database, sqlite_url, upgrade
from storage.evidence_log import EvidenceLog
from storage.index_rows import IndexRows
from storage.installation import vault_of
from storage.leaf_loading import LeafLoader, read_record
from storage.leaf_store import LeafQuery, LogHead, StoredCheckpoint, StoredLeaf, StoredNode
from storage.signing import Ed25519Signer
from storage.signing_keys import open_or_create_signer
from storage.spool import object_key

ORIGIN = "rollcall.local/log"
SEGMENT = timedelta(seconds=60)
DAYS_PER_UNIT = 10
PLANNED_DAYS = 220
SIZE_BYTES = 15_000_000
"""A minute at 2 Mbit/s; only the row says so, no such file is written."""


class VirtualClock:
    """Shows what it was set to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()


@dataclass(slots=True)
class PassingStore:
    """An ``EvidenceStore`` that remembers only what an append needs and hands everything else on."""

    kept: LogHead | None = None
    leaves: list[StoredLeaf] = field(default_factory=list)
    signed: list[StoredCheckpoint] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def head(self) -> LogHead | None:
        return self.kept

    def lock_head(self, origin: str) -> LogHead:
        self.kept = self.kept or LogHead(origin)
        return self.kept

    def append(self, head: LogHead, row: StoredLeaf, _nodes: Sequence[StoredNode]) -> None:
        self.kept = head
        self.leaves.append(row)
        if row.lesson_id is not None:
            self.counts[row.lesson_id] = self.lesson_leaves(row.lesson_id) + 1

    def rows(self, _query: LeafQuery) -> Iterable[StoredLeaf]:
        return ()

    def hashes(self, _level: int, _start: int, _stop: int) -> Sequence[bytes]:
        return ()

    def lesson_leaves(self, lesson_id: str) -> int:
        return self.counts.get(lesson_id, 0)

    def add_checkpoint(self, row: StoredCheckpoint) -> None:
        self.signed.append(row)

    def latest_checkpoint(self) -> StoredCheckpoint | None:
        return None

    def checkpoints(self, _start_size: int, _stop_size: int) -> Sequence[StoredCheckpoint]:
        return ()

    def checkpoint_before(self, _size: int) -> StoredCheckpoint | None:
        return None


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is simulated: working days of ``cameras`` lessons of ``minutes`` segments each."""

    cameras: int = 20
    minutes: int = 45
    trainees: int = 5
    days: int = 1112

    @property
    def segments(self) -> int:
        return self.cameras * self.minutes * self.days


class World:
    """The installation in the making. ``folder``: its data folder, with keys and ``rollcall.db``."""

    def __init__(self, folder: Path, scale: Scale, ends_at: datetime) -> None:
        self.folder, self.scale, self._ends_at = folder, scale, ends_at
        self.clock = VirtualClock(ends_at - timedelta(days=5 * 366))
        address = sqlite_url(folder / "rollcall.db")
        upgrade(address)
        self.database = Database(address)
        vault_of(self.database, folder / "keys", self.clock.now())
        self.signer: Ed25519Signer = open_or_create_signer(folder / "keys", ORIGIN)
        self._store = PassingStore()
        self._log = EvidenceLog(self._store, ORIGIN, self.clock)
        self._spacing = (ends_at - self.clock.at - timedelta(days=1)) / scale.days
        self._begins = self.clock.at.replace(hour=1, minute=0, second=0, microsecond=0, tzinfo=UTC)
        self._tree = CompactRange()
        self._classes: frozenset[str] = frozenset()
        self.days = 0
        self.segments = 0
        self._log.open(self.signer)
        self._log.write_checkpoint(self.signer)

    @property
    def first_lesson(self) -> str:
        """Of the first day: what an auditor asks for years later."""
        return self._lesson(0, self._begins).lesson_id

    def write_days(self, until: int) -> None:
        """Simulate up to the day of that number; then the log's head is whole."""
        while self.days < until:
            self._write_some(min(until, self.days + DAYS_PER_UNIT))

    def _write_some(self, until: int) -> None:
        with self.database.transaction(writing=True) as connection:
            # Room for the writer alone: what is measured opens its copy with the program's own.
            connection.exec_driver_sql("PRAGMA cache_size=-400000")
            # Continued, not begun anew: what earlier units wrote stays, the head takes its place.
            connection.exec_driver_sql("DELETE FROM evidence_head")
            loader = LeafLoader(connection, ORIGIN, self._tree)
            rows = IndexRows(connection, self.folder / "spool", self._classes)
            if not self.days:
                self._plan_a_year()
            while self.days < until:
                self._day()
                self._hand_on(loader, rows)
            rows.finish(self.clock.at - timedelta(days=1))
            loader.finish()
            self._tree, self._classes = loader.tree, rows.classes_known()

    def _hand_on(self, loader: LeafLoader, rows: IndexRows) -> None:
        for written in self._store.leaves:
            leaf, clock, body = read_record(written.record)
            loader.add(leaf, clock)
            rows.add(leaf, body)
        loader.add_checkpoints(self._store.signed)
        self._store.leaves, self._store.signed, self._store.counts = [], [], {}

    def _plan_a_year(self) -> None:
        """A full timetable after the end, which timers must not read again and again."""
        for number in range(PLANNED_DAYS):
            for camera in range(self.scale.cameras):
                lesson = self._lesson(camera, self._ends_at + timedelta(days=number + 3))
                self._log.append(lesson_published(lesson, Policy(), "", self.clock.at))

    def _day(self) -> None:
        starts_at = self._begins + (self._spacing * self.days).days * timedelta(days=1)
        lessons = [self._lesson(camera, starts_at) for camera in range(self.scale.cameras)]
        self.clock.at = starts_at - timedelta(minutes=30)
        for lesson in lessons:
            self._log.append(lesson_published(lesson, Policy(), f"seed-{lesson.lesson_id}", self.clock.at))
        recorded: dict[str, list[Segment]] = {lesson.lesson_id: [] for lesson in lessons}
        for minute in range(self.scale.minutes):
            self.clock.at = starts_at + SEGMENT * (minute + 1)
            for lesson in lessons:
                recorded[lesson.lesson_id].append(self._minute(lesson, minute))
            self._log.write_checkpoint(self.signer)
        self.clock.at += timedelta(minutes=1)
        for lesson in lessons:
            self._judge(lesson, recorded[lesson.lesson_id])
        self._log.write_checkpoint(self.signer)
        self.days += 1
        self.segments += self.scale.cameras * self.scale.minutes

    def _lesson(self, camera: int, starts_at: datetime) -> Lesson:
        name = f"cam{camera:02d}"
        return Lesson(
            lesson_id=f"C{camera:02d}-{starts_at:%Y%m%d}",
            class_code=f"C{camera:02d}-{starts_at:%Y}",
            title="养老护理员",
            starts_at=starts_at,
            ends_at=starts_at + SEGMENT * self.scale.minutes,
            room=f"{100 + camera}",
            cameras=(name,),
        )

    def _minute(self, lesson: Lesson, minute: int) -> Segment:
        segment = segment_of(lesson, minute, self.folder)
        self._log.append(segment_closed(segment, self.clock.at))
        self._log.append(segment_stored(segment, stored_of(lesson, segment, self.clock.at), self.clock.at))
        return segment

    def _judge(self, lesson: Lesson, segments: Sequence[Segment]) -> None:
        now = self.clock.at
        self._log.append(coverage(lesson.lesson_id, lesson.cameras[0], [lesson.interval], now))
        for number in range(self.scale.trainees):
            self._log.append(verdict(_verdict(lesson, f"T{number:02d}"), now))
        totals = camera_totals(segments, ())
        self._log.close_lesson(lesson.lesson_id, totals, footage_retention(lesson.ends_at, now))


def segment_of(lesson: Lesson, minute: int, folder: Path) -> Segment:
    """A minute of the lesson's only camera."""
    starts_at, camera = lesson.starts_at + SEGMENT * minute, lesson.cameras[0]
    name = f"{lesson.lesson_id}/{camera}/{minute + 1:06d}"
    return Segment(
        segment_id=hashlib.sha256(name.encode()).hexdigest()[:32],
        lesson_id=lesson.lesson_id,
        camera_id=camera,
        sequence=minute + 1,
        starts_at=starts_at,
        ends_at=starts_at + SEGMENT,
        first_pts_s=60.0 * minute,
        duration_s=60.0,
        codec="h264",
        width=1920,
        height=1080,
        size_bytes=SIZE_BYTES,
        sha256=hashlib.sha256(b"bytes of " + name.encode()).hexdigest(),
        path=str(folder / "spool" / f"{name}.mp4"),
        keyframes=30,
    )


def stored_of(lesson: Lesson, segment: Segment, at: datetime) -> StoredObject:
    """What a store would say of it."""
    return StoredObject(
        key=object_key(segment),
        version=f"{at:%Y%m%dT%H%M%S}-{segment.segment_id[:8]}",
        size_bytes=segment.size_bytes,
        sha256=segment.sha256,
        etag=segment.sha256,
        lock_mode="COMPLIANCE",
        retain_until=footage_retention(lesson.ends_at, at),
        legal_hold=False,
        stored_at=at,
    )


def _verdict(lesson: Lesson, trainee: str) -> Verdict:
    minutes = lesson.interval.duration.total_seconds() / 60
    shown = EvidenceLink("first_seen", lesson.starts_at, lesson.cameras[0], 0.9)
    return Verdict(
        lesson_id=lesson.lesson_id,
        trainee=trainee,
        status=Status.PRESENT,
        marks=(),
        first_seen=lesson.starts_at,
        last_seen=lesson.ends_at,
        present=(Interval(lesson.starts_at, lesson.ends_at),),
        unobserved=(),
        present_minutes=minutes,
        observable_minutes=minutes,
        required_minutes=minutes * 0.8,
        credited_hours=1.0,
        reasons=(Reason("present", (("minutes", f"{minutes:g}"),)),),
        evidence=(shown, replace(shown, shows="last_seen", at=lesson.ends_at)),
        policy_version="default-1",
    )
