"""The schema that migrations make is the schema that the tables declare."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, insert, inspect, select

from models.errors import StorageError
from storage.database import Database, schema_is_current, sqlite_url, upgrade
from storage.tables import Base, InstallationRow


def test_the_migrated_schema_is_the_declared_one(database_url: str) -> None:
    """When this fails after a change of tables or enumerations, the change lacks its migration."""
    database = Database(database_url)
    with database.transaction(writing=False) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        assert schema_is_current(database)
    database.close()


def test_every_check_is_in_the_migrated_schema_with_the_same_values(database_url: str) -> None:
    database = Database(database_url)
    with database.transaction(writing=False) as connection:
        found = {
            (table, check["name"]): check["sqltext"]
            for table in Base.metadata.tables
            for check in inspect(connection).get_check_constraints(table)
        }
    database.close()
    declared = {
        (table.name, str(constraint.name)): constraint
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert found.keys() == declared.keys()
    for table in Base.metadata.tables.values():
        for column in table.columns:
            for value in getattr(column.type, "enums", ()):
                assert f"'{value}'" in found[table.name, f"ck_{table.name}_{column.type.name}"]


def test_every_constraint_has_a_name() -> None:
    unnamed = [
        f"{table.name}: {constraint}"
        for table in Base.metadata.tables.values()
        for constraint in table.constraints
        if constraint.name is None
    ]
    assert unnamed == []


def test_names_fit_postgresql() -> None:
    names = [
        str(item.name)
        for table in Base.metadata.tables.values()
        for item in (*table.constraints, *table.indexes)
    ]
    assert [name for name in names if len(name) > 63] == []
    assert len(set(names)) == len(names)


def test_an_upgrade_may_be_repeated(database_url: str, now: datetime) -> None:
    database = Database(database_url)
    with database.transaction(writing=True) as connection:
        connection.execute(
            insert(InstallationRow), {"installation_id": 1, "vault_fingerprint": "f", "created_at": now}
        )
    upgrade(database_url)
    assert schema_is_current(database)
    with database.transaction(writing=False) as connection:
        assert connection.scalar(select(InstallationRow.vault_fingerprint)) == "f", "nothing is lost"
    database.close()


def test_an_upgrade_of_nothing_makes_everything(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "rollcall.db")
    upgrade(url)
    database = Database(url)
    with database.transaction(writing=False) as connection:
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    database.close()


def test_programs_that_upgrade_at_once_all_end_with_one_schema(empty_database_url: str) -> None:
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                upgrade(empty_database_url, busy_wait_s=30)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    database = Database(empty_database_url)
    assert schema_is_current(database)
    with database.transaction(writing=False) as connection:
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    database.close()


def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "rollcall.db"))
    assert not schema_is_current(database)
    database.close()


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "rollcall.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE users (mine TEXT)")  # in the way of the first revision
    connection.close()
    with pytest.raises(StorageError):
        upgrade(sqlite_url(path))
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    assert tables == [("users",)]


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path, migrated_file: Path) -> None:
    path = tmp_path / "rollcall.db"
    path.write_bytes(migrated_file.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v9999'")
    connection.close()
    with pytest.raises(StorageError, match="newer release"):
        upgrade(sqlite_url(path))
    database = Database(sqlite_url(path))
    assert not schema_is_current(database)
    database.close()
