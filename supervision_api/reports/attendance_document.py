"""attendance.json and sightings.jsonl: fixed formats (architecture.md), deterministic bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson

from models.attendance import EvidenceLink, Reason, Verdict
from models.durations import format_duration
from models.flags import Flag
from models.footage import Gap
from models.frame import Sighting
from models.policy import AttendancePolicy, Policy
from models.reason_texts import render_reason
from models.resemblance import hints_by_person
from models.timeline import Interval, as_utc, total
from models.timetable import Lesson
from supervision_api.reports.lesson_outcome import LessonOutcome, UnknownPerson


def instant(at: datetime | None) -> str | None:
    """RFC 3339 UTC with milliseconds."""
    if at is None:
        return None
    return as_utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def interval_pair(interval: Interval) -> dict[str, str | None]:
    return {"from": instant(interval.starts_at), "to": instant(interval.ends_at)}


def reason_object(reason: Reason) -> dict[str, Any]:
    """Code and values for programs, sentences in both languages for people."""
    return {
        "code": reason.code,
        "values": dict(reason.values),
        "zh_CN": render_reason(reason, "zh_CN"),
        "en": render_reason(reason, "en"),
    }


def evidence_object(link: EvidenceLink, lesson: Lesson) -> dict[str, Any]:
    return {
        "shows": link.shows,
        "at": instant(link.at),
        "camera": link.camera_id,
        "lesson_offset_s": round((link.at - lesson.starts_at).total_seconds(), 3),
        "score": round(link.score, 3),
    }


def trainee_object(verdict: Verdict, name: str, lesson: Lesson) -> dict[str, Any]:
    return {
        "code": verdict.trainee,
        "name": name,
        "status": verdict.status.value,
        "marks": [mark.value for mark in verdict.marks],
        "first_seen": instant(verdict.first_seen),
        "last_seen": instant(verdict.last_seen),
        "present_minutes": round(verdict.present_minutes, 3),
        "observable_minutes": round(verdict.observable_minutes, 3),
        "required_minutes": round(verdict.required_minutes, 3),
        "credited_hours": verdict.credited_hours,
        "present": [interval_pair(piece) for piece in verdict.present],
        "unobserved": [interval_pair(piece) for piece in verdict.unobserved],
        "reasons": [reason_object(reason) for reason in verdict.reasons],
        "evidence": [evidence_object(link, lesson) for link in verdict.evidence],
    }


def unknown_object(person: UnknownPerson, lesson: Lesson, resembles: str | None = None) -> dict[str, Any]:
    """``resembles``: code of the trainee whose verdict points at this person."""
    return {
        "key": person.key,
        "resembles": resembles,
        "first_seen": instant(person.first_seen),
        "last_seen": instant(person.last_seen),
        "present_minutes": round(total(person.present).total_seconds() / 60, 3),
        "present": [interval_pair(piece) for piece in person.present],
        "evidence": [evidence_object(link, lesson) for link in person.evidence],
    }


def gap_object(gap: Gap) -> dict[str, Any]:
    return {
        "camera": gap.camera_id,
        "from": instant(gap.starts_at),
        "to": instant(gap.ends_at),
        "seconds": round((gap.ends_at - gap.starts_at).total_seconds(), 3),
        "cause": gap.cause.value,
        "detail": gap.detail,
    }


def flag_object(flag: Flag, lesson: Lesson) -> dict[str, Any]:
    return {
        "kind": flag.kind.value,
        "subject": flag.subject,
        "state": flag.state.value,
        "reasons": [reason_object(reason) for reason in flag.reasons],
        "evidence": [evidence_object(link, lesson) for link in flag.evidence],
    }


def lesson_object(lesson: Lesson) -> dict[str, Any]:
    return {
        "id": lesson.lesson_id,
        "class_code": lesson.class_code,
        "title": lesson.title,
        "starts_at": instant(lesson.starts_at),
        "ends_at": instant(lesson.ends_at),
        "breaks": [interval_pair(piece) for piece in lesson.breaks],
        "room": lesson.room,
        "instructor": lesson.instructor,
        "cameras": list(lesson.cameras),
        "online": lesson.online,
        "planned_hours": lesson.planned_hours,
    }


def policy_object(policy: Policy) -> dict[str, Any]:
    """The attendance policy's fields as a lesson file spells them, and the version they make up."""
    values: dict[str, Any] = {"version": policy.version}
    for name in AttendancePolicy.__dataclass_fields__:
        value = getattr(policy.attendance, name)
        values[name] = format_duration(value) if isinstance(value, timedelta) else value
    return values


def coverage_object(outcome: LessonOutcome) -> dict[str, Any]:
    lesson_minutes = total((outcome.lesson.interval,)).total_seconds() / 60
    observed = total(outcome.coverage).total_seconds() / 60
    return {
        "minutes": round(observed, 3),
        "share": round(observed / lesson_minutes, 4) if lesson_minutes else 0.0,
        "intervals": [interval_pair(piece) for piece in outcome.coverage],
        "cameras": {
            camera: [interval_pair(piece) for piece in pieces]
            for camera, pieces in sorted(outcome.coverage_by_camera.items())
        },
    }


def attendance_document(outcome: LessonOutcome) -> dict[str, Any]:
    """The content of attendance.json, trainees in roster order."""
    lesson = outcome.lesson
    hints = hints_by_person(outcome.verdicts)
    resembles = {key: hint.trainee for key, hint in hints.items()}
    return {
        "lesson": lesson_object(lesson),
        "policy": policy_object(outcome.policy),
        "model": outcome.model,
        "coverage": coverage_object(outcome),
        "trainees": [
            trainee_object(v, outcome.names.get(v.trainee, v.trainee), lesson) for v in outcome.verdicts
        ],
        "unknown_people": [
            unknown_object(person, lesson, resembles.get(person.key)) for person in outcome.unknown_people
        ],
        "gaps": [gap_object(gap) for gap in outcome.gaps],
        "flags": [flag_object(flag, lesson) for flag in outcome.flags],
        "notes": list(outcome.notes),
    }


def attendance_bytes(outcome: LessonOutcome) -> bytes:
    return orjson.dumps(attendance_document(outcome), option=orjson.OPT_INDENT_2) + b"\n"


def sighting_object(sighting: Sighting) -> dict[str, Any]:
    box = sighting.box
    return {
        "at": instant(sighting.at),
        "camera": sighting.camera_id,
        "frame_pts_s": round(sighting.frame_pts_s, 3),
        "box": [round(v, 1) for v in (box.x, box.y, box.width, box.height)],
        "trainee": sighting.trainee,
        "score": round(sighting.score, 3),
        "margin": round(sighting.margin, 3),
        "quality": round(sighting.quality, 3),
        "track": sighting.track_id,
        "unknown_person": sighting.unknown_person,
    }


def sightings_lines(sightings: Iterable[Sighting]) -> bytes:
    """sightings.jsonl, one object per face per judged frame, in the given order."""
    return b"".join(orjson.dumps(sighting_object(s)) + b"\n" for s in sightings)
