"""From a raw table (rows of cell texts) to roster rows: finds the header, in Chinese or English."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from models.errors import RosterInvalid
from models.roster import RosterRow

MAX_ROWS = 10_000
# Sheets often carry a title and a line of notes above the header.
HEADER_WITHIN = 10

_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "name": ("姓名", "学员姓名", "名字", "name", "full name"),
        "id_number": (
            "身份证号",
            "身份证号码",
            "身份证",
            "公民身份号码",
            "居民身份证号码",
            "证件号码",
            "id_number",
            "id number",
            "id no",
            "identity number",
        ),
        "phone": (
            "电话",
            "电话号码",
            "手机",
            "手机号",
            "手机号码",
            "联系电话",
            "联系方式",
            "phone",
            "mobile",
            "tel",
        ),
        "photo": ("照片", "相片", "照片文件", "photo", "photos", "picture"),
        "code": ("编号", "学号", "学员编号", "code", "trainee code"),
    }
)
_REQUIRED = ("name", "id_number", "photo")
_SHOWN = MappingProxyType(
    {
        "name": "姓名 name",
        "id_number": "身份证号 id_number",
        "photo": "照片 photo",
        "phone": "电话",
        "code": "编号",
    }
)


def _folded(text: str) -> str:
    """A header as it is compared: half-width, lower case, without spaces, marks of emphasis and brackets."""
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = re.sub(r"\(.*?\)", "", plain)
    return re.sub(r"[\s_*:.\-\ufeff\u200b]", "", plain)


_FIELD_OF: Mapping[str, str] = MappingProxyType(
    {_folded(alias): field for field, aliases in _ALIASES.items() for alias in aliases}
)


def rows_from_table(table: Sequence[Sequence[str]], *, place: str = "roster") -> tuple[RosterRow, ...]:
    """The rows under the header, blank ones left out. Columns that Rollcall does not know are ignored.

    Raises:
        RosterInvalid: no header, a required column missing or twice, no rows, or more than ``MAX_ROWS``.
    """
    header_at, columns = _find_header(table, place)
    rows = [
        _row(cells, columns, line)
        for line, cells in enumerate(table[header_at + 1 :], start=header_at + 2)
        if any(cell.strip() for cell in cells)
    ]
    if not rows:
        raise RosterInvalid("has a header but no trainees", place=place, hint="add a row for each trainee")
    if len(rows) > MAX_ROWS:
        raise RosterInvalid(
            f"has {len(rows)} rows, more than {MAX_ROWS}", place=place, hint="split it into classes"
        )
    return tuple(rows)


def _find_header(table: Sequence[Sequence[str]], place: str) -> tuple[int, Mapping[str, int]]:
    if not any(cell.strip() for cells in table for cell in cells):
        raise RosterInvalid("is empty", place=place, hint="first line: 姓名,身份证号,电话,照片")
    found: list[tuple[int, Mapping[str, int]]] = []
    for index, cells in enumerate(table[:HEADER_WITHIN]):
        columns = _columns(cells, f"{place}: line {index + 1}")
        if "name" in columns or "id_number" in columns:
            found.append((index, columns))
    if not found:
        raise RosterInvalid("has no header", place=place, hint="first line: 姓名,身份证号,电话,照片")
    index, columns = max(found, key=lambda pair: len(pair[1]))
    missing = [_SHOWN[field] for field in _REQUIRED if field not in columns]
    if missing:
        raise RosterInvalid(
            f"has no column {'; '.join(missing)}",
            place=f"{place}: line {index + 1}",
            hint="add the column to the header",
        )
    return index, columns


def _columns(cells: Sequence[str], place: str) -> Mapping[str, int]:
    columns: dict[str, int] = {}
    for index, cell in enumerate(cells):
        field = _FIELD_OF.get(_folded(cell))
        if field is None:
            continue
        if field in columns:
            raise RosterInvalid(f"has the column {_SHOWN[field]} twice", place=place, hint="keep one")
        columns[field] = index
    return columns


def _row(cells: Sequence[str], columns: Mapping[str, int], line: int) -> RosterRow:
    def cell(field: str) -> str:
        index = columns.get(field)
        return cells[index].strip().strip("\ufeff") if index is not None and index < len(cells) else ""

    photos = (part.strip() for part in re.split(r"[;；\n]", cell("photo")))
    return RosterRow(
        line=line,
        name=cell("name"),
        id_number=cell("id_number"),
        phone=cell("phone"),
        photos=tuple(part for part in photos if part),
        code=cell("code"),
    )
