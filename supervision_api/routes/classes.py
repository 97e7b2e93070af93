"""Classes and their rosters."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from models import errors
from models.evidence import JsonValue
from storage.unit_of_work import UnitOfWork
from supervision_api.actions import classes, consent
from supervision_api.actions.classes import ClassDraft
from supervision_api.auth_permissions import Permission
from supervision_api.etags import etag_of, require_match
from supervision_api.idempotency import Call, perform
from supervision_api.openapi import BODY, CHANGE, CREATE, READ, WRITE, problems_of
from supervision_api.request_context import ApiWriter, CallerHere, ServicesHere
from supervision_api.routes import schemas
from supervision_api.routes.answers import class_out, created, trainee_out
from supervision_api.routes.parameters import Cursor, IdempotencyKey, IfMatch, Limit

router = APIRouter(prefix="/api/v1/classes", tags=["classes"])


@router.post(
    "",
    status_code=201,
    summary="File a class",
    response_model=schemas.ClassOut,
    responses=problems_of(*CREATE),
)
def create_class(
    body: schemas.ClassIn,
    request: Request,
    services: ServicesHere,
    caller: ApiWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    caller.require(Permission.EDIT_CLASSES)
    draft = ClassDraft(**body.model_dump())

    def create(work: UnitOfWork) -> Mapping[str, JsonValue]:
        made = classes.create_class(work, draft, services.web.institution, services.clock.now())
        return class_out(made).model_dump(mode="json")

    call = Call(request.url.path, body.model_dump(mode="json"), idempotency_key)
    return created(perform(services, caller, call, create))


@router.get("", summary="Classes by code", responses=problems_of(*READ, errors.InvalidInput))
def list_classes(
    services: ServicesHere, caller: CallerHere, cursor: Cursor = None, limit: Limit = 50
) -> schemas.ListOut[schemas.ClassOut]:
    caller.require(Permission.READ_CLASSES)
    with services.ledger.read() as work:
        page = work.classes.page(cursor, limit)
    return schemas.ListOut(items=[class_out(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/{code}", summary="One class", responses=problems_of(*READ, errors.NotFound))
def get_class(code: str, services: ServicesHere, caller: CallerHere, response: Response) -> schemas.ClassOut:
    caller.require(Permission.READ_CLASSES)
    with services.ledger.read() as work:
        found = work.classes.get(code)
    response.headers["ETag"] = etag_of(found.revision)
    return class_out(found)


@router.put("/{code}", summary="Change a class", responses=problems_of(*CHANGE))
def change_class(
    *,
    code: str,
    body: schemas.ClassChange,
    services: ServicesHere,
    caller: ApiWriter,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.ClassOut:
    """Lessons already planned keep the policy they were planned under."""
    caller.require(Permission.EDIT_CLASSES)
    with services.ledger.write() as work:
        current = work.classes.get(code)
        require_match(if_match, current.revision)
        changed = classes.change_class(work, current, ClassDraft(code=code, **body.model_dump()))
    response.headers["ETag"] = etag_of(changed.revision)
    return class_out(changed)


@router.get(
    "/{code}/trainees",
    summary="The roster, identity numbers masked",
    responses=problems_of(*READ, errors.NotFound, errors.InvalidInput),
)
def list_trainees(
    code: str, services: ServicesHere, caller: CallerHere, cursor: Cursor = None, limit: Limit = 100
) -> schemas.ListOut[schemas.TraineeOut]:
    caller.require(Permission.READ_CLASSES)
    with services.ledger.read() as work:
        work.classes.get(code)
        page = work.roster.page(code, cursor, limit)
    return schemas.ListOut(items=[trainee_out(one) for one in page.items], next_cursor=page.next_cursor)


@router.post(
    "/{code}/trainees/{trainee}/consent",
    summary="Consent to face recognition: given, refused or withdrawn",
    responses=problems_of(*WRITE, *BODY, errors.NotFound, errors.Conflict),
)
def record_consent(
    code: str, trainee: str, body: schemas.ConsentIn, services: ServicesHere, caller: ApiWriter
) -> schemas.TraineeOut:
    """Refused or withdrawn, the photos and templates are erased; the attendance record stays."""
    caller.require(Permission.EDIT_CLASSES)
    with services.ledger.write() as work:
        entry = consent.record_consent(work, code, trainee, body.state, caller.actor, services.clock.now())
    return trainee_out(entry)
