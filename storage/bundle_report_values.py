"""What a report is made of."""

from __future__ import annotations

from dataclasses import dataclass

from models.texts import Text


@dataclass(frozen=True, slots=True)
class Table:
    """``columns``: heads, empty for a table without; ``widths``: relative, one per column; ``codes``: columns
    of hashes and other texts that are compared letter by letter."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences below it (``listed``: as a list), and a table."""

    heading: Text
    sentences: tuple[Text, ...] = ()
    table: Table | None = None
    listed: bool = False
