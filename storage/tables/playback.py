"""What playback needs of each segment; can be made again from the stored footage at any time."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base


class SampleIndexRow(Base):
    """``content``: a ``SampleIndex`` in its compact form."""

    __tablename__ = "sample_indexes"

    segment_id: Mapped[str] = mapped_column(
        ForeignKey("segments.segment_id", ondelete="CASCADE"), primary_key=True
    )
    content: Mapped[bytes] = mapped_column(LargeBinary)
