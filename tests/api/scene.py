"""A small installation for tests of the web: accounts of every role, a class, a judged and a running lesson.

Everything below the web is real (database, evidence log, object store, wiring); only the clock is set by
hand, passwords are hashed cheaply, and rosters are judged without looking at faces.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import av
import numpy as np

from models import evidence_leaves
from models.attendance import EvidenceLink, Mark, Reason, Status, Verdict
from models.flags import Flag, FlagKind
from models.footage import Gap, GapCause, Segment
from models.frame import Box, FrameJudgement, Sighting
from models.identity import check_character
from models.policy import Policy
from models.register import (
    Camera,
    LessonRecord,
    Role,
    TrainingClass,
    Upload,
    UploadKind,
    UploadState,
    User,
)
from models.roster import Enrolled, Trainee
from models.roster_check import check_roster
from models.roster_table import rows_from_table
from models.spool_forecast import SpoolForecast
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.spool import SpoolState, object_key
from storage.unit_of_work import UnitOfWork
from storage.upload_desk import DeskState
from supervision_api.auth_passwords import PasswordCost, Passwords
from supervision_api.live import LiveHub
from supervision_api.metrics import Metrics
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.roster_enrolment import ExaminedRoster, Progress
from supervision_api.pipeline.spool_watch import SpoolReport
from supervision_api.roster_files import RosterFiles
from supervision_api.services import Services
from supervision_api.settings import Settings
from supervision_api.wiring import wire

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
FILLING = SpoolReport(
    NOW,
    SpoolState(412, 6_180_000_000, NOW - timedelta(hours=7), 558_000_000_000, ("age",)),
    DeskState(True, 12.0, 0, "store_unavailable", 0),
    SpoolForecast(900.0, 5e6, 0.0, 31 * 3600.0, None),
    ("age", "forecast"),
)
"""The store has been away for a morning."""
PASSWORD = "three quiet classrooms"
CLASS = "HZ-2026-014"
JUDGED = "HZ-2026-014-judged"
LIVE = "HZ-2026-014-live"
CAMERA = "room-301"
SECRET_ADDRESS = "rtsp://viewer:S3cret-pass@192.0.2.10:554/stream1?token=abc"
STARTS = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
ENDS = STARTS + timedelta(minutes=45)
NASTY = '<script>alert("x")</script>'

NAMES = (
    "王建国", "李秀英", "张伟", "刘洋", "陈静", "杨帆", "赵敏", "黄丽",
    "周强", "吴迪", "徐慧", "孙鹏", "马超", "朱琳", "胡斌", NASTY,
)  # fmt: skip


class HandClock:
    """Shows what it was set to."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at
        self.monotonic = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.monotonic

    def forward(self, **parts: float) -> None:
        self.at += timedelta(**parts)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a test has in hand."""

    house: Installation
    services: Services
    clock: HandClock
    hub: LiveHub
    segments: tuple[Segment, ...]


@contextmanager
def open_scene(folder: Path, migrated: Path, clips: tuple[bytes, ...]) -> Iterator[Scene]:
    """An installation in a folder; ``migrated``: an empty database with its tables, copied."""
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700)
    shutil.copy(migrated, data / "rollcall.db")
    settings = Settings(
        data_dir=data, cache_dir=folder / "cache", spool_reserve_mb=16, institution="示范职业培训学校"
    )
    clock, hub = HandClock(), LiveHub()
    with open_installation(settings) as opened:
        house = replace(opened, clock=clock, ledger=replace(opened.ledger, clock=clock))
        wired = wire(house, hub=hub, metrics=Metrics())
        services = replace(
            wired,
            passwords=Passwords(PasswordCost(1, 8, 1)),
            examine_roster=examine_without_faces,
            workplace=folder,
            spool_report=lambda: FILLING,
        )
        segments = fill(house, services, clips)
        yield Scene(house, services, clock, hub, segments)


def examine_without_faces(
    files: RosterFiles,
    today: date,
    progress: Progress,
    *,
    faceless_allowed: bool,
    enrolled: Enrolled | None = None,
) -> ExaminedRoster:
    """The row rules alone; every photo is left out."""
    rows = rows_from_table(files.table, place=files.table_name)
    check = check_roster(rows, today, files.photo_names, enrolled)
    progress(0.5, "photos")
    codes = tuple(trainee.code for trainee in check.trainees)
    return ExaminedRoster(rows, check.trainees, check.problems, (), codes)


def id_number(index: int) -> str:
    """A well-formed resident number of nobody."""
    first = f"37170019900101{index:03d}"
    return first + check_character(first)


def fill(house: Installation, services: Services, clips: tuple[bytes, ...]) -> tuple[Segment, ...]:
    with house.ledger.write() as work:
        add_people(work, services)
        work.cameras.add(Camera(CAMERA, "301", SECRET_ADDRESS, "301 教室前方"))
        add_lesson(work, JUDGED, STARTS, LessonState.JUDGED)
        add_lesson(work, LIVE, NOW - timedelta(minutes=20), LessonState.RUNNING)
        work.verdicts.save(verdicts(), NOW)
        for one in verdicts():
            work.evidence.append(evidence_leaves.verdict(one, NOW))
        for flag in flags():
            work.flags.put(flag, NOW)
        work.sightings.add(judgements())
        work.footage.add_coverage(JUDGED, CAMERA, Interval(STARTS, ENDS))
        work.footage.add_gap(
            Gap(
                JUDGED,
                CAMERA,
                STARTS + timedelta(minutes=20),
                STARTS + timedelta(minutes=22),
                GapCause.STREAM_LOST,
            )
        )
    segments = tuple(add_segment(house, index, clip) for index, clip in enumerate(clips, start=1))
    with house.ledger.write() as work:
        work.evidence.write_checkpoint(house.signer)
    return segments


def add_people(work: UnitOfWork, services: Services) -> None:
    hashed = services.passwords.hash(PASSWORD)
    for role in Role:
        work.users.add(User(role.value, hashed, role, f"{role.value} 账号", "zh_CN"))
    work.classes.ensure_institution("local", "示范职业培训学校", NOW)
    work.classes.add(TrainingClass(CLASS, "养老护理员（初级）第14期", "local", "养老护理员"), NOW)
    trainees = [Trainee(f"T{i:03d}", name, id_number(i)) for i, name in enumerate(NAMES, start=1)]
    work.roster.add(CLASS, trainees, NOW)


def add_lesson(work: UnitOfWork, lesson_id: str, starts_at: datetime, state: LessonState) -> None:
    lesson = Lesson(
        lesson_id,
        CLASS,
        "养老护理员 · 第3课",
        starts_at,
        starts_at + timedelta(minutes=45),
        room="301",
        instructor="郑老师",
        cameras=(CAMERA,),
    )
    work.lessons.add(LessonRecord(lesson, Policy(), state, roll_call_seed="ab" * 32))


ALIKE = Reason(
    "unknown_resembles",
    (
        ("unknown", "u-1"),
        ("number", "1"),
        ("trainee", "T004"),
        ("seen_at", "2026-11-23T00:00:06Z"),
        ("present_minutes", "31"),
        ("evidence", "4.25"),
        ("lead", "2.5"),
    ),
)
ALIKE_LINK = EvidenceLink("resembles", STARTS + timedelta(seconds=6), CAMERA, 4.25)


def verdicts() -> tuple[Verdict, ...]:
    """One of each kind, the rest present; an unknown person resembles the absent one."""
    special = {
        "T002": (Status.PRESENT, (Mark.LATE,), 8.2, 36.8, 0.5),
        "T003": (Status.PARTIAL, (Mark.LEFT_EARLY,), 0.5, 21.0, 0.0),
        "T004": (Status.ABSENT, (), None, 0.0, 0.0),
        "T005": (Status.NOT_OBSERVABLE, (), 0.4, 30.0, 0.5),
        "T006": (Status.EXCUSED, (), None, 0.0, 0.0),
        "T007": (Status.PRESENT, (Mark.ABSENT_IN_MIDDLE,), 0.3, 36.5, 0.5),
    }
    plain = (Status.PRESENT, (), 0.2, 44.6, 1.0)
    return tuple(
        verdict(code, *special.get(code, plain)) for code in (f"T{i:03d}" for i in range(1, len(NAMES) + 1))
    )


def verdict(
    code: str, status: Status, marks: tuple[Mark, ...], first: float | None, minutes: float, hours: float
) -> Verdict:
    begin = None if first is None else STARTS + timedelta(minutes=first)
    end = None if begin is None else begin + timedelta(minutes=minutes)
    measured = (("present_minutes", f"{minutes:g}"), ("required_minutes", "36"))
    reasons = {
        Status.PRESENT: (Reason("present_enough", measured),),
        Status.PARTIAL: (Reason("present_too_short", measured),),
        Status.ABSENT: (Reason("never_seen", (("watched_minutes", "43"), ("required_minutes", "36"))),),
        Status.NOT_OBSERVABLE: (Reason("unobserved_could_lift", (*measured, ("unobserved_minutes", "9"))),),
        Status.EXCUSED: (
            Reason("never_seen", (("watched_minutes", "43"), ("required_minutes", "36"))),
            Reason("leave_covers"),
        ),
    }[status]
    if Mark.LATE in marks:
        arrived = "2026-11-23T00:08:12Z"
        reasons += (
            Reason("late", (("arrived_at", arrived), ("watched_minutes", "8.2"), ("grace_minutes", "5"))),
        )
    links = [EvidenceLink("not_seen", STARTS + timedelta(seconds=6), CAMERA, 0.0)]
    if begin and end:
        links = [EvidenceLink("first_seen", STARTS + timedelta(seconds=3), CAMERA, 14.2)]
        links.append(EvidenceLink("last_seen", STARTS + timedelta(seconds=9), CAMERA, 11.0))
    if status is Status.ABSENT:
        reasons += (ALIKE,)
        links.append(ALIKE_LINK)
    present = (Interval(begin, end),) if begin and end else ()
    return Verdict(
        JUDGED, code, status, marks, begin, end, present, (), minutes, 43.0, 36.0, hours, reasons,
        tuple(links), "default-1",
    )  # fmt: skip


def flags() -> tuple[Flag, ...]:
    link = EvidenceLink("not_seen", STARTS + timedelta(seconds=6), CAMERA, 0.0)
    never = Reason("never_seen", (("watched_minutes", "43"), ("required_minutes", "36")))
    stayed = Reason(
        "stranger_stayed",
        (
            ("present_minutes", "31"),
            ("first_seen_at", "2026-11-23T00:02:00Z"),
            ("last_seen_at", "2026-11-23T00:33:00Z"),
            ("allowed_minutes", "10"),
        ),
    )
    return (
        Flag(FlagKind.ABSENCE, JUDGED, "T004", "default-1", (never, ALIKE), (link, ALIKE_LINK)),
        Flag(FlagKind.STRANGER, JUDGED, "u-1", "default-1", (stayed, ALIKE), (link,)),
    )


def judgements() -> list[FrameJudgement]:
    """A few sightings of the judged lesson's beginning: one named, one unknown."""
    return [judgement(number) for number in (1, 2, 3)]


def judgement(number: int) -> FrameJudgement:
    at, pts_s = STARTS + timedelta(seconds=3 * number), 3.0 * number
    named = Sighting(at, CAMERA, pts_s, Box(60, 40, 48, 56), "k1", "T002", 14.2, 9.0, 0.8)
    unknown = Sighting(at, CAMERA, pts_s, Box(200, 44, 44, 52), "k2", None, 2.0, 1.0, 0.7, "u-1")
    seen = (named, unknown)
    return FrameJudgement(CAMERA, JUDGED, number, at, pts_s, 320, 180, "clear", 2, seen, (), "test/1")


def add_segment(house: Installation, sequence: int, clip: bytes) -> Segment:
    """The first segment is stored and locked, later ones still wait in the spool."""
    digest = hashlib.sha256(clip).hexdigest()
    path = house.folder / "spool" / f"test-{sequence}.mp4"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(clip)
    starts_at = STARTS + timedelta(seconds=10 * (sequence - 1))
    segment = Segment(
        segment_id=f"{JUDGED}/{CAMERA}/{sequence}",
        lesson_id=JUDGED,
        camera_id=CAMERA,
        sequence=sequence,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=10),
        first_pts_s=0.0,
        duration_s=10.0,
        codec="h264",
        width=320,
        height=180,
        size_bytes=len(clip),
        sha256=digest,
        path=str(path),
        keyframes=10,
    )
    key = object_key(segment)
    until = NOW + timedelta(days=1826)
    upload = Upload(
        upload_id=segment.segment_id,
        kind=UploadKind.SEGMENT,
        lesson_id=JUDGED,
        camera_id=CAMERA,
        sequence=sequence,
        path=str(path),
        object_key=key,
        sha256=digest,
        size_bytes=len(clip),
        retain_until=until,
        state=UploadState.WAITING,
        queued_at=NOW,
    )
    with house.ledger.write() as work:
        work.footage.add_segment(segment)
        work.uploads.queue(upload)
        work.evidence.append(evidence_leaves.segment_closed(segment, NOW))
    if sequence == 1:
        stored = house.store.put_locked(key, str(path), digest, until)
        with house.ledger.write() as work:
            work.uploads.note_stored(segment.segment_id, stored)
            work.evidence.append(evidence_leaves.segment_stored(segment, stored, NOW))
        path.unlink()
    return segment


def make_clip(colour: int, *, seconds: int = 10, size: tuple[int, int] = (320, 180)) -> bytes:
    """A fragmented MP4 like the recorder's: H.264, a keyframe a second, a bar that moves with time."""
    out = io.BytesIO()
    width, height = size
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(out, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "10"}
        for index in range(seconds * 10):
            picture = np.full((height, width, 3), colour, np.uint8)
            left = index * (width - 20) // (seconds * 10)
            picture[:, left : left + 20] = (255, 255, 255)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()
