"""Verdicts of the machine, corrections and manual entries of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.attendance import ManualEntry, Status, Verdict
from models.errors import Conflict, NotFound
from models.register import AttendanceRecord, CitedEvidence, Correction
from models.timeline import Interval
from models.timetable import LessonState
from storage.documents import from_document, object_document
from storage.repositories.writing import insert, new_id
from storage.tables import CorrectionRow, LessonRow, ManualEntryRow, VerdictRow


class VerdictRepository:
    """Attendance by lesson and trainee code."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def save(self, verdicts: Sequence[Verdict], at: datetime) -> None:
        """The machine's word for each; judged again, the new one takes the old one's place.

        Raises:
            Conflict: the lesson is sealed; only a correction changes it now.
        """
        for lesson_id in sorted({verdict.lesson_id for verdict in verdicts}):
            self._refuse_sealed(lesson_id)
        for verdict in verdicts:
            row = self._session.get(VerdictRow, (verdict.lesson_id, verdict.trainee))
            if row is None:
                row = VerdictRow(lesson_id=verdict.lesson_id, trainee=verdict.trainee)
                self._session.add(row)
            row.status = verdict.status
            row.credited_hours = verdict.credited_hours
            row.policy_version = verdict.policy_version
            row.document = object_document(verdict)
            row.judged_at = at
        self._session.flush()

    def find(self, lesson_id: str, trainee: str) -> Verdict | None:
        row = self._session.get(VerdictRow, (lesson_id, trainee))
        return None if row is None else from_document(Verdict, row.document)

    def last_judged_at(self, lesson_id: str) -> datetime | None:
        """When the newest verdict of a lesson was made; ``None`` where there is none."""
        return self._session.scalar(
            select(func.max(VerdictRow.judged_at)).where(VerdictRow.lesson_id == lesson_id)
        )

    def of_lesson(self, lesson_id: str) -> tuple[Verdict, ...]:
        """By trainee code."""
        query = select(VerdictRow).where(VerdictRow.lesson_id == lesson_id).order_by(VerdictRow.trainee)
        return tuple(from_document(Verdict, row.document) for row in self._session.scalars(query))

    def of_trainee(self, class_code: str, trainee: str) -> tuple[Verdict, ...]:
        """All lessons of the class, by start."""
        query = (
            select(VerdictRow)
            .join(LessonRow, LessonRow.lesson_id == VerdictRow.lesson_id)
            .where(LessonRow.class_code == class_code, VerdictRow.trainee == trainee)
            .order_by(LessonRow.starts_at, LessonRow.lesson_id)
        )
        return tuple(from_document(Verdict, row.document) for row in self._session.scalars(query))

    def records(self, lesson_id: str) -> tuple[AttendanceRecord, ...]:
        """Verdicts with their corrections, by trainee code."""
        corrections: dict[str, list[Correction]] = {}
        for correction in self.corrections(lesson_id):
            corrections.setdefault(correction.trainee, []).append(correction)
        return tuple(
            AttendanceRecord(verdict, tuple(corrections.get(verdict.trainee, ())))
            for verdict in self.of_lesson(lesson_id)
        )

    def correct(self, correction: Correction) -> Correction:
        """Keep a correction beside the machine's verdict, with its new id. Raises ``NotFound``."""
        if self._session.get(VerdictRow, (correction.lesson_id, correction.trainee)) is None:
            raise NotFound(f"no verdict on {correction.trainee} in lesson {correction.lesson_id}")
        kept = replace(correction, correction_id=new_id())
        row = CorrectionRow(
            correction_id=kept.correction_id,
            lesson_id=kept.lesson_id,
            trainee=kept.trainee,
            reason_code=kept.reason_code,
            reason=kept.reason,
            actor=kept.actor,
            at=kept.at,
            status=None if kept.status is None else Status(kept.status),
            credited_hours=kept.credited_hours,
            approved_by=kept.approved_by,
            struck=list(kept.struck) or None,
            evidence=None if kept.evidence is None else object_document(kept.evidence),
        )
        insert(self._session, row)
        return kept

    def approve(self, correction_id: str, approved_by: str) -> Correction:
        """The second person's word. Raises ``Conflict`` for the first person or a second approval."""
        row = self._session.get(CorrectionRow, correction_id)
        if row is None:
            raise NotFound("no such correction")
        if row.actor == approved_by or row.approved_by is not None:
            raise Conflict("a correction is approved once, and by another person", hint="ask a colleague")
        row.approved_by = approved_by
        self._session.flush()
        return _correction(row)

    def corrections(self, lesson_id: str, trainee: str | None = None) -> tuple[Correction, ...]:
        """Oldest first."""
        query = select(CorrectionRow).where(CorrectionRow.lesson_id == lesson_id)
        if trainee is not None:
            query = query.where(CorrectionRow.trainee == trainee)
        query = query.order_by(CorrectionRow.at, CorrectionRow.correction_id)
        return tuple(_correction(row) for row in self._session.scalars(query))

    def add_manual(self, lesson_id: str, trainee: str, entry: ManualEntry, at: datetime) -> None:
        """An approved leave or an instructor's confirmation. Raises ``Conflict`` once sealed."""
        self._refuse_sealed(lesson_id)
        interval = entry.interval
        row = ManualEntryRow(
            lesson_id=lesson_id,
            trainee=trainee,
            kind=entry.kind,
            starts_at=None if interval is None else interval.starts_at,
            ends_at=None if interval is None else interval.ends_at,
            actor=entry.actor,
            reason=entry.reason,
            at=at,
        )
        insert(self._session, row)

    def manual(self, lesson_id: str) -> Mapping[str, tuple[ManualEntry, ...]]:
        """Manual entries by trainee, in the order they were made."""
        query = (
            select(ManualEntryRow)
            .where(ManualEntryRow.lesson_id == lesson_id)
            .order_by(ManualEntryRow.trainee, ManualEntryRow.entry_id)
        )
        found: dict[str, list[ManualEntry]] = {}
        for row in self._session.scalars(query):
            found.setdefault(row.trainee, []).append(_manual(row))
        return {trainee: tuple(entries) for trainee, entries in found.items()}

    def _refuse_sealed(self, lesson_id: str) -> None:
        state = self._session.scalar(select(LessonRow.state).where(LessonRow.lesson_id == lesson_id))
        if state is None:
            raise NotFound(f"no lesson {lesson_id}")
        if state is LessonState.SEALED:
            raise Conflict(f"lesson {lesson_id} is sealed", hint="correct its attendance instead")


def _correction(row: CorrectionRow) -> Correction:
    return Correction(
        lesson_id=row.lesson_id,
        trainee=row.trainee,
        reason_code=row.reason_code,
        reason=row.reason,
        actor=row.actor,
        at=row.at,
        status=None if row.status is None else row.status.value,
        credited_hours=row.credited_hours,
        approved_by=row.approved_by,
        correction_id=row.correction_id,
        struck=tuple(row.struck or ()),
        evidence=None if row.evidence is None else from_document(CitedEvidence, row.evidence),
    )


def _manual(row: ManualEntryRow) -> ManualEntry:
    interval = None
    if row.starts_at is not None and row.ends_at is not None:
        interval = Interval(row.starts_at, row.ends_at)
    return ManualEntry(row.kind, interval, row.actor, row.reason)
