"""Which vault belongs to a database: created once, missed when lost, refused when it is another's."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from models.errors import KeyUnusable, StorageError
from storage.database import Database, sqlite_url
from storage.installation import vault_of
from storage.vault import KEY_FILE_NAME, rotate_vault


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Database:
    shutil.copy(migrated_file, tmp_path / "test.db")
    return Database(sqlite_url(tmp_path / "test.db"))


def test_the_first_start_creates_the_key_and_later_ones_open_it(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    first = vault_of(database, tmp_path / "keys", now)
    assert vault_of(database, tmp_path / "keys", now).fingerprint == first.fingerprint


def test_a_key_file_from_before_the_database_is_taken_over(
    database: Database, tmp_path: Path, now: datetime, migrated_file: Path
) -> None:
    first = vault_of(database, tmp_path / "keys", now)
    shutil.copy(migrated_file, tmp_path / "other.db")
    other = Database(sqlite_url(tmp_path / "other.db"))
    assert vault_of(other, tmp_path / "keys", now).fingerprint == first.fingerprint


def test_a_lost_key_file_is_never_replaced_by_a_new_one(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    vault_of(database, tmp_path / "keys", now)
    (tmp_path / "keys" / KEY_FILE_NAME).unlink()
    with pytest.raises(KeyUnusable, match="missing") as caught:
        vault_of(database, tmp_path / "keys", now)
    assert "cannot be read again" in caught.value.hint
    assert not (tmp_path / "keys" / KEY_FILE_NAME).exists()


def test_another_databases_key_file_is_refused(
    database: Database, tmp_path: Path, now: datetime, migrated_file: Path
) -> None:
    vault_of(database, tmp_path / "keys", now)
    shutil.copy(migrated_file, tmp_path / "other.db")
    vault_of(Database(sqlite_url(tmp_path / "other.db")), tmp_path / "other keys", now)
    with pytest.raises(KeyUnusable, match="another database"):
        vault_of(database, tmp_path / "other keys", now)


def test_a_rotated_key_file_still_belongs(database: Database, tmp_path: Path, now: datetime) -> None:
    vault_of(database, tmp_path / "keys", now)
    rotate_vault(tmp_path / "keys")
    assert vault_of(database, tmp_path / "keys", now).current_key_id == "k2"


def test_a_database_without_tables_creates_no_key(tmp_path: Path, now: datetime) -> None:
    database = Database(sqlite_url(tmp_path / "empty.db"))
    with pytest.raises(StorageError, match="lacks its tables"):
        vault_of(database, tmp_path / "keys", now)
    assert not (tmp_path / "keys").exists()
