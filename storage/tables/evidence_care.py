"""The log's copy in the object store, certified times, co-signatures, and re-hashes of footage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.evidence_care import CopyKind, FootageProblem
from storage.tables.base import ROW_NUMBER, Base, UtcDateTime, text_enum


class LogObjectRow(Base):
    """An object of the log's copy; planned while ``stored_at`` is empty."""

    __tablename__ = "log_objects"
    __table_args__ = (Index(None, "kind", "last"), Index(None, "kind", "checkpoint_id"))

    object_key: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[CopyKind] = mapped_column(text_enum(CopyKind, "kind"))
    first: Mapped[int] = mapped_column(BigInteger)
    last: Mapped[int] = mapped_column(BigInteger)
    checkpoint_id: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    retain_until: Mapped[datetime] = mapped_column(UtcDateTime())
    version: Mapped[str | None] = mapped_column(String(200))
    stored_at: Mapped[datetime | None] = mapped_column(UtcDateTime(), index=True)


class TimestampRow(Base):
    """``note``: the signed checkpoint that was certified; ``token``: the authority's answer, DER."""

    __tablename__ = "lesson_timestamps"

    lesson_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    closing: Mapped[int] = mapped_column(BigInteger, index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    problem: Mapped[str] = mapped_column(String(64), default="")
    token: Mapped[bytes | None] = mapped_column(LargeBinary)
    certified_at: Mapped[datetime | None] = mapped_column(UtcDateTime(), index=True)
    authority: Mapped[str] = mapped_column(String(300), default="")


class CosignerRow(Base):
    """A second party whose signatures are taken in; ``public_key``: raw Ed25519, 32 bytes."""

    __tablename__ = "cosigners"

    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime())


class CosignatureRow(Base):
    """``note``: the checkpoint with all its signatures."""

    __tablename__ = "cosignatures"
    __table_args__ = (UniqueConstraint("key_id", "size"), Index(None, "size"))

    cosignature_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("cosigners.key_id"))
    size: Mapped[int] = mapped_column(BigInteger)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime())
    note: Mapped[str] = mapped_column(Text)


class RehashPassRow(Base):
    """A walk over all footage; the one without ``finished_at`` goes on where ``position`` says."""

    __tablename__ = "rehash_passes"

    pass_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    total_objects: Mapped[int] = mapped_column(BigInteger)
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[str] = mapped_column(String(700), default="")
    objects: Mapped[int] = mapped_column(BigInteger, default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    findings: Mapped[int] = mapped_column(Integer, default=0)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class RehashFindingRow(Base):
    """The last word about a file that was once found wrong; kept when it is right again."""

    __tablename__ = "rehash_findings"
    __table_args__ = (Index(None, "mended_at", "checked_at"),)

    upload_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    lesson_id: Mapped[str] = mapped_column(String(64), index=True)
    camera_id: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(Integer)
    object_key: Mapped[str] = mapped_column(String(700))
    problem: Mapped[FootageProblem] = mapped_column(text_enum(FootageProblem, "problem"))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime())
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime())
    mended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
