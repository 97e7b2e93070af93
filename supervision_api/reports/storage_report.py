"""Storage forecast and expiry as documents for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.storage_forecast import Month, StorageForecast
from storage.repositories import ExpiringLesson
from supervision_api.reports.attendance_document import instant


def forecast_document(found: StorageForecast) -> dict[str, Any]:
    """Bytes per camera, per institution and in all."""
    return {
        "months": [{"from": instant(one.begins_at), "to": instant(one.ends_at)} for one in found.months],
        "stored_bytes": found.stored_bytes,
        "kept_bytes": list(found.kept),
        "steady_bytes": found.steady_bytes,
        "cameras": [
            {
                "camera": one.camera_id,
                "institution": one.institution,
                "bytes_per_hour": one.bytes_per_hour and round(one.bytes_per_hour),
                "hours_per_year": round(one.hours_per_year, 1),
                "stored_bytes": one.stored_bytes,
                "kept_bytes": list(one.kept),
                "steady_bytes": one.steady_bytes,
            }
            for one in found.cameras
        ],
        "institutions": [
            {"institution": name, "stored_bytes": now, "kept_bytes": later, "steady_bytes": steady}
            for name, (now, later, steady) in found.by_institution().items()
        ],
    }


def expiring_document(window: Month, found: Sequence[ExpiringLesson]) -> dict[str, Any]:
    """Lessons whose footage reaches its end in the window."""
    return {
        "from": instant(window.begins_at),
        "to": instant(window.ends_at),
        "size_bytes": sum(one.size_bytes for one in found),
        "lessons": [
            {
                "lesson_id": one.lesson_id,
                "class_code": one.class_code,
                "title": one.title,
                "starts_at": instant(one.starts_at),
                "kept_until": instant(one.retain_until),
                "objects": one.objects,
                "size_bytes": one.size_bytes,
            }
            for one in found
        ],
    }


def gigabytes(size_bytes: float) -> str:
    """In GB (10⁹ bytes), three digits at least."""
    return f"{size_bytes / 1e9:,.2f}"
