"""Rows under a vault: rotation, moved values, a foreign vault, and what a thief of the database sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text, update

from models.errors import KeyUnusable
from models.register import Camera, ConsentState, FaceTemplate
from models.roster import Trainee
from storage.tables import PhotoRow, TemplateRow, TraineeRow
from storage.unit_of_work import Ledger, UnitOfWork
from storage.vault import create_vault, open_vault, rotate_vault

NUMBER = "11010519491231002X"
PHONE = "13812345678"
PHOTO = b"\xff\xd8 a photo of a face \xff\xd9" * 20
PASSWORD = "kamera-geheim"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def filled(with_lesson: Ledger, keys: Path, now: datetime) -> Ledger:
    """A ledger with one of everything that is encrypted, under a vault of its own."""
    ledger = replace(with_lesson, vault=create_vault(keys))
    with ledger.write() as work:
        trainees = [Trainee("001", "王", NUMBER, PHONE), Trainee("002", "李", "440524188001010014", "139")]
        work.roster.add("C1", trainees, now, ConsentState.GIVEN)
        for code in ("001", "002"):
            content = PHOTO + code.encode()
            photo = work.faces.add_photo("C1", code, content, source_name="a.jpg", quality=1.0, at=now)
            embedding = np.full(128, 0.125 * int(code), np.float32)
            work.faces.add_template("C1", FaceTemplate(code, "net", embedding, 1.0, now, photo.photo_id))
        work.cameras.add(Camera("cam1", "101", f"rtsp://admin:{PASSWORD}@10.0.0.5/1"))
    return ledger


def raw_bytes(ledger: Ledger, folder: Path) -> bytes:
    """The database's files, or where a server keeps them, all values of the rows that hold secrets."""
    if ledger.database.is_sqlite:
        ledger.database.close()
        return b"".join(path.read_bytes() for path in folder.glob("test.db*"))
    found = b""
    with ledger.database.transaction(writing=False) as connection:
        for table in ("trainees", "enrolment_photos", "templates", "cameras"):
            for row in connection.execute(text(f"SELECT * FROM {table}")):
                found += b"".join(part if isinstance(part, bytes) else str(part).encode() for part in row)
    return found


def test_a_thief_of_the_database_finds_no_secret_in_its_bytes(filled: Ledger, tmp_path: Path) -> None:
    content = raw_bytes(filled, tmp_path)
    for secret in (NUMBER, PHONE, PASSWORD):
        assert secret.encode() not in content
    assert PHOTO[:30] not in content
    assert np.full(128, 0.125, np.float32).tobytes()[:32] not in content
    assert "王".encode() in content  # names stand in clear text: the guide says so


def test_after_a_rotation_old_rows_open_and_new_rows_use_the_new_key(
    filled: Ledger, keys: Path, now: datetime
) -> None:
    rotated = replace(filled, vault=rotate_vault(keys))
    with rotated.write() as work:
        work.roster.add("C1", [Trainee("003", "赵", "330106197001011234")], now)
    with rotated.read() as work:
        assert work.roster.reveal("C1", "001").id_number == NUMBER
        assert work.roster.reveal("C1", "003").id_number == "330106197001011234"
        assert work.roster.same_identity(NUMBER) == (("C1", "001"),)
        assert [kept.trainee for kept in work.faces.templates("C1")] == ["001", "002"]
    with rotated.database.transaction(writing=False) as connection:
        tokens = connection.scalars(select(TraineeRow.id_number).order_by(TraineeRow.code)).all()
    vault = open_vault(keys)
    assert [vault.key_id_of(token) for token in tokens] == ["k1", "k1", "k2"]


def swap(ledger: Ledger, table: str, key: str, column: str) -> None:
    """Exchange a column's values between the first two rows, as a meddler with the database might."""
    with ledger.database.transaction(writing=True) as connection:
        rows = connection.execute(text(f"SELECT {key}, {column} FROM {table} ORDER BY {key}")).all()
        for (target, _), (_, value) in zip(rows[:2], reversed(rows[:2]), strict=True):
            statement = text(f"UPDATE {table} SET {column} = :value WHERE {key} = :target")
            connection.execute(statement, {"value": value, "target": target})


def open_everything(work: UnitOfWork) -> None:
    work.roster.trainees("C1")
    work.faces.templates("C1")
    for code in ("001", "002"):
        for photo in work.faces.photos("C1", code):
            work.faces.photo_bytes(photo.photo_id)


def test_an_identity_number_moved_to_another_trainee_does_not_open(filled: Ledger) -> None:
    swap(filled, "trainees", "trainee_id", "id_number")
    with filled.read() as work, pytest.raises(KeyUnusable) as caught:
        work.roster.reveal("C1", "001")
    assert caught.value.place == "trainees.id_number"


def test_a_photo_moved_to_another_trainee_does_not_open(filled: Ledger) -> None:
    swap(filled, "enrolment_photos", "photo_id", "content")
    with filled.read() as work:
        (photo,) = work.faces.photos("C1", "001")
        with pytest.raises(KeyUnusable):
            work.faces.photo_bytes(photo.photo_id)


def test_a_template_moved_to_another_trainee_does_not_open(filled: Ledger) -> None:
    swap(filled, "templates", "template_id", "embedding")
    with filled.read() as work, pytest.raises(KeyUnusable):
        work.faces.templates("C1")


def test_a_phone_in_place_of_a_number_does_not_open(filled: Ledger) -> None:
    with filled.database.transaction(writing=True) as connection:
        connection.execute(update(TraineeRow).values(id_number=TraineeRow.phone))
    with filled.read() as work, pytest.raises(KeyUnusable):
        work.roster.trainees("C1")


@pytest.mark.parametrize("row", [PhotoRow.content, TemplateRow.embedding, TraineeRow.id_number])
def test_one_altered_byte_is_noticed(filled: Ledger, row: object) -> None:
    column = row.property.columns[0]  # type: ignore[attr-defined]
    table = column.table
    with filled.database.transaction(writing=True) as connection:
        token = bytearray(connection.scalars(select(column)).first() or b"")
        token[-1] ^= 1
        connection.execute(table.update().values({column.name: bytes(token)}))
    with filled.read() as work, pytest.raises(KeyUnusable):
        open_everything(work)


def test_under_a_foreign_vault_nothing_opens_and_nobody_is_found(filled: Ledger, tmp_path: Path) -> None:
    foreign = replace(filled, vault=create_vault(tmp_path / "foreign"))
    with foreign.read() as work:
        assert work.roster.same_identity(NUMBER) == ()
        for act in (
            lambda: work.roster.trainees("C1"),
            lambda: work.faces.templates("C1"),
            lambda: work.cameras.get("cam1"),
        ):
            with pytest.raises(KeyUnusable) as caught:
                act()
            assert caught.value.hint


def test_what_needs_no_key_stays_readable_without_it(filled: Ledger, tmp_path: Path) -> None:
    foreign = replace(filled, vault=create_vault(tmp_path / "foreign"))
    with foreign.read() as work:
        assert work.classes.get("C1").code == "C1"
        assert work.lessons.get("L1").lesson.lesson_id == "L1"
        assert work.roster.count("C1") == 2
        assert len(work.faces.photos("C1", "001")) == 1
        assert work.verdicts.of_lesson("L1") == ()
