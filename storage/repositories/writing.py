"""What all repositories need to write."""

from __future__ import annotations

import re
import secrets
import unicodedata

from sqlalchemy.orm import Session

from models.errors import Conflict, InvalidInput
from storage.tables.base import Base, Revised

_NAME = re.compile(r"\w[\w.@+=-]{0,63}")


def new_id() -> str:
    """A fresh row id: 128 random bits as hex. Known before the row is written, as encryption needs it."""
    return secrets.token_hex(16)


def insert(session: Session, *rows: Base) -> None:
    """Write rows now, so that a conflict shows where it arises and takes back only these rows."""
    with session.begin_nested():
        session.add_all(rows)
        session.flush()


def expect_revision(row: Revised, revision: int, what: str) -> None:
    """Raises ``Conflict`` when someone changed the row since the caller read it."""
    if row.revision != revision:
        raise Conflict(f"{what} was changed meanwhile", hint="load it again and repeat the change")


def checked_id(value: str, what: str) -> str:
    """An id that can also name a folder and an object: letters, digits and ``. _ - @ + =``, at most 64.

    Raises:
        InvalidInput: anything else, so that no path is ever built from it.
    """
    if not _NAME.fullmatch(value) or unicodedata.normalize("NFC", value) != value:
        raise InvalidInput(
            f"{what} {value!r} cannot serve as a name",
            place=what,
            hint="use up to 64 letters, digits and . _ - @ + =, beginning with a letter or digit",
        )
    return value
