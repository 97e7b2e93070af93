"""What routes take from a request: the services, the caller, the right to write."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Form, Header, Request

from models.errors import InvalidInput, NotAuthenticated
from models.plain_text import unfit_character
from supervision_api import auth
from supervision_api.auth import Caller
from supervision_api.console.i18n import Language, Languages
from supervision_api.roster_jobs import RosterJobs
from supervision_api.screening import Screening
from supervision_api.services import Services
from supervision_api.view_ledger import ViewLedger


def services_of(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def views_of(request: Request) -> ViewLedger:
    return cast(ViewLedger, request.app.state.views)


def screening_of(request: Request) -> Screening:
    return cast(Screening, request.app.state.screening)


def jobs_of(request: Request) -> RosterJobs:
    return cast(RosterJobs, request.app.state.jobs)


def plain_address(request: Request) -> None:
    """No address holds a control character: no database finds a row by one.

    Raises:
        InvalidInput: path or query holds one.
    """
    parts = (*request.path_params.values(), *(value for _, value in request.query_params.multi_items()))
    if any(unfit_character(str(part)) for part in parts):
        raise InvalidInput(
            "the address holds a control character", place="address", hint="check how it was put together"
        )


def caller_or_none(request: Request) -> Caller | None:
    """The caller, looked up once per request."""
    if not hasattr(request.state, "caller"):
        services = services_of(request)
        token = request.cookies.get(auth.cookie_name(auth.SESSION_COOKIE, https=services.web.https))
        request.state.caller = auth.find_caller(services, token)
    return cast("Caller | None", request.state.caller)


def caller_of(request: Request) -> Caller:
    """Raises ``NotAuthenticated``."""
    caller = caller_or_none(request)
    if caller is None:
        raise NotAuthenticated("no valid session", hint="log in first")
    return caller


def session_token(request: Request) -> str:
    """The token that CSRF tokens of this request belong to: the session's, or the visitor's before log-in."""
    services = services_of(request)
    names = (auth.SESSION_COOKIE, auth.VISITOR_COOKIE)
    known = (request.cookies.get(auth.cookie_name(name, https=services.web.https)) for name in names)
    return next((token for token in known if token), "")


def api_writer(
    request: Request,
    x_csrf_token: Annotated[str, Header(description="From the log-in's answer.")] = "",
) -> Caller:
    """The caller of a writing API call; the session's CSRF token must be in ``X-CSRF-Token``."""
    caller = caller_of(request)
    auth.check_csrf(session_token(request), x_csrf_token)
    return caller


def form_writer(request: Request, csrf_token: Annotated[str, Form()] = "") -> Caller:
    """The caller of a posted form, which carries the token in a hidden field."""
    caller = caller_of(request)
    auth.check_csrf(session_token(request), csrf_token)
    return caller


def languages_of(request: Request) -> Languages:
    return cast(Languages, request.app.state.languages)


def api_language(request: Request) -> Language:
    """By Accept-Language."""
    return languages_of(request).accepted(request.headers.get("accept-language"))


def client_address(request: Request) -> str:
    """The peer's address. Behind a proxy the server is told to trust it (uvicorn's forwarded_allow_ips)."""
    return request.client.host if request.client else "unknown"


ServicesHere = Annotated[Services, Depends(services_of)]
CallerHere = Annotated[Caller, Depends(caller_of)]
ApiWriter = Annotated[Caller, Depends(api_writer)]
FormWriter = Annotated[Caller, Depends(form_writer)]
ScreeningHere = Annotated[Screening, Depends(screening_of)]
ViewsHere = Annotated[ViewLedger, Depends(views_of)]
LanguageHere = Annotated[Language, Depends(api_language)]
