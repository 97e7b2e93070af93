"""Statements and column values of a rebuilt index (``storage.index_rows``)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, update

from models.footage import StoredObject
from models.policy import Policy
from models.register import UploadState
from models.timetable import Lesson, LessonState
from storage.documents import object_document, to_document
from storage.tables import LessonRow, UploadRow

CLOSE_LESSON: Final = (
    update(LessonRow.__table__)  # type: ignore[arg-type]
    .where(LessonRow.lesson_id == bindparam("b_lesson_id"))
    .values(state=LessonState.JUDGED)
)
_RECEIPT_NAMES: Final = (
    "state",
    "object_version",
    "etag",
    "lock_mode",
    "locked_until",
    "legal_hold",
    "stored_at",
)
KEEP_RECEIPT: Final = (
    update(UploadRow.__table__)  # type: ignore[arg-type]
    .where(UploadRow.object_key == bindparam("b_key"))
    .values({name: bindparam(name) for name in _RECEIPT_NAMES})
)
NOTE_REMOVAL: Final = (
    update(UploadRow.__table__)  # type: ignore[arg-type]
    .where(UploadRow.object_key == bindparam("b_key"))
    .values({name: bindparam(name) for name in ("removing_since", "removed_at", "removed_leaf")})
)
NO_RECEIPT: Final[dict[str, Any]] = {
    "state": UploadState.WAITING,
    "attempts": 0,
    "next_try_at": None,
    "problem": "",
    "object_version": None,
    "etag": None,
    "lock_mode": None,
    "locked_until": None,
    "legal_hold": False,
    "stored_at": None,
    "removing_since": None,
    "removed_at": None,
    "removed_leaf": None,
}


def receipt(stored: StoredObject) -> dict[str, Any]:
    """Columns of an upload that the store confirmed."""
    return {
        "state": UploadState.CLEARED,
        "object_version": stored.version,
        "etag": stored.etag,
        "lock_mode": stored.lock_mode,
        "locked_until": stored.retain_until,
        "legal_hold": stored.legal_hold,
        "stored_at": stored.stored_at,
    }


def class_row(code: str, at: datetime) -> dict[str, Any]:
    """A class of which the log knows the code alone."""
    policy = Policy()
    return {
        "code": code,
        "name": code,
        "institution_code": None,
        "programme": "",
        "starts_on": None,
        "ends_on": None,
        "policy": object_document(policy),
        "policy_version": policy.version,
        "created_at": at,
        "revision": 1,
    }


def lesson_row(lesson: Lesson, policy: Policy, seed: object) -> dict[str, Any]:
    """A lesson as it was published, not begun."""
    return {
        "lesson_id": lesson.lesson_id,
        "class_code": lesson.class_code,
        "title": lesson.title,
        "starts_at": lesson.starts_at,
        "ends_at": lesson.ends_at,
        "breaks": [to_document(pause) for pause in lesson.breaks],
        "room": lesson.room,
        "instructor": lesson.instructor,
        "cameras": list(lesson.cameras),
        "online": lesson.online,
        "planned_hours": lesson.planned_hours,
        "policy": object_document(policy),
        "policy_version": policy.version,
        "state": LessonState.PLANNED,
        "roll_call_seed": seed or None,
        "revision": 1,
    }


def delete_matching(table: Any, keys: tuple[str, ...]) -> Any:
    """Deletes the rows whose ``keys`` are bound as ``b_<key>``."""
    return delete(table.__table__).where(*(getattr(table, key) == bindparam(f"b_{key}") for key in keys))
