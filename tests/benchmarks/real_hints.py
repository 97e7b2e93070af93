"""Notes ``unknown_resembles`` of a lesson of real people, beside who sat there.

A trainee is *missed* who came and got a status below what is true. A hint is *right* when most sightings of
the unknown person whom it names are of that trainee.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
WhoSatThere = Callable[[Row], Row | None]

_ORDER = ("ABSENT", "PARTIAL", "PRESENT")
_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Hint:
    """One note. ``evidence``, ``lead``: nats. ``shown``: who sat there, a code or ``stranger`` and a name."""

    trainee: str
    unknown: str
    evidence: float
    lead: float
    shown: str

    @property
    def right(self) -> bool:
        return self.shown == self.trainee

    def __str__(self) -> str:
        word = "right" if self.right else f"WRONG, that is {self.shown}"
        return f"hint {self.trainee} → {self.unknown}: {self.evidence:.2f} nats, lead {self.lead:.2f}: {word}"


@dataclass(frozen=True, slots=True)
class Hints:
    """``missed``: codes of trainees who came and were told absent, or partly present, wrongly."""

    missed: tuple[str, ...]
    given: tuple[Hint, ...]

    @property
    def found(self) -> frozenset[str]:
        """Missed trainees whom a right hint points at."""
        return frozenset(hint.trainee for hint in self.given if hint.right) & frozenset(self.missed)

    @property
    def right(self) -> int:
        return sum(hint.right for hint in self.given)

    @property
    def wrong(self) -> int:
        return len(self.given) - self.right

    def __str__(self) -> str:
        return f"{len(self.found)}/{len(self.missed)} missed, {self.wrong} wrong"


def hints_of(trainees: Sequence[Row], said: Row, sightings: Sequence[Row], who: WhoSatThere) -> Hints:
    """What ``attendance.json`` points at. ``trainees``: the truth; ``who``: the truth on a sighting."""
    by_code = {row["code"]: row for row in said["trainees"]}
    missed = tuple(
        person["code"]
        for person in trainees
        if person["stays"] and _below(by_code[person["code"]]["status"], person["status"])
    )
    given = []
    for row in said["trainees"]:
        for reason in row["reasons"]:
            if reason["code"] == "unknown_resembles":
                values = reason["values"]
                shown = _mostly(values["unknown"], sightings, who)
                given.append(
                    Hint(
                        row["code"],
                        values["unknown"],
                        float(values["evidence"]),
                        float(values["lead"]),
                        shown,
                    )
                )
    return Hints(missed, tuple(sorted(given, key=lambda hint: -hint.evidence)))


def _below(said: str, true: str) -> bool:
    return said in _ORDER and true in _ORDER and _ORDER.index(said) < _ORDER.index(true)


def _mostly(unknown: str, sightings: Sequence[Row], who: WhoSatThere) -> str:
    people = (who(sighting) for sighting in sightings if sighting["unknown_person"] == unknown)
    shown = Counter(_called(person) for person in people if person is not None)
    return shown.most_common(1)[0][0] if shown else _NOBODY


def _called(person: Row) -> str:
    return person["code"] or f"stranger {person['person']}"
