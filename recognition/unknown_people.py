"""People without a name: one key per person and lesson, so that a stranger's stay is one stay."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from recognition.calibration import Calibration

_SAME = 2.0
"""Evidence (nats) that two tracks show one unknown person; a wrong join hides a second stranger, a missed
one splits a stay, and neither names anybody."""

MIN_LOOKS = 3
"""Looks at a track before it may count as an unknown person."""


@dataclass(slots=True)
class _Person:
    key: str
    total: npt.NDArray[np.float64]
    weight: float
    tracks: set[str] = field(default_factory=set)
    first_at: datetime | None = None

    @property
    def centre(self) -> npt.NDArray[np.float64]:
        return self.total / self.weight


class UnknownPeople:
    """Gives unnamed tracks the keys of unknown people, ``unknown-1`` on, by their embeddings."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._people: list[_Person] = []
        self._given = 0

    def key_for(
        self, track_id: str, mean: npt.NDArray[np.floating], frames: float, taken: frozenset[str]
    ) -> str:
        """The key of the person a track shows: a known one that fits, or a new one.

        Args:
            mean: mean embedding of the track, (128,).
            frames: how many independent frames it averages.
            taken: keys of other faces in the same frame, which this one cannot be.
        """
        person = self._holder(track_id) or self._nearest(mean, frames, taken) or self._new()
        person.tracks.add(track_id)
        # Each track speaks once, with its latest mean, however long it lasts.
        person.total = person.total * 0.5 + np.asarray(mean, dtype=np.float64) * 0.5
        person.weight = person.weight * 0.5 + 0.5
        return person.key

    def release(self, track_id: str) -> None:
        """The track got a name: it was nobody unknown."""
        for person in self._people:
            person.tracks.discard(track_id)

    def _holder(self, track_id: str) -> _Person | None:
        return next((person for person in self._people if track_id in person.tracks), None)

    def _nearest(
        self, mean: npt.NDArray[np.floating], frames: float, taken: frozenset[str]
    ) -> _Person | None:
        best, best_evidence = None, _SAME
        for person in self._people:
            if person.key in taken or person.weight <= 0:
                continue
            distance = float(np.linalg.norm(mean - person.centre))
            evidence = self._calibration.same_person(distance, math.inf, frames)
            if evidence > best_evidence:
                best, best_evidence = person, evidence
        return best

    def _new(self) -> _Person:
        self._given += 1
        person = _Person(f"unknown-{self._given}", np.zeros(128), 0.0)
        self._people.append(person)
        return person
