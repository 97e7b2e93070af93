"""Legal holds: placed and released by people who may, each with a reason and a leaf."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import InvalidInput, NotFound
from models.holds import Hold, checked_case
from models.register import LessonRecord
from storage.holding import place_hold, release_hold
from storage.unit_of_work import UnitOfWork
from supervision_api.actions.lessons import lesson_of

MOST_LESSONS = 500


def place(work: UnitOfWork, record: LessonRecord, case_ref: str, reason: str, by: str) -> Hold:
    """Hold all footage of a lesson, in the caller's unit of work. Raises ``InvalidInput``."""
    return place_hold(work, record.lesson.lesson_id, case_ref, reason, by)


def place_on_case(
    work: UnitOfWork, case_ref: str, lesson_ids: Sequence[str], reason: str, by: str
) -> tuple[Hold, ...]:
    """Hold the footage of every lesson of a case, all or none; a lesson it holds already stays as it is.

    Raises:
        InvalidInput: no case, no reason, no or too many lessons.
        NotFound: one of the lessons.
    """
    case = checked_case(case_ref)
    if not case:
        raise InvalidInput("a case needs a name", place="case_ref", hint="give the case's number")
    if not 1 <= len(lesson_ids) <= MOST_LESSONS:
        raise InvalidInput(
            f"1 to {MOST_LESSONS} lessons at a time", place="lesson_ids", hint="split the call"
        )
    held = {hold.lesson_id: hold for hold in work.holds.of_case(case) if hold.open}
    return tuple(
        held.get(lesson_id) or place(work, lesson_of(work, lesson_id), case, reason, by)
        for lesson_id in dict.fromkeys(lesson_ids)
    )


def release(work: UnitOfWork, hold_id: str, reason: str, by: str) -> Hold:
    """Let one hold go. Raises ``NotFound``, ``Conflict``, ``InvalidInput``."""
    lesson_of(work, work.holds.get(hold_id).lesson_id)
    return release_hold(work, hold_id, reason, by)


def release_case(work: UnitOfWork, case_ref: str, reason: str, by: str) -> tuple[Hold, ...]:
    """Let all holds of a case go.

    Raises:
        NotFound: the case holds nothing.
        InvalidInput: no reason.
    """
    found = [hold for hold in work.holds.of_case(checked_case(case_ref)) if hold.open]
    if not found:
        raise NotFound("no open hold of this case", place="case_ref", hint="check the case's number")
    return tuple(release(work, hold.hold_id, reason, by) for hold in found)
