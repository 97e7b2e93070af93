"""Log-in, log-out and the caller's own session, for programs."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from models import errors
from supervision_api import auth, problems
from supervision_api.auth import Caller, LoggedIn
from supervision_api.auth_permissions import PERMISSIONS
from supervision_api.openapi import BODY, problems_of
from supervision_api.request_context import ApiWriter, CallerHere, ServicesHere, client_address
from supervision_api.routes import schemas
from supervision_api.services import Services

router = APIRouter(prefix="/api/v1/session", tags=["session"])


@router.post(
    "",
    summary="Log in",
    response_model=schemas.SessionOut,
    responses=problems_of(errors.NotAuthenticated, problems.TooManyAttempts, *BODY),
)
def log_in(body: schemas.LoginIn, request: Request, services: ServicesHere) -> JSONResponse:
    """Sets the session cookie. Failures wait longer and longer, by account and by address."""
    opened = auth.log_in(services, body.account, body.password, client_address(request))
    caller = Caller(opened.user, auth.hash_token(opened.token), opened.csrf)
    response = JSONResponse(_session_out(caller).model_dump(mode="json"))
    set_session_cookie(response, services, opened)
    return response


@router.get("", summary="Who is logged in", responses=problems_of(errors.NotAuthenticated))
def session(caller: CallerHere) -> schemas.SessionOut:
    return _session_out(caller)


@router.delete(
    "",
    status_code=204,
    summary="Log out",
    responses=problems_of(errors.NotAuthenticated, problems.CsrfRefused),
)
def log_out(caller: ApiWriter, services: ServicesHere) -> Response:
    auth.log_out(services, caller)
    response = Response(status_code=204)
    clear_session_cookie(response, services)
    return response


def _session_out(caller: Caller) -> schemas.SessionOut:
    return schemas.SessionOut(
        account=caller.user.name,
        display_name=caller.user.display_name,
        role=caller.user.role.value,
        permissions=sorted(PERMISSIONS[caller.user.role]),
        csrf_token=caller.csrf,
    )


def set_session_cookie(response: Response, services: Services, opened: LoggedIn) -> None:
    """HttpOnly and SameSite=Lax always; Secure where users come by https."""
    https = services.web.https
    response.set_cookie(
        auth.cookie_name(auth.SESSION_COOKIE, https=https),
        opened.token,
        max_age=int(services.web.session_lifetime.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=https,
        path="/",
    )


def clear_session_cookie(response: Response, services: Services) -> None:
    https = services.web.https
    response.delete_cookie(
        auth.cookie_name(auth.SESSION_COOKIE, https=https),
        path="/",
        httponly=True,
        samesite="lax",
        secure=https,
    )
