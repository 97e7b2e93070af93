"""RFC 9457 problem documents: one table from the error tree to HTTP.

Domain errors know no HTTP; this table does. A class without an entry takes its nearest ancestor's.
"""

from __future__ import annotations

from collections.abc import Mapping

from models import errors
from models.errors import RollcallError
from models.evidence import JsonValue

MEDIA_TYPE = "application/problem+json"


class CsrfRefused(errors.NotAllowed):
    """A form or write came without the token of this session."""

    code = "csrf_refused"


class MethodNotAllowed(errors.InvalidInput):
    """The address exists, but not for this method; ``Allow`` names those it has."""

    code = "method_not_allowed"


class PreconditionRequired(errors.InvalidInput):
    """A change must say which version it changes (If-Match)."""

    code = "precondition_required"


class PreconditionFailed(errors.Conflict):
    """Someone else changed it since it was read."""

    code = "precondition_failed"


class RangeNotSatisfiable(errors.InvalidInput):
    """The byte range lies outside the file."""

    code = "range_not_satisfiable"


class RequestTooLarge(errors.InvalidInput):
    """The request is bigger than this address takes."""

    code = "request_too_large"


class TooManyAttempts(errors.NotAllowed):
    """Log-ins failed too often; ``retry_after_s`` whole seconds until the next is listened to."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, retry_after_s: int, hint: str = "", place: str = "") -> None:
        super().__init__(message, hint=hint, place=place)
        self.retry_after_s = retry_after_s


class UnsupportedUpload(errors.InvalidInput):
    """A file of a kind this address does not take."""

    code = "unsupported_upload"


class IdempotencyMismatch(errors.Conflict):
    """The same Idempotency-Key came with another request."""

    code = "idempotency_mismatch"


class InternalError(RollcallError):
    """A fault of the program: the log has it under the request's id."""

    code = "internal_error"


STATUS: Mapping[type[RollcallError], int] = {
    RollcallError: 500,
    InternalError: 500,
    errors.InvalidInput: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotAllowed: 403,
    errors.NotAuthenticated: 401,
    errors.RosterInvalid: 422,
    errors.LessonInvalid: 422,
    errors.PhotoRefused: 422,
    errors.StreamError: 502,
    errors.StreamUnsupported: 422,
    errors.StreamUnreachable: 502,
    errors.StreamDenied: 502,
    errors.StreamLost: 502,
    errors.StreamStalled: 502,
    errors.FrameDamaged: 422,
    errors.RecogniserGone: 503,
    errors.VideoInvalid: 422,
    errors.StorageError: 503,
    errors.StoreUnavailable: 503,
    errors.StoreKeyRefused: 503,
    errors.DiskFull: 507,
    errors.DatabaseBusy: 503,
    errors.ObjectLocked: 409,
    errors.ObjectExists: 409,
    errors.EvidenceBroken: 500,
    errors.KeyUnusable: 503,
    errors.WeightsUnusable: 503,
    errors.SettingInvalid: 500,
    CsrfRefused: 403,
    MethodNotAllowed: 405,
    PreconditionRequired: 428,
    PreconditionFailed: 412,
    RangeNotSatisfiable: 416,
    RequestTooLarge: 413,
    TooManyAttempts: 429,
    UnsupportedUpload: 415,
    IdempotencyMismatch: 422,
}

RETRY_AFTER_S: Mapping[type[RollcallError], int] = {errors.DatabaseBusy: 2, errors.StorageError: 10}


def status_of(error: RollcallError) -> int:
    """HTTP status of an error, by its class or the nearest ancestor that has one."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def headers_of(error: RollcallError) -> dict[str, str]:
    """Response headers an error asks for (Retry-After)."""
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.retry_after_s)}
    waits = [RETRY_AFTER_S[kind] for kind in type(error).__mro__ if kind in RETRY_AFTER_S]
    return {"Retry-After": str(waits[0])} if waits else {}


def is_fault(error: RollcallError) -> bool:
    """Whether the server, not the caller, is at fault: its message is kept for the log alone."""
    return status_of(error) == 500


def document(
    error: RollcallError,
    *,
    title: str,
    advice: str,
    instance: str,
    request_id: str,
    extra: Mapping[str, JsonValue] | None = None,
) -> dict[str, JsonValue]:
    """The problem document (RFC 9457 section 3) with members of our own.

    ``title`` (what happened) and ``advice`` (the next step) are the code's sentences in the reader's
    language; ``detail``, ``hint`` and ``place`` tell this very case to whoever writes a program.
    """
    fault = is_fault(error)
    body: dict[str, JsonValue] = {
        "type": f"urn:rollcall:error:{error.code}",
        "title": title,
        "status": status_of(error),
        "detail": title if fault else error.message,
        "instance": instance,
        "code": error.code,
        "advice": advice,
        "hint": "" if fault else error.hint,
        "place": "" if fault else error.place,
        "request_id": request_id,
    }
    body.update(extra or {})
    return body
