"""Class hours: what a lesson is planned for, and what presence earns (domain.md, attendance, rule 5)."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from models.policy import AttendancePolicy
from models.timetable import Lesson


def class_hour_of(lesson: Lesson, policy: AttendancePolicy) -> timedelta:
    """Length of one class hour in this lesson."""
    return policy.class_hour_online if lesson.online else policy.class_hour


def planned_hours(lesson: Lesson, policy: AttendancePolicy) -> float:
    """What the timetable says, or else the whole steps that the lesson less its breaks holds."""
    if lesson.planned_hours is not None:
        return lesson.planned_hours
    return hours_in(lesson.teaching_time, lesson, policy)


def hours_in(time: timedelta, lesson: Lesson, policy: AttendancePolicy) -> float:
    """Class hours in a length of time, rounded down to whole steps."""
    step = Fraction(str(policy.hour_step))
    hours = Fraction(time // _TICK, class_hour_of(lesson, policy) // _TICK)
    return float(hours // step * step)


def credited_hours(time: timedelta, lesson: Lesson, policy: AttendancePolicy) -> float:
    """Class hours in a credited time, never above what the lesson is planned for."""
    return min(hours_in(time, lesson, policy), planned_hours(lesson, policy))


_TICK = timedelta(microseconds=1)
