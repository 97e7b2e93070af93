"""The database: engine, transactions, schema.

SQLite (WAL, every commit synced) on one machine, PostgreSQL beyond. A writer announces itself at the start
(``BEGIN IMMEDIATE``): a transaction that reads first and writes later would fail half-way when two meet.
Waits are bounded, and what the driver says of a failure never leaves this room.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from models.errors import DatabaseBusy, RollcallError, SettingInvalid, StorageError
from storage.driver_errors import translated

BUSY_WAIT_S: Final = 10.0
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WRITES: Final = "rollcall_writes"
_UPGRADE_LOCK: Final = 0x726F6C6C63616C6C  # "rollcall": a number of our own among the database's users


class Database:
    """One engine and the rule of one writer at a time where the database is a file."""

    def __init__(self, url: str, *, busy_wait_s: float = BUSY_WAIT_S) -> None:
        self._url = _checked(url)
        self._busy_wait_s = busy_wait_s
        self._writer = threading.Lock()
        self.engine = _engine(self._url, busy_wait_s)

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def transaction(self, *, writing: bool) -> Iterator[Connection]:
        """One transaction: committed at the successful end, rolled back on any error.

        Raises:
            DatabaseBusy: locked by another for longer than the configured wait.
            DiskFull: no room.
            StorageError: anything else that the database says.
        """
        with self._turn(writing), clean_errors(), self.engine.connect() as raw:
            connection = raw.execution_options(**{_WRITES: writing})
            with connection.begin() as transaction:
                yield connection
                if not transaction.is_active:
                    # Someone caught an error of the database and went on: nothing of it would be kept.
                    raise StorageError(
                        "an earlier error undid this unit of work", hint="repeat it as a whole"
                    )

    @contextmanager
    def _turn(self, writing: bool) -> Iterator[None]:
        # Threads of one process queue here, fairly; SQLite's own waiting is polling and starves the unlucky.
        if not writing or not self.is_sqlite:
            yield
            return
        if not self._writer.acquire(timeout=self._busy_wait_s):
            raise DatabaseBusy(
                f"another part of this program wrote for longer than {self._busy_wait_s:g} s",
                hint="try again; if it stays so, look for a full or failing disk",
            )
        try:
            yield
        finally:
            self._writer.release()

    def close(self) -> None:
        """Close all connections; SQLite then folds its write-ahead log into the file."""
        self.engine.dispose()


@contextmanager
def clean_errors() -> Iterator[None]:
    """Let only our own errors out, without the driver's beside them."""
    try:
        yield
    except RollcallError as error:
        error.__cause__ = error.__context__ = None
        error.__suppress_context__ = True
        raise
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        raise translated(error) from None


def sqlite_url(path: Path) -> str:
    """Address of a database file."""
    return URL.create("sqlite", database=str(path.absolute())).render_as_string()


def upgrade(url: str, *, busy_wait_s: float = BUSY_WAIT_S) -> None:
    """Bring the schema of an empty or older database up to this release, in one transaction.

    Raises:
        StorageError: unreachable, unwritable, damaged, or made by a newer release.
    """
    database = Database(url, busy_wait_s=busy_wait_s)
    try:
        with database.transaction(writing=True) as connection:
            if not database.is_sqlite:
                # Where several processes start at once, one upgrades and the others find it done.
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
            _refuse_unknown_revision(connection)
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        database.close()


def schema_is_current(database: Database) -> bool:
    """Whether the tables are those of this release."""
    with database.transaction(writing=False) as connection:
        return _revision(connection) == _script().get_current_head()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(_MIGRATIONS))


def _refuse_unknown_revision(connection: Connection) -> None:
    revision = _revision(connection)
    known = {script.revision for script in _script().walk_revisions()}
    if revision is not None and revision not in known:
        raise StorageError(
            f"the database was made by a newer release (revision {revision})",
            hint="install that release or a newer one",
        )


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingInvalid(
            "this is no database address",
            hint="write sqlite:////folder/rollcall.db or postgresql://user@host/name",
        ) from None
    name = parsed.get_backend_name()
    if name == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise SettingInvalid("SQLite needs a file", hint="write sqlite:////folder/rollcall.db")
        return parsed.set(drivername="sqlite+pysqlite")
    if name == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise SettingInvalid(f"the database {name!r} is not supported", hint="use sqlite or postgresql")


def _engine(url: URL, busy_wait_s: float) -> Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    wait_ms = int(busy_wait_s * 1000)
    arguments: dict[str, Any] = {"timeout": busy_wait_s}
    if not is_sqlite:
        options = f"-c timezone=utc -c lock_timeout={wait_ms}"
        arguments = {"options": options, "connect_timeout": max(2, int(busy_wait_s))}
    engine = create_engine(
        url,
        connect_args=arguments,
        pool_size=8,
        max_overflow=24,
        pool_timeout=max(1.0, busy_wait_s),
        pool_pre_ping=not is_sqlite,
        hide_parameters=True,
    )
    event.listen(engine, "handle_error", _replace_error)
    if is_sqlite:
        _make_private(Path(str(url.database)))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", _begin_postgresql)
    return engine


def _make_private(path: Path) -> None:
    # Names and masked numbers stand in clear text here: the file is for its owner, and WAL files inherit it.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageError(
            f"the database file cannot be opened ({error.strerror})", place=str(path), hint="check its folder"
        ) from None


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Autocommit of the driver, so that BEGIN is ours and covers changes of the schema as well.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, True)
    connection.exec_driver_sql(f"PRAGMA query_only={0 if writes else 1}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get(_WRITES, True):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _replace_error(context: ExceptionContext) -> None:
    raise translated(context.original_exception) from None
