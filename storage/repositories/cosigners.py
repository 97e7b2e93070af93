"""Second parties that sign the log beside its owner (docs/guides/evidence.md, co-signatures)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.evidence_care import Cosignature
from storage.repositories.writing import insert
from storage.signing import PublicKey
from storage.tables import CosignatureRow, CosignerRow


class CosignerRepository:
    """Second parties and what they signed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, key: PublicKey, at: datetime) -> None:
        """Take a second party's key in. Raises ``Conflict`` when it is there."""
        row = CosignerRow(key_id=key.key_id.hex(), name=key.name, public_key=key.raw, added_at=at)
        insert(self._session, row)

    def trusted(self) -> tuple[PublicKey, ...]:
        """Their keys, oldest first."""
        rows = self._session.scalars(select(CosignerRow).order_by(CosignerRow.added_at, CosignerRow.key_id))
        return tuple(PublicKey(row.name, bytes(row.public_key), cosigner=True) for row in rows)

    def keep(self, signed: Cosignature) -> None:
        """Raises ``Conflict`` when this party's signature over this size is kept already."""
        row = CosignatureRow(
            key_id=signed.key_id, size=signed.size, signed_at=signed.signed_at, note=signed.note
        )
        insert(self._session, row)

    def covering(self, size: int) -> tuple[Cosignature, ...]:
        """Of each party the first signature over at least ``size`` leaves."""
        found: dict[str, Cosignature] = {}
        query = self._signatures().where(CosignatureRow.size >= size).order_by(CosignatureRow.size)
        for key in self.trusted():
            row = self._session.execute(
                query.where(CosignatureRow.key_id == key.key_id.hex()).limit(1)
            ).first()
            if row is not None:
                found[key.key_id.hex()] = Cosignature(*row)
        return tuple(found.values())

    def latest(self) -> tuple[Cosignature, ...]:
        """Of each party the signature over the most leaves."""
        query = self._signatures().order_by(CosignatureRow.size.desc())
        rows = [
            self._session.execute(query.where(CosignatureRow.key_id == key.key_id.hex()).limit(1)).first()
            for key in self.trusted()
        ]
        return tuple(Cosignature(*row) for row in rows if row is not None)

    def _signatures(self) -> Any:
        return select(
            CosignerRow.name,
            CosignatureRow.key_id,
            CosignatureRow.size,
            CosignatureRow.signed_at,
            CosignatureRow.note,
        ).join(CosignerRow, CosignerRow.key_id == CosignatureRow.key_id)
