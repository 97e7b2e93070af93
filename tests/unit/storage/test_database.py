"""Transactions and failures of the database: bounded waits, our own errors, no driver's words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from models.errors import Conflict, DatabaseBusy, DiskFull, RollcallError, SettingInvalid, StorageError
from storage.database import Database, sqlite_url, upgrade
from storage.driver_errors import translated

INSERT = text("INSERT INTO institutions (code, name, created_at) VALUES (:code, :name, '2026-01-01')")


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "test.db").write_bytes(migrated_file.read_bytes())
    opened = Database(sqlite_url(tmp_path / "test.db"), busy_wait_s=0.2)
    yield opened
    opened.close()


def _insert_and_fail(connection: Connection) -> None:
    connection.execute(INSERT, {"code": "A", "name": "a"})
    raise ZeroDivisionError


def _fill(database: Database, most: int) -> Iterator[int]:
    for number in range(most):
        with database.transaction(writing=True) as connection:
            connection.execute(INSERT, {"code": f"{number:05d}", "name": "x" * 8000})
        yield number


def names(database: Database) -> list[str]:
    with database.transaction(writing=False) as connection:
        return list(connection.scalars(text("SELECT code FROM institutions ORDER BY code")))


def test_sqlite_runs_as_evidence_needs_it(database: Database) -> None:
    with database.transaction(writing=False) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 200,
        "query_only": 1,
    }


def test_the_database_file_is_for_its_owner_alone(database: Database, tmp_path: Path) -> None:
    upgrade(sqlite_url(tmp_path / "fresh.db"))
    assert (tmp_path / "fresh.db").stat().st_mode & 0o777 == 0o600


def test_an_error_rolls_everything_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction(writing=True) as connection:
        _insert_and_fail(connection)
    assert names(database) == []


def test_a_writer_in_another_process_makes_us_wait_and_then_say_so(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy) as caught, database.transaction(writing=True):
        pytest.fail("the database was locked")
    assert caught.value.hint
    other.execute("ROLLBACK")
    other.close()
    with database.transaction(writing=True) as connection:
        connection.execute(INSERT, {"code": "A", "name": "a"})
    assert names(database) == ["A"]


def test_a_writer_in_another_thread_makes_us_wait_and_then_say_so(database: Database) -> None:
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.transaction(writing=True):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    try:
        with pytest.raises(DatabaseBusy, match="another part"), database.transaction(writing=True):
            pytest.fail("two writers at once")
        assert names(database) == []  # readers never wait for a writer
    finally:
        done.set()
        thread.join()


def test_writers_in_many_threads_all_get_their_turn(migrated_file: Path, tmp_path: Path) -> None:
    (tmp_path / "many.db").write_bytes(migrated_file.read_bytes())
    database = Database(sqlite_url(tmp_path / "many.db"), busy_wait_s=20)

    def write(writer: int) -> None:
        for number in range(5):
            with database.transaction(writing=True) as connection:
                connection.execute(INSERT, {"code": f"{writer}-{number}", "name": "x"})

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 30
    database.close()


def test_a_reader_sees_one_state_while_a_writer_commits(database: Database) -> None:
    with database.transaction(writing=False) as reader:
        before = reader.scalar(text("SELECT count(*) FROM institutions"))
        with database.transaction(writing=True) as writer:
            writer.execute(INSERT, {"code": "A", "name": "a"})
        assert reader.scalar(text("SELECT count(*) FROM institutions")) == before


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError), database.transaction(writing=False) as connection:
        connection.execute(INSERT, {"code": "A", "name": "a"})
    with database.transaction(writing=True) as connection:
        connection.execute(INSERT, {"code": "A", "name": "a"})


def test_a_collision_is_a_conflict_that_shows_no_value(database: Database) -> None:
    with database.transaction(writing=True) as connection:
        connection.execute(INSERT, {"code": "secret-code", "name": "a"})
    with pytest.raises(Conflict) as caught, database.transaction(writing=True) as connection:
        connection.execute(INSERT, {"code": "secret-code", "name": "a"})
    assert "secret-code" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_missing_tables_name_the_command(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "empty.db"))
    with pytest.raises(StorageError) as caught:
        names(database)
    assert caught.value.hint == "run: rollcall db upgrade"
    database.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"this is not a database" * 100)
    database = Database(sqlite_url(tmp_path / "bad.db"))
    with pytest.raises(StorageError, match="damaged") as caught:
        names(database)
    assert "backup" in caught.value.hint
    database.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        Database(sqlite_url(tmp_path / "none" / "test.db"))
    assert caught.value.place.endswith("none/test.db")


def test_a_full_disk_is_named_and_what_was_committed_stays(tiny_disk: Path, migrated_file: Path) -> None:
    (tiny_disk / "test.db").write_bytes(migrated_file.read_bytes())
    database = Database(sqlite_url(tiny_disk / "test.db"))
    written: list[int] = []
    with pytest.raises(DiskFull) as caught:
        written.extend(_fill(database, 2000))
    assert caught.value.hint
    assert names(database) == [f"{number:05d}" for number in written]
    assert written
    database.close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "no database address"),
        ("mysql://u:secret@h/d", "not supported"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_an_address_that_cannot_work_is_refused_without_its_password(address: str, words: str) -> None:
    with pytest.raises(SettingInvalid, match=words) as caught:
        Database(address)
    assert "secret" not in str(caught.value)


def test_a_password_stays_out_of_the_address() -> None:
    database = Database("postgresql://rollcall:secret@127.0.0.1:1/rollcall")
    assert "secret" not in database.address
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        names(database)
    assert "secret" not in str(caught.value)
    database.close()


class _PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("Key (id_hash)=(abc) already exists")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("55P03", DatabaseBusy),
        ("40001", DatabaseBusy),
        ("40P01", DatabaseBusy),
        ("53300", DatabaseBusy),
        ("53100", DiskFull),
        ("23505", Conflict),
        ("23503", Conflict),
        ("08006", StorageError),
        ("57P01", StorageError),
        ("28P01", StorageError),
        ("42P01", StorageError),
        ("XX000", StorageError),
    ],
)
def test_postgresql_codes_become_our_errors_without_their_text(
    state: str, expected: type[RollcallError]
) -> None:
    error = translated(_PostgresError(state))
    assert type(error) is expected
    assert "id_hash" not in str(error)
    assert error.hint


def test_unknown_errors_are_named_by_their_kind_only() -> None:
    error = translated(ValueError("a value with 11010519491231002X"))
    assert "ValueError" in str(error)
    assert "1101" not in str(error)
