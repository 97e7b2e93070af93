"""HTTP Live Streaming: the recorded pictures as they are, and H.264 copies of what browsers do not play."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from models.errors import NotFound
from models.timetable import LessonState
from storage.playback.hls import Entry, entries_of, init_of, media_of, playlist_of
from storage.playback.timeline import Cut, FilmPart, cut_to
from storage.playback.virtual_file import VirtualFile, own_bytes
from supervision_api.actions.viewing_copies import chunks_of, chunks_within
from supervision_api.request_context import ScreeningHere
from supervision_api.routes.film_answers import (
    DERIVED_HEADER,
    Asked,
    AskedHere,
    answers,
    file_answer,
    film_headers,
)
from supervision_api.routes.parameters import PlainNumber

router = APIRouter(prefix="/api/v1/lessons/{lesson_id}/footage/{camera}", tags=["footage"])

PLAYLIST = "application/vnd.apple.mpegurl"
Sequence = Annotated[int, PlainNumber, Path(ge=1, le=10_000_000)]
Chunk = Annotated[int, PlainNumber, Path(ge=0, le=100_000)]
_UNFINISHED = (LessonState.PLANNED, LessonState.OPEN, LessonState.RUNNING, LessonState.CLOSING)
_MARKED = {DERIVED_HEADER: "h264"}


@router.get(
    "/hls/playlist.m3u8",
    summary="HLS playlist of an interval (RFC 8216)",
    response_class=Response,
    responses=answers(PLAYLIST, ranged=False),
)
def get_playlist(asked: AskedHere) -> Response:
    """Whole segments, dated; a discontinuity stands where footage is missing."""
    cuts = [_whole(cut.part) for cut in cut_to(asked.recorded.parts, asked.wanted.begin, asked.wanted.end)]
    asked.note_view("hls")
    return _playlist(
        asked,
        entries_of(cuts, lambda cut: f"{_number(asked, cut)}.m4s", lambda cut: f"{_number(asked, cut)}.mp4"),
        {},
    )


@router.get(
    "/hls/{sequence}.mp4",
    summary="HLS header of a segment",
    response_class=Response,
    responses=answers("video/mp4"),
)
def get_header(asked: AskedHere, sequence: Sequence, request: Request) -> Response:
    header = init_of(_part(asked, sequence).index)
    return file_answer(request, VirtualFile((own_bytes(header),)), asked.read, headers={})


@router.get(
    "/hls/{sequence}.m4s",
    summary="HLS media of a segment",
    response_class=Response,
    responses=answers("video/mp4"),
)
def get_media(asked: AskedHere, sequence: Sequence, request: Request) -> Response:
    part = _part(asked, sequence)
    asked.note_view("hls")
    media = media_of(_whole(part), asked.recorded.parts[0].starts_at, sequence)
    return file_answer(request, media, asked.read, headers={})


@router.get(
    "/derived/playlist.m3u8",
    summary="HLS playlist of H.264 copies, marked derived",
    response_class=Response,
    responses=answers(PLAYLIST, ranged=False),
)
def get_derived_playlist(asked: AskedHere) -> Response:
    """Copies for viewing of what browsers do not play, made when their turn comes. Never evidence."""
    chunks = chunks_within(asked.recorded, asked.wanted.begin, asked.wanted.end)
    numbers = {id(chunk): _chunk_name(asked, chunk) for chunk in chunks}
    asked.note_view("derived")
    entries = entries_of(chunks, lambda cut: f"{numbers[id(cut)]}.m4s", lambda cut: f"{numbers[id(cut)]}.mp4")
    return _playlist(asked, entries, _MARKED)


@router.get(
    "/derived/{sequence}/{chunk}.mp4",
    summary="HLS header of a copy, marked derived",
    response_class=Response,
    responses=answers("video/mp4"),
)
def get_derived_header(
    asked: AskedHere, sequence: Sequence, chunk: Chunk, request: Request, screening: ScreeningHere
) -> Response:
    copy = screening.copies.part_of(_chunk(asked, sequence, chunk), asked.read)
    file = VirtualFile((own_bytes(init_of(copy.index)),))
    return file_answer(request, file, screening.copies.read, headers=_MARKED)


@router.get(
    "/derived/{sequence}/{chunk}.m4s",
    summary="HLS media of a copy, marked derived",
    response_class=Response,
    responses=answers("video/mp4"),
)
def get_derived_media(
    asked: AskedHere, sequence: Sequence, chunk: Chunk, request: Request, screening: ScreeningHere
) -> Response:
    wanted = _chunk(asked, sequence, chunk)
    asked.note_view("derived")
    copy = screening.copies.part_of(wanted, asked.read)
    media = media_of(_whole(copy), asked.recorded.parts[0].starts_at, sequence * 1000 + chunk)
    return file_answer(request, media, screening.copies.read, headers=_MARKED)


@router.get(
    "/derived/film.mp4",
    summary="Up to five minutes as an H.264 copy, marked derived",
    response_class=Response,
    responses=answers("video/mp4"),
)
def get_derived_film(
    asked: AskedHere,
    request: Request,
    screening: ScreeningHere,
    download: Annotated[bool, Query(description="Answer as a file to keep.")] = False,
) -> Response:
    """For footage that browsers do not play. A copy is no evidence: header and file name say *derived*."""
    chunks = chunks_within(asked.recorded, asked.wanted.begin, asked.wanted.end)
    asked.note_view("derived", interval=True)
    derived = screening.copies.film(chunks, asked.read)
    headers = film_headers(derived.film, asked.wanted.camera_id, download=download, derived=True)
    return file_answer(request, derived.film.file, derived.read, headers=headers)


def _playlist(asked: Asked, entries: list[Entry], headers: dict[str, str]) -> Response:
    if not entries:
        raise NotFound("there is no footage in this interval", hint="see the gaps of the lesson")
    ended = asked.wanted.end is not None or asked.record.state not in _UNFINISHED
    text = playlist_of(entries, ended=ended)
    return Response(text, media_type=PLAYLIST, headers={"Cache-Control": "private, no-store", **headers})


def _whole(part: FilmPart) -> Cut:
    return Cut(part, 0, part.index.count)


def _number(asked: Asked, cut: Cut) -> int:
    return asked.recorded.segment_of(cut.part).sequence


def _part(asked: Asked, sequence: int) -> FilmPart:
    for part in asked.recorded.parts:
        if asked.recorded.segment_of(part).sequence == sequence:
            return part
    raise NotFound("no such segment", hint="it may not be closed yet")


def _chunk_name(asked: Asked, chunk: Cut) -> str:
    number = [one.first for one in chunks_of(chunk.part)].index(chunk.first)
    return f"{_number(asked, chunk)}/{number}"


def _chunk(asked: Asked, sequence: int, number: int) -> Cut:
    chunks = chunks_of(_part(asked, sequence))
    if number >= len(chunks):
        raise NotFound("no such part of this segment", hint="load the playlist again")
    return chunks[number]
