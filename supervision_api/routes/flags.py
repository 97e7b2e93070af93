"""Flags."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from models import errors
from models.flags import FlagKind, FlagState
from storage.repositories import FlagFilter
from supervision_api.auth_permissions import Permission
from supervision_api.etags import etag_of
from supervision_api.openapi import READ, problems_of
from supervision_api.request_context import CallerHere, LanguageHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes.answers import flag_out
from supervision_api.routes.parameters import Cursor, Limit

router = APIRouter(prefix="/api/v1/flags", tags=["flags"])


@router.get(
    "",
    summary="Flags, latest raised first",
    responses=problems_of(*READ, errors.InvalidInput),
)
def list_flags(
    *,
    services: ServicesHere,
    caller: CallerHere,
    language: LanguageHere,
    state: Annotated[list[FlagState] | None, Query()] = None,
    kind: Annotated[list[FlagKind] | None, Query()] = None,
    lesson_id: Annotated[str | None, Query(max_length=100)] = None,
    class_code: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> schemas.ListOut[schemas.FlagOut]:
    caller.require(Permission.READ_FLAGS)
    wanted = FlagFilter(tuple(state or ()), tuple(kind or ()), class_code, lesson_id)
    with services.ledger.read() as work:
        page = work.flags.page(wanted, cursor, limit)
    items = [flag_out(record, language.locale) for record in page.items]
    return schemas.ListOut(items=items, next_cursor=page.next_cursor)


@router.get("/{flag_id}", summary="One flag", responses=problems_of(*READ, errors.NotFound))
def get_flag(
    flag_id: str, services: ServicesHere, caller: CallerHere, language: LanguageHere, response: Response
) -> schemas.FlagOut:
    caller.require(Permission.READ_FLAGS)
    with services.ledger.read() as work:
        record = work.flags.get(flag_id)
    response.headers["ETag"] = etag_of(record.revision)
    return flag_out(record, language.locale)
