"""From a roster's files to trainees with templates, with a report row by row; nothing is stored here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from models.errors import PhotoRefused, RosterInvalid
from models.problem_texts import PROBLEM_TEXTS
from models.roster import Enrolled, RosterCheck, RosterRow, RowProblem, Trainee
from models.roster_check import check_roster, problem
from models.roster_table import rows_from_table
from models.texts import render
from recognition.duplicates import find_duplicates
from recognition.enrolment import ExaminedPhoto, examine_photo
from recognition.gallery import Template
from supervision_api.pipeline.faces import DUPLICATE_DISTANCE, FaceParts
from supervision_api.roster_files import RosterFiles

Progress = Callable[[float, str], None]

_UNUSABLE_FILE = frozenset({"not_an_image", "corrupt", "too_large"})
"""Reasons that speak of the file, not of the face on it."""


@dataclass(frozen=True, slots=True)
class TraineePhoto:
    """An examined photo of a trainee. Its bytes stay where they lie: those of a class may be gigabytes."""

    trainee: str
    examined: ExaminedPhoto
    files: RosterFiles

    def content(self) -> bytes:
        """The bytes the template was made from.

        Raises:
            RosterInvalid: the photo is gone or was changed since.
        """
        content = self.files.photo(self.examined.name)
        if hashlib.sha256(content).hexdigest() != self.examined.sha256:
            raise RosterInvalid(
                "was changed while the roster was checked", place=self.examined.name, hint="import it again"
            )
        return content

    def template(self) -> Template:
        return Template(
            trainee=self.trainee,
            embedding=self.examined.embedding,
            fingerprint=self.examined.encoder,
            quality=self.examined.quality.score,
            source=self.examined.name,
        )


@dataclass(frozen=True, slots=True)
class ExaminedRoster:
    """A roster with its photos judged. ``faceless``: codes of trainees without any photo that serves."""

    rows: tuple[RosterRow, ...]
    trainees: tuple[Trainee, ...]
    problems: tuple[RowProblem, ...]
    photos: tuple[TraineePhoto, ...]
    faceless: tuple[str, ...]

    @property
    def importable(self) -> bool:
        return not any(p.fatal for p in self.problems)

    @property
    def templates(self) -> tuple[Template, ...]:
        return tuple(photo.template() for photo in self.photos)


def examine_roster(
    files: RosterFiles,
    today: date,
    faces: FaceParts,
    progress: Progress,
    *,
    faceless_allowed: bool,
    enrolled: Enrolled | None = None,
) -> ExaminedRoster:
    """Checks rows and photos. ``enrolled``: whom the class has already.

    A file that is no whole picture always stops the import. A picture whose face cannot serve stops it too,
    unless ``faceless_allowed``: then the trainee stays, and can only be confirmed by a person.
    """
    rows = rows_from_table(files.table, place=files.table_name)
    check = check_roster(rows, today, files.photo_names, enrolled)
    if not check.importable:
        return ExaminedRoster(rows, check.trainees, check.problems, (), ())
    by_line = _rows_of_trainees(rows, check)
    photos: list[TraineePhoto] = []
    problems = list(check.problems)
    for index, trainee in enumerate(check.trainees):
        progress(index / len(check.trainees), f"photos of {trainee.code}")
        taken, refused = _examine_trainee(trainee, by_line[trainee.code], files, faces, faceless_allowed)
        photos += taken
        problems += refused
    progress(1.0, "photos")
    problems += _duplicate_problems(photos, by_line)
    shown = {photo.trainee for photo in photos}
    faceless = tuple(t.code for t in check.trainees if t.code not in shown)
    problems.sort(key=lambda p: p.line)
    return ExaminedRoster(rows, check.trainees, tuple(problems), tuple(photos), faceless)


def refuse_unless_importable(roster: ExaminedRoster, place: str) -> None:
    """Raises RosterInvalid naming the first fatal rows; the whole report was given before."""
    fatal = [p for p in roster.problems if p.fatal]
    if fatal:
        first = "; ".join(f"line {p.line}: {p.message}" for p in fatal[:3])
        more = f" (and {len(fatal) - 3} more)" if len(fatal) > 3 else ""
        raise RosterInvalid(f"{first}{more}", place=place, hint="mend these rows; nothing was imported")


def problem_text(row_problem: RowProblem, language: str) -> str:
    """The problem's sentence in the reader's language."""
    return render(PROBLEM_TEXTS, row_problem.code, row_problem.values, language)


def _rows_of_trainees(rows: Sequence[RosterRow], check: RosterCheck) -> dict[str, RosterRow]:
    """Every row has a trainee, in order, once nothing is fatal."""
    return {t.code: row for t, row in zip(check.trainees, rows, strict=True)}


def _examine_trainee(
    trainee: Trainee, row: RosterRow, files: RosterFiles, faces: FaceParts, faceless_allowed: bool
) -> tuple[list[TraineePhoto], list[RowProblem]]:
    taken: list[TraineePhoto] = []
    refused: list[tuple[str, str, bool]] = []
    for name in trainee.photos:
        try:
            content = files.photo(name)
            examined = examine_photo(content, name, faces.detector, faces.encoder)
        except PhotoRefused as exc:
            refused.append((name, f"photo_{exc.reason}", exc.reason in _UNUSABLE_FILE))
        except RosterInvalid:
            refused.append((name, "photo_unreadable", True))
        else:
            taken.append(TraineePhoto(trainee.code, examined, files))
    # One good photo carries a trainee; the bad ones beside it are told, not fatal.
    must_stop = not taken and not faceless_allowed
    problems = [
        problem(row, "photo", code, fatal=broken or must_stop, photo=name) for name, code, broken in refused
    ]
    return taken, problems


def _duplicate_problems(photos: Sequence[TraineePhoto], by_code: dict[str, RosterRow]) -> list[RowProblem]:
    templates = [photo.template() for photo in photos]
    found = find_duplicates(templates, [], DUPLICATE_DISTANCE)
    return [
        problem(
            by_code[pair.second],
            "photo",
            "face_duplicate",
            fatal=False,
            other_line=str(by_code[pair.first].line),
        )
        for pair in found
    ]


def enrolled_faces(roster: ExaminedRoster, kept: Sequence[Template]) -> ExaminedRoster:
    """The roster with a note on each row whose photo shows the face of somebody in the class already."""
    new = {template.trainee for template in roster.templates}
    lines = {trainee.code: row for trainee, row in zip(roster.trainees, roster.rows, strict=False)}
    notes = []
    for pair in find_duplicates(roster.templates, kept, DUPLICATE_DISTANCE):
        for shown, known in ((pair.first, pair.second), (pair.second, pair.first)):
            if shown in new and known not in new:
                notes.append(problem(lines[shown], "photo", "face_enrolled", fatal=False, trainee=known))
    problems = sorted((*roster.problems, *notes), key=lambda one: one.line)
    return replace(roster, problems=tuple(problems))
