"""Photos whose people are known: a folder with one folder per person, as the calibration takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.errors import InvalidInput

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".ppm", ".pnm"})


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """``person``: the folder's name. ``group``: of the people file, empty where none says."""

    person: str
    path: Path
    group: str = ""


def labelled_photos(folder: Path) -> tuple[LabelledPhoto, ...]:
    """All photos of ``folder/<person>/<photo>``, sorted by person and name.

    Hidden files and files that are no photos by their name are passed over. A file ``groups.csv`` in the
    folder (``person,group`` per line, no header) labels people for error rates per group.

    Raises:
        InvalidInput: no such folder, unreadable, or no photo in it.
    """
    try:
        groups = dict(_groups(folder / "groups.csv"))
        photos = tuple(
            LabelledPhoto(person.name, path, groups.get(person.name, ""))
            for person in sorted(folder.iterdir())
            if person.is_dir() and not person.name.startswith(".")
            for path in sorted(person.iterdir())
            if path.is_file() and path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")
        )
    except OSError as exc:
        raise InvalidInput(
            f"cannot be read: {exc.strerror}",
            place=str(folder),
            hint="name a folder with one folder per person",
        ) from None
    if not photos:
        raise InvalidInput(
            "holds no photos",
            place=str(folder),
            hint="put each person's photos into a folder of their own: FOLDER/person/photo.jpg",
        )
    return photos


def _groups(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidInput("is not UTF-8 text", place=str(path), hint="save it as UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        person, comma, group = line.partition(",")
        if not comma:
            raise InvalidInput(f"line {number} has no comma", place=str(path), hint="write person,group")
        yield person.strip(), group.strip()
