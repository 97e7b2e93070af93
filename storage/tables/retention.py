"""Legal holds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, UtcDateTime


class HoldRow(Base):
    """A hold on all footage of a lesson; never deleted, released with a reason.

    ``confirmed_at``: when the store had confirmed the present wish for every object.
    """

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("(released_at IS NULL) = (released_by = '')", name="whole_release"),
        Index(None, "lesson_id"),
        Index(None, "case_ref"),
        Index(None, "released_at", "confirmed_at"),
    )

    hold_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.lesson_id"))
    case_ref: Mapped[str] = mapped_column(String(100), default="")
    reason: Mapped[str] = mapped_column(String(1000))
    placed_by: Mapped[str] = mapped_column(String(100))
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime())
    released_by: Mapped[str] = mapped_column(String(100), default="")
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    release_reason: Mapped[str] = mapped_column(String(1000), default="")
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
