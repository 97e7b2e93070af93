"""The way of spool files into the object store, and the receipts they come back with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models.errors import Conflict, NotFound
from models.footage import StoredObject
from models.register import Upload, UploadState
from models.upload_flags import NOT_AS_STORED, Unstored
from storage.repositories.writing import insert
from storage.tables import SegmentRow, UploadRow


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the spool: files, their bytes, and since when the oldest waits."""

    files: int
    size_bytes: int
    oldest_at: datetime | None


class UploadRepository:
    """Uploads by id (a segment's id, or ``original:<sha256>``)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def queue(self, upload: Upload) -> bool:
        """Keep a waiting upload; ``False`` when it is known already."""
        if self._session.get(UploadRow, upload.upload_id) is not None:
            return False
        row = UploadRow(
            upload_id=upload.upload_id,
            kind=upload.kind,
            lesson_id=upload.lesson_id,
            camera_id=upload.camera_id,
            sequence=upload.sequence,
            path=upload.path,
            object_key=upload.object_key,
            sha256=upload.sha256,
            size_bytes=upload.size_bytes,
            retain_until=upload.retain_until,
            state=UploadState.WAITING,
            queued_at=upload.queued_at,
            next_try_at=None,
        )
        insert(self._session, row)
        return True

    def find(self, upload_id: str) -> Upload | None:
        row = self._session.get(UploadRow, upload_id)
        return None if row is None else upload_value(row)

    def get(self, upload_id: str) -> Upload:
        """Raises ``NotFound``."""
        return upload_value(self._row(upload_id))

    def next_waiting(
        self, now: datetime, claimed: Collection[str] = (), longest_wait: timedelta = timedelta.max
    ) -> Upload | None:
        """The oldest waiting upload whose time to try (again) has come, ``claimed`` ids left out.

        A time further away than the longest wait was set by a clock that has gone back since: it is due.
        """
        due = or_(UploadRow.next_try_at.is_(None), UploadRow.next_try_at <= now)
        if longest_wait < timedelta.max:
            due = or_(due, UploadRow.next_try_at > now + longest_wait)
        query = select(UploadRow).where(UploadRow.state == UploadState.WAITING, due)
        if claimed:
            query = query.where(UploadRow.upload_id.not_in(sorted(claimed)))
        query = query.order_by(UploadRow.queued_at, UploadRow.upload_id).limit(1)
        row = self._session.scalar(query)
        return None if row is None else upload_value(row)

    def in_state(self, state: UploadState, lesson_id: str | None = None) -> tuple[Upload, ...]:
        """Oldest first."""
        query = select(UploadRow).where(UploadRow.state == state)
        if lesson_id is not None:
            query = query.where(UploadRow.lesson_id == lesson_id)
        query = query.order_by(UploadRow.queued_at, UploadRow.upload_id)
        return tuple(upload_value(row) for row in self._session.scalars(query))

    def of_lesson(self, lesson_id: str) -> tuple[Upload, ...]:
        """All uploads of a lesson by object key, whatever their state."""
        query = select(UploadRow).where(UploadRow.lesson_id == lesson_id).order_by(UploadRow.object_key)
        return tuple(upload_value(row) for row in self._session.scalars(query))

    def note_failure(self, upload_id: str, problem: str, next_try_at: datetime) -> None:
        """``problem`` is an error's code, never its text."""
        row = self._row(upload_id)
        row.attempts += 1
        row.problem, row.next_try_at = problem, next_try_at
        self._session.flush()

    def forget_waits(self) -> int:
        """Every waiting upload is due at once; returns how many were not."""
        statement = (
            update(UploadRow)
            .where(UploadRow.state == UploadState.WAITING, UploadRow.next_try_at.is_not(None))
            .values(next_try_at=None)
        )
        result = self._session.execute(statement, execution_options={"synchronize_session": "fetch"})
        return int(result.rowcount)  # type: ignore[attr-defined]

    def note_stored(self, upload_id: str, stored: StoredObject) -> bool:
        """Keep the receipt; ``False`` when there is one already.

        Raises:
            Conflict: the receipt speaks of another object or other bytes.
        """
        row = self._row(upload_id)
        if stored.key != row.object_key or stored.sha256 != row.sha256:
            raise Conflict(
                f"the receipt of {upload_id} speaks of other bytes", hint="compare spool and store"
            )
        if row.state is not UploadState.WAITING:
            return False
        row.state, row.problem, row.next_try_at = UploadState.STORED, "", None
        row.object_version, row.etag = stored.version, stored.etag
        row.lock_mode, row.locked_until = stored.lock_mode, stored.retain_until
        row.legal_hold, row.stored_at = stored.legal_hold, stored.stored_at
        self._session.flush()
        return True

    def note_cleared(self, upload_id: str) -> None:
        """The spool copy is gone; only a stored upload may be cleared. Raises ``Conflict``."""
        row = self._row(upload_id)
        if row.state is UploadState.WAITING:
            raise Conflict(f"upload {upload_id} has no receipt yet", hint="upload it first")
        row.state = UploadState.CLEARED
        self._session.flush()

    def reopen(self, upload_id: str, problem: str) -> None:
        """Back to waiting: the store no longer confirms what the receipt says."""
        row = self._row(upload_id)
        row.state, row.problem, row.next_try_at = UploadState.WAITING, problem, None
        self._session.flush()

    def receipt(self, upload_id: str) -> StoredObject | None:
        """What the store said when the object was read back, or ``None`` while the upload waits."""
        row = self._session.get(UploadRow, upload_id)
        if row is None or row.state is UploadState.WAITING or row.stored_at is None:
            return None
        return StoredObject(
            key=row.object_key,
            version=row.object_version or "",
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            etag=row.etag or "",
            lock_mode=row.lock_mode,
            retain_until=row.locked_until,
            legal_hold=row.legal_hold,
            stored_at=row.stored_at,
        )

    def unstored(self, queued_before: datetime) -> tuple[Unstored, ...]:
        """Footage that has waited since before an instant, or that the store does not hold as it must.

        By lesson, camera and problem; one row each, whatever the number of files.
        """
        query = (
            select(
                UploadRow.lesson_id,
                UploadRow.camera_id,
                UploadRow.problem,
                func.min(UploadRow.queued_at),
                func.count(),
                func.min(SegmentRow.starts_at),
            )
            .outerjoin(SegmentRow, SegmentRow.segment_id == UploadRow.upload_id)
            .where(
                UploadRow.state == UploadState.WAITING,
                or_(UploadRow.queued_at < queued_before, UploadRow.problem.in_(NOT_AS_STORED)),
            )
            .group_by(UploadRow.lesson_id, UploadRow.camera_id, UploadRow.problem)
            .order_by(UploadRow.lesson_id, UploadRow.camera_id, UploadRow.problem)
        )
        return tuple(Unstored(*row) for row in self._session.execute(query))

    def backlog(self) -> Backlog:
        query = select(
            func.count(), func.coalesce(func.sum(UploadRow.size_bytes), 0), func.min(UploadRow.queued_at)
        ).where(UploadRow.state == UploadState.WAITING)
        files, size_bytes, oldest_at = self._session.execute(query).one()
        return Backlog(files, int(size_bytes), oldest_at)

    def _row(self, upload_id: str) -> UploadRow:
        row = self._session.get(UploadRow, upload_id)
        if row is None:
            raise NotFound(f"no upload {upload_id}")
        return row


def upload_value(row: UploadRow) -> Upload:
    """A row as the value that repositories hand out."""
    return Upload(
        upload_id=row.upload_id,
        kind=row.kind,
        lesson_id=row.lesson_id,
        camera_id=row.camera_id,
        sequence=row.sequence,
        path=row.path,
        object_key=row.object_key,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        retain_until=row.retain_until,
        state=row.state,
        queued_at=row.queued_at,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        problem=row.problem,
    )
