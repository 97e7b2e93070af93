"""One row about this installation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, UtcDateTime


class InstallationRow(Base):
    """Which vault the encrypted columns belong to, so that a lost or swapped key file is noticed."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("installation_id = 1", name="one_row"),)

    installation_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    vault_fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
