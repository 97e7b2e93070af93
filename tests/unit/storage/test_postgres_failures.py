"""What only a server can do: hold locks, break connections, refuse users."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, make_url

from models.errors import Conflict, DatabaseBusy, StorageError
from models.register import Role, User
from storage.database import Database
from storage.unit_of_work import Ledger

pytestmark = pytest.mark.service


@pytest.fixture
def database_url(postgres_url: str, migrated_postgres: str) -> Iterator[str]:
    """Only the server's database here."""
    admin = create_engine(
        make_url(postgres_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    name = f"failing_{uuid.uuid4().hex}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {migrated_postgres}"))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, busy_wait_s=0.3)
    yield opened
    opened.close()


def add_user(connection: Connection, name: str) -> None:
    connection.execute(
        text(
            "INSERT INTO users (user_id, name, password_hash, role, display_name, locale, enabled)"
            " VALUES (:name, :name, 'h', 'operator', '', 'en', true)"
        ),
        {"name": name},
    )


def add_user_after_cutting(database: Database, connection: Connection) -> None:
    own = connection.scalar(text("SELECT pg_backend_pid()"))
    with database.transaction(writing=True) as other:
        other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
    add_user(connection, "lost")


def test_a_row_that_another_holds_makes_us_wait_and_then_say_so(database: Database) -> None:
    with database.transaction(writing=True) as connection:
        add_user(connection, "wang")
    with database.transaction(writing=True) as holder:
        holder.execute(text("UPDATE users SET locale = 'zh_CN'"))
        with pytest.raises(DatabaseBusy), database.transaction(writing=True) as waiter:
            waiter.execute(text("UPDATE users SET locale = 'en'"))


def test_of_two_that_wait_for_each_other_one_is_told_to_try_again(database_url: str) -> None:
    database = Database(database_url, busy_wait_s=20)
    with database.transaction(writing=True) as connection:
        add_user(connection, "a")
        add_user(connection, "b")
    both_inside = threading.Barrier(2, timeout=20)
    outcomes: list[str] = []

    def lock(first: str, second: str) -> None:
        try:
            with database.transaction(writing=True) as connection:
                connection.execute(text("UPDATE users SET locale = 'x' WHERE name = :n"), {"n": first})
                both_inside.wait()
                connection.execute(text("UPDATE users SET locale = 'y' WHERE name = :n"), {"n": second})
            outcomes.append("done")
        except DatabaseBusy:
            outcomes.append("busy")

    threads = [threading.Thread(target=lock, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert sorted(outcomes) == ["busy", "done"]


def test_a_collision_shows_no_value_of_the_row(database: Database) -> None:
    with database.transaction(writing=True) as connection:
        add_user(connection, "secret-name")
    with pytest.raises(Conflict) as caught, database.transaction(writing=True) as connection:
        add_user(connection, "secret-name")
    assert "secret-name" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_a_broken_connection_fails_one_unit_and_not_the_next(database: Database) -> None:
    with pytest.raises(StorageError), database.transaction(writing=True) as connection:
        add_user_after_cutting(database, connection)
    with database.transaction(writing=True) as connection:
        add_user(connection, "kept")
        assert connection.scalars(text("SELECT name FROM users")).all() == ["kept"]


def test_a_wrong_database_and_a_wrong_user_are_told_without_a_password(database_url: str) -> None:
    for changed in ({"database": "nowhere"}, {"username": "nobody_here", "password": "secret"}):
        address = make_url(database_url).set(**changed).render_as_string(hide_password=False)
        database = Database(address, busy_wait_s=2)
        with pytest.raises(StorageError) as caught, database.transaction(writing=False):
            pytest.fail("connected")
        assert "secret" not in str(caught.value)
        database.close()


def test_instants_come_back_in_utc_whatever_the_server_is_set_to(database: Database) -> None:
    with database.transaction(writing=False) as connection:
        assert connection.scalar(text("SHOW timezone")).lower() == "utc"
        assert connection.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        assert connection.scalar(text("SHOW transaction_read_only")) == "on"


def test_two_new_users_of_one_name_meet_in_a_conflict(
    database: Database, vault: object, clock: object
) -> None:
    """Both look, both see nothing, both add: the constraint decides."""
    ledger = Ledger(database, vault, clock, "test.rollcall/log")  # type: ignore[arg-type]
    barrier = threading.Barrier(2, timeout=20)
    outcomes: list[str] = []

    def add() -> None:
        try:
            with ledger.write() as work:
                assert work.users.by_name("wang") is None
                barrier.wait()
                work.users.add(User("wang", "h", Role.OPERATOR))
            outcomes.append("added")
        except (Conflict, DatabaseBusy):
            outcomes.append("refused")

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", "refused"]
