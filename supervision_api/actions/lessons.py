"""Lessons: planned with their published rules, changed while planned, listed by day."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from models import evidence_leaves
from models.errors import Conflict, InvalidInput, LessonInvalid, NotFound
from models.flags import FlagState
from models.lesson_document import parse_lesson
from models.register import LessonRecord
from models.timeline import Interval
from models.timetable import Lesson, LessonState
from storage.repositories import FlagFilter
from storage.unit_of_work import UnitOfWork
from supervision_api.console.i18n import LOCAL_ZONE

JUDGED = frozenset({LessonState.JUDGED, LessonState.SEALED})
LIVE = frozenset({LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING})


def plan_lesson(work: UnitOfWork, document: Mapping[str, object], now: datetime) -> LessonRecord:
    """A lesson as its document says, under its class's policy; its rules go into the evidence log at once.

    Raises:
        LessonInvalid: names the key.
        NotFound: no such class.
        Conflict: the lesson exists.
    """
    klass = work.classes.get(str(document.get("class_code", "")))
    lesson, policy = parse_lesson(document, base=klass.policy)
    _refuse_impossible(work, lesson, now)
    record = work.lessons.add(
        LessonRecord(lesson, policy, LessonState.PLANNED, roll_call_seed=secrets.token_hex(32))
    )
    work.evidence.append(evidence_leaves.lesson_published(lesson, policy, str(record.roll_call_seed), now))
    return record


def change_lesson(
    work: UnitOfWork, current: LessonRecord, document: Mapping[str, object], now: datetime
) -> LessonRecord:
    """A planned lesson under new rules, published again; who was it stays.

    Raises:
        Conflict: it is no longer planned, or was changed meanwhile.
        LessonInvalid: names the key.
    """
    if current.state is not LessonState.PLANNED:
        raise Conflict("only a planned lesson can be changed", hint="correct its attendance instead")
    klass = work.classes.get(current.lesson.class_code)
    fixed = {"lesson_id": current.lesson.lesson_id, "class_code": current.lesson.class_code}
    lesson, policy = parse_lesson({**document, **fixed}, base=klass.policy)
    _refuse_impossible(work, lesson, now)
    record = work.lessons.change(replace(current, lesson=lesson, policy=policy))
    seed = record.roll_call_seed or secrets.token_hex(32)
    work.evidence.append(evidence_leaves.lesson_published(lesson, policy, seed, now))
    return record


def _refuse_impossible(work: UnitOfWork, lesson: Lesson, now: datetime) -> None:
    """A lesson of the past, with a camera that is not there, or whose room or camera is taken."""
    if lesson.ends_at <= now:
        raise LessonInvalid("the lesson lies in the past", place="ends_at", hint="check the date")
    for camera_id in lesson.cameras:
        if work.cameras.find(camera_id) is None:
            raise LessonInvalid(f"no camera {camera_id}", place="cameras", hint="add the camera first")
    for record in work.lessons.within(lesson.interval):
        other = record.lesson
        if other.lesson_id == lesson.lesson_id:
            continue
        shared = set(other.cameras) & set(lesson.cameras)
        if shared:
            raise Conflict(
                f"camera {min(shared)} is taken by lesson {other.lesson_id} at that time",
                place="cameras",
                hint="choose another time or camera",
            )
        if lesson.room and other.room == lesson.room:
            raise Conflict(
                f"the room is taken by lesson {other.lesson_id} at that time",
                place="room",
                hint="choose another time or room",
            )


@dataclass(frozen=True, slots=True)
class LessonSummary:
    """A line of a day's list. ``seen``: trainees seen so far, or present once judged."""

    record: LessonRecord
    class_name: str
    expected: int
    seen: int
    open_flags: int

    @property
    def judged(self) -> bool:
        return self.record.state in JUDGED


# near the calendar's ends a local day has no instants in UTC.
_YEARS = range(2000, 2101)


def local_day(day: date) -> Interval:
    """A calendar day in the users' zone.

    Raises:
        InvalidInput: no year in which Rollcall runs.
    """
    if day.year not in _YEARS:
        raise InvalidInput("this day lies too far away", place="day", hint="2000 to 2100")
    begin = datetime.combine(day, time(), LOCAL_ZONE)
    return Interval(begin, begin + timedelta(days=1))


def lessons_of_day(work: UnitOfWork, day: date) -> tuple[LessonSummary, ...]:
    """The day's lessons by start, with counts."""
    return tuple(summary_of(work, record) for record in work.lessons.within(local_day(day)))


def summary_of(work: UnitOfWork, record: LessonRecord) -> LessonSummary:
    """One lesson with its counts."""
    lesson_id = record.lesson.lesson_id
    if record.state in JUDGED:
        seen = sum(1 for verdict in work.verdicts.of_lesson(lesson_id) if verdict.status == "PRESENT")
    elif record.state is LessonState.PLANNED:
        seen = 0
    else:
        seen = len(work.sightings.presences(lesson_id))
    flags = work.flags.page(FlagFilter(states=(FlagState.OPEN,), lesson_id=lesson_id), limit=100).items
    return LessonSummary(
        record,
        work.classes.get(record.lesson.class_code).name,
        work.roster.count(record.lesson.class_code),
        seen,
        len(flags),
    )


def lesson_of(work: UnitOfWork, lesson_id: str) -> LessonRecord:
    """Raises ``NotFound``; an id of impossible form is not found as well."""
    record = work.lessons.find(lesson_id)
    if record is None:
        raise NotFound("no such lesson", hint="check the lesson's id")
    return record
