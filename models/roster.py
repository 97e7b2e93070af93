"""Trainees of a class and the check of an imported roster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trainee:
    """One enrolled person. ``code`` is unique in the class and safe to show; ``id_number`` is not."""

    code: str
    name: str
    id_number: str
    phone: str = ""
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RosterRow:
    """A raw row as read: ``line`` is the row's number in the file, counted from 1 with the header."""

    line: int
    name: str
    id_number: str
    phone: str
    photos: tuple[str, ...]
    code: str = ""


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row cannot be taken. ``field`` is the column's name; ``code`` is stable; ``message`` is English.

    ``values`` let the same sentence be rendered in another language (models/problem_texts.py).
    """

    line: int
    field: str
    code: str
    message: str
    fatal: bool = True
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RosterCheck:
    """Outcome of checking all rows: importable only when no problem is fatal."""

    trainees: tuple[Trainee, ...]
    problems: tuple[RowProblem, ...]

    @property
    def importable(self) -> bool:
        return not any(problem.fatal for problem in self.problems)


def _nobody(_id_number: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who is in the class already: their codes, and ``code_of`` a normalised identity number, if any.

    ``renewing``: rows about them are wanted, and bring new photos; otherwise such a row is refused.
    """

    codes: frozenset[str] = frozenset()
    code_of: Callable[[str], str | None] = _nobody
    renewing: bool = False
