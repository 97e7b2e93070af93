"""From values to what the API gives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi.responses import JSONResponse

from models.attendance import EvidenceLink, Reason
from models.footage import Gap, Segment
from models.policy_overrides import policy_values
from models.reason_texts import render_reason
from models.register import Camera, Correction, FlagRecord, LessonRecord, TraineeEntry, TrainingClass
from supervision_api.actions.attendance import SheetEntry
from supervision_api.actions.cameras import shown_address
from supervision_api.actions.lessons import LessonSummary
from supervision_api.etags import etag_of
from supervision_api.idempotency import Reply
from supervision_api.routes import schemas


def created(reply: Reply) -> JSONResponse:
    """The answer to a creating call; a replayed one says so."""
    headers = {"Idempotency-Replayed": "true"} if reply.replayed else {}
    revision = reply.body.get("revision")
    if isinstance(revision, int):
        headers["ETag"] = etag_of(revision)
    return JSONResponse(dict(reply.body), status_code=reply.status, headers=headers)


def class_out(found: TrainingClass) -> schemas.ClassOut:
    return schemas.ClassOut(
        code=found.code,
        name=found.name,
        programme=found.programme,
        starts_on=found.starts_on,
        ends_on=found.ends_on,
        policy_version=found.policy.version,
        policy=dict(policy_values(found.policy)),
        revision=found.revision,
    )


def trainee_out(found: TraineeEntry) -> schemas.TraineeOut:
    return schemas.TraineeOut(
        code=found.code,
        name=found.name,
        masked_id_number=found.masked_id_number,
        consent=found.consent.value,
        photos=found.photos,
        templates=found.templates,
    )


def camera_out(found: Camera) -> schemas.CameraOut:
    return schemas.CameraOut(
        camera_id=found.camera_id,
        display_name=found.display_name,
        room=found.room,
        address=shown_address(found.address),
        enabled=found.enabled,
        revision=found.revision,
    )


def lesson_fields(record: LessonRecord) -> dict[str, Any]:
    lesson = record.lesson
    return {
        "lesson_id": lesson.lesson_id,
        "class_code": lesson.class_code,
        "title": lesson.title,
        "starts_at": lesson.starts_at,
        "ends_at": lesson.ends_at,
        "breaks": [{"starts_at": one.starts_at, "ends_at": one.ends_at} for one in lesson.breaks],
        "room": lesson.room,
        "instructor": lesson.instructor,
        "cameras": list(lesson.cameras),
        "online": lesson.online,
        "planned_hours": lesson.planned_hours,
        "state": record.state.value,
        "policy_version": record.policy.version,
        "revision": record.revision,
    }


def lesson_out(record: LessonRecord) -> schemas.LessonOut:
    return schemas.LessonOut(**lesson_fields(record))


def lesson_listed(summary: LessonSummary) -> schemas.LessonListed:
    return schemas.LessonListed(
        **lesson_fields(summary.record),
        expected=summary.expected,
        seen=summary.seen,
        open_flags=summary.open_flags,
    )


def reasons_out(reasons: Iterable[Reason], locale: str) -> list[schemas.ReasonOut]:
    return [
        schemas.ReasonOut(code=one.code, values=dict(one.values), text=render_reason(one, locale))
        for one in reasons
    ]


def instants_out(lesson_id: str, links: Iterable[EvidenceLink]) -> list[schemas.InstantOut]:
    return [
        schemas.InstantOut(
            shows=link.shows,
            at=link.at,
            camera=link.camera_id,
            score=link.score,
            footage=instant_url(lesson_id, link.camera_id, link.at),
        )
        for link in links
    ]


def instant_url(lesson_id: str, camera_id: str, at: datetime) -> str:
    """Where an instant of footage plays."""
    camera, instant = quote(camera_id, safe=""), quote(at.isoformat(), safe="")
    return f"/api/v1/lessons/{lesson_id}/footage/{camera}/at/{instant}"


def correction_out(correction: Correction, *, counts: bool) -> schemas.CorrectionOut:
    return schemas.CorrectionOut(
        correction_id=correction.correction_id,
        reason_code=correction.reason_code,
        reason=correction.reason,
        actor=correction.actor,
        at=correction.at,
        status=correction.status,
        credited_hours=correction.credited_hours,
        approved_by=correction.approved_by,
        counts=counts,
        struck=list(correction.struck),
        evidence=_evidence_out(correction),
    )


def _evidence_out(correction: Correction) -> schemas.EvidenceOut | None:
    cited = correction.evidence
    if cited is None:
        return None
    footage = instant_url(correction.lesson_id, cited.camera_id, cited.at) if cited.at else ""
    return schemas.EvidenceOut(at=cited.at, camera=cited.camera_id, note=cited.note, footage=footage)


def attendance_out(entry: SheetEntry, locale: str) -> schemas.AttendanceOut:
    standing, verdict = entry.standing, entry.standing.verdict
    corrections = [(one, True) for one in standing.corrections] + [(one, False) for one in entry.pending]
    return schemas.AttendanceOut(
        trainee=verdict.trainee,
        name=entry.trainee.name,
        status=standing.status.value,
        marks=[mark.value for mark in standing.marks],
        credited_hours=standing.credited_hours,
        machine_status=verdict.status.value,
        machine_credited_hours=verdict.credited_hours,
        first_seen=verdict.first_seen,
        last_seen=verdict.last_seen,
        present_minutes=verdict.present_minutes,
        observable_minutes=verdict.observable_minutes,
        required_minutes=verdict.required_minutes,
        policy_version=verdict.policy_version,
        reasons=reasons_out(verdict.reasons, locale),
        evidence=instants_out(verdict.lesson_id, verdict.evidence),
        corrections=[
            correction_out(one, counts=counts) for one, counts in sorted(corrections, key=lambda c: c[0].at)
        ],
    )


def flag_out(record: FlagRecord, locale: str) -> schemas.FlagOut:
    flag = record.flag
    return schemas.FlagOut(
        flag_id=record.flag_id,
        kind=flag.kind.value,
        lesson_id=flag.lesson_id,
        subject=flag.subject,
        state=flag.state.value,
        policy_version=flag.policy_version,
        raised_at=record.raised_at,
        changed_at=record.changed_at,
        reasons=reasons_out(flag.reasons, locale),
        evidence=instants_out(flag.lesson_id, flag.evidence),
    )


def segment_url(segment: Segment) -> str:
    """Where the segment's bytes are."""
    camera = quote(segment.camera_id, safe="")
    return f"/api/v1/lessons/{segment.lesson_id}/footage/{camera}/segments/{segment.sequence}"


def segment_out(segment: Segment, *, stored: bool) -> schemas.SegmentOut:
    return schemas.SegmentOut(
        camera=segment.camera_id,
        sequence=segment.sequence,
        starts_at=segment.starts_at,
        ends_at=segment.ends_at,
        duration_s=segment.duration_s,
        codec=segment.codec,
        width=segment.width,
        height=segment.height,
        size_bytes=segment.size_bytes,
        sha256=segment.sha256,
        derived=segment.derived,
        repaired=segment.repaired,
        stored=stored,
        url=segment_url(segment),
    )


def gap_out(gap: Gap) -> schemas.GapOut:
    return schemas.GapOut(
        camera=gap.camera_id,
        starts_at=gap.starts_at,
        ends_at=gap.ends_at,
        seconds=(gap.ends_at - gap.starts_at).total_seconds(),
        cause=gap.cause.value,
    )
