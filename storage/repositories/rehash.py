"""Walks over all footage, and what they found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.errors import NotFound
from models.evidence_care import FootageProblem, RehashFinding, RehashPass
from models.register import Upload, UploadState
from storage.repositories.uploads import upload_value
from storage.repositories.writing import insert
from storage.tables import RehashFindingRow, RehashPassRow, UploadRow

# What was removed when its retention was over is not missing: its tombstone says so.
_KEPT = (
    UploadRow.state.in_((UploadState.STORED, UploadState.CLEARED)),
    UploadRow.removed_at.is_(None),
    UploadRow.removing_since.is_(None),
)


class RehashRepository:
    """Passes by number, findings by upload."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, at: datetime) -> RehashPass:
        """A new pass over what is stored now."""
        query = select(func.count(), func.coalesce(func.sum(UploadRow.size_bytes), 0))
        objects, size_bytes = self._session.execute(query.where(*_KEPT)).one()
        row = RehashPassRow(started_at=at, total_objects=objects, total_bytes=int(size_bytes))
        insert(self._session, row)
        return _pass(row)

    def running(self) -> RehashPass | None:
        """The pass that is not finished."""
        row = self._session.scalar(select(RehashPassRow).where(RehashPassRow.finished_at.is_(None)).limit(1))
        return None if row is None else _pass(row)

    def last_finished(self) -> RehashPass | None:
        query = select(RehashPassRow).where(RehashPassRow.finished_at.is_not(None))
        row = self._session.scalar(query.order_by(RehashPassRow.pass_id.desc()).limit(1))
        return None if row is None else _pass(row)

    def save(self, walked: RehashPass) -> None:
        """How far it came. Raises ``NotFound``."""
        row = self._session.get(RehashPassRow, walked.pass_id)
        if row is None:
            raise NotFound(f"no pass {walked.pass_id}")
        row.position, row.objects, row.size_bytes = walked.position, walked.objects, walked.size_bytes
        row.findings, row.finished_at = walked.findings, walked.finished_at
        self._session.flush()

    def stored_after(self, position: str, most: int) -> tuple[Upload, ...]:
        """What the store confirmed once, by object key, behind ``position``."""
        query = select(UploadRow).where(UploadRow.object_key > position, *_KEPT)
        rows = self._session.scalars(query.order_by(UploadRow.object_key).limit(most))
        return tuple(upload_value(row) for row in rows)

    def stored_of(self, upload_ids: Sequence[str]) -> tuple[Upload, ...]:
        """Those of these uploads that the store must hold now."""
        query = select(UploadRow).where(UploadRow.upload_id.in_(upload_ids), *_KEPT)
        return tuple(upload_value(row) for row in self._session.scalars(query.order_by(UploadRow.object_key)))

    def put_finding(self, finding: RehashFinding) -> None:
        """The latest word about a file."""
        row = self._session.get(RehashFindingRow, finding.upload_id)
        if row is None:
            row = RehashFindingRow(
                upload_id=finding.upload_id,
                lesson_id=finding.lesson_id,
                camera_id=finding.camera_id,
                sequence=finding.sequence,
                object_key=finding.key,
                found_at=finding.found_at,
                problem=finding.problem,
                checked_at=finding.checked_at,
                mended_at=finding.mended_at,
            )
            insert(self._session, row)
            return
        row.problem, row.found_at = finding.problem, finding.found_at
        row.checked_at, row.mended_at = finding.checked_at, finding.mended_at
        self._session.flush()

    def finding(self, upload_id: str) -> RehashFinding | None:
        row = self._session.get(RehashFindingRow, upload_id)
        return None if row is None else _finding(row)

    def open_findings(self, lesson_id: str | None = None, most: int = 10_000) -> tuple[RehashFinding, ...]:
        """Files that are still not right; those looked at longest ago first."""
        query = select(RehashFindingRow).where(RehashFindingRow.mended_at.is_(None))
        if lesson_id is not None:
            query = query.where(RehashFindingRow.lesson_id == lesson_id)
        query = query.order_by(RehashFindingRow.checked_at, RehashFindingRow.upload_id).limit(most)
        return tuple(_finding(row) for row in self._session.scalars(query))

    def count_open(self) -> int:
        query = select(func.count()).select_from(RehashFindingRow).where(RehashFindingRow.mended_at.is_(None))
        return self._session.scalar(query) or 0


def _pass(row: RehashPassRow) -> RehashPass:
    return RehashPass(
        pass_id=row.pass_id,
        started_at=row.started_at,
        total_objects=row.total_objects,
        total_bytes=row.total_bytes,
        position=row.position,
        objects=row.objects,
        size_bytes=row.size_bytes,
        findings=row.findings,
        finished_at=row.finished_at,
    )


def _finding(row: RehashFindingRow) -> RehashFinding:
    return RehashFinding(
        upload_id=row.upload_id,
        lesson_id=row.lesson_id,
        camera_id=row.camera_id,
        sequence=row.sequence,
        key=row.object_key,
        problem=FootageProblem(row.problem),
        found_at=row.found_at,
        checked_at=row.checked_at,
        mended_at=row.mended_at,
    )
