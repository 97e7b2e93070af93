"""Evidence bundles of lessons, cases and classes: one zip each; taking it out is itself a leaf."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from models import errors
from storage.bundle_evidence import BundleScope
from supervision_api.actions import evidence
from supervision_api.auth import Caller
from supervision_api.auth_permissions import Permission
from supervision_api.openapi import WRITE, problems_of
from supervision_api.pipeline.bundle_plans import BundleOrder
from supervision_api.request_context import ApiWriter, FormWriter, ServicesHere
from supervision_api.services import Services

router = APIRouter(prefix="/api/v1", tags=["evidence"])
pages = APIRouter(prefix="/console", include_in_schema=False)

Footage = Annotated[bool, Query(description="false: the bundle holds the hashes of the footage alone")]
_ANSWERS = {
    200: {"content": {"application/zip": {}}},
    **problems_of(*WRITE, errors.NotFound, errors.Conflict),
}


@router.post(
    "/lessons/{lesson_id}/bundle",
    summary="Take out the lesson's evidence bundle (zip); the export is itself a leaf",
    response_class=StreamingResponse,
    responses=_ANSWERS,
)
def export_lesson(
    lesson_id: str, services: ServicesHere, caller: ApiWriter, *, footage: Footage = True
) -> StreamingResponse:
    return bundle_response(services, caller, BundleScope.LESSON, lesson_id, footage=footage)


@router.post(
    "/flags/{flag_id}/bundle",
    summary="Take out a case (zip): a flag, those linked to it, its lesson's evidence, the claim's footage",
    response_class=StreamingResponse,
    responses=_ANSWERS,
)
def export_case(
    flag_id: str, services: ServicesHere, caller: ApiWriter, *, footage: Footage = True
) -> StreamingResponse:
    return bundle_response(services, caller, BundleScope.CASE, flag_id, footage=footage)


@router.post(
    "/classes/{code}/bundle",
    summary="Take out the class archive: all judged lessons, roster, timetable, class-hour record (zip)",
    response_class=StreamingResponse,
    responses=_ANSWERS,
)
def export_class(
    code: str, services: ServicesHere, caller: ApiWriter, *, footage: Footage = False
) -> StreamingResponse:
    return bundle_response(services, caller, BundleScope.CLASS, code, footage=footage)


@pages.post("/lessons/{lesson_id}/bundle")
def take_lesson(
    lesson_id: str, services: ServicesHere, caller: FormWriter, *, hashes: bool = False
) -> StreamingResponse:
    return bundle_response(services, caller, BundleScope.LESSON, lesson_id, footage=not hashes)


@pages.post("/flags/{flag_id}/bundle")
def take_case(flag_id: str, services: ServicesHere, caller: FormWriter) -> StreamingResponse:
    return bundle_response(services, caller, BundleScope.CASE, flag_id, footage=True)


@pages.post("/classes/{code}/bundle")
def take_class(code: str, services: ServicesHere, caller: FormWriter) -> StreamingResponse:
    return bundle_response(services, caller, BundleScope.CLASS, code, footage=False)


def bundle_response(
    services: Services, caller: Caller, scope: BundleScope, subject: str, *, footage: bool
) -> StreamingResponse:
    """The zip as a download; it is removed behind it."""
    caller.require(Permission.EXPORT)
    path: Path = evidence.write_bundle(services, BundleOrder(scope, subject, caller.actor, footage))
    kind = {BundleScope.LESSON: "evidence"}.get(scope, scope.value)
    name = quote(f"{subject}-{kind}.zip", safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Length": str(path.stat().st_size),
    }
    return StreamingResponse(evidence.stream_and_remove(path), media_type="application/zip", headers=headers)
