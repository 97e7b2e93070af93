"""Late, left early, absent in the middle: only what watched time proves (domain.md, attendance, rule 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from models.attendance import Mark, Reason
from models.presence import Room, Stay
from models.reason_values import instant_value, minutes_value
from models.timeline import Interval, Ruler, difference, intersection

Spans = tuple[Interval, ...]
Judged = tuple[Mark | None, Reason]


@dataclass(frozen=True, slots=True)
class Hole:
    """Watched time between two stays in which the trainee was not seen."""

    begins_at: datetime
    ends_at: datetime
    watched: timedelta


@dataclass(frozen=True, slots=True)
class Marking:
    """Marks in the order of the lesson, their reasons, the holes behind *absent in the middle*, and the
    watched teaching time (less approved leave) that they rest on."""

    marks: tuple[Mark, ...]
    reasons: tuple[Reason, ...]
    holes: tuple[Hole, ...]
    watched: tuple[Interval, ...] = ()
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """First arrival and last departure within the lesson, and the teaching time outside of them."""

    arrived_at: datetime
    left_at: datetime
    missed_at_start: timedelta
    missed_at_end: timedelta


def ends_of(room: Room, stays: Iterable[Stay]) -> Ends | None:
    """Arrival and departure by the stays that touch the lesson; ``None`` where none does."""
    inside = _of_lesson(room, stays)
    if not inside:
        return None
    lesson, teaching = room.lesson, Ruler(room.teaching)
    arrived_at = max(lesson.starts_at, inside[0].first)
    left_at = min(lesson.ends_at, inside[-1].last)
    return Ends(
        arrived_at,
        left_at,
        missed_at_start=teaching.between(lesson.starts_at, arrived_at),
        missed_at_end=teaching.between(left_at, lesson.ends_at),
    )


def marking(room: Room, stays: Iterable[Stay], leave: Iterable[Interval]) -> Marking:
    """All marks of one trainee. Approved leave is no lateness: its time is neither missed nor watched."""
    stays = _of_lesson(room, stays)
    if not stays:
        return Marking((), (), ())
    duty = difference(room.teaching, leave)
    watched = intersection(duty, room.covered)
    holes = _holes(room, stays, Ruler(watched))
    judged = [
        *_at_start(room, stays[0].first, duty, watched),
        *((Mark.ABSENT_IN_MIDDLE, _hole_reason(room, hole)) for hole in holes),
        *_at_end(room, stays[-1].last, duty, watched),
    ]
    marks = tuple(dict.fromkeys(mark for mark, _ in judged if mark is not None))
    return Marking(marks, tuple(reason for _, reason in judged), holes, watched, stays[-1].last)


def _of_lesson(room: Room, stays: Iterable[Stay]) -> tuple[Stay, ...]:
    lesson = room.lesson
    return tuple(stay for stay in stays if stay.last >= lesson.starts_at and stay.first < lesson.ends_at)


def _at_start(room: Room, first: datetime, duty: Spans, watched: Spans) -> list[Judged]:
    grace, starts_at = room.policy.late_after, room.lesson.starts_at
    unseen = Ruler(watched).between(starts_at, first)
    values = (
        ("arrived_at", instant_value(max(starts_at, first))),
        ("watched_minutes", minutes_value(unseen)),
        ("grace_minutes", minutes_value(grace)),
    )
    if unseen > grace:
        return [(Mark.LATE, Reason("late", values))]
    if Ruler(duty).between(starts_at, first) > grace:
        return [(None, Reason("late_unproven", values))]
    return []


def _at_end(room: Room, last: datetime, duty: Spans, watched: Spans) -> list[Judged]:
    grace, ends_at = room.policy.early_before, room.lesson.ends_at
    unseen = Ruler(watched).between(last, ends_at)
    values = (
        ("left_at", instant_value(min(ends_at, last))),
        ("watched_minutes", minutes_value(unseen)),
        ("grace_minutes", minutes_value(grace)),
    )
    if unseen > grace:
        return [(Mark.LEFT_EARLY, Reason("left_early", values))]
    if Ruler(duty).between(last, ends_at) > grace:
        return [(None, Reason("left_early_unproven", values))]
    return []


def _holes(room: Room, stays: tuple[Stay, ...], watched: Ruler) -> tuple[Hole, ...]:
    """Between stays only: time before the first and after the last is *late* and *left early*."""
    holes = [
        Hole(left.last, right.first, watched.between(left.last, right.first))
        for left, right in pairwise(stays)
    ]
    return tuple(hole for hole in holes if hole.watched > room.gap)


def _hole_reason(room: Room, hole: Hole) -> Reason:
    return Reason(
        "absent_in_middle",
        (
            ("begins_at", instant_value(hole.begins_at)),
            ("ends_at", instant_value(hole.ends_at)),
            ("watched_minutes", minutes_value(hole.watched)),
            ("gap_minutes", minutes_value(room.gap)),
        ),
    )
