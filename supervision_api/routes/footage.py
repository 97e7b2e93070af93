"""Footage: what was recorded, what is missing, and the bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from models import errors
from models.errors import InvalidInput, NotFound
from models.timeline import as_utc
from supervision_api import problems
from supervision_api.actions import footage
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.openapi import READ, problems_of
from supervision_api.request_context import CallerHere, ServicesHere, ViewsHere
from supervision_api.routes import schemas
from supervision_api.routes.answers import gap_out, segment_out, segment_url
from supervision_api.routes.byte_ranges import ByteRange, parse_range
from supervision_api.routes.parameters import PlainNumber

router = APIRouter(prefix="/api/v1/lessons/{lesson_id}/footage", tags=["footage"])

Camera = Annotated[str, Path(max_length=64)]
# at the calendar's very ends an instant cannot be shown in local time.
_YEARS = range(2000, 2101)


@router.get("", summary="Segments and declared gaps", responses=problems_of(*READ, errors.NotFound))
def list_footage(lesson_id: str, services: ServicesHere, caller: CallerHere) -> schemas.FootageOut:
    caller.require(Permission.VIEW_FOOTAGE)
    with services.ledger.read() as work:
        lesson_of(work, lesson_id)
        stored = footage.stored_segments(work, lesson_id)
        segments = work.footage.segments(lesson_id)
        gaps = work.footage.gaps(lesson_id)
    return schemas.FootageOut(
        lesson_id=lesson_id,
        segments=[segment_out(one, stored=one.segment_id in stored) for one in segments],
        gaps=[gap_out(one) for one in gaps],
    )


@router.get(
    "/{camera}/at/{instant}",
    summary="Where an instant plays: redirects into its segment",
    status_code=303,
    response_class=RedirectResponse,
    responses=problems_of(*READ, errors.NotFound, errors.InvalidInput),
)
def play_instant(
    lesson_id: str, camera: Camera, instant: str, services: ServicesHere, caller: CallerHere
) -> RedirectResponse:
    """303 to the segment with `#t=` seconds; 404 where there is a gap."""
    caller.require(Permission.VIEW_FOOTAGE)
    at = parse_instant(instant)
    with services.ledger.read() as work:
        lesson_of(work, lesson_id)
        place = footage.place_of(work, lesson_id, camera, at)
    if place.segment is None:
        cause = f" ({place.gap.cause.value})" if place.gap else ""
        raise NotFound(f"there is no footage of this instant{cause}", hint="see the gaps of the lesson")
    return RedirectResponse(f"{segment_url(place.segment)}#t={place.offset_s:g}", status_code=303)


@router.head("/{camera}/segments/{sequence}", include_in_schema=False)
@router.get(
    "/{camera}/segments/{sequence}",
    summary="A segment's MP4, whole or by byte range",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}},
        206: {"description": "The range asked for", "content": {"video/mp4": {}}},
        **problems_of(
            *READ,
            errors.NotFound,
            errors.InvalidInput,
            errors.EvidenceBroken,
            problems.RangeNotSatisfiable,
        ),
    },
)
def get_segment(
    *,
    lesson_id: str,
    camera: Camera,
    sequence: Annotated[int, PlainNumber, Path(ge=1, le=10_000_000)],
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    views: ViewsHere,
    range_: Annotated[str | None, Header(alias="Range")] = None,
) -> Response:
    """Every viewing is a leaf of the evidence log, written before the first byte."""
    caller.require(Permission.VIEW_FOOTAGE)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
        found = footage.find_segment(work, lesson_id, camera, sequence)
    # the bytes under this address never change: the tag is their hash.
    tag = f'"{found.segment.sha256}"'
    wanted = parse_range(range_ if _range_still_meant(request, tag) else None, found.size)
    headers = _headers(wanted, tag)
    status = 206 if wanted.partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type="video/mp4")
    footage.record_view(
        services, views, caller, record, {"camera_id": camera, "sequence": found.segment.sequence}
    )
    pieces = footage.read_pieces(services, found, wanted.start, wanted.stop)
    return StreamingResponse(pieces, status_code=status, headers=headers, media_type="video/mp4")


def parse_instant(text: str) -> datetime:
    """Raises ``InvalidInput`` unless it is an ISO 8601 instant with a zone, of a year that has footage."""
    try:
        at = as_utc(datetime.fromisoformat(text))
    except ValueError:
        at = None
    if at is None or at.year not in _YEARS:
        raise InvalidInput(
            "this is no instant with a zone", place="instant", hint="2026-11-23T09:00:00+08:00"
        )
    return at


def _range_still_meant(request: Request, tag: str) -> bool:
    condition = request.headers.get("if-range")
    return condition is None or condition.strip() == tag


def _headers(wanted: ByteRange, tag: str) -> dict[str, str]:
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(wanted.length),
        "ETag": tag,
        # a viewing must reach the server to be recorded, and a shared machine must not keep faces.
        "Cache-Control": "private, no-store",
        "Content-Disposition": "inline",
    }
    if wanted.partial:
        headers["Content-Range"] = wanted.content_range()
    return headers
