"""Reads a roster as people hand it in: a folder, a zip of one, roster.csv or roster.xlsx, with photos.

Only bytes and tables here; what the rows mean is judged in models/roster.py.
"""

from __future__ import annotations

import csv
import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from models.errors import RosterInvalid

TABLE_NAMES = ("roster.csv", "roster.xlsx")
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".gif"}
)
# Bounds that a real class never meets: 10,000 trainees with three photos of 10 MB would pass.
MAX_TABLE_BYTES = 32 * 1024 * 1024
MAX_PHOTO_BYTES = 32 * 1024 * 1024
MAX_MEMBERS = 60_000
MAX_UNPACKED_BYTES = 4 * 1024**3
# A photo is compressed already; a member that shrinks more than this was made to fill a disk.
MAX_RATIO = 200
MAX_ROWS = 20_000
MAX_COLUMNS = 64


@dataclass(frozen=True, slots=True)
class RosterFiles:
    """``table``: rows of cell texts, the header first. ``photo_names``: relative to the folder."""

    table: tuple[tuple[str, ...], ...]
    table_name: str
    photo_names: frozenset[str]
    _source: _Folder | _Archive

    def photo(self, name: str) -> bytes:
        """The bytes of one photo.

        Raises:
            RosterInvalid: absent, unreadable, or larger than ``MAX_PHOTO_BYTES``.
        """
        if name not in self.photo_names:
            raise RosterInvalid(f"no photo {name}", hint="put it beside the table", place=self.table_name)
        return self._source.read(name, MAX_PHOTO_BYTES)


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def names(self) -> list[str]:
        found = []
        for path in self._root.rglob("*"):
            # A link may point anywhere; only what really lies in the folder counts.
            if path.is_file() and path.resolve().is_relative_to(self._root):
                found.append(path.relative_to(self._root).as_posix())
        return found

    def read(self, name: str, limit: int) -> bytes:
        path = self._root / name
        try:
            if path.stat().st_size > limit:
                raise RosterInvalid(f"larger than {limit >> 20} MiB", place=name, hint="shrink it")
            return path.read_bytes()
        except OSError as exc:
            raise RosterInvalid(f"cannot be read ({exc.strerror})", place=name, hint="check it") from None


class _Archive:
    """A zip whose members were all judged before any is read."""

    def __init__(self, content: bytes | Path, place: str) -> None:
        self._place = place
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)
        except (zipfile.BadZipFile, OSError):
            raise RosterInvalid(
                "not a readable zip archive", place=place, hint="zip the folder again"
            ) from None
        self._members = self._judge()

    def _judge(self) -> dict[str, zipfile.ZipInfo]:
        infos = [info for info in self._zip.infolist() if not info.is_dir()]
        if len(infos) > MAX_MEMBERS:
            raise RosterInvalid(f"more than {MAX_MEMBERS} files", place=self._place, hint="split the class")
        if sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
            raise RosterInvalid("unpacks to more than 4 GiB", place=self._place, hint="shrink the photos")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = _decoded_name(info)
            if _leaves_folder(name):
                raise RosterInvalid(
                    f"holds a file name that leaves its folder: {name!r}",
                    place=self._place,
                    hint="zip only the roster's folder",
                )
            if info.flag_bits & 0x1:
                raise RosterInvalid("is encrypted", place=self._place, hint="zip it without a password")
            if info.file_size > 1024 * 1024 and info.file_size > MAX_RATIO * max(1, info.compress_size):
                raise RosterInvalid(
                    f"{name} unpacks to over {MAX_RATIO} times its size",
                    place=self._place,
                    hint="a photo never does; make the archive anew",
                )
            if not name.startswith("__MACOSX/"):
                members[name] = info
        return _without_top_folder(members)

    def names(self) -> list[str]:
        return list(self._members)

    def read(self, name: str, limit: int) -> bytes:
        info = self._members[name]
        if info.file_size > limit:
            raise RosterInvalid(f"larger than {limit >> 20} MiB", place=name, hint="shrink it")
        try:
            with self._zip.open(info) as member:
                content = member.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, EOFError, ValueError):
            raise RosterInvalid(
                "is damaged in the archive", place=name, hint="zip the folder again"
            ) from None
        if len(content) > limit:
            raise RosterInvalid("is larger than it says", place=name, hint="zip the folder again")
        return content


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """Windows zips Chinese names as GBK without the UTF-8 flag; zipfile then reads them as cp437."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("gbk")
        except UnicodeError:
            name = info.filename
    return name.replace("\\", "/")


def _leaves_folder(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name.startswith("/") or ".." in parts or "\x00" in name or (len(name) > 1 and name[1] == ":")


def _without_top_folder(members: dict[str, zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """A zip of a folder holds everything under that folder's name; a zip of its content does not."""
    if any(name in TABLE_NAMES for name in members):
        return members
    tops = {name.split("/", 1)[0] for name in members if "/" in name}
    if len(tops) == 1 and all("/" in name for name in members):
        return {name.split("/", 1)[1]: info for name, info in members.items()}
    return members


def read_roster(path: Path) -> RosterFiles:
    """A roster from a folder or a zip of one.

    Raises:
        RosterInvalid: no table, two tables, unreadable encoding, unsafe archive; names the place.
    """
    if path.is_dir():
        return _from_source(_Folder(path), str(path))
    if not path.exists():
        raise RosterInvalid(
            "does not exist", place=str(path), hint="name a folder with roster.csv or a zip of it"
        )
    if path.suffix.lower() != ".zip":
        raise RosterInvalid(
            "is neither a folder nor a .zip", place=str(path), hint="name the folder that holds roster.csv"
        )
    return _from_source(_Archive(path, path.name), path.name)


def read_roster_archive(content: bytes, place: str) -> RosterFiles:
    """The same from the bytes of an uploaded zip."""
    return _from_source(_Archive(content, place), place)


def _from_source(source: _Folder | _Archive, place: str) -> RosterFiles:
    names = source.names()
    tables = [name for name in names if name.lower() in TABLE_NAMES]
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


def parse_table(content: bytes, name: str) -> tuple[tuple[str, ...], ...]:
    """Rows of cell texts from CSV (UTF-8 with or without BOM, UTF-16, GBK/GB 18030) or XLSX.

    Raises:
        RosterInvalid: empty, undecodable, not a workbook, too many rows.
    """
    rows = _xlsx_rows(content, name) if name.lower().endswith(".xlsx") else _csv_rows(content, name)
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise RosterInvalid(
            "is empty", place=name, hint="the first row names the columns, one trainee a row below"
        )
    if len(rows) > MAX_ROWS:
        raise RosterInvalid(f"has more than {MAX_ROWS} rows", place=name, hint="split the class")
    return tuple(tuple(row[:MAX_COLUMNS]) for row in rows)


def _decode_text(content: bytes, name: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        if "\x00" not in text:
            return text
    raise RosterInvalid(
        "is not a text table in UTF-8 or GBK", place=name, hint="save it as CSV UTF-8, or as XLSX"
    )


def _csv_rows(content: bytes, name: str) -> list[list[str]]:
    text = _decode_text(content, name)
    head = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t", "，"), key=head.count)
    if delimiter == ";" and "," in head:
        delimiter = ","
    try:
        return [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as exc:
        raise RosterInvalid(
            f"is not a readable CSV ({exc})", place=name, hint="save it as CSV UTF-8"
        ) from None


def _xlsx_rows(content: bytes, name: str) -> list[list[str]]:
    _Archive(content, name)  # an XLSX is a zip: the same bombs and traversals
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False)
        sheet = book.worksheets[0]
        rows: list[list[str]] = []
        for row in sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS):
            cells = [_cell_text(value) for value in row]
            while cells and not cells[-1]:  # max_col pads every row
                cells.pop()
            rows.append(cells)
            if len(rows) > MAX_ROWS:
                break
        book.close()
    except (
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        SyntaxError,
        zipfile.BadZipFile,
    ):
        raise RosterInvalid(
            "is not a readable XLSX workbook", place=name, hint="save it again as XLSX"
        ) from None
    return rows


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        # Spreadsheets turn long numbers into floats and lose digits past the 15th: shown as they are, so
        # that the check of identity numbers can tell the user what happened.
        return f"{value:.0f}" if abs(value) < 1e15 else f"{value:.6E}"
    return str(value)


def photo_sources(files: RosterFiles) -> Mapping[str, str]:
    """Photo names folded for comparison: lower case to the real name (Windows users mix cases)."""
    return {name.lower(): name for name in files.photo_names}
