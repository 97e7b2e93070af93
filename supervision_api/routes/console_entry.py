"""The console's door: log-in, log-out, language, and the way in."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from models.errors import NotAuthenticated
from supervision_api import auth
from supervision_api.console import phrases
from supervision_api.console.i18n import LOCALES
from supervision_api.console.pages import Pages
from supervision_api.problems import TooManyAttempts, headers_of, status_of
from supervision_api.request_context import (
    FormWriter,
    ServicesHere,
    caller_or_none,
    client_address,
    session_token,
)
from supervision_api.routes.session import clear_session_cookie, set_session_cookie

router = APIRouter(tags=["console"], include_in_schema=False)

HOME = "/console/today"
_LOCALE_COOKIE_S = 365 * 24 * 3600


def pages_of(request: Request) -> Pages:
    """The page renderer of this application."""
    return cast(Pages, request.app.state.pages)


def see(address: str) -> RedirectResponse:
    """Redirects after a form: the browser gets the page anew."""
    return RedirectResponse(address, status_code=303)


def inner_path(address: str) -> str:
    """The address if it leads inside the console, else the home page: no open redirects."""
    inside = (
        address.startswith("/console/")
        and "\\" not in address
        and "//" not in address.split("?", maxsplit=1)[0]
    )
    return address if inside and "\n" not in address and "\r" not in address else HOME


@router.get("/")
@router.get("/console")
@router.get("/console/")
def home() -> Response:
    return see(HOME)


@router.get("/console/login")
def login_page(
    request: Request, next_: Annotated[str, Query(alias="next", max_length=2000)] = ""
) -> Response:
    if caller_or_none(request) is not None:
        return see(inner_path(next_))
    return pages_of(request).page(request, "login.html", problem="", account="", next=next_)


@router.post("/console/login")
def log_in(
    *,
    request: Request,
    services: ServicesHere,
    account: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    next_: Annotated[str, Form(alias="next", max_length=2000)] = "",
) -> Response:
    """A wrong password shows the form again; the address waits longer each time."""
    auth.check_csrf(session_token(request), csrf_token)
    pages = pages_of(request)
    try:
        opened = auth.log_in(services, account, password, client_address(request))
    except (NotAuthenticated, TooManyAttempts) as error:
        language = pages.language(request)
        known = isinstance(error, TooManyAttempts)
        problem = (
            phrases.say(language, phrases.ERROR, error.code)
            if known
            else language.text("Account and password do not fit.")
        )
        response = pages.page(
            request, "login.html", status_of(error), problem=problem, account=account, next=next_
        )
        response.headers.update(headers_of(error))
        return response
    answer = see(inner_path(next_))
    set_session_cookie(answer, services, opened)
    return answer


@router.post("/console/logout")
def log_out(services: ServicesHere, caller: FormWriter) -> Response:
    auth.log_out(services, caller)
    answer = see("/console/login")
    clear_session_cookie(answer, services)
    return answer


@router.post("/console/language")
def choose_language(
    *,
    request: Request,
    services: ServicesHere,
    locale: Annotated[str, Form(max_length=10)] = "",
    csrf_token: Annotated[str, Form(max_length=200)] = "",
    next_: Annotated[str, Form(alias="next", max_length=2000)] = "",
) -> Response:
    """Kept in a cookie, and with the account when somebody is logged in."""
    auth.check_csrf(session_token(request), csrf_token)
    caller = caller_or_none(request)
    if caller is not None:
        auth.choose_locale(services, caller, locale, lambda name: name in LOCALES)
    answer = see(inner_path(next_))
    if locale in LOCALES:
        answer.set_cookie(
            auth.LOCALE_COOKIE,
            locale,
            max_age=_LOCALE_COOKIE_S,
            samesite="lax",
            httponly=True,
            secure=services.web.https,
            path="/",
        )
    return answer
