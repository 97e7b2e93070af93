"""What goes into a bundle of a lesson, case or class: lessons, documents, and which footage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.attendance import Verdict
from models.case_footage import segments_of_claim
from models.errors import Conflict
from models.footage import Segment
from models.register import FlagRecord, LessonRecord
from models.timetable import LessonState
from storage.bundle_evidence import BundleScope, FootageMode, lesson_folder
from storage.repositories import LessonFilter
from storage.unit_of_work import UnitOfWork
from supervision_api.actions.attendance import sheet_of
from supervision_api.pipeline.judging import outcome_of
from supervision_api.pipeline.observed_lesson import observe_lesson
from supervision_api.reports.attendance_document import attendance_bytes, sightings_lines
from supervision_api.reports.attendance_sheet import attendance_sheet
from supervision_api.reports.case_document import case_bytes, instants_of, linked_flags
from supervision_api.reports.class_archive import ClassRecord, class_documents

_FINISHED = (LessonState.JUDGED, LessonState.SEALED)


@dataclass(frozen=True, slots=True)
class BundleOrder:
    """What somebody asked for. ``subject``: id of the lesson, of the flag, or code of the class.

    ``footage`` off: hashes only. A case never carries more footage than its claim rests on.
    """

    scope: BundleScope
    subject: str
    actor: str
    footage: bool = True


@dataclass(frozen=True, slots=True)
class BundleChoice:
    """What the order comes to.

    ``segments``: the footage that a bundle with footage holds; ``removed``: footage of some lesson is gone by
    the rules, and its hashes and tombstones are what is left; ``flags``: of a case, the one asked for first;
    ``verdict``: on the person whom the case is about.
    """

    order: BundleOrder
    lessons: tuple[LessonRecord, ...]
    segments: tuple[Segment, ...]
    removed: bool = False
    flags: tuple[FlagRecord, ...] = ()
    verdict: Verdict | None = None

    @property
    def lesson_ids(self) -> tuple[str, ...]:
        return tuple(record.lesson.lesson_id for record in self.lessons)

    @property
    def footage_bytes(self) -> int:
        return sum(segment.size_bytes for segment in self.segments)

    @property
    def mode(self) -> FootageMode:
        if not self.order.footage:
            return FootageMode.HASHES
        if self.order.scope is BundleScope.CASE or self.removed:
            return FootageMode.SELECTED if self.segments else FootageMode.HASHES
        return FootageMode.INCLUDED


def choose(work: UnitOfWork, order: BundleOrder) -> BundleChoice:
    """Which lessons and which footage; reads no sightings.

    Raises:
        NotFound: no such lesson, flag or class.
        Conflict: the lesson, or every lesson of the class, is not judged yet.
    """
    if order.scope is BundleScope.CLASS:
        work.classes.get(order.subject)
        judged = tuple(one for one in _lessons_of(work, order.subject) if one.state in _FINISHED)
        if not judged:
            place, hint = order.subject, "wait until one is over"
            raise Conflict("no lesson of this class is judged yet", place=place, hint=hint)
        kept = {one.lesson.lesson_id: _kept(work, one.lesson.lesson_id) for one in judged}
        segments = [segment for footage in kept.values() for segment in footage or ()]
        return BundleChoice(order, judged, tuple(segments), None in kept.values())
    if order.scope is BundleScope.LESSON:
        record, footage = _judged(work, order.subject), _kept(work, order.subject)
        return BundleChoice(order, (record,), footage or (), footage is None)
    chosen = work.flags.get(order.subject)
    lesson_id, subject = chosen.flag.lesson_id, chosen.flag.subject
    record = _judged(work, lesson_id)
    flags = linked_flags(chosen, work.flags.of_lesson(lesson_id))
    verdict = work.verdicts.find(lesson_id, subject) if subject else None
    footage = _kept(work, lesson_id)
    shown = segments_of_claim(footage or (), instants_of(flags, verdict))
    return BundleChoice(order, (record,), shown, footage is None, flags, verdict)


def _kept(work: UnitOfWork, lesson_id: str) -> tuple[Segment, ...] | None:
    """A lesson's segments; ``None`` where footage of it was removed when its time was over."""
    return None if work.removals.of_lesson(lesson_id).removed else work.footage.segments(lesson_id)


def write_documents(work: UnitOfWork, choice: BundleChoice, folder: Path) -> dict[str, Path]:
    """Writes all documents of the bundle into a folder, lesson by lesson: a class's sightings would fill the
    memory. Returns their names in the bundle and where they lie.
    """
    files: dict[str, Path] = {}

    def keep(documents: dict[str, bytes]) -> None:
        for name, raw in documents.items():
            files[name] = folder / f"{len(files)}"
            files[name].write_bytes(raw)

    for record in choice.lessons:
        lesson_id = record.lesson.lesson_id
        prefix = "" if choice.order.scope is BundleScope.LESSON else lesson_folder(lesson_id)
        keep({prefix + name: raw for name, raw in lesson_documents(work, lesson_id).items()})
    if choice.order.scope is BundleScope.CASE:
        lesson, carried = choice.lessons[0].lesson, choice.segments
        keep({"case.json": case_bytes(choice.flags, lesson, choice.verdict, carried)})
    if choice.order.scope is BundleScope.CLASS:
        keep(class_documents(_class_record(work, choice)))
    return files


def lesson_documents(work: UnitOfWork, lesson_id: str) -> dict[str, bytes]:
    """attendance.json, attendance.xlsx and sightings.jsonl of a judged lesson.

    Raises:
        NotFound: no such lesson.
        Conflict: it is not judged yet.
    """
    _judged(work, lesson_id)
    observed = observe_lesson(work, lesson_id)
    flags = tuple(one.flag for one in work.flags.of_lesson(lesson_id))
    outcome = outcome_of(observed, work.verdicts.of_lesson(lesson_id), flags)
    return {
        "attendance.json": attendance_bytes(outcome),
        "attendance.xlsx": attendance_sheet(outcome),
        "sightings.jsonl": sightings_lines(work.sightings.of_lesson(lesson_id)),
    }


def names_of(work: UnitOfWork, choice: BundleChoice) -> dict[str, str]:
    """Trainee codes to names, for the readable report."""
    return {one.code: one.name for one in work.roster.trainees(choice.lessons[0].lesson.class_code)}


def _judged(work: UnitOfWork, lesson_id: str) -> LessonRecord:
    record = work.lessons.get(lesson_id)
    if record.state not in _FINISHED:
        raise Conflict("the lesson is not judged yet", place=lesson_id, hint="wait until it is over")
    return record


def _class_record(work: UnitOfWork, choice: BundleChoice) -> ClassRecord:
    klass = work.classes.get(choice.order.subject)
    sheets = {record.lesson.lesson_id: sheet_of(work, record) for record in choice.lessons}
    return ClassRecord(
        training_class=klass,
        institution=work.classes.institution_name(klass.institution_code),
        trainees=work.roster.trainees(klass.code),
        lessons=tuple(_lessons_of(work, klass.code)),
        standings={
            lesson_id: {entry.trainee.code: entry.standing for entry in sheet}
            for lesson_id, sheet in sheets.items()
        },
    )


def _lessons_of(work: UnitOfWork, class_code: str) -> Iterator[LessonRecord]:
    """All lessons of a class, oldest first."""
    found: list[LessonRecord] = []
    cursor: str | None = None
    while True:
        page = work.lessons.page(LessonFilter(class_code=class_code), cursor, 500)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return reversed(found)
