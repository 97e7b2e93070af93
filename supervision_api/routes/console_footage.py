"""A lesson's footage: one player per camera, and clips to keep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from models.errors import InvalidInput
from models.register import LessonRecord
from supervision_api.actions.film import recorded_by
from supervision_api.actions.lessons import lesson_of
from supervision_api.auth_permissions import Permission
from supervision_api.console import footage_view, player_view
from supervision_api.console.i18n import LOCAL_ZONE
from supervision_api.console.pages import PagesHere
from supervision_api.request_context import CallerHere, ScreeningHere, ServicesHere
from supervision_api.routes.console_lessons import lesson_head
from supervision_api.routes.footage import parse_instant

router = APIRouter(prefix="/console", include_in_schema=False)

CameraAsked = Annotated[str, Query(max_length=64)]
TimeAsked = Annotated[str, Query(max_length=16)]


@router.get("/lessons/{lesson_id}/footage")
def footage_page(
    *,
    lesson_id: str,
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    pages: PagesHere,
    screening: ScreeningHere,
    camera: CameraAsked = "",
    at: Annotated[str, Query(max_length=64)] = "",
    time: TimeAsked = "",
) -> Response:
    """Every camera's film; ``at`` (an instant) or ``time`` (of the lesson's day) says where one begins."""
    caller.require(Permission.VIEW_FOOTAGE)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
        head = lesson_head(work, record, "footage")
        tracks = footage_view.tracks_of(work, record)
        removal = work.removals.of_lesson(lesson_id)
    chosen = _chosen(record, at, time)
    language = pages.language(request)
    players = {
        track.camera_id: player_view.player_of(
            record,
            track.camera_id,
            recorded_by(services, screening.films, lesson_id, track.camera_id),
            screening.films,
            language,
            chosen if camera in ("", track.camera_id) else None,
        )
        for track in tracks
    }
    values = {**head, "tracks": tracks, "removal": removal, "players": players, "chosen_at": chosen}
    return pages.page(request, "footage.html", **values)


@router.get("/lessons/{lesson_id}/clip")
def take_clip(
    *,
    lesson_id: str,
    services: ServicesHere,
    caller: CallerHere,
    camera: CameraAsked,
    begin: Annotated[str, Query(alias="from", max_length=16)],
    end: Annotated[str, Query(alias="to", max_length=16)],
    derived: Annotated[str, Query(max_length=1)] = "",
) -> RedirectResponse:
    """Times of the lesson's day become an interval; the file itself is the API's."""
    caller.require(Permission.VIEW_FOOTAGE)
    with services.ledger.read() as work:
        record = lesson_of(work, lesson_id)
    first, last = _of_day(record, begin), _of_day(record, end)
    if last <= first:
        raise InvalidInput("the interval ends before it begins", place="to", hint="give a later time")
    # What is shown to the second is meant to its end.
    bounds = {
        "from": player_view.instant_text(first),
        "to": player_view.instant_text(last + timedelta(seconds=1)),
        "download": "true",
    }
    film = "derived/film.mp4" if derived else "film.mp4"
    base = f"/api/v1/lessons/{quote(lesson_id, safe='')}/footage/{quote(camera, safe='')}"
    return RedirectResponse(f"{base}/{film}?{urlencode(bounds)}", status_code=303)


def _chosen(record: LessonRecord, at: str, time: str) -> datetime | None:
    if time:
        return _of_day(record, time)
    return parse_instant(at) if at else None


def _of_day(record: LessonRecord, text: str) -> datetime:
    """A time on the lesson's day; a lesson over midnight goes on into the next."""
    starts_at = record.lesson.starts_at.astimezone(LOCAL_ZONE)
    at = player_view.time_of_day(text, starts_at.date())
    return at + timedelta(days=1) if at < starts_at - timedelta(hours=12) else at
