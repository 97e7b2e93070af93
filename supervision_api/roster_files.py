"""Reads a roster as people hand it in: a folder, a zip of one, roster.csv or roster.xlsx, with photos.

Only bytes and tables here; what the rows mean is judged in models/roster.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from models.errors import RosterInvalid
from supervision_api.roster_archive import TABLE_NAMES, Archive, Folder
from supervision_api.roster_sheets import parse_table

# What people hand in as photos; which of them can be read is judged with the photo, and told by its row.
PHOTO_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".png",
        ".bmp",
        ".webp",
        ".tif",
        ".tiff",
        ".pgm",
        ".ppm",
        ".gif",
        ".heic",
        ".heif",
        ".avif",
    }
)
# Bounds that a real class never meets.
MAX_TABLE_BYTES = 32 * 1024 * 1024
MAX_PHOTO_BYTES = 32 * 1024 * 1024


class Source(Protocol):
    """Named files: a folder, an archive, an upload."""

    def names(self) -> list[str]:
        """Relative names with ``/``, none of which leaves the folder."""
        ...

    def read(self, name: str, limit: int) -> bytes:
        """Raises ``RosterInvalid`` for what is larger than ``limit`` bytes or cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class RosterFiles:
    """``table``: rows of cell texts, the header first. ``photo_names``: relative to the folder."""

    table: tuple[tuple[str, ...], ...]
    table_name: str
    photo_names: frozenset[str]
    _source: Source

    def photo(self, name: str) -> bytes:
        """The bytes of one photo.

        Raises:
            RosterInvalid: absent, unreadable, or larger than ``MAX_PHOTO_BYTES``.
        """
        if name not in self.photo_names:
            raise RosterInvalid(f"no photo {name}", hint="put it beside the table", place=self.table_name)
        return self._source.read(name, MAX_PHOTO_BYTES)


def read_roster(path: Path) -> RosterFiles:
    """A roster from a folder or a zip of one.

    Raises:
        RosterInvalid: no table, two tables, unreadable encoding, unsafe archive; names the place.
    """
    if path.is_dir():
        return roster_of(Folder(path), str(path))
    if not path.exists():
        raise RosterInvalid(
            "does not exist", place=str(path), hint="name a folder with roster.csv or a zip of it"
        )
    if path.suffix.lower() != ".zip":
        raise RosterInvalid(
            "is neither a folder nor a .zip", place=str(path), hint="name the folder that holds roster.csv"
        )
    return roster_of(Archive(path, path.name), path.name)


def read_roster_archive(content: bytes, place: str) -> RosterFiles:
    """The same from the bytes of an uploaded zip."""
    return roster_of(Archive(content, place), place)


def roster_of(source: Source, place: str) -> RosterFiles:
    """The roster among the files of a source. Raises ``RosterInvalid`` as ``read_roster`` does."""
    names = source.names()
    tables = [name for name in names if name.lower() in TABLE_NAMES]
    if not tables and any(name.lower().endswith(".zip") for name in names):
        raise RosterInvalid(
            "holds another zip and no roster.csv or roster.xlsx",
            place=place,
            hint="send the inner zip itself",
        )
    if not tables:
        raise RosterInvalid(
            "holds neither roster.csv nor roster.xlsx",
            place=place,
            hint="name the table one of these",
        )
    if len(tables) > 1:
        raise RosterInvalid(
            f"holds several tables ({', '.join(sorted(tables))})", place=place, hint="keep one of them"
        )
    content = source.read(tables[0], MAX_TABLE_BYTES)
    photos = frozenset(n for n in names if PurePosixPath(n).suffix.lower() in PHOTO_SUFFIXES)
    return RosterFiles(parse_table(content, tables[0]), tables[0], photos, source)
