"""Institutions, classes, trainees and their faces."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Float, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.register import ConsentState
from storage.tables.base import JSON_DOCUMENT, Base, Revised, UtcDateTime, text_enum


class InstitutionRow(Base):
    __tablename__ = "institutions"

    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ClassRow(Revised, Base):
    __tablename__ = "classes"

    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    institution_code: Mapped[str | None] = mapped_column(ForeignKey("institutions.code"), index=True)
    programme: Mapped[str] = mapped_column(String(200), default="")
    starts_on: Mapped[date | None] = mapped_column(Date())
    ends_on: Mapped[date | None] = mapped_column(Date())
    policy: Mapped[dict[str, Any]] = mapped_column(JSON_DOCUMENT)
    policy_version: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class TraineeRow(Revised, Base):
    """``id_hash``: keyed hash of the identity number, so that it is found without being readable."""

    __tablename__ = "trainees"
    __table_args__ = (
        UniqueConstraint("class_code", "code"),
        UniqueConstraint("class_code", "id_hash"),
        Index(None, "id_hash"),
    )

    trainee_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    class_code: Mapped[str] = mapped_column(ForeignKey("classes.code"))
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    id_number: Mapped[bytes] = mapped_column(LargeBinary)
    id_hash: Mapped[str] = mapped_column(String(64))
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    consent: Mapped[ConsentState] = mapped_column(text_enum(ConsentState, "consent"))
    consent_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class PhotoRow(Base):
    __tablename__ = "enrolment_photos"
    __table_args__ = (UniqueConstraint("trainee_id", "sha256"),)

    photo_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    trainee_id: Mapped[str] = mapped_column(ForeignKey("trainees.trainee_id", ondelete="CASCADE"))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    source_name: Mapped[str] = mapped_column(String(255))
    quality: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class TemplateRow(Base):
    __tablename__ = "templates"
    __table_args__ = (Index(None, "trainee_id", "network"),)

    template_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    trainee_id: Mapped[str] = mapped_column(ForeignKey("trainees.trainee_id", ondelete="CASCADE"))
    photo_id: Mapped[str | None] = mapped_column(
        ForeignKey("enrolment_photos.photo_id", ondelete="CASCADE"), index=True
    )
    network: Mapped[str] = mapped_column(String(200))
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    quality: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
