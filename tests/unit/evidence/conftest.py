"""A log with a lesson in it, and real bundles of it, made by the ordinary writer from small segments."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from models.attendance import Mark, Status, Verdict
from models.evidence import Leaf, LeafKind
from models.evidence_leaves import (
    camera_totals,
    gap,
    lesson_published,
    recorder_started,
    segment_closed,
    segment_stored,
    verdict,
)
from models.footage import Gap, GapCause, Segment, StoredObject
from models.policy import Policy
from models.timetable import Lesson
from storage.bundle import BundleContents, WrittenBundle, attachment_digests, write_bundle
from storage.bundle_evidence import (
    BundleScope,
    ExportRequest,
    FootageMode,
    gather_evidence,
    lesson_folder,
)
from storage.evidence_log import EvidenceLog
from storage.leaf_store import EvidenceStore, MemoryEvidenceStore
from storage.signing import Ed25519Signer

ORIGIN = "rollcall.example/heze"
LESSON_ID = "HZ-2026-014/3"
STARTS_AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
RETAIN_UNTIL = datetime(2031, 11, 23, 16, 0, tzinfo=UTC)


class HandClock:
    """Moves one millisecond per look and by hand."""

    def __init__(self, at: datetime = STARTS_AT - timedelta(minutes=30)) -> None:
        self.at = at

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def signer(number: int = 1, name: str = ORIGIN) -> Ed25519Signer:
    return Ed25519Signer(name, bytes([number]) * 32)


@dataclass
class Story:
    """What happens in the recorded lesson; each field is one thing that a test may bend."""

    store: EvidenceStore = field(default_factory=MemoryEvidenceStore)
    clock: HandClock = field(default_factory=HandClock)
    cameras: tuple[str, ...] = ("front", "后门.cam")
    segments: int = 3
    lock: Callable[[Segment, StoredObject], StoredObject] = lambda _segment, stored: stored
    during: Callable[[EvidenceLog, HandClock, int], None] = lambda _log, _clock, _number: None
    before: Callable[[EvidenceLog, HandClock], None] = lambda _log, _clock: None
    footage: FootageMode = FootageMode.INCLUDED
    rotate: bool = False
    seed: int = 7
    lesson_id: str = LESSON_ID

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.signer = signer()
        self.log = EvidenceLog(self.store, ORIGIN, self.clock)
        self.contents: dict[tuple[str, int], bytes] = {}
        self.footage_by_hash: dict[str, bytes] = {}
        self.recorded: list[Segment] = []

    def play(self) -> EvidenceLog:
        """From the log's opening to the lesson's close."""
        log, clock = self.log, self.clock
        log.open(self.signer)
        log.append(Leaf(LeafKind.CONSENT, clock.at, "another-lesson", {"trainee": "T09"}))
        log.write_checkpoint(self.signer)
        self.before(log, clock)
        self._lesson()
        return log

    def play_another(self, lesson_id: str) -> None:
        """One more lesson of the same class, an hour later."""
        self.lesson_id, self.recorded = lesson_id, []
        self.clock.forward(3600)
        self._lesson()

    def _lesson(self) -> None:
        log, clock = self.log, self.clock
        lesson = Lesson(
            self.lesson_id, "HZ-2026-014", "养老护理员 · 第3课", STARTS_AT, STARTS_AT + timedelta(minutes=45)
        )
        log.append(lesson_published(lesson, Policy(), "seed", clock.at))
        clock.forward(1800)
        for camera in self.cameras:
            log.append(recorder_started(self.lesson_id, camera, clock.at))
        for number in range(1, self.segments + 1):
            self._minute(number)
        hole = Gap(self.lesson_id, "front", clock.at, clock.at + timedelta(seconds=5), GapCause.STREAM_LOST)
        log.append(gap(hole, clock.at))
        for trainee in ("T01", "T02"):
            log.append(verdict(replace(a_verdict(trainee), lesson_id=self.lesson_id), clock.at))
        log.close_lesson(self.lesson_id, camera_totals(self.recorded, [hole]), RETAIN_UNTIL)
        log.write_checkpoint(self.signer)

    def _minute(self, number: int) -> None:
        for camera in self.cameras:
            self.clock.forward(60 / len(self.cameras))
            content = self.random.randbytes(200 + self.random.randrange(100))
            self.contents[camera, number] = content
            self.footage_by_hash[sha256(content).hexdigest()] = content
            segment = replace(a_segment(camera, number, content), lesson_id=self.lesson_id)
            self.recorded.append(segment)
            stored = self.lock(segment, a_stored(segment, self.clock.at))
            self.log.append(segment_closed(segment, self.clock.at))
            self.log.append(Leaf(LeafKind.CONSENT, self.clock.at, "another-lesson", {"n": number}))
            self.log.append(segment_stored(segment, stored, self.clock.at))
        self.during(self.log, self.clock, number)
        if self.rotate and number == 2:
            new = signer(2)
            self.log.rotate_key(self.signer, new)
            self.signer = new
        self.log.write_checkpoint(self.signer)

    def digest(self, camera: str, number: int) -> str:
        """SHA-256 of a recorded segment."""
        return sha256(self.contents[camera, number]).hexdigest()

    def bundle(self, target: Path) -> WrittenBundle:
        """Write the bundle of the played lesson."""
        attachments = {
            "attendance.json": b'{"trainees": [{"code": "T01", "status": "present"}]}\n',
            "sightings.jsonl": b'{"at": 1}\n{"at": 2}\n',
        }
        request = ExportRequest(LESSON_ID, "auditor", self.footage, attachment_digests(attachments))
        evidence = gather_evidence(self.log, self.signer, request)
        return write_bundle(
            evidence, BundleContents("software-only", attachments, self.footage_by_hash), self.signer, target
        )

    def joint_bundle(self, target: Path, scope: BundleScope, *lessons: str, chosen: int = 0) -> WrittenBundle:
        """The bundle of a class or case; ``chosen``: how many of the last lesson's segments go along."""
        attachments = {
            f"{lesson_folder(lesson)}attendance.json": b'{"lesson": "%s", "status": "present"}'
            % lesson.encode()
            for lesson in lessons
        }
        attachments["case.json" if chosen else "class.json"] = b'{"code": "HZ-2026-014"}\n'
        request = ExportRequest(
            "HZ-2026-014",
            "auditor",
            FootageMode.SELECTED if chosen else self.footage,
            attachment_digests(attachments),
            scope,
            lessons,
            frozenset(segment.sha256 for segment in self.recorded[:chosen]),
        )
        evidence = gather_evidence(self.log, self.signer, request)
        return write_bundle(
            evidence, BundleContents("software-only", attachments, self.footage_by_hash), self.signer, target
        )


def a_segment(camera: str, number: int, content: bytes) -> Segment:
    starts_at = STARTS_AT + timedelta(seconds=60 * (number - 1))
    return Segment(
        segment_id=f"{camera}-{number}",
        lesson_id=LESSON_ID,
        camera_id=camera,
        sequence=number,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=60),
        first_pts_s=60.0 * (number - 1),
        duration_s=60.0,
        codec="h264",
        width=1920,
        height=1080,
        size_bytes=len(content),
        sha256=sha256(content).hexdigest(),
        path=f"spool/{number}.mp4",
        keyframes=30,
    )


def a_stored(segment: Segment, at: datetime) -> StoredObject:
    return StoredObject(
        key=f"footage/{segment.sequence:06d}-{segment.sha256}.mp4",
        version="1",
        size_bytes=segment.size_bytes,
        sha256=segment.sha256,
        etag="e",
        lock_mode="COMPLIANCE",
        retain_until=RETAIN_UNTIL,
        legal_hold=False,
        stored_at=at,
    )


def a_verdict(trainee: str) -> Verdict:
    return Verdict(
        lesson_id=LESSON_ID,
        trainee=trainee,
        status=Status.PRESENT,
        marks=(Mark.LATE,),
        first_seen=STARTS_AT,
        last_seen=STARTS_AT + timedelta(minutes=44),
        present=(),
        unobserved=(),
        present_minutes=44.0,
        observable_minutes=45.0,
        required_minutes=36.0,
        credited_hours=1.0,
        reasons=(),
        evidence=(),
        policy_version="default-1",
    )


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def story() -> type[Story]:
    """The class, to be bent and played by the test."""
    return Story


@pytest.fixture(scope="session")
def make_signer() -> Callable[..., Ed25519Signer]:
    return signer


@pytest.fixture(scope="session")
def whole_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One good bundle, with a key rotation in it; never changed."""
    target = tmp_path_factory.mktemp("bundles") / "whole"
    played = Story(rotate=True)
    played.play()
    assert played.bundle(target).problems == ()
    return target


@pytest.fixture(scope="session")
def class_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three lessons of a class with all footage, the middle one exported by itself before; never changed."""
    folder = tmp_path_factory.mktemp("class")
    played = Story(rotate=True, segments=2)
    played.play()
    for lesson in ("HZ-2026-014/4", "HZ-2026-014/5"):
        played.rotate = False
        played.play_another(lesson)
    played.lesson_id = LESSON_ID
    assert played.bundle(folder / "lesson").problems == ()
    lessons = ("HZ-2026-014/5", "HZ-2026-014/4", LESSON_ID)
    assert played.joint_bundle(folder / "class", BundleScope.CLASS, *lessons).problems == ()
    return folder / "class"


@pytest.fixture(scope="session")
def case_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lesson's evidence with three of its six segments; never changed."""
    target = tmp_path_factory.mktemp("case") / "case"
    played = Story(rotate=True)
    played.play()
    assert played.joint_bundle(target, BundleScope.CASE, LESSON_ID, chosen=3).problems == ()
    return target


@pytest.fixture
def bundle_copy(whole_bundle: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(whole_bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def segment_maker() -> Callable[[str, int, bytes], Segment]:
    return a_segment


@pytest.fixture(scope="session")
def without_lock() -> Callable[[Segment, StoredObject], StoredObject]:
    return lambda _segment, stored: replace(stored, lock_mode=None, retain_until=None)
