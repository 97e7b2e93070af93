"""Answers pages: puts the frame's values around a template's own."""

from __future__ import annotations

import urllib.parse
from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from models.errors import NotAuthenticated, RollcallError
from supervision_api import auth, problems
from supervision_api.auth import Caller
from supervision_api.auth_permissions import Permission
from supervision_api.console import error_texts, phrases
from supervision_api.console.i18n import LOCALES, Language
from supervision_api.console.render import Renderer
from supervision_api.request_context import caller_or_none, session_token
from supervision_api.services import Services

# these headings say all there is to know; the error's own English would only repeat them.
_SAID_BY_TITLE = frozenset({"not_found", "not_allowed", "not_authenticated", "csrf_refused"})
_NAMES_OF_LANGUAGES = {"zh_CN": "中文", "en": "English"}


class Pages:
    """Renders console pages for a request."""

    def __init__(self, renderer: Renderer, services: Services) -> None:
        self._renderer = renderer
        self._services = services

    def language(self, request: Request) -> Language:
        """By the visitor's choice, else the account's, else the installation's."""
        chosen = request.cookies.get(auth.LOCALE_COOKIE)
        if chosen not in LOCALES:
            caller = caller_or_none(request)
            chosen = caller.user.locale if caller else None
        return self._renderer.languages.get(chosen)

    def problem_text(self, request: Request, error: RollcallError) -> str:
        """An error as one sentence above a form: what happened, where, and the next step."""
        return error_texts.explain(self.language(request), error)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page. A visitor without a cookie gets one, for the log-in form's token."""
        language, caller = self.language(request), caller_or_none(request)
        token, fresh = session_token(request), ""
        if not token:
            token = fresh = auth.new_token()
        framed = {**self._frame(request, language, caller, auth.csrf_of(token)), **values}
        response = HTMLResponse(self._renderer.render(language, template, framed), status_code=status)
        response.headers["Content-Language"] = language.tag
        if fresh:
            https = self._services.web.https
            response.set_cookie(
                auth.cookie_name(auth.VISITOR_COOKIE, https=https),
                fresh,
                httponly=True,
                samesite="lax",
                secure=https,
                path="/",
            )
        return response

    def error(
        self, request: Request, error: RollcallError, status: int, headers: Mapping[str, str]
    ) -> HTMLResponse:
        """An error as a page in the console's style; a fault shows no more than its request id."""
        language = self.language(request) if not isinstance(error, NotAuthenticated) else None
        language = language or self._renderer.languages.get(request.cookies.get(auth.LOCALE_COOKIE))
        response = self.page(
            request,
            "error.html",
            status,
            title=phrases.say(language, phrases.ERROR, error.code),
            advice=language.text(phrases.ADVICE.get(error.code, "")),
            detail=_detail(language, error),
            status_code=status,
            request_id=getattr(request.state, "request_id", ""),
        )
        response.headers.update(headers)
        return response

    def _frame(
        self, request: Request, language: Language, caller: Caller | None, csrf: str
    ) -> dict[str, Any]:
        other = next(locale for locale in LOCALES if locale != language.locale)
        query = f"?{request.url.query}" if request.url.query else ""
        return {
            "caller": caller,
            "csrf": csrf,
            "may": lambda name: caller is not None and caller.may(Permission(name)),
            "web": self._services.web,
            "path": request.url.path,
            "here": urllib.parse.quote(request.url.path, safe="/%") + query
            if request.method == "GET"
            else "",
            "other_language": _NAMES_OF_LANGUAGES[other],
        }


def _detail(language: Language, error: RollcallError) -> str:
    """What the error's heading leaves open; nothing of a fault, which is for the log alone."""
    if problems.is_fault(error):
        return ""
    known = error_texts.exactly(language, error)
    return known or ("" if error.code in _SAID_BY_TITLE else str(error))


def as_typed(values: Mapping[str, str] | None) -> Mapping[str, str]:
    """What a refused form shows again; a field that nobody typed is empty."""
    return defaultdict(str, values or {})


def pages_of(request: Request) -> Pages:
    return cast(Pages, request.app.state.pages)


PagesHere = Annotated[Pages, Depends(pages_of)]
