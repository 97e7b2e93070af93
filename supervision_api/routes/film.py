"""A camera's footage of a lesson as one film, its captions, and its stills."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from supervision_api.actions import stills
from supervision_api.console.film_cues import captions
from supervision_api.request_context import LanguageHere, ScreeningHere, languages_of
from supervision_api.routes.film_answers import AskedHere, answers, file_answer, film_headers
from supervision_api.routes.footage import parse_instant

router = APIRouter(prefix="/api/v1/lessons/{lesson_id}/footage/{camera}", tags=["footage"])

Download = Annotated[bool, Query(description="Answer as a file to keep.")]
_STILL = {"Cache-Control": "private, no-store", "Content-Disposition": "inline"}


@router.head("/film.mp4", include_in_schema=False)
@router.get(
    "/film.mp4",
    summary="Any interval as one seekable MP4, whole or by byte range",
    response_class=Response,
    responses=answers("video/mp4"),
)
def get_film(
    asked: AskedHere, request: Request, screening: ScreeningHere, download: Download = False
) -> Response:
    """Recorded pictures as they are; gaps keep their length, the last picture stands still through them.

    The film begins at the keyframe at or before `from`; `Rollcall-Starts-At` tells the instant of second 0.
    """
    film = screening.films.film(asked.recorded, asked.wanted)
    if request.method != "HEAD":
        asked.note_view("film", interval=True)
    headers = film_headers(film, asked.wanted.camera_id, download=download)
    return file_answer(request, film.file, asked.read, headers=headers)


@router.get(
    "/film.vtt",
    summary="Captions: why the picture stands still, and when",
    response_class=Response,
    responses=answers("text/vtt", ranged=False),
)
def get_captions(
    asked: AskedHere,
    request: Request,
    screening: ScreeningHere,
    language: LanguageHere,
    lang: Annotated[str, Query(max_length=10, description="zh_CN or en; else by Accept-Language.")] = "",
) -> Response:
    film = screening.films.film(asked.recorded, asked.wanted)
    chosen = languages_of(request).get(lang) if lang else language
    text = captions(film, asked.recorded.gaps, chosen)
    return Response(text, media_type="text/vtt", headers=_STILL)


@router.get(
    "/poster.jpg",
    summary="The keyframe of an instant",
    response_class=Response,
    responses=answers("image/jpeg", ranged=False),
)
def get_poster(
    asked: AskedHere,
    screening: ScreeningHere,
    at: Annotated[str, Query(max_length=40, description="Instant; else the film's first picture.")] = "",
) -> Response:
    film = screening.films.film(asked.recorded, asked.wanted)
    instant = parse_instant(at) if at else film.starts_at
    asked.note_view("stills")
    jpeg = stills.poster(screening.stills, film, asked.read, instant)
    return Response(jpeg, media_type="image/jpeg", headers=_STILL)


@router.get(
    "/strip.jpg",
    summary="Pictures spread over the interval, side by side",
    response_class=Response,
    responses=answers("image/jpeg", ranged=False),
)
def get_strip(
    asked: AskedHere,
    screening: ScreeningHere,
    tiles: Annotated[int, Query(ge=1, le=48, description="How many pictures.")] = 12,
) -> Response:
    """Each tile shows the keyframe at its middle; where nothing was recorded it is hatched."""
    film = screening.films.film(asked.recorded, asked.wanted)
    asked.note_view("stills")
    jpeg = stills.strip(screening.stills, film, asked.read, tiles)
    return Response(jpeg, media_type="image/jpeg", headers=_STILL)
