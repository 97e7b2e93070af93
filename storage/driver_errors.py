"""Foreign errors of database drivers, turned into ours at the seam.

Driver messages hold statements and values (PostgreSQL names the row that collides, identity hash and all),
so nothing of their text passes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError

from models.errors import Conflict, DatabaseBusy, DiskFull, RollcallError, StorageError


def _busy() -> RollcallError:
    return DatabaseBusy(
        "the database stayed locked", hint="wait, or stop what runs long on the database, then try again"
    )


def _full() -> RollcallError:
    return DiskFull("the database's disk is full", hint="free space there; nothing was written")


def _stale() -> RollcallError:
    return Conflict("this contradicts what is stored already", hint="load the current state and try again")


def _no_tables() -> RollcallError:
    return StorageError("the database lacks its tables", hint="run: rollcall db upgrade")


def _unreachable() -> RollcallError:
    return StorageError("the database cannot be reached", hint="check that PostgreSQL runs, and its address")


def _denied() -> RollcallError:
    return StorageError("the database refused its user or password", hint="check the database address")


def _damaged() -> RollcallError:
    return StorageError("the database file is damaged", hint="restore it from its backup")


def _read_only() -> RollcallError:
    return StorageError("the database cannot be written", hint="check owner and mode of file and folder")


def _cannot_open() -> RollcallError:
    return StorageError("the database file cannot be opened", hint="check that its folder exists")


Maker = Callable[[], RollcallError]

_SQLITE: Final[dict[int, Maker]] = {
    sqlite3.SQLITE_BUSY: _busy,
    sqlite3.SQLITE_LOCKED: _busy,
    sqlite3.SQLITE_FULL: _full,
    sqlite3.SQLITE_CONSTRAINT: _stale,
    sqlite3.SQLITE_CORRUPT: _damaged,
    sqlite3.SQLITE_NOTADB: _damaged,
    sqlite3.SQLITE_READONLY: _read_only,
    sqlite3.SQLITE_CANTOPEN: _cannot_open,
}

# PostgreSQL's error codes (appendix A of its manual), the longest matching beginning counts.
_POSTGRESQL: Final[dict[str, Maker]] = {
    "55P03": _busy,
    "40001": _busy,
    "40P01": _busy,
    "57014": _busy,
    "53300": _busy,
    "53100": _full,
    "23": _stale,
    "42P01": _no_tables,
    "08": _unreachable,
    "57P": _unreachable,
    "28": _denied,
}


def translated(error: BaseException) -> RollcallError:
    """Our error for one raised by SQLAlchemy or a driver."""
    if isinstance(error, exc.DBAPIError):
        return translated(error.orig) if error.orig is not None else _unknown(type(error).__name__)
    if isinstance(error, exc.TimeoutError):
        return _busy()
    if isinstance(error, StaleDataError):
        return _stale()
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(error)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _from_postgresql(state)
    if type(error).__module__.startswith("psycopg"):
        return _unreachable()
    return _unknown(type(error).__name__)


def _from_sqlite(error: sqlite3.Error) -> RollcallError:
    maker = _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if maker is not None:
        return maker()
    if str(error).startswith("no such table"):
        return _no_tables()
    return _unknown(getattr(error, "sqlite_errorname", type(error).__name__))


def _from_postgresql(state: str) -> RollcallError:
    for length in (5, 3, 2):
        maker = _POSTGRESQL.get(state[:length])
        if maker is not None:
            return maker()
    return _unknown(f"PostgreSQL {state}")


def _unknown(name: str) -> RollcallError:
    return StorageError(f"the database failed ({name})", hint="check its disk and its log")
