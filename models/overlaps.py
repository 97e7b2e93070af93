"""Lessons that cannot both happen: same room, camera, instructor or trainee at the same time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.timeline import Interval, intersection
from models.timetable import Lesson


class OverlapKind(StrEnum):
    ROOM = "room"
    CAMERA = "camera"
    INSTRUCTOR = "instructor"
    TRAINEE = "trainee"


@dataclass(frozen=True, slots=True)
class Overlap:
    """``earlier`` and ``later``: lesson ids by start. ``subject``: what they share, over ``interval``."""

    kind: OverlapKind
    subject: str
    earlier: str
    later: str
    interval: Interval


def find_overlaps(lessons: Iterable[Lesson], trainees: Mapping[str, Collection[str]]) -> tuple[Overlap, ...]:
    """Every pair of lessons that overlap in time over something shared, sorted.

    ``trainees``: by lesson id, keys that name a *person* across classes (a keyed hash of the identity number;
    roster codes are only unique inside a class). Lessons that touch do not overlap; a break is still time in
    the room.
    """
    ordered = sorted(lessons, key=lambda lesson: (lesson.starts_at, lesson.ends_at, lesson.lesson_id))
    users: dict[tuple[OverlapKind, str], list[Lesson]] = {}
    found: list[Overlap] = []
    for lesson in ordered:
        for kind, subject in _uses(lesson, trainees.get(lesson.lesson_id, ())):
            running = [one for one in users.get((kind, subject), []) if one.ends_at > lesson.starts_at]
            found += [_overlap(kind, subject, one, lesson) for one in running]
            users[kind, subject] = [*running, lesson]
    return tuple(sorted(found, key=lambda one: (one.interval, one.kind, one.subject, one.earlier, one.later)))


def _uses(lesson: Lesson, people: Collection[str]) -> Iterator[tuple[OverlapKind, str]]:
    if lesson.room:
        yield OverlapKind.ROOM, lesson.room
    if lesson.instructor:
        yield OverlapKind.INSTRUCTOR, lesson.instructor
    for camera_id in dict.fromkeys(lesson.cameras):
        yield OverlapKind.CAMERA, camera_id
    for person in dict.fromkeys(people):
        yield OverlapKind.TRAINEE, person


def _overlap(kind: OverlapKind, subject: str, earlier: Lesson, later: Lesson) -> Overlap:
    shared = intersection([earlier.interval], [later.interval])[0]
    return Overlap(kind, subject, earlier.lesson_id, later.lesson_id, shared)
