"""Segments, gaps, coverage, and the way of footage from the spool to the object store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.footage import GapCause
from models.register import UploadKind, UploadState
from storage.tables.base import ROW_NUMBER, Base, UtcDateTime, text_enum


class SegmentRow(Base):
    __tablename__ = "segments"
    __table_args__ = (
        UniqueConstraint("lesson_id", "camera_id", "sequence"),
        CheckConstraint("sequence >= 1", name="sequence_from_one"),
        CheckConstraint("size_bytes >= 0", name="size_not_negative"),
        Index(None, "lesson_id", "starts_at"),
    )

    segment_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    camera_id: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(Integer)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime())
    first_pts_s: Mapped[float] = mapped_column(Float)
    duration_s: Mapped[float] = mapped_column(Float)
    codec: Mapped[str] = mapped_column(String(32))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(1000))
    keyframes: Mapped[int] = mapped_column(Integer)
    derived: Mapped[bool] = mapped_column(Boolean(create_constraint=False))
    repaired: Mapped[bool] = mapped_column(Boolean(create_constraint=False))
    clock_offset_s: Mapped[float | None] = mapped_column(Float)


class GapRow(Base):
    __tablename__ = "gaps"
    __table_args__ = (
        UniqueConstraint("lesson_id", "camera_id", "starts_at", "ends_at", "cause"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
    )

    gap_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    camera_id: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime())
    cause: Mapped[GapCause] = mapped_column(text_enum(GapCause, "cause"))
    detail: Mapped[str] = mapped_column(String(1000), default="")


class CoverageRow(Base):
    """Time in which a camera was recording and its clear frames were being judged."""

    __tablename__ = "coverage"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index(None, "lesson_id", "camera_id", "starts_at"),
    )

    coverage_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    camera_id: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime())


class UploadRow(Base):
    """A spool file on its way; ``object_version`` and what follows is the receipt as read back.

    ``removing_since``: its removal was decided; ``removed_at`` and ``removed_leaf``: it is gone, and which
    leaf proves it. The row itself stays for good.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index(None, "state", "queued_at"),
        Index(None, "lesson_id", "camera_id"),
        UniqueConstraint("object_key"),
        # What is removed leaves this index, so that looking for what expires never reads five years; and it
        # holds all that a forecast sums up, so that a million rows are not read for it.
        Index(
            "ix_uploads_kept",
            "retain_until",
            "lesson_id",
            "camera_id",
            "size_bytes",
            "removed_at",
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    upload_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[UploadKind] = mapped_column(text_enum(UploadKind, "kind"))
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    camera_id: Mapped[str] = mapped_column(String(64), default="")
    sequence: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(String(1000))
    object_key: Mapped[str] = mapped_column(String(700))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    retain_until: Mapped[datetime] = mapped_column(UtcDateTime())
    state: Mapped[UploadState] = mapped_column(text_enum(UploadState, "state"))
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime())
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    problem: Mapped[str] = mapped_column(String(64), default="")
    object_version: Mapped[str | None] = mapped_column(String(200))
    etag: Mapped[str | None] = mapped_column(String(200))
    lock_mode: Mapped[str | None] = mapped_column(String(20))
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime())
    legal_hold: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=False)
    stored_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    removing_since: Mapped[datetime | None] = mapped_column(UtcDateTime())
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    removed_leaf: Mapped[int | None] = mapped_column(BigInteger)
