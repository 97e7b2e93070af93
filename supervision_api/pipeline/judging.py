"""Judges a lesson: verdicts, flags and their leaves in one unit of work, and nothing half-done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.attendance import Verdict
from models.attendance_rules import judge_attendance
from models.correction import split_corrections, standing_of
from models.evidence import JsonValue, Leaf, LeafKind
from models.evidence_leaves import camera_totals, coverage, json_of, verdict
from models.flag_facts import LessonFacts, SameFace
from models.flag_rules import LESSON_KINDS, LIVE_KINDS, lesson_flags, live_flags
from models.flags import Flag, FlagKind
from models.register import AttendanceRecord, Correction
from models.retention import footage_retention
from models.roster import Trainee
from models.timetable import LessonState
from storage.unit_of_work import UnitOfWork
from supervision_api.pipeline.observed_lesson import ObservedLesson, observe_lesson, unknown_people
from supervision_api.reports.lesson_outcome import LessonOutcome


def judge_trainee(observed: ObservedLesson, trainee: Trainee) -> Verdict:
    """The machine's verdict. Without a template or consent no camera can see a trainee: coverage is empty,
    so the outcome is *not observable* unless a person confirms."""
    seen = observed.presences.get(trainee.code, ())
    watched = observed.coverage if trainee.code in observed.recognisable else ()
    return judge_attendance(
        observed.record.lesson,
        trainee.code,
        observed.record.policy,
        seen,
        watched,
        observed.sampling,
        observed.manual.get(trainee.code, ()),
        observed.look_alikes(trainee.code),
    )


def lesson_facts(
    observed: ObservedLesson,
    verdicts: Sequence[Verdict],
    corrections: Sequence[Correction] = (),
    same_faces: Sequence[SameFace] = (),
) -> LessonFacts:
    """What the flag rules look at; a correction that waits for a second person changes no flag."""
    standings = tuple(
        standing_of(v, split_corrections(AttendanceRecord(v, _of_trainee(corrections, v.trainee)))[0])
        for v in verdicts
    )
    return LessonFacts(
        lesson=observed.record.lesson,
        policy=observed.record.policy,
        sampling=observed.sampling,
        coverage=observed.coverage,
        standings=standings,
        unknown=observed.unknown_presences(),
        gaps=observed.gaps,
        spells=observed.spells,
        headcounts=observed.headcounts,
        same_faces=tuple(same_faces),
    )


def _of_trainee(corrections: Sequence[Correction], trainee: str) -> tuple[Correction, ...]:
    return tuple(one for one in corrections if one.trainee == trainee)


def outcome_of(
    observed: ObservedLesson, verdicts: Sequence[Verdict], flags: Sequence[Flag], notes: Sequence[str] = ()
) -> LessonOutcome:
    """Everything that reports are written from."""
    return LessonOutcome(
        lesson=observed.record.lesson,
        policy=observed.record.policy,
        names={t.code: t.name for t in observed.trainees},
        coverage=observed.coverage,
        coverage_by_camera=observed.coverage_by_camera(),
        verdicts=tuple(verdicts),
        unknown_people=unknown_people(observed),
        gaps=observed.gaps,
        flags=tuple(flags),
        model=observed.model(),
        notes=tuple(notes),
    )


def raise_live_flags(work: UnitOfWork, lesson_id: str, now: datetime) -> tuple[Flag, ...]:
    """Flags of a running lesson that need no verdict; each change is a leaf. Returns what changed."""
    observed = observe_lesson(work, lesson_id)
    flags = live_flags(lesson_facts(observed, ()))
    return settle_flags(work, lesson_id, flags, LIVE_KINDS, now)


def judge_lesson(
    work: UnitOfWork, lesson_id: str, now: datetime, same_faces: Sequence[SameFace] = ()
) -> LessonOutcome:
    """Judges every trainee, raises the flags, closes the lesson in the evidence log, moves it to *judged*.

    The lesson must be *closing*. Everything lands in the caller's unit of work.

    Raises:
        NotFound: no such lesson.
        Conflict: the lesson is not closing.
    """
    observed = observe_lesson(work, lesson_id)
    verdicts = tuple(judge_trainee(observed, trainee) for trainee in observed.trainees)
    work.verdicts.save(verdicts, now)
    corrections = work.verdicts.corrections(lesson_id)
    flags = lesson_flags(lesson_facts(observed, verdicts, corrections, same_faces))
    for camera, pieces in observed.coverage_by_camera().items():
        for piece in pieces:
            work.footage.add_coverage(lesson_id, camera, piece)
        work.evidence.append(coverage(lesson_id, camera, pieces, now))
    for one in verdicts:
        work.evidence.append(verdict(one, now))
    settle_flags(work, lesson_id, flags, LESSON_KINDS, now)
    totals = camera_totals(work.footage.segments(lesson_id), observed.gaps)
    years = observed.record.policy.recording.retention_years
    work.evidence.close_lesson(
        lesson_id, totals, footage_retention(observed.record.lesson.ends_at, now, years)
    )
    work.lessons.move(lesson_id, LessonState.CLOSING, LessonState.JUDGED)
    return outcome_of(observed, verdicts, flags)


def settle_flags(
    work: UnitOfWork,
    lesson_id: str,
    flags: Sequence[Flag],
    kinds: frozenset[FlagKind],
    now: datetime,
    subject_prefix: str = "",
) -> tuple[Flag, ...]:
    """Bring a lesson's flags of these kinds up to date, each change with its leaf. Returns what changed."""
    changes = work.flags.settle(lesson_id, flags, kinds, now, subject_prefix)
    for change in changes:
        work.evidence.append(flag_leaf(change.record.flag, now))
    return tuple(change.record.flag for change in changes)


def flag_leaf(flag: Flag, at: datetime) -> Leaf:
    """A flag as it stands after a move."""
    body: dict[str, JsonValue] = json_of(flag)
    body.pop("lesson_id")
    return Leaf(LeafKind.FLAG, at, flag.lesson_id, body)
