"""After the vault's key was rotated: values that were encrypted under older keys are written again.

Older keys stay in the key file, for backups of the database hold values under them. What was copied by
somebody who had an exposed key stays readable to him; renewal protects what is written from now on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, update

from storage.tables import CameraRow, PhotoRow, TemplateRow, TraineeRow
from storage.unit_of_work import Ledger
from storage.vault import Field, Purpose, Vault

BATCH: Final = 200
"""Values per transaction: others write in between."""


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """Where encrypted values lie; ``key`` names the row in a value's associated data."""

    table: Any
    key: str
    column: str
    purpose: Purpose

    def place(self, row: str) -> Field:
        return Field(self.purpose, self.table.__tablename__, self.column, row)


ENCRYPTED: Final = (
    EncryptedColumn(TraineeRow, "trainee_id", "id_number", Purpose.IDENTITY),
    EncryptedColumn(TraineeRow, "trainee_id", "phone", Purpose.IDENTITY),
    EncryptedColumn(PhotoRow, "photo_id", "content", Purpose.PHOTO),
    EncryptedColumn(TemplateRow, "template_id", "embedding", Purpose.TEMPLATE),
    EncryptedColumn(CameraRow, "camera_id", "address", Purpose.CAMERA),
)


def renew_values(ledger: Ledger) -> int:
    """Encrypt every value anew that is not under the vault's current key; returns how many were.

    May be cut short and repeated: what is renewed already is passed over.

    Raises:
        KeyUnusable: a value does not open; those before it are renewed.
        StorageError: the database cannot be written.
    """
    return sum(_renew_column(ledger, column) for column in ENCRYPTED)


def _renew_column(ledger: Ledger, column: EncryptedColumn) -> int:
    renewed, after = 0, ""
    while True:
        count, last = _renew_batch(ledger, column, after)
        renewed += count
        if last is None:
            return renewed
        after = last


def _renew_batch(ledger: Ledger, column: EncryptedColumn, after: str) -> tuple[int, str | None]:
    """Values renewed, and the last row looked at; ``None`` behind the last of all."""
    key, value = getattr(column.table, column.key), getattr(column.table, column.column)
    query = select(key, value).where(key > after).order_by(key).limit(BATCH)
    with ledger.database.transaction(writing=True) as connection:
        rows = connection.execute(query).all()
        changed = {
            row: _renewed(ledger.vault, bytes(token), column.place(row))
            for row, token in rows
            if token is not None and ledger.vault.key_id_of(bytes(token)) != ledger.vault.current_key_id
        }
        for row, token in changed.items():
            connection.execute(update(column.table).where(key == row).values({column.column: token}))
    return len(changed), rows[-1][0] if len(rows) == BATCH else None


def _renewed(vault: Vault, token: bytes, place: Field) -> bytes:
    return vault.encrypt(vault.decrypt(token, place), place)
