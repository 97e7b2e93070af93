"""What recognition said: judged frames, sightings, tracks and their names, resemblances, calibrations.

The largest tables of the house. A sighting is a face of a judged frame and shares that frame's lesson,
camera and instant, so these stand once per frame and not once per face.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import JSON_DOCUMENT, ROW_NUMBER, Base, UtcDateTime


class JudgedFrameRow(Base):
    """Unique per camera, sequence and instant: a frame delivered twice counts once."""

    __tablename__ = "judged_frames"
    __table_args__ = (
        UniqueConstraint("lesson_id", "camera_id", "at", "sequence"),
        Index(None, "lesson_id", "at"),
    )

    frame_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    camera_id: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    pts_s: Mapped[float] = mapped_column(Float)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    lens: Mapped[str] = mapped_column(String(16))
    faces_found: Mapped[int] = mapped_column(Integer)
    model: Mapped[str] = mapped_column(String(200))


class TrackRow(Base):
    __tablename__ = "tracks"
    __table_args__ = (UniqueConstraint("lesson_id", "camera_id", "track_key"),)

    track_no: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    camera_id: Mapped[str] = mapped_column(String(64))
    track_key: Mapped[str] = mapped_column(String(100))


class SightingRow(Base):
    __tablename__ = "sightings"
    __table_args__ = (Index(None, "track_no", "frame_id"), {"sqlite_with_rowid": False})

    frame_id: Mapped[int] = mapped_column(
        ForeignKey("judged_frames.frame_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    face: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    track_no: Mapped[int] = mapped_column(ForeignKey("tracks.track_no"))
    trainee: Mapped[str | None] = mapped_column(String(64))
    unknown_person: Mapped[str | None] = mapped_column(String(100))
    x: Mapped[float] = mapped_column(Float)
    y: Mapped[float] = mapped_column(Float)
    width: Mapped[float] = mapped_column(Float)
    height: Mapped[float] = mapped_column(Float)
    score: Mapped[float] = mapped_column(Float)
    margin: Mapped[float] = mapped_column(Float)
    quality: Mapped[float] = mapped_column(Float)
    distance: Mapped[float | None] = mapped_column(Float)


class NamingRow(Base):
    """History: each time a track was named, renamed or lost its name."""

    __tablename__ = "track_namings"
    __table_args__ = (Index(None, "track_no", "since"),)

    naming_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    track_no: Mapped[int] = mapped_column(ForeignKey("tracks.track_no"))
    trainee: Mapped[str | None] = mapped_column(String(64))
    unknown_person: Mapped[str | None] = mapped_column(String(100))
    since: Mapped[datetime] = mapped_column(UtcDateTime())
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime())
    score: Mapped[float] = mapped_column(Float)
    margin: Mapped[float] = mapped_column(Float)


class ResemblanceRow(Base):
    """Whom an unknown person resembles most, as it stands. Made from a face, it goes when that is erased."""

    __tablename__ = "resemblances"

    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"), primary_key=True)
    unknown_person: Mapped[str] = mapped_column(String(100), primary_key=True)
    trainee: Mapped[str] = mapped_column(String(64))
    evidence: Mapped[float] = mapped_column(Float)
    lead: Mapped[float] = mapped_column(Float)
    at: Mapped[datetime] = mapped_column(UtcDateTime())


class CalibrationRow(Base):
    __tablename__ = "calibrations"
    __table_args__ = (Index(None, "fingerprint", "created_at"),)

    calibration_id: Mapped[int] = mapped_column(ROW_NUMBER, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(200))
    document: Mapped[dict[str, Any]] = mapped_column(JSON_DOCUMENT)
    source: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
