"""A judged lesson with one trainee of each kind, a stranger, a gap and a flag."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.attendance import EvidenceLink, Mark, Reason, Status, Verdict
from models.flags import Flag, FlagKind
from models.footage import Gap, GapCause
from models.policy import Policy
from models.timeline import Interval
from models.timetable import Lesson
from supervision_api.reports.lesson_outcome import LessonOutcome, UnknownPerson

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def span(begin: float, end: float) -> Interval:
    return Interval(at(begin), at(end))


def judged(
    trainee: str, status: Status, *present: tuple[float, float], marks: tuple[Mark, ...] = ()
) -> Verdict:
    """A verdict whose minutes are those of its presence."""
    pieces = tuple(span(*one) for one in present)
    minutes = sum(end - begin for begin, end in present)
    return Verdict(
        lesson_id="L1",
        trainee=trainee,
        status=status,
        marks=marks,
        first_seen=pieces[0].starts_at if pieces else None,
        last_seen=pieces[-1].ends_at if pieces else None,
        present=pieces,
        unobserved=(),
        present_minutes=float(minutes),
        observable_minutes=44.0,
        required_minutes=36.0,
        credited_hours=1.0 if status is Status.PRESENT else 0.0,
        reasons=(
            Reason("present_enough", (("present_minutes", f"{minutes:g}"), ("required_minutes", "36"))),
        ),
        evidence=(EvidenceLink("first_seen", at(1.25), "front", 12.3456),) if pieces else (),
        policy_version="default-1",
    )


@pytest.fixture
def lesson() -> Lesson:
    return Lesson(
        lesson_id="L1",
        class_code="HZ-2026-014",
        title="养老护理员 · 第3课",
        starts_at=START,
        ends_at=at(45),
        breaks=(span(20, 25),),
        room="203",
        instructor="李老师",
        cameras=("front", "back"),
        planned_hours=1.0,
    )


@pytest.fixture
def outcome(lesson: Lesson) -> LessonOutcome:
    late_and_away = (Mark.LATE, Mark.ABSENT_IN_MIDDLE)
    return LessonOutcome(
        lesson=lesson,
        policy=Policy(),
        names={"T1": "王芳", "T2": "李强", "T3": "张伟", "T4": "刘洋"},
        coverage=(span(0, 30), span(31, 45)),
        coverage_by_camera={"front": (span(0, 30),), "back": (span(31, 45), span(50, 51))},
        verdicts=(
            judged("T1", Status.PRESENT, (0, 45)),
            judged("T2", Status.PARTIAL, (10, 15), (30, 40), marks=late_and_away),
            judged("T3", Status.ABSENT),
            judged("T4", Status.NOT_OBSERVABLE, (1, 2)),
            judged("T5", Status.EXCUSED),
        ),
        unknown_people=(
            UnknownPerson("u2", (span(30, 31), span(5, 20)), (EvidenceLink("best", at(6), "back", 0.5),)),
        ),
        gaps=(Gap("L1", "front", at(30), at(31), GapCause.STREAM_LOST, "read error"),),
        flags=(
            Flag(
                FlagKind.LATE,
                "L1",
                "T2",
                "default-1",
                (
                    Reason(
                        "late",
                        (
                            ("arrived_at", "2026-11-23T01:10:00Z"),
                            ("watched_minutes", "10"),
                            ("grace_minutes", "5"),
                        ),
                    ),
                ),
                (EvidenceLink("first_seen", at(10), "front", 9.0),),
            ),
        ),
        model="hog;face-encoder;cal-1",
        notes=("the video is 3 s shorter than the lesson",),
    )


@pytest.fixture
def empty_outcome(outcome: LessonOutcome) -> LessonOutcome:
    """A lesson with nobody on the roster and nothing recorded."""
    return replace(
        outcome,
        names={},
        coverage=(),
        coverage_by_camera={},
        verdicts=(),
        unknown_people=(),
        gaps=(),
        flags=(),
        notes=(),
        model="none",
    )
