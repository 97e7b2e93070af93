"""Posters and strips: keyframes of a film as pictures. Made on demand, kept in memory for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from models.errors import FrameDamaged, NotFound, StreamUnsupported
from models.ports import Picture
from recognition.contact_sheet import contact_sheet, first_picture
from recognition.decode import encode_jpeg
from storage.playback.film import Film, film_of
from storage.playback.timeline import Cut
from supervision_api.actions.film import ReadBytes, whole_file

TILE = (192, 108)
POSTER_WIDTH = 1280
_MOST_PICTURES = 64


class StillShelf:
    """JPEGs made lately, by film; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jpegs: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def find(self, key: tuple[object, ...]) -> bytes | None:
        with self._lock:
            return self._jpegs.get(key)

    def put(self, key: tuple[object, ...], jpeg: bytes) -> bytes:
        with self._lock:
            self._jpegs[key] = jpeg
            while len(self._jpegs) > _MOST_PICTURES:
                self._jpegs.popitem(last=False)
        return jpeg


def poster(shelf: StillShelf, film: Film, read: ReadBytes, at: datetime) -> bytes:
    """The keyframe nearest before an instant (or the next after it), as JPEG.

    Raises:
        FrameDamaged: it cannot be decoded.
        NotFound: nothing in the film to show.
    """
    cut = _keyframe_near(film.parts, at) or film.parts[0]
    key = ("poster", cut.part.source, cut.first)
    kept = shelf.find(key)
    if kept is not None:
        return kept
    picture = _decoded(cut, read)
    if picture is None:
        raise FrameDamaged("this picture cannot be decoded", hint="choose an instant nearby")
    return shelf.put(key, encode_jpeg(picture, max_width=POSTER_WIDTH))


def strip(shelf: StillShelf, film: Film, read: ReadBytes, tiles: int) -> bytes:
    """``tiles`` pictures spread over the film, side by side as one JPEG; hatched where there is none."""
    key = ("strip", film.file.etag, tiles)
    kept = shelf.find(key)
    if kept is not None:
        return kept
    spread = [
        film.starts_at + (film.ends_at - film.starts_at) * (number + 0.5) / tiles for number in range(tiles)
    ]
    cuts = [_keyframe_near(film.parts, at) for at in spread]
    pictures = [None if cut is None else _decoded(cut, read) for cut in cuts]
    return shelf.put(key, contact_sheet(pictures, TILE))


def _keyframe_near(parts: Sequence[Cut], at: datetime) -> Cut | None:
    """The last keyframe shown at or before an instant, alone; ``None`` where nothing was recorded then."""
    for cut in parts:
        index = cut.part.index
        tick = (at - cut.part.starts_at).total_seconds() * index.timescale
        chosen = slice(cut.first, cut.last)
        shown = index.shown_at[chosen]
        if not shown.min() <= tick < (shown + index.durations[chosen]).max():
            continue
        keys = np.flatnonzero(index.sync[chosen] & (shown <= tick))
        first = cut.first + (int(keys[-1]) if len(keys) else 0)
        return Cut(cut.part, first, first + 1)
    return None


def _decoded(cut: Cut, read: ReadBytes) -> Picture | None:
    try:
        return first_picture(whole_file(film_of([cut]).file, read))
    except (FrameDamaged, StreamUnsupported, NotFound):
        return None
