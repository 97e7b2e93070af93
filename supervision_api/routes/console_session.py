"""Log-in page, log-out, choice of language."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from models.errors import NotAuthenticated, RollcallError
from supervision_api import auth, problems
from supervision_api.auth import Caller
from supervision_api.console.i18n import LOCALES
from supervision_api.console.pages import PagesHere
from supervision_api.problems import CsrfRefused, TooManyAttempts
from supervision_api.request_context import (
    FormWriter,
    ServicesHere,
    caller_or_none,
    client_address,
    session_token,
)
from supervision_api.routes.session import clear_session_cookie, set_session_cookie

router = APIRouter(prefix="/console", include_in_schema=False)

HOME = "/console/today"
MaybeCaller = Annotated[Caller | None, Depends(caller_or_none)]


@router.get("")
def console() -> RedirectResponse:
    return RedirectResponse(HOME, status_code=303)


@router.get("/login")
def login_page(request: Request, pages: PagesHere, caller: MaybeCaller, next: str = HOME) -> Response:
    if caller is not None:
        return RedirectResponse(safe_next(next), status_code=303)
    return pages.page(request, "login.html", problem="", account="", next=safe_next(next))


@router.post("/login")
def log_in(
    *,
    request: Request,
    services: ServicesHere,
    pages: PagesHere,
    account: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = HOME,
) -> Response:
    """Its own token too: nobody shall be logged in to an account that is not theirs."""
    try:
        auth.check_csrf(session_token(request), csrf_token)
        opened = auth.log_in(services, account, password, client_address(request))
    except (CsrfRefused, NotAuthenticated, TooManyAttempts) as error:
        shown = _login_problem(request, pages, error)
        response: Response = pages.page(
            request,
            "login.html",
            problems.status_of(error),
            problem=shown,
            account=account,
            next=safe_next(next),
        )
        response.headers.update(problems.headers_of(error))
        return response
    response = RedirectResponse(safe_next(next), status_code=303)
    set_session_cookie(response, services, opened)
    return response


def _login_problem(request: Request, pages: PagesHere, error: RollcallError) -> str:
    language = pages.language(request)
    if isinstance(error, TooManyAttempts):
        return language.text_of(
            "Too many failed attempts. Try again in %(seconds)s seconds.", {"seconds": error.retry_after_s}
        )
    if isinstance(error, CsrfRefused):
        return language.text("This page was open for too long. Load it again and retry.")
    return language.text("Account and password do not fit.")


@router.post("/logout")
def log_out(caller: FormWriter, services: ServicesHere) -> RedirectResponse:
    auth.log_out(services, caller)
    response = RedirectResponse("/console/login", status_code=303)
    clear_session_cookie(response, services)
    return response


@router.post("/language")
def choose_language(
    *,
    request: Request,
    services: ServicesHere,
    caller: MaybeCaller,
    locale: Annotated[str, Form(max_length=16)],
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = HOME,
) -> RedirectResponse:
    auth.check_csrf(session_token(request), csrf_token)
    locale = locale if locale in LOCALES else services.web.default_locale
    if caller is not None:
        auth.choose_locale(services, caller, locale, LOCALES.__contains__)
    response = RedirectResponse(safe_next(next), status_code=303)
    response.set_cookie(
        auth.LOCALE_COOKIE,
        locale,
        max_age=365 * 86400,
        httponly=True,
        samesite="lax",
        secure=services.web.https,
        path="/",
    )
    return response


def safe_next(target: str) -> str:
    """Where to go on: a page of this console, never another site."""
    parts = urlsplit(target)
    plain = target.isprintable() and "\\" not in target and not target.startswith("//")
    if parts.scheme or parts.netloc or not plain or not parts.path.startswith("/console"):
        return HOME
    return (
        HOME if parts.path.startswith(("/console/login", "/console/language", "/console/logout")) else target
    )
