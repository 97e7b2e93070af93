"""A small stage for attendance rules: minutes from the start of a lesson, 09:00 in Shanghai."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.attendance import ManualEntry, ManualKind, Presence, Verdict
from models.attendance_rules import judge_attendance
from models.policy import AttendancePolicy, Policy
from models.timeline import Interval
from models.timetable import Lesson

Stretch = tuple[float, float]
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SAMPLING = timedelta(seconds=2)


@dataclass(frozen=True)
class Stage:
    """Writes down who was seen when, in minutes of the lesson, and has it judged."""

    policy: Policy = field(default_factory=Policy)
    length: float = 45
    breaks: tuple[Stretch, ...] = ()
    online: bool = False
    planned_hours: float | None = None
    sampling: timedelta = SAMPLING

    def at(self, minutes: float) -> datetime:
        return START + timedelta(minutes=minutes)

    def span(self, begin: float, end: float) -> Interval:
        return Interval(self.at(begin), self.at(end))

    @property
    def lesson(self) -> Lesson:
        return Lesson(
            lesson_id="L1",
            class_code="HZ-2026-014",
            title="养老护理员 · 第3课",
            starts_at=self.at(0),
            ends_at=self.at(self.length),
            breaks=tuple(self.span(*one) for one in self.breaks),
            cameras=("front",),
            online=self.online,
            planned_hours=self.planned_hours,
        )

    def under(self, **attendance: Any) -> Stage:
        changed = replace(self.policy, attendance=replace(self.policy.attendance, **attendance))
        return replace(self, policy=changed)

    def seen(self, *stretches: Stretch, score: float = 12.0, camera: str = "front") -> list[Presence]:
        """One sighting at each sampling instant of each stretch, both ends included."""
        step = self.sampling.total_seconds() / 60
        found = []
        for begin, end in stretches:
            count = int((end - begin) / step + 1e-9)
            found += [Presence(self.at(begin) + n * self.sampling, camera, score) for n in range(count + 1)]
        return found

    def glimpses(self, *minutes: float) -> list[Presence]:
        return [Presence(self.at(one), "front", 12.0) for one in minutes]

    def judge(
        self,
        presences: Sequence[Presence],
        coverage: Sequence[Stretch] = ((-30, 60),),
        manual: Sequence[ManualEntry] = (),
    ) -> Verdict:
        watched = [self.span(*one) for one in coverage]
        return judge_attendance(self.lesson, "T001", self.policy, presences, watched, self.sampling, manual)

    def leave(self, *stretch: float) -> ManualEntry:
        interval = self.span(*stretch) if stretch else None
        return ManualEntry(ManualKind.LEAVE_APPROVED, interval, "zhang", "病假")

    def confirmation(self, *stretch: float) -> ManualEntry:
        interval = self.span(*stretch) if stretch else None
        return ManualEntry(ManualKind.INSTRUCTOR_CONFIRMED, interval, "li", "未同意人脸识别")


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="session")
def stage_with() -> type[Stage]:
    return Stage


@pytest.fixture(scope="session")
def attendance_policy() -> AttendancePolicy:
    return AttendancePolicy()
