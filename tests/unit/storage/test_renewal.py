"""After a rotation every encrypted value comes under the new key and says what it said before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import LargeBinary, select, update

from models.errors import KeyUnusable
from models.register import Camera, ConsentState, FaceTemplate
from models.roster import Trainee
from storage import renewal
from storage.renewal import ENCRYPTED, renew_values
from storage.tables import Base, TemplateRow
from storage.unit_of_work import Ledger
from storage.vault import create_vault, open_vault, rotate_vault

NUMBERS = ("11010519491231002X", "440524188001010014", "330106197001011234")
ADDRESS = "rtsp://admin:geheim@10.0.0.5/1"
# Three numbers, two phones, three photos, three templates, one camera.
VALUES = 12


@pytest.fixture
def filled(with_lesson: Ledger, tmp_path: Path, now: datetime) -> Ledger:
    ledger = replace(with_lesson, vault=create_vault(tmp_path / "keys"))
    with ledger.write() as work:
        phones = ("13812345678", "139", "")
        people = [Trainee(f"{n:03d}", "王", NUMBERS[n], phones[n]) for n in range(3)]
        work.roster.add("C1", people, now, ConsentState.GIVEN)
        for person in people:
            content = f"photo of {person.code}".encode()
            photo = work.faces.add_photo("C1", person.code, content, source_name="a", quality=1.0, at=now)
            embedding = np.full(128, float(person.code), np.float32)
            work.faces.add_template(
                "C1", FaceTemplate(person.code, "net", embedding, 1.0, now, photo.photo_id)
            )
        work.cameras.add(Camera("cam1", "101", ADDRESS))
    return ledger


def key_ids(ledger: Ledger) -> set[str]:
    """Under which keys the values of the database are."""
    found = set()
    with ledger.database.transaction(writing=False) as connection:
        for column in ENCRYPTED:
            for token in connection.scalars(select(getattr(column.table, column.column))):
                if token is not None:
                    found.add(ledger.vault.key_id_of(bytes(token)))
    return found


def read_all(ledger: Ledger) -> tuple[object, ...]:
    """Every secret, through the ordinary repositories."""
    with ledger.read() as work:
        people = [work.roster.reveal("C1", f"{n:03d}") for n in range(3)]
        photos = [
            work.faces.photo_bytes(photo.photo_id)
            for person in people
            for photo in work.faces.photos("C1", person.code)
        ]
        faces = [one.embedding.tolist() for one in work.faces.templates("C1")]
        return people, photos, faces, work.cameras.get("cam1").address


@pytest.mark.parametrize("batch", [1, 2, 3, 200])
def test_every_value_comes_under_the_new_key_and_says_the_same(
    filled: Ledger, tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "BATCH", batch)
    before = read_all(filled)
    rotated = replace(filled, vault=rotate_vault(tmp_path / "keys"))
    assert key_ids(rotated) == {"k1"}
    assert renew_values(rotated) == VALUES
    assert key_ids(rotated) == {"k2"}
    assert read_all(rotated) == before


def test_where_all_is_renewed_nothing_is_written(filled: Ledger, tmp_path: Path) -> None:
    assert renew_values(filled) == 0
    rotated = replace(filled, vault=rotate_vault(tmp_path / "keys"))
    assert renew_values(rotated) == VALUES
    assert renew_values(rotated) == 0


def test_people_are_found_by_their_numbers_after_as_before(filled: Ledger, tmp_path: Path) -> None:
    rotated = replace(filled, vault=rotate_vault(tmp_path / "keys"))
    renew_values(rotated)
    with rotated.read() as work:
        assert work.roster.same_identity(NUMBERS[1]) == (("C1", "001"),)


def test_a_renewed_value_stays_bound_to_its_row(filled: Ledger, tmp_path: Path) -> None:
    rotated = replace(filled, vault=rotate_vault(tmp_path / "keys"))
    renew_values(rotated)
    with rotated.database.transaction(writing=True) as connection:
        first, second = connection.execute(
            select(TemplateRow.template_id, TemplateRow.embedding).limit(2)
        ).all()
        moved = update(TemplateRow).where(TemplateRow.template_id == first[0]).values(embedding=second[1])
        connection.execute(moved)
    with pytest.raises(KeyUnusable), rotated.read() as work:
        work.faces.templates("C1")


def test_a_value_that_does_not_open_stops_the_renewal_and_stays_as_it_is(
    filled: Ledger, tmp_path: Path
) -> None:
    broken = b"\x01\x02k1" + bytes(60)
    with filled.database.transaction(writing=True) as connection:
        connection.execute(update(TemplateRow).values(embedding=broken))
    rotated = replace(filled, vault=rotate_vault(tmp_path / "keys"))
    with pytest.raises(KeyUnusable, match="does not open"):
        renew_values(rotated)
    with rotated.database.transaction(writing=False) as connection:
        tokens = {bytes(token) for token in connection.scalars(select(TemplateRow.embedding))}
    assert tokens == {broken}


def test_two_rotations_later_the_oldest_values_still_open_and_are_renewed(
    filled: Ledger, tmp_path: Path
) -> None:
    rotate_vault(tmp_path / "keys")
    rotated = replace(filled, vault=rotate_vault(tmp_path / "keys"))
    assert renew_values(rotated) == VALUES
    assert key_ids(rotated) == {"k3"}
    assert read_all(replace(filled, vault=open_vault(tmp_path / "keys"))) == read_all(rotated)


def test_no_column_of_bytes_is_forgotten() -> None:
    """Whoever adds an encrypted column must add it to the renewal; the evidence log is no secret."""
    public = {("cosigners", "public_key"), ("lesson_timestamps", "token"), ("sample_indexes", "content")}
    declared = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not table.name.startswith("evidence_")
    }
    assert public < declared
    assert {(one.table.__tablename__, one.column) for one in ENCRYPTED} == declared - public
