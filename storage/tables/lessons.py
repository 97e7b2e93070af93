"""Cameras and the timetable."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Float, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from models.timetable import LessonState
from storage.tables.base import JSON_DOCUMENT, Base, Revised, UtcDateTime, text_enum


class CameraRow(Revised, Base):
    """``address`` is encrypted: stream addresses carry passwords."""

    __tablename__ = "cameras"

    camera_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    room: Mapped[str] = mapped_column(String(100), index=True)
    address: Mapped[bytes] = mapped_column(LargeBinary)
    display_name: Mapped[str] = mapped_column(String(200), default="")
    enabled: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=True)


class LessonRow(Revised, Base):
    """``breaks`` and ``cameras`` are small lists that are always read with their lesson."""

    __tablename__ = "lessons"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index(None, "starts_at", "lesson_id"),
        Index(None, "class_code", "starts_at"),
        Index(None, "state", "starts_at"),
    )

    lesson_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    class_code: Mapped[str] = mapped_column(ForeignKey("classes.code"))
    title: Mapped[str] = mapped_column(String(200))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime())
    breaks: Mapped[list[Any]] = mapped_column(JSON_DOCUMENT)
    room: Mapped[str] = mapped_column(String(100), default="")
    instructor: Mapped[str] = mapped_column(String(100), default="")
    cameras: Mapped[list[Any]] = mapped_column(JSON_DOCUMENT)
    online: Mapped[bool] = mapped_column(Boolean(create_constraint=False), default=False)
    planned_hours: Mapped[float | None] = mapped_column(Float)
    policy: Mapped[dict[str, Any]] = mapped_column(JSON_DOCUMENT)
    policy_version: Mapped[str] = mapped_column(String(64))
    state: Mapped[LessonState] = mapped_column(text_enum(LessonState, "state"))
    roll_call_seed: Mapped[str | None] = mapped_column(String(128))
