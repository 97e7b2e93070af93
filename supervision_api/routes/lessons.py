"""Lessons and the timetable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from models import errors
from models.evidence import JsonValue
from models.timetable import LessonState
from storage.repositories import LessonFilter
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import lessons
from supervision_api.auth_permissions import Permission
from supervision_api.etags import etag_of, require_match
from supervision_api.idempotency import Call, perform
from supervision_api.openapi import CHANGE, CREATE, READ, problems_of
from supervision_api.request_context import ApiWriter, CallerHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes.answers import created, lesson_listed, lesson_out
from supervision_api.routes.parameters import Cursor, IdempotencyKey, IfMatch, Limit, PlainDay

router = APIRouter(prefix="/api/v1/lessons", tags=["lessons"])


@router.post(
    "",
    status_code=201,
    summary="Plan a lesson",
    response_model=schemas.LessonOut,
    responses=problems_of(*CREATE, errors.LessonInvalid, errors.NotFound),
)
def plan_lesson(
    body: schemas.LessonIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Its rules and the seed of its roll calls go into the evidence log at once."""
    caller.require(Permission.EDIT_CLASSES)
    document = body.model_dump()

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        record = lessons.plan_lesson(work, document, services.clock.now())
        return lesson_out(record).model_dump(mode="json")

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    return created(perform(services, caller, call, create))


@router.get(
    "",
    summary="Lessons, newest first; or all of a day, by start",
    responses=problems_of(*READ, errors.InvalidInput),
)
def list_lessons(
    *,
    services: ServicesHere,
    caller: CallerHere,
    day: Annotated[date | None, PlainDay, Query(description="A day in China Standard Time.")] = None,
    class_code: Annotated[str | None, Query(max_length=64)] = None,
    state: Annotated[list[LessonState] | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> schemas.ListOut[schemas.LessonListed]:
    caller.require(Permission.READ_CLASSES)
    wanted = LessonFilter(
        within=lessons.local_day(day) if day else None, class_code=class_code, states=tuple(state or ())
    )
    with services.ledger.read() as work:
        page = work.lessons.page(wanted, cursor, limit)
        items = [lesson_listed(lessons.summary_of(work, record)) for record in page.items]
    return schemas.ListOut(items=items, next_cursor=page.next_cursor)


@router.get("/{lesson_id}", summary="One lesson", responses=problems_of(*READ, errors.NotFound))
def get_lesson(
    lesson_id: str, services: ServicesHere, caller: CallerHere, response: Response
) -> schemas.LessonListed:
    caller.require(Permission.READ_CLASSES)
    with services.ledger.read() as work:
        summary = lessons.summary_of(work, lessons.lesson_of(work, lesson_id))
    response.headers["ETag"] = etag_of(summary.record.revision)
    return lesson_listed(summary)


@router.put(
    "/{lesson_id}",
    summary="Change a planned lesson",
    responses=problems_of(*CHANGE, errors.LessonInvalid, errors.Conflict),
)
def change_lesson(
    *,
    lesson_id: str,
    body: schemas.LessonIn,
    services: ServicesHere,
    caller: ApiWriter,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.LessonOut:
    """Published again in the evidence log; a lesson that has begun cannot be changed."""
    caller.require(Permission.EDIT_CLASSES)
    with services.ledger.write() as work:
        current = lessons.lesson_of(work, lesson_id)
        require_match(if_match, current.revision)
        record = lessons.change_lesson(work, current, body.model_dump(), services.clock.now())
    response.headers["ETag"] = etag_of(record.revision)
    return lesson_out(record)
