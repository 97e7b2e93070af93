"""Whom the unknown people of a lesson resemble, as it stands now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from models.frame import FrameJudgement, Resemblance
from models.register import ConsentState
from storage.tables import LessonRow, ResemblanceRow, TemplateRow, TraineeRow


class ResemblanceRepository:
    """At most one row for each unknown person of a lesson."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, judgements: Sequence[FrameJudgement]) -> None:
        """Keep what new frames say, the latest of each person.

        A recogniser may still hold a face that was erased meanwhile; whoever has no template is resembled by
        nobody here.
        """
        latest: dict[tuple[str, str], tuple[datetime, Resemblance]] = {}
        for judgement in sorted(judgements, key=lambda one: one.at):
            for one in judgement.resemblances:
                latest[judgement.lesson_id, one.unknown_person] = (judgement.at, one)
        for lesson_id in sorted({lesson_id for lesson_id, _ in latest}):
            self._replace(lesson_id, [told for key, told in sorted(latest.items()) if key[0] == lesson_id])

    def of_lesson(self, lesson_id: str) -> tuple[Resemblance, ...]:
        """By unknown person's key."""
        query = (
            select(ResemblanceRow)
            .where(ResemblanceRow.lesson_id == lesson_id)
            .order_by(ResemblanceRow.unknown_person)
        )
        return tuple(
            Resemblance(row.unknown_person, row.trainee, row.evidence, row.lead)
            for row in self._session.scalars(query)
        )

    def forget(self, class_code: str, trainee: str) -> int:
        """Remove all that likens anybody to a trainee, in all lessons of the class; returns how many."""
        lessons = select(LessonRow.lesson_id).where(LessonRow.class_code == class_code)
        likened = (ResemblanceRow.trainee == trainee, ResemblanceRow.lesson_id.in_(lessons))
        found = self._session.scalars(select(ResemblanceRow.unknown_person).where(*likened)).all()
        self._session.execute(delete(ResemblanceRow).where(*likened))
        return len(found)

    def _replace(self, lesson_id: str, told: Sequence[tuple[datetime, Resemblance]]) -> None:
        keys = [one.unknown_person for _, one in told]
        self._session.execute(
            delete(ResemblanceRow)
            .where(ResemblanceRow.lesson_id == lesson_id, ResemblanceRow.unknown_person.in_(keys))
            .execution_options(synchronize_session=False)
        )
        faces = self._with_faces(lesson_id, {one.trainee for _, one in told if one.trainee is not None})
        rows = [
            {
                "lesson_id": lesson_id,
                "unknown_person": one.unknown_person,
                "trainee": one.trainee,
                "evidence": one.evidence,
                "lead": one.lead,
                "at": at,
            }
            for at, one in told
            if one.trainee in faces
        ]
        if rows:
            self._session.execute(insert(ResemblanceRow), rows)

    def _with_faces(self, lesson_id: str, trainees: Collection[str]) -> frozenset[str]:
        query = (
            select(TraineeRow.code)
            .join(LessonRow, LessonRow.class_code == TraineeRow.class_code)
            .join(TemplateRow, TemplateRow.trainee_id == TraineeRow.trainee_id)
            .where(LessonRow.lesson_id == lesson_id, TraineeRow.code.in_(sorted(trainees)))
            .where(TraineeRow.consent == ConsentState.GIVEN)
        )
        return frozenset(self._session.scalars(query)) if trainees else frozenset()
