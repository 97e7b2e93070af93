"""What attendance makes of a real recording: a lesson as long as the run, people in its sampled frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.attendance import Presence, Verdict
from models.attendance_rules import judge_attendance
from models.coverage import CLEAR, coverage_from_judgements
from models.policy import AttendancePolicy, Policy
from models.timeline import Interval, union
from models.timetable import Lesson
from tests.rtsp.live_stage import LiveStage

SAMPLING = timedelta(seconds=1)


@dataclass(frozen=True)
class JudgedFrame:
    """A frame in which the picture was clear."""

    at: datetime
    camera_id: str = "c1"
    lens: str = CLEAR


def minutes_as_seconds() -> Policy:
    """The ordinary attendance policy at sixty times its speed, for lessons of a minute."""
    plain = AttendancePolicy()
    return Policy(
        attendance=AttendancePolicy(
            presence_gap=plain.presence_gap / 60,
            late_after=plain.late_after / 60,
            early_before=plain.early_before / 60,
            min_stretch=plain.min_stretch / 60,
            check_in_before=timedelta(),
        )
    )


def lesson_of(run: LiveStage) -> Lesson:
    """A lesson from the first recorded frame to the end of the run."""
    first = min(frame.at for frame in run.bus.frames)
    return Lesson("L1", "HZ-2026-014", "断线演练", first, run.ended_at, cameras=("c1",))


def verdict_on(run: LiveStage, there: Callable[[datetime], bool], policy: Policy) -> Verdict:
    """The verdict on somebody who is in the picture whenever ``there`` says so."""
    frames = [JudgedFrame(frame.at) for frame in run.bus.frames]
    recorded = {"c1": union(segment.interval for segment in run.sink.segments)}
    coverage = coverage_from_judgements(frames, SAMPLING, recorded=recorded)
    seen = [Presence(frame.at, "c1", 12.0) for frame in frames if there(frame.at)]
    return judge_attendance(lesson_of(run), "T001", policy, seen, coverage, SAMPLING)


def gap_intervals(run: LiveStage) -> tuple[Interval, ...]:
    """Declared outages after the first footage."""
    first = min(segment.starts_at for segment in run.sink.segments)
    return union(gap.interval for gap in run.sink.gaps if gap.starts_at >= first)
