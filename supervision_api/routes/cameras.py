"""Cameras."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from models import errors
from models.evidence import JsonValue
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import cameras
from supervision_api.actions.cameras import CameraDraft
from supervision_api.auth_permissions import Permission
from supervision_api.etags import etag_of, require_match
from supervision_api.idempotency import Call, perform
from supervision_api.openapi import CHANGE, CREATE, READ, problems_of
from supervision_api.request_context import ApiWriter, CallerHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes.answers import camera_out, created
from supervision_api.routes.parameters import IdempotencyKey, IfMatch

router = APIRouter(prefix="/api/v1/cameras", tags=["cameras"])


@router.post(
    "",
    status_code=201,
    summary="Add a camera",
    response_model=schemas.CameraOut,
    responses=problems_of(*CREATE),
)
def add_camera(
    body: schemas.CameraIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    caller.require(Permission.EDIT_CAMERAS)
    draft = CameraDraft(**body.model_dump())

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        return camera_out(cameras.add_camera(work, draft)).model_dump(mode="json")

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    return created(perform(services, caller, call, create))


@router.get("", summary="All cameras, addresses without secrets", responses=problems_of(*READ))
def list_cameras(services: ServicesHere, caller: CallerHere) -> schemas.ListOut[schemas.CameraOut]:
    caller.require(Permission.READ_CAMERAS)
    with services.ledger.read() as work:
        found = work.cameras.all()
    return schemas.ListOut(items=[camera_out(one) for one in found], next_cursor=None)


@router.get("/{camera_id}", summary="One camera", responses=problems_of(*READ, errors.NotFound))
def get_camera(
    camera_id: str, services: ServicesHere, caller: CallerHere, response: Response
) -> schemas.CameraOut:
    caller.require(Permission.READ_CAMERAS)
    with services.ledger.read() as work:
        found = work.cameras.get(camera_id)
    response.headers["ETag"] = etag_of(found.revision)
    return camera_out(found)


@router.put("/{camera_id}", summary="Change a camera", responses=problems_of(*CHANGE))
def change_camera(
    *,
    camera_id: str,
    body: schemas.CameraChange,
    services: ServicesHere,
    caller: ApiWriter,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.CameraOut:
    caller.require(Permission.EDIT_CAMERAS)
    with services.ledger.write() as work:
        current = work.cameras.get(camera_id)
        require_match(if_match, current.revision)
        draft = CameraDraft(camera_id=camera_id, **body.model_dump())
        changed = cameras.change_camera(work, current, draft)
    response.headers["ETag"] = etag_of(changed.revision)
    return camera_out(changed)
