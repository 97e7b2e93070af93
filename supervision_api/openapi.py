"""What the published contract says of errors: problem documents (RFC 9457), status by status."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from models import errors
from models.errors import RollcallError
from supervision_api import problems
from supervision_api.problems import MEDIA_TYPE, STATUS

Responses = dict[int | str, dict[str, Any]]

_REFERENCE = {"$ref": "#/components/schemas/Problem"}


class FieldProblem(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="`urn:rollcall:error:` and the code.")
    title: str = Field(description="What happened, in the reader's language (Accept-Language).")
    status: int
    detail: str = Field(description="This very case.")
    instance: str
    code: str = Field(description="Stable; docs/guides/errors.md lists all.")
    advice: str = Field(description="The next step, in the reader's language.")
    hint: str = Field(description="The next step in this very case.")
    place: str = Field(description="The field, file or header that is meant; may be empty.")
    request_id: str
    errors: list[FieldProblem] | None = Field(None, description="Fields that cannot be used (422).")


def problems_of(*kinds: type[RollcallError]) -> Responses:
    """``responses`` of a route: the errors it answers, by their status."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        by_status[STATUS[kind]].append(kind.code)
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in codes),
            "content": {MEDIA_TYPE: {"schema": _REFERENCE}},
        }
        for status, codes in sorted(by_status.items())
    }


READ = (errors.NotAuthenticated, errors.NotAllowed)
WRITE = (*READ, problems.CsrfRefused)
BODY = (errors.InvalidInput, problems.RequestTooLarge, problems.UnsupportedUpload)
CHANGE = (*WRITE, *BODY, errors.NotFound, problems.PreconditionRequired, problems.PreconditionFailed)
CREATE = (*WRITE, *BODY, problems.IdempotencyMismatch, errors.Conflict)
OTHERWISE: Responses = {
    "default": {
        "description": "Any other problem: a fault of the program, a full disk, a busy database.",
        "content": {MEDIA_TYPE: {"schema": _REFERENCE}},
    }
}


def contract_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem document among its schemas; made once."""
    if not app.openapi_schema:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        app.openapi_schema = schema
    return app.openapi_schema
