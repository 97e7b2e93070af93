"""Lessons and their life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from models.errors import LessonInvalid
from models.policy import AttendancePolicy
from models.timeline import Interval, difference, total


class LessonState(StrEnum):
    """planned → open → running → closing → judged → sealed (domain.md)."""

    PLANNED = "planned"
    OPEN = "open"
    RUNNING = "running"
    CLOSING = "closing"
    JUDGED = "judged"
    SEALED = "sealed"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One entry of the timetable. Instants are aware UTC; ``online`` sets the length of a class hour."""

    lesson_id: str
    class_code: str
    title: str
    starts_at: datetime
    ends_at: datetime
    breaks: tuple[Interval, ...] = ()
    room: str = ""
    instructor: str = ""
    cameras: tuple[str, ...] = ()
    online: bool = False
    planned_hours: float | None = None

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise LessonInvalid("a lesson needs times with a zone", hint="write 2026-11-23T09:00:00+08:00")
        if self.ends_at <= self.starts_at:
            raise LessonInvalid(
                f"the lesson ends ({self.ends_at}) before it starts ({self.starts_at})",
                hint="check starts_at and ends_at",
            )
        self._check_breaks()

    def _check_breaks(self) -> None:
        for earlier, later in pairwise(sorted(self.breaks)):
            if later.starts_at < earlier.ends_at:
                raise LessonInvalid(f"two breaks overlap at {later.starts_at}", hint="check breaks")
        for one in self.breaks:
            if one.starts_at < self.starts_at or one.ends_at > self.ends_at:
                raise LessonInvalid(
                    f"the break {one.starts_at} to {one.ends_at} reaches outside the lesson",
                    hint="breaks lie between starts_at and ends_at",
                )
        if self.breaks and not difference([self.interval], self.breaks):
            raise LessonInvalid("the breaks leave no time for teaching", hint="check breaks")

    @property
    def interval(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)

    @property
    def teaching(self) -> tuple[Interval, ...]:
        """The lesson less its breaks."""
        return difference([self.interval], self.breaks)

    @property
    def teaching_time(self) -> timedelta:
        return total(self.teaching)


@dataclass(frozen=True, slots=True)
class Move:
    """A change of state that time has brought: ``due_at`` is when it should have happened."""

    state: LessonState
    due_at: datetime


_ORDER = tuple(LessonState)


def due_times(lesson: Lesson, policy: AttendancePolicy) -> tuple[Move, ...]:
    """When each state after ``planned`` is due. Sealing is due as soon as the verdicts stand."""
    drained_at = lesson.ends_at + policy.drain
    return (
        Move(LessonState.OPEN, lesson.starts_at - policy.check_in_before),
        Move(LessonState.RUNNING, lesson.starts_at),
        Move(LessonState.CLOSING, lesson.ends_at),
        Move(LessonState.JUDGED, drained_at),
        Move(LessonState.SEALED, drained_at),
    )


def due_moves(
    lesson: Lesson, policy: AttendancePolicy, state: LessonState, now: datetime
) -> tuple[Move, ...]:
    """The moves to make from ``state``, one after another, so that timers missed during a stop catch up.

    Never backwards: a clock that steps back, or a lesson put off after it began, moves nothing.
    """
    reached = _ORDER.index(state)
    return tuple(
        move
        for move in due_times(lesson, policy)
        if _ORDER.index(move.state) > reached and move.due_at <= now
    )


def state_at(
    lesson: Lesson,
    policy: AttendancePolicy,
    now: datetime,
    *,
    judged: bool = False,
    sealed: bool = False,
) -> LessonState:
    """Where a lesson stands: time alone carries it to *closing*, work done carries it further."""
    if sealed:
        return LessonState.SEALED
    if judged:
        return LessonState.JUDGED
    state = LessonState.PLANNED
    for move in due_times(lesson, policy):
        if move.due_at <= now and move.state not in (LessonState.JUDGED, LessonState.SEALED):
            state = move.state
    return state


def next_due_at(lesson: Lesson, policy: AttendancePolicy, state: LessonState) -> datetime | None:
    """When the next timer rings; ``None`` once sealed."""
    later = [move for move in due_times(lesson, policy) if _ORDER.index(move.state) > _ORDER.index(state)]
    return later[0].due_at if later else None
