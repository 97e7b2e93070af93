"""Constructors of live events: the one place that fixes their fields (documented in docs/guides/api.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from models.attendance import Mark
from models.evidence import JsonValue
from models.flags import Flag
from models.footage import CameraReport
from models.timetable import LessonState
from supervision_api.live import LiveEvent, LiveKind


class RollState(StrEnum):
    """Where a trainee of a running lesson is, as far as the cameras can tell."""

    WAITING = "waiting"
    HERE = "here"
    AWAY = "away"


def roll_entry(
    at: datetime,
    trainee: str,
    state: RollState,
    *,
    first_seen: datetime | None = None,
    last_seen: datetime | None = None,
    camera_id: str = "",
    marks: Sequence[Mark] = (),
) -> LiveEvent:
    """A trainee was recognised, went missing, or got a mark. ``AWAY``: seen before, not seen lately."""
    return LiveEvent(
        LiveKind.ROLL,
        trainee,
        at,
        {
            "trainee": trainee,
            "state": state.value,
            "first_seen": _iso(first_seen),
            "last_seen": _iso(last_seen),
            "camera": camera_id,
            "marks": [mark.value for mark in marks],
        },
    )


def unknown_person(
    at: datetime, person: str, camera_id: str, first_seen: datetime, last_seen: datetime
) -> LiveEvent:
    """Somebody who is nobody of the roster, under the recogniser's stable key."""
    data: dict[str, JsonValue] = {
        "person": person,
        "camera": camera_id,
        "first_seen": _iso(first_seen),
        "last_seen": _iso(last_seen),
    }
    return LiveEvent(LiveKind.UNKNOWN, person, at, data)


def camera_changed(report: CameraReport) -> LiveEvent:
    """A recorder changed its state. The report's message is not passed on: it is for the log."""
    data: dict[str, JsonValue] = {
        "camera": report.camera_id,
        "state": report.state.value,
        "code": report.code,
        "retry_in_s": report.retry_in_s,
        "at": _iso(report.at),
    }
    return LiveEvent(LiveKind.CAMERA, report.camera_id, report.at, data)


def coverage(at: datetime, observable_minutes: float, elapsed_minutes: float) -> LiveEvent:
    """How much of the lesson so far the cameras could see and the recogniser judged."""
    data: dict[str, JsonValue] = {
        "observable_minutes": round(observable_minutes, 1),
        "elapsed_minutes": round(elapsed_minutes, 1),
        "share": round(min(observable_minutes / elapsed_minutes, 1.0), 3) if elapsed_minutes > 0 else None,
    }
    return LiveEvent(LiveKind.COVERAGE, "", at, data)


def lesson_changed(at: datetime, state: LessonState) -> LiveEvent:
    """The lesson moved on; on ``judged`` a page loads the sheet."""
    return LiveEvent(LiveKind.LESSON, "", at, {"state": state.value, "at": _iso(at)})


def flag_raised(at: datetime, flag: Flag) -> LiveEvent:
    """A flag was raised, updated or withdrawn."""
    data: dict[str, JsonValue] = {
        "kind": flag.kind.value,
        "subject": flag.subject,
        "state": flag.state.value,
        "at": _iso(at),
    }
    return LiveEvent(LiveKind.FLAG, "/".join(flag.identity), at, data)


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
