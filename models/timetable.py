"""Lessons and their life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.errors import LessonInvalid
from models.timeline import Interval


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

    @property
    def interval(self) -> Interval:
        return Interval(self.starts_at, self.ends_at)
