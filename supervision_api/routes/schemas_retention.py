"""Bodies of holds, forecast and expiry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from models.holds import LONGEST_CASE, LONGEST_REASON, Hold

Reason = Annotated[str, Field(max_length=LONGEST_REASON, description="Why; kept in the evidence log.")]
CaseRef = Annotated[str, Field(max_length=LONGEST_CASE, description="The case it belongs to.")]


class HoldIn(BaseModel):
    """A hold on one lesson."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    case_ref: CaseRef = ""


class CaseHoldIn(BaseModel):
    """Holds on all lessons of a case."""

    model_config = ConfigDict(extra="forbid")

    case_ref: CaseRef
    lesson_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=500)]
    reason: Reason


class ReleaseIn(BaseModel):
    """The end of a hold."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class CaseReleaseIn(BaseModel):
    """The end of all holds of a case."""

    model_config = ConfigDict(extra="forbid")

    case_ref: CaseRef
    reason: Reason


class HoldOut(BaseModel):
    """A hold; ``confirmed_at``: when the store had set, or let go, every object of the lesson."""

    hold_id: str
    lesson_id: str
    case_ref: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str
    released_at: datetime | None
    release_reason: str
    confirmed_at: datetime | None


def hold_out(hold: Hold) -> HoldOut:
    """As the API shows it."""
    return HoldOut(**{name: getattr(hold, name) for name in HoldOut.model_fields})


class MonthOut(BaseModel):
    begins_at: datetime
    ends_at: datetime


class CameraForecastOut(BaseModel):
    """``kept_bytes``: at the end of each month; ``steady_bytes``: once as much goes as comes."""

    camera_id: str
    institution: str
    bytes_per_hour: float | None
    hours_per_year: float
    stored_bytes: int
    kept_bytes: list[int]
    steady_bytes: int


class ForecastOut(BaseModel):
    months: list[MonthOut]
    cameras: list[CameraForecastOut]
    stored_bytes: int
    kept_bytes: list[int]
    steady_bytes: int


class ExpiringLessonOut(BaseModel):
    lesson_id: str
    class_code: str
    title: str
    starts_at: datetime
    kept_until: datetime
    objects: int
    size_bytes: int


class ExpiringOut(BaseModel):
    """Lessons whose footage reaches the end of its retention in the window, at most 1000."""

    begins_at: datetime
    ends_at: datetime
    items: list[ExpiringLessonOut]
