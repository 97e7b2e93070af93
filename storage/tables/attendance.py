"""Verdicts, what people add to them, and flags."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.attendance import ManualKind, Status
from models.flags import FlagKind, FlagState
from storage.tables.base import JSON_DOCUMENT, ROW_NUMBER, Base, Revised, UtcDateTime, text_enum


class VerdictRow(Base):
    """The machine's word, whole in ``document``; the columns beside it are for lists and counts."""

    __tablename__ = "verdicts"
    __table_args__ = (Index(None, "lesson_id", "status"),)

    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"), primary_key=True)
    trainee: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[Status] = mapped_column(text_enum(Status, "status"))
    credited_hours: Mapped[float] = mapped_column(Float)
    policy_version: Mapped[str] = mapped_column(String(64))
    document: Mapped[dict[str, Any]] = mapped_column(JSON_DOCUMENT)
    judged_at: Mapped[datetime] = mapped_column(UtcDateTime())


class CorrectionRow(Base):
    __tablename__ = "corrections"
    __table_args__ = (Index(None, "lesson_id", "trainee", "at"),)

    correction_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    trainee: Mapped[str] = mapped_column(String(64))
    reason_code: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(2000))
    actor: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    status: Mapped[Status | None] = mapped_column(text_enum(Status, "status"))
    credited_hours: Mapped[float | None] = mapped_column(Float)
    approved_by: Mapped[str | None] = mapped_column(String(100))
    struck: Mapped[list[str] | None] = mapped_column(JSON_DOCUMENT)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON_DOCUMENT)


class ManualEntryRow(Base):
    __tablename__ = "manual_entries"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("(starts_at IS NULL) = (ends_at IS NULL)", name="whole_interval"),
        Index(None, "lesson_id", "trainee"),
    )

    entry_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    trainee: Mapped[str] = mapped_column(String(64))
    kind: Mapped[ManualKind] = mapped_column(text_enum(ManualKind, "kind"))
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    actor: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(2000))
    at: Mapped[datetime] = mapped_column(UtcDateTime())


class FlagRow(Revised, Base):
    """One cause, one lesson, one subject: one row, whose content follows the cause."""

    __tablename__ = "flags"
    __table_args__ = (
        UniqueConstraint("lesson_id", "kind", "subject"),
        Index(None, "state", "raised_at", "flag_id"),
    )

    flag_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[FlagKind] = mapped_column(text_enum(FlagKind, "kind"))
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    subject: Mapped[str] = mapped_column(String(100))
    state: Mapped[FlagState] = mapped_column(text_enum(FlagState, "state"))
    policy_version: Mapped[str] = mapped_column(String(64))
    document: Mapped[dict[str, Any]] = mapped_column(JSON_DOCUMENT)
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime())
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime())
