"""Legal holds, storage forecast, and what expires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from models import errors
from models.evidence import JsonValue
from models.holds import LONGEST_CASE
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import holds, storage_use
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.idempotency import Call, perform
from supervision_api.openapi import CREATE, READ, WRITE, problems_of
from supervision_api.request_context import ApiWriter, CallerHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes import schemas_retention as shapes
from supervision_api.routes.answers import created
from supervision_api.routes.parameters import IdempotencyKey, PlainNumber

router = APIRouter(prefix="/api/v1", tags=["retention"])


@router.get(
    "/lessons/{lesson_id}/holds",
    summary="Legal holds on a lesson, released ones included",
    responses=problems_of(*READ, errors.NotFound),
)
def list_holds(lesson_id: str, services: ServicesHere, caller: CallerHere) -> schemas.ListOut[shapes.HoldOut]:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        lesson_of(work, lesson_id)
        found = work.holds.of_lesson(lesson_id)
    return schemas.ListOut(items=[shapes.hold_out(one) for one in found], next_cursor=None)


@router.post(
    "/lessons/{lesson_id}/holds",
    status_code=201,
    summary="Hold a lesson's footage, whatever its retention",
    response_model=shapes.HoldOut,
    responses=problems_of(*CREATE, errors.NotFound),
)
def place_hold(
    lesson_id: str,
    body: shapes.HoldIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """In force at once; `confirmed_at` is filled when the object store confirmed it for every object."""
    caller.require(Permission.PLACE_HOLD)

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        record = lesson_of(work, lesson_id)
        hold = holds.place(work, record, body.case_ref, body.reason, caller.actor)
        return shapes.hold_out(hold).model_dump(mode="json")

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    return created(perform(services, caller, call, create))


@router.get(
    "/holds", summary="Open holds, or all holds of a case", responses=problems_of(*READ, errors.InvalidInput)
)
def list_case_holds(
    services: ServicesHere,
    caller: CallerHere,
    case_ref: Annotated[str | None, Query(max_length=LONGEST_CASE)] = None,
) -> schemas.ListOut[shapes.HoldOut]:
    caller.require(Permission.READ_EVIDENCE)
    with services.ledger.read() as work:
        found = work.holds.open() if case_ref is None else work.holds.of_case(case_ref)
    return schemas.ListOut(items=[shapes.hold_out(one) for one in found], next_cursor=None)


@router.post(
    "/holds",
    status_code=201,
    summary="Hold all lessons of a case",
    response_model=schemas.ListOut[shapes.HoldOut],
    responses=problems_of(*CREATE, errors.NotFound),
)
def place_case_holds(
    body: shapes.CaseHoldIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """All or none. A lesson that this case holds already stays as it is."""
    caller.require(Permission.PLACE_HOLD)

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        found = holds.place_on_case(work, body.case_ref, body.lesson_ids, body.reason, caller.actor)
        items = [shapes.hold_out(one).model_dump(mode="json") for one in found]
        return {"items": cast(JsonValue, items), "next_cursor": None}

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    return created(perform(services, caller, call, create))


@router.post(
    "/holds/{hold_id}/release",
    summary="Release a hold, with a reason",
    responses=problems_of(*WRITE, errors.NotFound, errors.Conflict, errors.InvalidInput),
)
def release_hold(
    hold_id: str, body: shapes.ReleaseIn, services: ServicesHere, caller: ApiWriter
) -> shapes.HoldOut:
    caller.require(Permission.PLACE_HOLD)
    with services.ledger.write() as work:
        return shapes.hold_out(holds.release(work, hold_id, body.reason, caller.actor))


@router.post(
    "/holds/release",
    summary="Release all holds of a case, with a reason",
    responses=problems_of(*WRITE, errors.NotFound, errors.InvalidInput),
)
def release_case_holds(
    body: shapes.CaseReleaseIn, services: ServicesHere, caller: ApiWriter
) -> schemas.ListOut[shapes.HoldOut]:
    caller.require(Permission.PLACE_HOLD)
    with services.ledger.write() as work:
        found = holds.release_case(work, body.case_ref, body.reason, caller.actor)
    return schemas.ListOut(items=[shapes.hold_out(one) for one in found], next_cursor=None)


@router.get(
    "/storage/forecast",
    summary="Room that footage takes and will take, per camera",
    responses=problems_of(*READ),
)
def get_forecast(services: ServicesHere, caller: CallerHere) -> shapes.ForecastOut:
    """Twelve calendar months (China Standard Time), and the steady state once as much goes as comes."""
    caller.require(Permission.READ_STORAGE)
    with services.ledger.read() as work:
        found = storage_use.forecast_of(work, services.clock.now())
    return shapes.ForecastOut(
        months=[shapes.MonthOut(begins_at=one.begins_at, ends_at=one.ends_at) for one in found.months],
        cameras=[
            shapes.CameraForecastOut(
                camera_id=one.camera_id,
                institution=one.institution,
                bytes_per_hour=one.bytes_per_hour,
                hours_per_year=one.hours_per_year,
                stored_bytes=one.stored_bytes,
                kept_bytes=list(one.kept),
                steady_bytes=one.steady_bytes,
            )
            for one in found.cameras
        ],
        stored_bytes=found.stored_bytes,
        kept_bytes=list(found.kept),
        steady_bytes=found.steady_bytes,
    )


@router.get(
    "/storage/expiring",
    summary="Footage that reaches the end of its retention",
    responses=problems_of(*READ, errors.InvalidInput),
)
def get_expiring(
    services: ServicesHere,
    caller: CallerHere,
    days: Annotated[
        int, PlainNumber, Query(ge=0, le=3660, description="From now; 0: the next calendar month.")
    ] = 0,
) -> shapes.ExpiringOut:
    caller.require(Permission.READ_STORAGE)
    with services.ledger.read() as work:
        window, found = storage_use.expiring(work, services.clock.now(), days)
    items = [
        shapes.ExpiringLessonOut(
            lesson_id=one.lesson_id,
            class_code=one.class_code,
            title=one.title,
            starts_at=one.starts_at,
            kept_until=one.retain_until,
            objects=one.objects,
            size_bytes=one.size_bytes,
        )
        for one in found
    ]
    return shapes.ExpiringOut(begins_at=window.begins_at, ends_at=window.ends_at, items=items)
