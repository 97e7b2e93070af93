"""Copies for viewing: chunks of a few seconds of what browsers do not play, turned into H.264 when asked for.

They lie in a cache folder outside the object store, under names made of the original's hash, and go when
nobody has looked at them for a day. They are no evidence: answers, file names and pages say so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ingest.viewing_copy import viewing_copy
from models.errors import DiskFull, InvalidInput, NotFound, StorageError
from storage.durable import is_disk_full
from storage.playback.film import Film, film_of
from storage.playback.sample_reader import index_of_file
from storage.playback.timeline import Cut, FilmPart, cut_to
from supervision_api.actions.film import ReadBytes, Recorded, whole_file

CHUNK_S: Final = 6.0
"""Long enough to compress well, short enough to be made while somebody waits."""

LONGEST_CLIP: Final = timedelta(minutes=5)
KEPT_FOR: Final = timedelta(days=1)
_RECIPE: Final = "h264-1"  # part of the name: copies of another recipe are other copies


def chunks_of(part: FilmPart) -> tuple[Cut, ...]:
    """The part in pieces that each begin with a keyframe and last about ``CHUNK_S``. Pure."""
    index = part.index
    bounds, since = [0], 0
    for number in index.sync.nonzero()[0].tolist():
        if number and int(index.decoded_at[number]) - since >= CHUNK_S * index.timescale:
            bounds.append(number)
            since = int(index.decoded_at[number])
    ends = [*bounds[1:], index.count]
    return tuple(Cut(part, first, last) for first, last in zip(bounds, ends, strict=True))


def chunks_within(recorded: Recorded, begin: datetime | None, end: datetime | None) -> tuple[Cut, ...]:
    """The chunks that show something of the interval."""
    wanted = cut_to(recorded.parts, begin, end)
    return tuple(
        chunk
        for cut in wanted
        for chunk in chunks_of(cut.part)
        if chunk.first < cut.last and cut.first < chunk.last
    )


@dataclass(frozen=True)
class DerivedFilm:
    """A film made of copies, and what reads them."""

    film: Film
    read: ReadBytes


class ViewingCopies:
    """The cache folder. One copy is made at a time: viewing must not starve recording."""

    def __init__(self, folder: Path, make: Callable[[bytes], bytes] = viewing_copy) -> None:
        self._folder = folder
        self._make = make
        self._busy = threading.Lock()

    def part_of(self, chunk: Cut, read: ReadBytes) -> FilmPart:
        """The copy of a chunk, made now if it is not there.

        Raises:
            VideoInvalid: nothing of it can be decoded.
            EvidenceBroken: the original is not as recorded.
            DiskFull: no room for the copy.
        """
        name = _name(chunk)
        path = self._folder / name
        if not path.exists():
            with self._busy:
                if not path.exists():
                    self._keep(path, self._make(whole_file(film_of([chunk]).file, read)))
        with suppress(OSError):
            path.touch()
        index = index_of_file(path)
        original = chunk.part.index.geometry
        turned = replace(index, geometry=original[:36] + index.geometry[36:])
        return FilmPart(name, chunk.starts_at, turned)

    def film(self, chunks: Sequence[Cut], read: ReadBytes) -> DerivedFilm:
        """One film of the copies of these chunks. Raises ``InvalidInput`` beyond ``LONGEST_CLIP``."""
        if not chunks:
            raise NotFound("there is no footage in this interval", hint="see the gaps of the lesson")
        if chunks[-1].starts_at - chunks[0].starts_at > LONGEST_CLIP:
            raise InvalidInput(
                "this is too long to be converted at once",
                place="to",
                hint=f"ask for at most {LONGEST_CLIP // timedelta(minutes=1)} minutes",
            )
        parts = [self.part_of(chunk, read) for chunk in chunks]
        return DerivedFilm(film_of(cut_to(parts, None, None)), self.read)

    def read(self, source: str, start: int, end: int) -> bytes:
        """Bytes of a copy. Raises ``StorageError`` where it was swept away meanwhile."""
        try:
            with (self._folder / source).open("rb") as file:
                file.seek(start)
                return file.read(end - start)
        except OSError:
            raise StorageError("this copy for viewing is gone", place=source, hint="play it again") from None

    def sweep(self, now: datetime) -> int:
        """Remove copies that nobody looked at for a day; gives how many."""
        gone = 0
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            with suppress(OSError):
                if path.stat().st_mtime < (now - KEPT_FOR).timestamp():
                    path.unlink()
                    gone += 1
        return gone

    def _keep(self, path: Path, content: bytes) -> None:
        temporary = path.with_suffix(".tmp")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_bytes(content)
            temporary.chmod(0o600)
            temporary.replace(path)
        except OSError as error:
            if is_disk_full(error):
                raise DiskFull("no room for a copy for viewing", place=str(self._folder)) from None
            raise StorageError("the copy for viewing cannot be kept", place=str(self._folder)) from None


def _name(chunk: Cut) -> str:
    return f"{chunk.part.source}-{chunk.first}-{chunk.last}-{_RECIPE}.mp4"
