"""What all ways of playback share: who asks for which interval, and a planned file as an HTTP answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from models import errors
from models.errors import InvalidInput
from models.register import LessonRecord
from storage.playback.film import Film
from storage.playback.virtual_file import VirtualFile
from supervision_api import problems
from supervision_api.actions.film import ReadBytes, Recorded, Wanted, read_file, recorded_by, segment_reader
from supervision_api.actions.footage import record_view
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth import Caller
from supervision_api.auth_permissions import Permission
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.openapi import READ, problems_of
from supervision_api.request_context import CallerHere, ScreeningHere, ServicesHere, ViewsHere
from supervision_api.routes.byte_ranges import parse_range
from supervision_api.routes.footage import parse_instant
from supervision_api.services import Services
from supervision_api.view_ledger import ViewLedger

STARTS_HEADER = "Rollcall-Starts-At"
DERIVED_HEADER = "Rollcall-Derived"

Camera = Annotated[str, Path(max_length=64)]
Begin = Annotated[str, Query(alias="from", max_length=40, description="Instant with a zone; else all.")]
End = Annotated[str, Query(alias="to", max_length=40, description="Instant with a zone; else all.")]

PLAYBACK = problems_of(
    *READ, errors.NotFound, errors.InvalidInput, errors.EvidenceBroken, problems.RangeNotSatisfiable
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for playback by somebody who may see it. ``begin``, ``end``: as asked, UTC, or ``None``."""

    services: Services
    views: ViewLedger
    caller: Caller
    record: LessonRecord
    recorded: Recorded
    wanted: Wanted

    @property
    def read(self) -> ReadBytes:
        return segment_reader(self.services, self.recorded)

    def note_view(self, view: str, *, interval: bool = False) -> None:
        """Write the viewing into the evidence log, before the first byte leaves; one leaf a sitting."""
        what: dict[str, str | int] = {"camera_id": self.wanted.camera_id, "view": view}
        bounds = {"from": self.wanted.begin, "to": self.wanted.end} if interval else {}
        what.update({name: at.isoformat() for name, at in bounds.items() if at is not None})
        record_view(self.services, self.views, self.caller, self.record, what)


def asked_for(
    *,
    lesson_id: str,
    camera: Camera,
    services: ServicesHere,
    caller: CallerHere,
    views: ViewsHere,
    screening: ScreeningHere,
    begin: Begin = "",
    end: End = "",
) -> Asked:
    """Raises ``NotAllowed``, ``NotFound``, or ``InvalidInput`` for instants that are none."""
    caller.require(Permission.VIEW_FOOTAGE)
    wanted = Wanted(lesson_id, camera, _instant(begin), _instant(end))
    if wanted.begin is not None and wanted.end is not None and wanted.end <= wanted.begin:
        raise InvalidInput("the interval ends before it begins", place="to", hint="give a later instant")
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
    recorded = recorded_by(services, screening.films, lesson_id, camera)
    return Asked(services, views, caller, record, recorded, wanted)


AskedHere = Annotated[Asked, Depends(asked_for)]


def _instant(text: str) -> datetime | None:
    return parse_instant(text) if text else None


def file_answer(
    request: Request,
    file: VirtualFile,
    read: ReadBytes,
    *,
    headers: dict[str, str],
    media_type: str = "video/mp4",
) -> Response:
    """The file or the range of it that was asked for; for HEAD its headers (RFC 9110, 13.1.5 and 14)."""
    tag = f'"{file.etag}"'
    condition = request.headers.get("if-range")
    still_meant = condition is None or condition.strip() == tag
    wanted = parse_range(request.headers.get("range") if still_meant else None, file.size)
    sent = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(wanted.length),
        "ETag": tag,
        # a viewing must reach the server to be recorded, and a shared machine must not keep faces.
        "Cache-Control": "private, no-store",
        "Content-Disposition": "inline",
        **headers,
    }
    if wanted.partial:
        sent["Content-Range"] = wanted.content_range()
    status = 206 if wanted.partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=sent, media_type=media_type)
    pieces = read_file(file, wanted.start, wanted.stop, read)
    return StreamingResponse(pieces, status_code=status, headers=sent, media_type=media_type)


def film_headers(film: Film, camera_id: str, *, download: bool, derived: bool = False) -> dict[str, str]:
    """When second 0 was, and under which name the film is kept."""
    begin, end = (at.astimezone(LOCAL_ZONE) for at in (film.starts_at, film.ends_at))
    camera = re.sub(r"[^A-Za-z0-9._-]", "_", camera_id)
    name = f"{camera}_{begin:%Y%m%d-%H%M%S}_{end:%H%M%S}{'_derived-h264' if derived else ''}.mp4"
    headers = {
        STARTS_HEADER: film.starts_at.isoformat(),
        "Content-Disposition": f'{"attachment" if download else "inline"}; filename="{name}"',
    }
    return {**headers, DERIVED_HEADER: "h264"} if derived else headers


def answers(media_type: str, *, ranged: bool = True) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that sends media."""
    content: dict[str, Any] = {"content": {media_type: {}}}
    partial: dict[int | str, dict[str, Any]] = {206: {"description": "The range asked for", **content}}
    return {200: content, **(partial if ranged else {}), **PLAYBACK}
