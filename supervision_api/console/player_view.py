"""What a camera's player shows: one film of the lesson, a strip of stills under it, and where nothing is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from urllib.parse import quote, urlencode

from models.errors import InvalidInput
from models.register import LessonRecord
from storage.playback.film import Film
from supervision_api.actions.film import FilmShelf, Recorded, Wanted
from supervision_api.console.film_cues import Silence, gap_cause, silences_of
from supervision_api.console.i18n import LOCAL_ZONE, Language

TILES = 12
STRIP_WIDTH = 2304.0
_NAMES = {"hevc": "H.265", "h264": "H.264", "av1": "AV1", "mpeg4": "MPEG-4", "mjpeg": "MJPEG"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the strip that leads to its instant. ``x``, ``width``: units of the strip's drawing."""

    at: datetime
    second: float
    x: float
    width: float
    link: str


@dataclass(frozen=True, slots=True)
class StripGap:
    """A part of the strip without footage, and why."""

    starts_at: datetime
    ends_at: datetime
    x: float
    width: float
    cause: str


@dataclass(frozen=True, slots=True)
class Player:
    """One camera's film. ``second``: where it begins to play, or ``None`` for the beginning unasked.

    ``derived``: the source is a copy for viewing; ``film`` is always what was recorded.
    """

    camera_id: str
    codec: str
    source: str
    media_type: str
    film: str
    captions: str
    poster: str
    strip: str
    starts_at: datetime
    ends_at: datetime
    duration_s: float
    second: float | None
    derived: bool
    tiles: tuple[Tile, ...]
    gaps: tuple[StripGap, ...]
    unreadable: tuple[int, ...]

    @property
    def fragment(self) -> str:
        return "" if self.second is None else f"#t={self.second:.3f}"


def player_of(
    record: LessonRecord,
    camera_id: str,
    recorded: Recorded,
    films: FilmShelf,
    language: Language,
    at: datetime | None,
) -> Player | None:
    """The player of a camera's footage; ``None`` where there is nothing to play."""
    if not recorded.parts:
        return None
    lesson_id = record.lesson.lesson_id
    film = films.film(recorded, Wanted(lesson_id, camera_id))
    # Bounds are told: a lesson that still runs must not change the film under a browser that plays it.
    bounds = urlencode({"from": instant_text(film.starts_at), "to": instant_text(film.ends_at)})
    base = f"/api/v1/lessons/{quote(lesson_id, safe='')}/footage/{quote(camera_id, safe='')}"
    derived = not recorded.plays_natively
    original = f"{base}/film.mp4?{bounds}"
    return Player(
        camera_id=camera_id,
        codec=_NAMES.get(codec := recorded.segment_of(recorded.parts[0]).codec, codec),
        source=f"{base}/derived/playlist.m3u8?{bounds}" if derived else original,
        media_type="application/vnd.apple.mpegurl" if derived else "video/mp4",
        film=original,
        captions=f"{base}/film.vtt?{bounds}&lang={language.locale}",
        poster=f"{base}/poster.jpg?{bounds}" + (f"&at={quote(instant_text(at))}" if at else ""),
        strip=f"{base}/strip.jpg?{bounds}&tiles={TILES}",
        starts_at=film.starts_at,
        ends_at=film.ends_at,
        duration_s=film.duration_s,
        second=None if at is None else _second(film, at),
        derived=derived,
        tiles=_tiles(film, lesson_id, camera_id),
        gaps=tuple(_strip_gap(film, one, language) for one in silences_of(film, recorded.gaps)),
        unreadable=tuple(one.sequence for one in recorded.unreadable),
    )


def instant_text(at: datetime) -> str:
    """An instant as an address has it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def film_link(lesson_id: str, camera_id: str, at: datetime) -> str:
    """The page that plays the whole film from an instant on."""
    query = urlencode({"camera": camera_id, "at": instant_text(at)})
    return f"/console/lessons/{lesson_id}/footage?{query}#camera-{camera_id}"


def time_of_day(text: str, day: date) -> datetime:
    """``08:00`` or ``08:00:05`` on a day, local time. Raises ``InvalidInput``."""
    try:
        read = time.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is not None:
        raise InvalidInput("this is no time of day", place="time", hint="08:00:05")
    return datetime.combine(day, read, LOCAL_ZONE)


def _second(film: Film, at: datetime) -> float:
    return round(min(max(0.0, (at - film.starts_at).total_seconds()), film.duration_s), 3)


def _tiles(film: Film, lesson_id: str, camera_id: str) -> tuple[Tile, ...]:
    width = STRIP_WIDTH / TILES
    return tuple(
        Tile(
            at := film.starts_at + (film.ends_at - film.starts_at) * number / TILES,
            _second(film, at),
            width * number,
            width,
            film_link(lesson_id, camera_id, at),
        )
        for number in range(TILES)
    )


def _strip_gap(film: Film, silence: Silence, language: Language) -> StripGap:
    scale = STRIP_WIDTH / film.duration_s
    width = max(4.0, (silence.end_s - silence.start_s) * scale)
    cause = gap_cause(silence.cause, language)
    return StripGap(
        silence.interval.starts_at, silence.interval.ends_at, silence.start_s * scale, width, cause
    )
