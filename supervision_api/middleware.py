"""What holds for every request: an id, a size limit, security headers, counted and timed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from supervision_api.metrics import Metrics
from supervision_api.problems import RequestTooLarge

REQUEST_ID_HEADER = "X-Request-ID"
# ours or a proxy's: short and plain, since it ends up in logs and pages.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def security_headers(*, https: bool) -> dict[str, str]:
    """Headers of every answer; by https the browser is told to stay with it."""
    kept = {"Strict-Transport-Security": "max-age=31536000"} if https else {}
    return {**SECURITY_HEADERS, **kept}


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Largest request body, bytes: ``default`` and, for addresses ending in a suffix, another."""

    default: int
    by_suffix: Mapping[str, int]

    def for_path(self, path: str) -> int:
        return next((size for suffix, size in self.by_suffix.items() if path.endswith(suffix)), self.default)


class RequestId:
    """Gives each request an id (a caller's, where it is plain) and binds it to the log lines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


class SecurityHeaders:
    """Sets the security headers; pages and answers are not cached unless a route says otherwise."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = security_headers(https=https)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class SizeLimit:
    """Refuses a body over the limit: by its declared length before a byte is read, else when the bytes
    pass it. Whoever never asks for the body (a log-in is missing) is answered without it."""

    def __init__(self, app: ASGIApp, *, limits: SizeLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limits.for_path(scope["path"])
        declared = _declared(scope)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            if declared > limit:
                raise too_large(limit)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise too_large(limit)
            return message

        await self._app(scope, receive_limited, send)


def too_large(limit: int) -> RequestTooLarge:
    """The refusal, with the limit in it."""
    return RequestTooLarge(
        f"the request is larger than {limit} bytes", hint="send less at once, or ask to raise the limit"
    )


class Counted:
    """Counts requests by route and status and times them; addresses with ids are folded to their route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, monotonic_s: Callable[[], float]) -> None:
        self._app = app
        self._metrics = metrics
        self._monotonic_s = monotonic_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = self._monotonic_s()
        status = 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            labels = (scope["method"], route, str(status))
            self._metrics.http_requests.labels(*labels).inc()
            self._metrics.http_seconds.labels(route).observe(self._monotonic_s() - started_s)


def _declared(scope: Scope) -> int:
    value = Headers(scope=scope).get("content-length", "0")
    return int(value) if value.isascii() and value.isdigit() else 0
