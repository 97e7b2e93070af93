"""Attendance of a lesson, manual entries and corrections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from models import errors
from models.evidence import JsonValue
from models.register import CitedEvidence, Correction
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import attendance
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.idempotency import Call, perform
from supervision_api.openapi import CREATE, READ, WRITE, problems_of
from supervision_api.request_context import ApiWriter, CallerHere, LanguageHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes.answers import attendance_out, correction_out, created
from supervision_api.routes.parameters import IdempotencyKey

router = APIRouter(prefix="/api/v1/lessons/{lesson_id}", tags=["attendance"])


@router.get(
    "/attendance",
    summary="Verdicts with reasons and footage instants; empty until judged",
    responses=problems_of(*READ, errors.NotFound),
)
def list_attendance(
    lesson_id: str, services: ServicesHere, caller: CallerHere, language: LanguageHere, response: Response
) -> schemas.ListOut[schemas.AttendanceOut]:
    caller.require(Permission.READ_ATTENDANCE)
    with services.ledger.read() as work:
        sheet = attendance.sheet_of(work, lesson_of(work, lesson_id))
    response.headers["Content-Language"] = language.tag
    items = [attendance_out(entry, language.locale) for entry in sheet]
    return schemas.ListOut(items=items, next_cursor=None)


@router.get(
    "/attendance/{trainee}",
    summary="One trainee's attendance",
    responses=problems_of(*READ, errors.NotFound),
)
def get_attendance(
    lesson_id: str, trainee: str, services: ServicesHere, caller: CallerHere, language: LanguageHere
) -> schemas.AttendanceOut:
    caller.require(Permission.READ_ATTENDANCE)
    with services.ledger.read() as work:
        entry = attendance.find_entry(work, lesson_of(work, lesson_id), trainee)
    return attendance_out(entry, language.locale)


@router.post(
    "/manual-entries",
    status_code=201,
    summary="Approved leave, or the instructor's confirmation",
    response_model=schemas.ManualOut,
    responses=problems_of(*CREATE, errors.NotFound),
)
def enter_manually(
    *,
    lesson_id: str,
    body: schemas.ManualIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A judged lesson is judged again with it."""
    caller.require(Permission.ENTER_ATTENDANCE)
    entry = attendance.manual_entry(body.kind, body.starts_at, body.ends_at, caller.actor, body.reason)

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        record = lesson_of(work, lesson_id)
        attendance.enter_manually(work, record, body.trainee, entry, services.clock.now())
        span = entry.interval
        return schemas.ManualOut(
            trainee=body.trainee,
            kind=entry.kind.value,
            starts_at=span.starts_at if span else None,
            ends_at=span.ends_at if span else None,
            actor=entry.actor,
            reason=entry.reason,
        ).model_dump(mode="json")

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    reply = perform(services, caller, call, create)
    if not reply.replayed:
        services.attendance_changed(lesson_id)
    return created(reply)


@router.post(
    "/corrections",
    status_code=201,
    summary="Correct a verdict; the machine's stays beside it",
    response_model=schemas.CorrectionOut,
    responses=problems_of(*CREATE, errors.NotFound),
)
def correct(
    *,
    lesson_id: str,
    body: schemas.CorrectionIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """One that raises credited hours counts only once a second person approved it."""
    caller.require(Permission.CORRECT_ATTENDANCE)

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        now = services.clock.now()
        correction = _correction(lesson_id, body, caller.actor, now)
        record = lesson_of(work, lesson_id)
        kept = attendance.correct(work, record, correction, caller.user)
        entry = attendance.find_entry(work, record, kept.trainee)
        return correction_out(kept, counts=kept not in entry.pending).model_dump(mode="json")

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    return created(perform(services, caller, call, create))


def _correction(lesson_id: str, body: schemas.CorrectionIn, actor: str, at: datetime) -> Correction:
    cited = body.evidence
    return Correction(
        lesson_id=lesson_id,
        actor=actor,
        at=at,
        struck=tuple(body.struck),
        evidence=CitedEvidence(cited.at, cited.camera, cited.note) if cited else None,
        **body.model_dump(exclude={"struck", "evidence"}),
    )


@router.post(
    "/corrections/{correction_id}/approval",
    summary="Approve raised hours as a second person",
    responses=problems_of(*WRITE, errors.NotFound, errors.Conflict),
)
def approve(
    lesson_id: str, correction_id: str, services: ServicesHere, caller: ApiWriter
) -> schemas.CorrectionOut:
    caller.require(Permission.APPROVE_HOURS)
    with services.ledger.write() as work:
        record = lesson_of(work, lesson_id)
        kept = attendance.approve(work, record, correction_id, caller.user, services.clock.now())
    return correction_out(kept, counts=True)
