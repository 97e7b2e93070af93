"""The evidence log: leaves, checkpoints, and the one row that appends are serialised on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, UtcDateTime


class LeafRow(Base):
    """``record``: canonical JSON (RFC 8785), the very bytes hashed; ``leaf_hash``: RFC 9162 leaf, 32 bytes.

    ``sequence`` counts from 0 without holes, as leaf indices of the tree do. ``kind``, ``at`` and
    ``lesson_id`` repeat what the record says, for searching; the record is what counts.
    ``lesson_sequence`` counts a lesson's own leaves from 1. ``stepped_back_s``: set where the clock went
    back.
    """

    __tablename__ = "evidence_leaves"
    __table_args__ = (
        CheckConstraint("sequence >= 0", name="sequence_from_zero"),
        UniqueConstraint("lesson_id", "lesson_sequence"),
        Index(None, "kind", "sequence"),
        # Every bundle needs the leaves before which the clock stepped back: a handful among millions.
        Index(
            "ix_evidence_leaves_stepped_back",
            "sequence",
            sqlite_where=text("stepped_back_s IS NOT NULL"),
            postgresql_where=text("stepped_back_s IS NOT NULL"),
        ),
    )

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    lesson_id: Mapped[str | None] = mapped_column(String(64))
    lesson_sequence: Mapped[int | None] = mapped_column(BigInteger)
    stepped_back_s: Mapped[float | None] = mapped_column(Float)
    record: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class NodeRow(Base):
    """Root of the perfect subtree over leaves ``[position << level, (position + 1) << level)``.

    Kept at every eighth level only (one row in 256 leaves): enough for proofs without reading the whole log.
    """

    __tablename__ = "evidence_nodes"

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    node_hash: Mapped[bytes] = mapped_column(LargeBinary(32))


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
    all that an append needs of the tree. ``latest_at``: latest time written, lowered only by a declared step
    of the clock.
    """

    __tablename__ = "evidence_head"
    __table_args__ = (CheckConstraint("head_id = 1", name="one_row"),)

    head_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
    latest_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
