"""The evidence log: leaves, checkpoints, and the one row that appends are serialised on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, UtcDateTime


class LeafRow(Base):
    """``record``: canonical JSON (RFC 8785), the very bytes hashed; ``leaf_hash``: RFC 9162 leaf, 32 bytes.

    ``sequence`` counts from 0 without holes, as leaf indices of the tree do. ``kind``, ``at`` and
    ``lesson_id`` repeat what the record says, for searching; the record is what counts.
    """

    __tablename__ = "evidence_leaves"
    __table_args__ = (
        CheckConstraint("sequence >= 0", name="sequence_from_zero"),
        Index(None, "lesson_id", "sequence"),
        Index(None, "kind", "sequence"),
    )

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    lesson_id: Mapped[str | None] = mapped_column(String(64))
    record: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class CheckpointRow(Base):
    """``note``: the signed note (C2SP) as text, whole."""

    __tablename__ = "evidence_checkpoints"

    checkpoint_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True
    )
    size: Mapped[int] = mapped_column(BigInteger, index=True)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    note: Mapped[str] = mapped_column(Text)


class LogHeadRow(Base):
    """Head of the log. Locked (``SELECT … FOR UPDATE``) by whoever appends, so leaves have one order.

    ``frontier``: roots of the perfect subtrees at the right edge, largest first, 32 bytes each, which is
    all that an append needs of the tree.
    """

    __tablename__ = "evidence_head"
    __table_args__ = (CheckConstraint("head_id = 1", name="one_row"),)

    head_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
