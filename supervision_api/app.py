"""The web application: middleware, routes, and errors turned into problem documents or pages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles

from models import errors
from models.errors import RollcallError
from models.evidence import JsonValue
from supervision_api import problems
from supervision_api.console import phrases
from supervision_api.console.i18n import Languages
from supervision_api.console.pages import Pages
from supervision_api.console.render import STATIC, Renderer
from supervision_api.middleware import (
    REQUEST_ID_HEADER,
    Counted,
    RequestId,
    SecurityHeaders,
    SizeLimit,
    SizeLimits,
    security_headers,
)
from supervision_api.openapi import OTHERWISE, contract_of
from supervision_api.request_context import plain_address
from supervision_api.roster_jobs import RosterJobs
from supervision_api.routes.every import api_routers, console_routers, service_routers
from supervision_api.screening import Screening
from supervision_api.services import Services
from supervision_api.view_ledger import ViewLedger

_log = structlog.get_logger(__name__)

UPLOAD_SUFFIX = "/roster/import"

_HTTP_ERRORS: Mapping[int, type[RollcallError]] = {
    400: errors.InvalidInput,
    401: errors.NotAuthenticated,
    403: errors.NotAllowed,
    404: errors.NotFound,
    405: problems.MethodNotAllowed,
    413: problems.RequestTooLarge,
}


def create_app(services: Services) -> FastAPI:
    """The application over the given services; it starts and stops nothing by itself."""
    app = FastAPI(
        title="Rollcall",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        # a redirect that mends a slash names the Host it was asked by: anybody's, if they say so.
        redirect_slashes=False,
        dependencies=[Depends(plain_address)],
        description="Real-name attendance by face for vocational training. Errors are RFC 9457 problems.",
    )
    languages = Languages(services.web.default_locale)
    app.openapi = partial(contract_of, app)  # type: ignore[method-assign]
    app.state.services = services
    app.state.languages = languages
    app.state.pages = Pages(Renderer(languages), services)
    app.state.views = ViewLedger()
    app.state.jobs = RosterJobs()
    app.state.screening = Screening.over(services)
    for router in (*service_routers(), *console_routers()):
        app.include_router(router)
    for router in api_routers():
        app.include_router(router, responses=OTHERWISE)
    app.mount("/console/static", StaticFiles(directory=STATIC), name="static")
    _add_middleware(app, services)
    _add_error_handlers(app)
    return app


def _add_middleware(app: FastAPI, services: Services) -> None:
    web = services.web
    # the last one added is the outermost.
    app.add_middleware(
        SizeLimit, limits=SizeLimits(web.request_limit_bytes, {UPLOAD_SUFFIX: web.upload_limit_bytes})
    )
    app.add_middleware(SecurityHeaders, https=web.https)
    app.add_middleware(Counted, metrics=services.metrics, monotonic_s=services.clock.monotonic_s)
    app.add_middleware(RequestId)


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RollcallError)
    async def domain_error(request: Request, error: RollcallError) -> Response:
        return _answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        # the input itself is not echoed: it may be a password or an identity number.
        fields: list[JsonValue] = [
            {"field": ".".join(str(part) for part in entry["loc"]), "message": str(entry["msg"])}
            for entry in error.errors()
        ]
        if _is_no_json(request, error):
            return _answer(
                request,
                problems.UnsupportedUpload("the body is no JSON", hint="send Content-Type: application/json"),
            )
        refused = errors.InvalidInput("some fields cannot be used", hint="see errors")
        return _answer(request, refused, {"errors": fields})

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        # FastAPI wraps what a request body raised while it was read.
        if isinstance(error.__cause__, RollcallError):
            return _answer(request, error.__cause__)
        response = _answer(request, _translated(error), status=error.status_code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(ClientDisconnect)
    async def broken_off(request: Request, _error: ClientDisconnect) -> Response:
        # the line broke, not the program: no fault to log, and hardly anybody left to hear the answer.
        told = errors.InvalidInput("the request broke off on its way", hint="send it again")
        return _answer(request, told, status=400)

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        _log.error("request_failed", error_type=type(error).__name__, exc_info=error)
        response = _answer(request, problems.InternalError("the program made a mistake"))
        # this answer is made outside of our middleware.
        services: Services = request.app.state.services
        response.headers.update(security_headers(https=services.web.https))
        response.headers[REQUEST_ID_HEADER] = getattr(request.state, "request_id", "")
        return response


def _is_no_json(request: Request, error: RequestValidationError) -> bool:
    """Whether a body was taken for text, because its sender did not call it JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return isinstance(error.body, bytes) and not (kind == "application/json" or kind.endswith("+json"))


def _translated(error: HTTPException) -> RollcallError:
    """An error of the framework as one of ours; those of its forms name what is wrong with them."""
    if error.status_code == 405:
        return problems.MethodNotAllowed("not by this method", hint="see Allow")
    kind = _HTTP_ERRORS.get(error.status_code, errors.InvalidInput)
    return kind(str(error.detail), hint="check the request against /api/v1/openapi.json")


def _answer(
    request: Request,
    error: RollcallError,
    extra: Mapping[str, JsonValue] | None = None,
    status: int | None = None,
) -> Response:
    """A problem document for machines, a page for people, the log-in page for strangers."""
    if problems.is_fault(error):
        _log.error("request_faulted", code=error.code, message=error.message)
    path = request.url.path
    if path.startswith("/console") and "/live/" not in path:
        if isinstance(error, errors.NotAuthenticated) and request.method == "GET":
            back = quote(path + (f"?{request.url.query}" if request.url.query else ""), safe="/")
            return RedirectResponse(f"/console/login?next={back}", status_code=303)
        pages: Pages = request.app.state.pages
        return pages.error(request, error, status or problems.status_of(error), problems.headers_of(error))
    languages: Languages = request.app.state.languages
    language = languages.accepted(request.headers.get("accept-language"))
    body = problems.document(
        error,
        title=phrases.say(language, phrases.ERROR, error.code),
        advice=phrases.say(language, phrases.ADVICE, error.code),
        instance=path,
        request_id=getattr(request.state, "request_id", ""),
        extra=extra,
    )
    if status is not None:
        body["status"] = status
    return JSONResponse(
        body,
        status_code=status or problems.status_of(error),
        media_type=problems.MEDIA_TYPE,
        headers={"Content-Language": language.tag, **problems.headers_of(error)},
    )
