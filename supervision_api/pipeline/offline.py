"""``rollcall attend``: the whole job on files, through the same rooms as a live lesson."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ingest.file_check import look_at_head
from ingest.file_run import FileJob, FileProgress, FileReport, record_file
from models.errors import Conflict, EvidenceBroken, InvalidInput, LessonInvalid
from models.evidence_leaves import lesson_published, recorder_started, recorder_stopped
from models.footage import Gap, GapCause
from models.lesson_document import parse_lesson
from models.policy import Policy
from models.register import Camera, LessonRecord, TrainingClass, Upload, UploadKind, UploadState
from models.retention import footage_retention
from models.timetable import Lesson, LessonState
from recognition.worker import RecognitionWorker
from supervision_api.actions.roster_import import ImportOrder, Source, store_roster
from supervision_api.pipeline.booking_sink import BookingSink
from supervision_api.pipeline.bundling import write_lesson_bundle
from supervision_api.pipeline.faces import FaceParts, face_setup, open_faces
from supervision_api.pipeline.installation import Installation, open_scratch
from supervision_api.pipeline.judgement_writer import JudgementWriter
from supervision_api.pipeline.judging import judge_lesson
from supervision_api.pipeline.roster_enrolment import ExaminedRoster, examine_roster, refuse_unless_importable
from supervision_api.pipeline.same_faces import same_faces
from supervision_api.reports.lesson_outcome import LessonOutcome
from supervision_api.roster_files import RosterFiles, read_roster
from supervision_api.settings import Settings

ACTOR = "rollcall attend"
_LEAST_GAP = timedelta(milliseconds=500)

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class AttendJob:
    """What was asked for. ``starts_at``: when the videos begin; the lesson's start unless given."""

    roster: Path
    videos: tuple[Path, ...]
    lesson: Path
    out: Path
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttendResult:
    """The judged lesson, the roster's report and what is to be said about the videos."""

    outcome: LessonOutcome
    roster: ExaminedRoster
    reports: tuple[FileReport, ...]
    problems: tuple[str, ...]


def read_lesson_file(path: Path) -> tuple[Lesson, Policy]:
    """A lesson and its policy from a TOML file.

    Raises:
        LessonInvalid: unreadable, not TOML, or a key that cannot be; names file and key.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise LessonInvalid(f"cannot be read ({error.strerror})", place=str(path)) from None
    except UnicodeDecodeError:
        raise LessonInvalid("is not UTF-8 text", place=str(path), hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise LessonInvalid(f"is not valid TOML: {error}", place=str(path), hint="mend that line") from None
    return parse_lesson(document, place=path.name)


def attend(settings: Settings, job: AttendJob, progress: Progress) -> AttendResult:
    """Reads, records, recognises, judges and seals; leaves one bundle in ``job.out``, or nothing.

    Raises:
        RollcallError: bad input or a failing disk, naming the place and the next step.
    """
    lesson, policy = read_lesson_file(job.lesson)
    _refuse_filled(job.out)
    files = read_roster(job.roster)
    for path in job.videos:
        look_at_head(path, policy.recording)
    cameras = _camera_ids(lesson, len(job.videos))
    lesson = replace(lesson, cameras=cameras)
    progress(0.0, "loading networks")
    faces = open_faces(face_setup(settings))
    roster = examine_roster(
        files,
        lesson.starts_at.date(),
        faces,
        lambda share, what: progress(0.1 * share, what),
        faceless_allowed=True,
    )
    refuse_unless_importable(roster, str(job.roster))
    job.out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{job.out.name}.work-", dir=job.out.parent))
    try:
        with open_scratch(settings, scratch) as house:
            run = _OfflineLesson(house, lesson, policy, job, faces)
            run.register(files, roster)
            run.watch(progress)
            outcome = run.judge()
            progress(0.97, "writing the bundle")
            written = write_lesson_bundle(house, lesson.lesson_id, ACTOR, job.out)
            progress(1.0, "done")
            return AttendResult(outcome, roster, tuple(run.reports), written.problems)
    finally:
        _remove(scratch)


def _refuse_filled(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict("exists and is not an empty folder", place=str(out), hint="name another folder")


def _remove(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)


def _camera_ids(lesson: Lesson, videos: int) -> tuple[str, ...]:
    """The lesson's own camera names, or camera-1, camera-2 …

    Raises:
        InvalidInput: the lesson names another number of cameras.
    """
    if lesson.cameras and len(lesson.cameras) != videos:
        raise InvalidInput(
            f"the lesson names {len(lesson.cameras)} cameras, but {videos} videos were given",
            place="cameras",
            hint="give one --video per camera, in the same order",
        )
    return lesson.cameras or tuple(f"camera-{number}" for number in range(1, videos + 1))


class _OfflineLesson:
    """One lesson on its way through a scratch installation."""

    def __init__(
        self, house: Installation, lesson: Lesson, policy: Policy, job: AttendJob, faces: FaceParts
    ) -> None:
        self._house = house
        self._lesson = lesson
        self._policy = policy
        self._job = job
        self._worker = RecognitionWorker(faces.detector, faces.encoder, faces.calibration)
        self._writer = JudgementWriter(house.ledger)
        self._sink = BookingSink(house.spool)
        self.reports: list[FileReport] = []

    def register(self, files: RosterFiles, roster: ExaminedRoster) -> None:
        """Class, trainees, cameras and the lesson, as a live installation would hold them."""
        lesson, now = self._lesson, self._house.clock.now()
        digest = hashlib.sha256("\n".join("\t".join(row) for row in files.table).encode()).hexdigest()
        order = ImportOrder(lesson.class_code, consented=True, faceless_allowed=True)
        seed = secrets.token_hex(32)
        with self._house.ledger.write() as work:
            work.classes.ensure_institution("local", self._house.settings.institution, now)
            work.classes.add(TrainingClass(lesson.class_code, lesson.class_code, "local"), now)
            store_roster(work, order, roster, Source(ACTOR, digest), now)
            for camera_id, video in zip(lesson.cameras, self._job.videos, strict=True):
                work.cameras.add(Camera(camera_id, lesson.room, video.name))
            work.lessons.add(LessonRecord(lesson, self._policy, LessonState.RUNNING, roll_call_seed=seed))
            work.evidence.append(lesson_published(lesson, self._policy, seed, now))
        self._worker.open_lesson(lesson.lesson_id, roster.templates, policy=self._policy.recognition)

    def watch(self, progress: Progress) -> None:
        """Records and judges all videos side by side, in media order."""
        begins = self._job.starts_at or self._lesson.starts_at
        runs = [
            self._record(camera_id, path, begins)
            for camera_id, path in zip(self._lesson.cameras, self._job.videos, strict=True)
        ]
        at_s = dict.fromkeys(range(len(runs)), 0.0)
        shares = [0.0] * len(runs)
        ends = [begins] * len(runs)
        while at_s:
            # the camera that is furthest behind goes next, so that one instant is judged at one time
            index = min(at_s, key=lambda i: at_s[i])
            step = next(runs[index], None)
            if step is None:
                del at_s[index]
                continue
            at_s[index], shares[index] = step.media_s, step.share
            if step.report is not None:
                self.reports.append(step.report)
                ends[index] += timedelta(seconds=step.report.facts.duration_s)
            progress(0.1 + 0.85 * sum(shares) / len(shares), "watching the video")
        self._writer.flush()
        for camera_id, end in zip(self._lesson.cameras, ends, strict=True):
            self._declare_rest(camera_id, begins, end)

    def _record(self, camera_id: str, path: Path, begins: datetime) -> Iterator[FileProgress]:
        lesson_id = self._lesson.lesson_id
        with self._house.ledger.write() as work:
            work.evidence.append(recorder_started(lesson_id, camera_id, self._house.clock.now()))
        job = FileJob(path, lesson_id, camera_id, begins, self._policy.recognition.sample_every)
        spool_dir = self._house.spool.root
        for step in record_file(
            job,
            policy=self._policy.recording,
            spool_dir=spool_dir,
            sink=self._sink,
            on_frame=lambda frame: self._writer.frame_judged(self._worker.judge(frame)),
        ):
            if step.report is not None and step.report.derived:
                self._keep_original(camera_id, path)
            yield step
        with self._house.ledger.write() as work:
            now = self._house.clock.now()
            work.evidence.append(recorder_stopped(lesson_id, camera_id, GapCause.SOURCE_ENDED.value, now))

    def _declare_rest(self, camera_id: str, begins: datetime, ends: datetime) -> None:
        """Lesson time that the video does not show is a gap with its cause."""
        lesson = self._lesson
        holes = (
            (lesson.starts_at, min(begins, lesson.ends_at), "the video begins after the lesson"),
            (max(ends, lesson.starts_at), lesson.ends_at, "the video ends before the lesson"),
        )
        for since, until, detail in holes:
            if until - since > _LEAST_GAP:
                gap = Gap(lesson.lesson_id, camera_id, since, until, GapCause.SOURCE_ENDED, detail)
                self._sink.gap_declared(gap)

    def _keep_original(self, camera_id: str, path: Path) -> None:
        """Footage that had to be re-encoded is derived; the file itself is kept beside it."""
        house, lesson = self._house, self._lesson
        copy = house.spool.folder(lesson.lesson_id, camera_id) / f"original{path.suffix.lower()}"
        shutil.copyfile(path, copy)
        with copy.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        now = house.clock.now()
        house.spool.accept_original(
            Upload(
                upload_id=f"original:{digest}",
                kind=UploadKind.ORIGINAL,
                lesson_id=lesson.lesson_id,
                camera_id=camera_id,
                sequence=1,
                path=str(copy),
                object_key=f"originals/{lesson.lesson_id}/{camera_id}/{digest}{path.suffix.lower()}",
                sha256=digest,
                size_bytes=copy.stat().st_size,
                retain_until=footage_retention(lesson.ends_at, now, self._policy.recording.retention_years),
                state=UploadState.WAITING,
                queued_at=now,
            )
        )

    def judge(self) -> LessonOutcome:
        """Stores the footage with its locks, then judges and closes the lesson.

        Raises:
            EvidenceBroken: footage could not be stored and locked.
        """
        failed = [attempt for attempt in self._house.uploader.drain() if attempt.error is not None]
        if failed and failed[0].error is not None:
            raise failed[0].error
        lesson_id = self._lesson.lesson_id
        with self._house.ledger.write() as work:
            work.lessons.move(lesson_id, LessonState.RUNNING, LessonState.CLOSING)
            pairs = same_faces(work, self._lesson.class_code)
            outcome = judge_lesson(work, lesson_id, self._house.clock.now(), pairs)
            work.evidence.write_checkpoint(self._house.signer)
            if work.uploads.in_state(UploadState.WAITING, lesson_id):
                raise EvidenceBroken("footage still waits for the store", place=lesson_id)
        return outcome
