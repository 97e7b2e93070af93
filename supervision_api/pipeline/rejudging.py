"""Judges a lesson again after a person's word changed its facts; the closing leaf stays as it was."""

from __future__ import annotations

from models.evidence_leaves import verdict
from models.flag_rules import LESSON_KINDS, lesson_flags
from models.timetable import LessonState
from supervision_api.pipeline.installation import Installation
from supervision_api.pipeline.judging import judge_trainee, lesson_facts, settle_flags
from supervision_api.pipeline.observed_lesson import observe_lesson
from supervision_api.pipeline.same_faces import same_faces


def rejudge_lesson(house: Installation, lesson_id: str) -> None:
    """New verdicts where they differ, flags brought up to date, each change a leaf. Only while *judged*."""
    with house.ledger.write() as work:
        record = work.lessons.get(lesson_id)
        if record.state is not LessonState.JUDGED:
            return
        now = house.clock.now()
        observed = observe_lesson(work, lesson_id)
        before = {one.trainee: one for one in work.verdicts.of_lesson(lesson_id)}
        verdicts = tuple(judge_trainee(observed, trainee) for trainee in observed.trainees)
        changed = [one for one in verdicts if before.get(one.trainee) != one]
        work.verdicts.save(changed, now)
        for one in changed:
            work.evidence.append(verdict(one, now))
        corrections = work.verdicts.corrections(lesson_id)
        pairs = same_faces(work, record.lesson.class_code)
        flags = lesson_flags(lesson_facts(observed, verdicts, corrections, pairs))
        settle_flags(work, lesson_id, flags, LESSON_KINDS, now)
