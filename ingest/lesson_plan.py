"""Which streams must run at an instant. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from models.policy import AttendancePolicy
from models.timeline import Interval
from models.timetable import Lesson


@dataclass(frozen=True, slots=True)
class StreamDue:
    """One camera to be recorded for one lesson during ``interval``.

    ``also_for``: other lessons that need the same camera now. Each lesson keeps footage of its own, over a
    connection of its own; the overlap is told, not shared in silence.
    """

    lesson_id: str
    camera_id: str
    interval: Interval
    also_for: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return (self.lesson_id, self.camera_id)


def recording_interval(lesson: Lesson, policy: AttendancePolicy) -> Interval:
    """From the opening of check-in until late sightings have drained (domain.md, lesson life)."""
    return Interval(lesson.starts_at - policy.check_in_before, lesson.ends_at + policy.drain)


def streams_due(lessons: Iterable[Lesson], now: datetime, policy: AttendancePolicy) -> tuple[StreamDue, ...]:
    """Streams that must run at ``now``, sorted by lesson and camera.

    Nothing is remembered: after a restart the same question gives the same streams, so a lesson that began
    meanwhile is caught up with. A camera named twice in a lesson is recorded once.
    """
    running = [lesson for lesson in lessons if recording_interval(lesson, policy).contains(now)]
    wanted: dict[str, list[str]] = {}
    for lesson in running:
        for camera_id in dict.fromkeys(lesson.cameras):
            wanted.setdefault(camera_id, []).append(lesson.lesson_id)
    due = [
        StreamDue(
            lesson.lesson_id,
            camera_id,
            recording_interval(lesson, policy),
            tuple(sorted(other for other in wanted[camera_id] if other != lesson.lesson_id)),
        )
        for lesson in running
        for camera_id in dict.fromkeys(lesson.cameras)
    ]
    return tuple(sorted(due, key=lambda stream: stream.key))
