"""The roster's import."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from models import errors
from models.errors import InvalidInput
from supervision_api.actions.roster_import import ImportOrder, ImportReport, import_roster, problem_text
from supervision_api.auth_permissions import Permission
from supervision_api.openapi import BODY, WRITE, problems_of
from supervision_api.request_context import ApiWriter, LanguageHere, ServicesHere
from supervision_api.roster_upload import MOST_FILES, Upload
from supervision_api.routes import schemas

router = APIRouter(prefix="/api/v1/classes", tags=["classes"])

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "mode": {"type": "string", "enum": ["check", "import"], "default": "check"},
                        "consented": {"type": "boolean", "default": False},
                        "faceless_allowed": {"type": "boolean", "default": False},
                        "renew": {"type": "boolean", "default": False},
                    },
                }
            }
        },
    }
}


_ANSWERS = problems_of(*WRITE, *BODY, errors.RosterInvalid, errors.NotFound, errors.Conflict)
# rows that must be mended come as a report of the same form as a success.
_ANSWERS[422]["content"]["application/json"] = {"schema": {"$ref": "#/components/schemas/ImportOut"}}


@router.post(
    "/{code}/roster/import",
    summary="Check or import a roster: all rows or none",
    response_model=schemas.ImportOut,
    responses=_ANSWERS,
    openapi_extra=_FORM,
)
async def import_route(
    code: str, request: Request, services: ServicesHere, caller: ApiWriter, language: LanguageHere
) -> JSONResponse:
    """One zip, or the table and its photos. `mode=check` (default) stores nothing.

    The answer is the row report: 200 where the roster can be (or was) imported, 422 where rows must change.
    """
    caller.require(Permission.EDIT_CLASSES)
    uploads, order, _token = await read_form(request, code)
    report = await run_in_threadpool(import_roster, services, caller, uploads, order, _unheard)
    body = import_out(report, language.locale).model_dump(mode="json")
    return JSONResponse(body, status_code=200 if report.importable else 422)


async def read_form(request: Request, class_code: str) -> tuple[list[Upload], ImportOrder, str]:
    """The uploaded files, what is asked for, and the form's token (pages have one).

    Raises:
        InvalidInput: no multipart form, or another mode.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidInput("send a multipart form", place="files", hint="one part called files per file")
    async with request.form(max_files=MOST_FILES, max_fields=20) as form:
        mode = str(form.get("mode", "check"))
        if mode not in ("check", "import"):
            raise InvalidInput(f"no mode {mode!r}", place="mode", hint="check or import")
        parts = [part for part in form.getlist("files") if isinstance(part, UploadFile)]
        uploads = [Upload(part.filename or "", await part.read()) for part in parts]
        order = ImportOrder(
            class_code,
            check_only=mode == "check",
            consented=_ticked(form.get("consented")),
            faceless_allowed=_ticked(form.get("faceless_allowed")),
            renew=_ticked(form.get("renew")),
        )
        token = str(form.get("csrf_token", ""))
    return uploads, order, token


def import_out(report: ImportReport, locale: str) -> schemas.ImportOut:
    return schemas.ImportOut(
        importable=report.importable,
        imported=report.imported,
        trainees=report.trainees,
        photos=report.photos,
        templates=report.templates,
        problems=[
            schemas.RowProblemOut(
                line=one.line,
                field=one.field,
                code=one.code,
                message=problem_text(one, locale),
                fatal=one.fatal,
            )
            for one in report.problems
        ],
    )


def _ticked(value: object) -> bool:
    return str(value).lower() in ("yes", "true", "1", "on")


def _unheard(share: float, doing: str) -> None:
    """A program waits for the answer and needs no progress."""
