"""Legal holds, and how far the store has followed them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.footage import StoredObject
from models.holds import Hold
from models.register import Upload, UploadState
from storage.repositories.uploads import upload_value
from storage.repositories.writing import insert, new_id
from storage.tables import HoldRow, LessonRow, UploadRow

_IN_STORE = (UploadRow.state != UploadState.WAITING, UploadRow.removed_at.is_(None))


class HoldRepository:
    """Holds by id and lesson. Rows stay for good; a hold that was released says by whom and why."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def place(self, lesson_id: str, case_ref: str, reason: str, by: str, at: datetime) -> Hold:
        """Hold a lesson's footage; removals that were decided and not done yet are called off.

        Raises:
            NotFound: no such lesson.
        """
        if self._session.get(LessonRow, lesson_id) is None:
            raise NotFound(f"no lesson {lesson_id}", hint="check the lesson's id")
        row = HoldRow(
            hold_id=new_id(),
            lesson_id=lesson_id,
            case_ref=case_ref,
            reason=reason,
            placed_by=by,
            placed_at=at,
            released_by="",
            release_reason="",
        )
        insert(self._session, row)
        self._session.execute(
            update(UploadRow)
            .where(UploadRow.lesson_id == lesson_id, UploadRow.removed_at.is_(None))
            .values(removing_since=None)
        )
        return _value(row)

    def release(self, hold_id: str, reason: str, by: str, at: datetime) -> Hold:
        """Raises ``NotFound``; ``Conflict`` when it was released already."""
        row = self._row(hold_id)
        if row.released_at is not None:
            raise Conflict("this hold was released already", place=hold_id, hint="load the lesson again")
        row.released_by, row.released_at, row.release_reason = by, at, reason
        row.confirmed_at = None
        self._session.flush()
        return _value(row)

    def get(self, hold_id: str) -> Hold:
        """Raises ``NotFound``."""
        return _value(self._row(hold_id))

    def restore(self, hold: Hold) -> None:
        """Write a hold as the evidence log tells it, for a rebuilt index."""
        insert(self._session, HoldRow(**{name: getattr(hold, name) for name in Hold.__dataclass_fields__}))

    def of_lesson(self, lesson_id: str) -> tuple[Hold, ...]:
        """Oldest first, released ones included."""
        query = select(HoldRow).where(HoldRow.lesson_id == lesson_id)
        query = query.order_by(HoldRow.placed_at, HoldRow.hold_id)
        return tuple(_value(row) for row in self._session.scalars(query))

    def of_case(self, case_ref: str) -> tuple[Hold, ...]:
        """All holds of a case, oldest first."""
        query = select(HoldRow).where(HoldRow.case_ref == case_ref)
        query = query.order_by(HoldRow.placed_at, HoldRow.hold_id)
        return tuple(_value(row) for row in self._session.scalars(query))

    def open(self) -> tuple[Hold, ...]:
        """All that hold at present, oldest first."""
        query = select(HoldRow).where(HoldRow.released_at.is_(None))
        query = query.order_by(HoldRow.placed_at, HoldRow.hold_id)
        return tuple(_value(row) for row in self._session.scalars(query))

    def is_held(self, lesson_id: str) -> bool:
        """Whether any hold on the lesson is open."""
        query = select(HoldRow.hold_id).where(HoldRow.lesson_id == lesson_id, HoldRow.released_at.is_(None))
        return self._session.scalar(query.limit(1)) is not None

    def unconfirmed(self) -> tuple[Hold, ...]:
        """Holds, open or released, whose wish the store has not confirmed for every object."""
        query = select(HoldRow).where(HoldRow.confirmed_at.is_(None))
        query = query.order_by(HoldRow.placed_at, HoldRow.hold_id)
        return tuple(_value(row) for row in self._session.scalars(query))

    def unlike_the_store(self, limit: int = 200) -> tuple[tuple[Upload, str, bool], ...]:
        """Stored objects that must be (``True``) or need no longer be (``False``) held, with their version.

        Objects stored after the hold was placed are among them.
        """
        held = select(HoldRow.lesson_id).where(HoldRow.released_at.is_(None))
        released = select(HoldRow.lesson_id).where(
            HoldRow.released_at.is_not(None), HoldRow.confirmed_at.is_(None)
        )
        # A lesson that another hold still keeps stays held, however many were released.
        free = UploadRow.lesson_id.in_(released) & UploadRow.lesson_id.not_in(held)
        found: list[tuple[Upload, str, bool]] = []
        for lessons, wanted in ((UploadRow.lesson_id.in_(held), True), (free, False)):
            query = select(UploadRow).where(lessons, UploadRow.legal_hold.is_not(wanted), *_IN_STORE)
            rows = self._session.scalars(query.order_by(UploadRow.object_key).limit(limit))
            found += [(upload_value(row), row.object_version or "", wanted) for row in rows]
        return tuple(found[:limit])

    def differs(self, lesson_id: str) -> bool:
        """Whether any stored object of the lesson is held otherwise than the rows say."""
        query = select(UploadRow.upload_id).where(
            UploadRow.lesson_id == lesson_id,
            UploadRow.legal_hold.is_not(self.is_held(lesson_id)),
            *_IN_STORE,
        )
        return self._session.scalar(query.limit(1)) is not None

    def note_hold(self, upload_id: str, stored: StoredObject) -> None:
        """Keep what the store said of an object's hold when it was read back."""
        row = self._session.get(UploadRow, upload_id)
        if row is None:
            raise NotFound(f"no upload {upload_id}")
        row.legal_hold = stored.legal_hold
        self._session.flush()

    def confirm(self, hold_id: str, at: datetime) -> Hold:
        """The store confirmed this hold's wish for every object."""
        row = self._row(hold_id)
        row.confirmed_at = at
        self._session.flush()
        return _value(row)

    def objects(self, lesson_id: str) -> int:
        """Objects of a lesson that the store holds."""
        query = select(UploadRow.upload_id).where(UploadRow.lesson_id == lesson_id, *_IN_STORE)
        return len(self._session.scalars(query).all())

    def _row(self, hold_id: str) -> HoldRow:
        row = self._session.get(HoldRow, hold_id)
        if row is None:
            raise NotFound("no such hold", place=hold_id, hint="load the lesson again")
        return row


def _value(row: HoldRow) -> Hold:
    return Hold(**{name: getattr(row, name) for name in Hold.__dataclass_fields__})
