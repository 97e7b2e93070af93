"""Tables as people save them: CSV in any of their encodings, or the one filled sheet of a workbook."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from models.errors import RosterInvalid
from models.excerpts import excerpt
from models.roster_table import HEADER_WITHIN
from supervision_api.roster_archive import Archive

MAX_ROWS = 20_000
MAX_COLUMNS = 64
_DELIMITERS = (",", ";", "\t", "，")
# What openpyxl lets through for a zip that is no workbook, or a damaged one.
_NO_WORKBOOK = (
    InvalidFileException,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


class _Sheet(Protocol):
    def iter_rows(self, *, values_only: bool, max_col: int) -> Iterator[tuple[Any, ...]]: ...


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
    # a title may stand above the header, and Excel's own "sep=;" too
    head = max(
        text.split("\n", HEADER_WITHIN)[:HEADER_WITHIN], key=lambda line: max(map(line.count, _DELIMITERS))
    )
    delimiter = max(_DELIMITERS, key=head.count)
    if delimiter == ";" and "," in head:
        delimiter = ","
    try:
        return [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as exc:
        raise RosterInvalid(
            f"is not a readable CSV ({exc})", place=name, hint="save it as CSV UTF-8"
        ) from None


def _xlsx_rows(content: bytes, name: str) -> list[list[str]]:
    Archive(content, name)  # an XLSX is a zip: the same bombs and traversals
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False)
        # a hidden sheet is not what its sender sees: last year's roster must not come back through one
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        filled = [(sheet.title, rows) for sheet in shown if (rows := _sheet_rows(sheet))]
        book.close()
    except _NO_WORKBOOK:
        raise RosterInvalid(
            "is not a readable XLSX workbook", place=name, hint="save it again as XLSX"
        ) from None
    if len(filled) > 1:
        titles = ", ".join(excerpt(title) for title, _ in filled)
        raise RosterInvalid(
            f"has several filled sheets ({titles})",
            place=name,
            hint="keep or leave visible only the roster's",
        )
    return filled[0][1] if filled else []


def _sheet_rows(sheet: _Sheet) -> list[list[str]]:
    """Rows up to the last one that holds anything; whole columns are often formatted down to the last row."""
    rows: list[list[str]] = []
    blank = 0
    for row in sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS):
        cells = [_cell_text(value) for value in row]
        while cells and not cells[-1].strip():  # max_col pads every row
            cells.pop()
        if not cells:
            blank += 1
            continue
        rows += [[] for _ in range(min(blank, MAX_ROWS))]
        blank = 0
        rows.append(cells)
        if len(rows) > MAX_ROWS:
            break
    return rows


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        # Spreadsheets turn long numbers into floats and lose digits past the 15th: shown as they are, so
        # that the check of identity numbers can tell the user what happened.
        return f"{value:.0f}" if abs(value) < 1e15 else f"{value:.6E}"
    if isinstance(value, int) and abs(value) >= 10**15 and value % 1000 == 0:
        return f"{value:.6E}"
    if isinstance(value, (ArrayFormula, DataTableFormula)):
        return f"={getattr(value, 'text', None) or ''}".replace("==", "=", 1)
    return str(value)
