"""A camera's footage of a lesson as one film: planned from the index of pictures, read span by span."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import structlog

from models.errors import EvidenceBroken, NotFound, VideoInvalid
from models.footage import Gap, Segment
from storage.playback.film import Film, film_of
from storage.playback.sample_index import SampleIndex
from storage.playback.sample_reader import index_of
from storage.playback.timeline import FilmPart, cut_to
from storage.playback.virtual_file import VirtualFile
from supervision_api.actions import footage
from supervision_api.services import Services

_log = structlog.get_logger(__name__)

FIRST_PIECE_BYTES = 64 * 1024
"""The first is small, so that a film begins at once, whatever store it comes from."""

PIECE_BYTES = 1024 * 1024
_MOST_FILMS = 16
_MOST_INDEXES = 512  # some 40 kB each
_NATIVE = frozenset({"avc1", "avc3", "av01", "vp09"})
"""Sample entries that every browser of today plays; H.265 plays in some only."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which film: a camera of a lesson, and the interval; without ends, all there is."""

    lesson_id: str
    camera_id: str
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Recorded:
    """A camera's footage with what is needed to play it. ``unreadable``: segments without an index."""

    segments: Mapping[str, Segment]
    parts: tuple[FilmPart, ...]
    gaps: tuple[Gap, ...]
    unreadable: tuple[Segment, ...] = ()

    def segment_of(self, part: FilmPart) -> Segment:
        return self.segments[part.source]

    @property
    def plays_natively(self) -> bool:
        return all(part.index.codec in _NATIVE for part in self.parts)


class FilmShelf:
    """Films planned lately, thread-safe: a browser asks for one film in many ranges."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._films: OrderedDict[tuple[object, ...], Film] = OrderedDict()
        self._indexes: OrderedDict[str, SampleIndex] = OrderedDict()

    def indexes(self, segment_ids: Sequence[str]) -> dict[str, SampleIndex]:
        """What is at hand of these segments' indexes; they never change."""
        with self._lock:
            return {one: self._indexes[one] for one in segment_ids if one in self._indexes}

    def remember(self, indexes: Mapping[str, SampleIndex]) -> None:
        with self._lock:
            self._indexes.update(indexes)
            while len(self._indexes) > _MOST_INDEXES:
                self._indexes.popitem(last=False)

    def film(self, recorded: Recorded, wanted: Wanted) -> Film:
        """The film of the interval; its plan changes when segments are added.

        Raises:
            NotFound: nothing was recorded in the interval.
        """
        key = (wanted, tuple(part.source for part in recorded.parts))
        with self._lock:
            if key in self._films:
                self._films.move_to_end(key)
                return self._films[key]
        cuts = cut_to(recorded.parts, wanted.begin, wanted.end)
        if not cuts:
            raise NotFound("there is no footage in this interval", hint="see the gaps of the lesson")
        film = film_of(cuts)
        with self._lock:
            self._films[key] = film
            while len(self._films) > _MOST_FILMS:
                self._films.popitem(last=False)
        return film


def recorded_by(services: Services, films: FilmShelf, lesson_id: str, camera_id: str) -> Recorded:
    """A camera's segments with their indexes; those that were never made, or lost, are made now. Footage that
    was removed after its retention is left out.

    Raises:
        StorageError: database or store do not answer.
    """
    with services.ledger.read() as work:
        removed = work.removals.removed_ids(lesson_id)
        booked = work.footage.segments(lesson_id, camera_id)
        segments = tuple(one for one in booked if one.segment_id not in removed)
        gaps = work.footage.gaps(lesson_id, camera_id)
        kept = films.indexes([one.segment_id for one in segments])
        wanted = [one.segment_id for one in segments if one.segment_id not in kept]
        read = work.sample_indexes.of_segments(wanted)
    missing = [one for one in segments if one.segment_id in wanted and one.segment_id not in read]
    fresh = {**read, **_made_now(services, missing)}
    films.remember(fresh)
    kept.update(fresh)
    playable = [one for one in segments if one.segment_id in kept]
    return Recorded(
        {one.sha256: one for one in playable},
        tuple(FilmPart(one.sha256, one.starts_at, kept[one.segment_id]) for one in playable),
        gaps,
        tuple(one for one in segments if one.segment_id not in kept),
    )


def _made_now(services: Services, segments: Sequence[Segment]) -> Mapping[str, SampleIndex]:
    made: dict[str, SampleIndex] = {}
    for segment in segments:
        try:
            made[segment.segment_id] = index_of(whole_segment(services, segment))
        except (VideoInvalid, EvidenceBroken) as refusal:
            _log.error(
                "segment cannot be played", segment=segment.segment_id, code=refusal.code, why=refusal.message
            )
    if made:
        with services.ledger.write() as work:
            for segment_id, index in made.items():
                work.sample_indexes.put(segment_id, index)
    return made


def whole_segment(services: Services, segment: Segment) -> bytes:
    """All bytes of a segment. Raises ``EvidenceBroken`` where they are not as recorded."""
    with services.ledger.read() as work:
        found = footage.bytes_of(work, segment)
    return footage.read_exactly(services, found, 0, found.size)


ReadBytes = Callable[[str, int, int], bytes]
"""Bytes ``[start, end)`` of a source, exactly; the source is called as the plan calls it."""


def segment_reader(services: Services, recorded: Recorded) -> ReadBytes:
    """Reads recorded segments, wherever their bytes are now.

    Raises, when called: EvidenceBroken where a segment is shorter than recorded, or gone.
    """
    found: dict[str, footage.SegmentBytes] = {}

    def read(source: str, start: int, end: int) -> bytes:
        if source not in found:
            with services.ledger.read() as work:
                found[source] = footage.bytes_of(work, recorded.segments[source])
        return footage.read_exactly(services, found[source], start, end)

    return read


def read_file(file: VirtualFile, start: int, stop: int, read: ReadBytes) -> Iterator[bytes]:
    """Bytes ``[start, stop)`` in pieces; the first is read at once, so that what is gone is told as an error
    and not as a film that breaks off."""
    pieces = _pieces(file, start, stop, read)
    return chain((next(pieces, b""),), pieces)


def _pieces(file: VirtualFile, start: int, stop: int, read: ReadBytes) -> Iterator[bytes]:
    size = FIRST_PIECE_BYTES
    for span in file.within(start, stop):
        if not span.source:
            yield span.own[span.start : span.end]
            continue
        at = span.start
        while at < span.end:
            yield read(span.source, at, min(at + size, span.end))
            at, size = at + size, PIECE_BYTES


def whole_file(file: VirtualFile, read: ReadBytes) -> bytes:
    """All of a small file."""
    return b"".join(_pieces(file, 0, file.size, read))
