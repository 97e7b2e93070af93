"""People without a name: one key per person and lesson, so that a stranger's stay is one stay.

A person's tracks are joined by their looks; two people who turn out to be one are joined later. Tracks seen
in one frame are two people, whatever they look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from recognition.calibration import Calibration

_PREFIX = "unknown-"
_SAME = 2.0
"""Evidence (nats) that two tracks show one unknown person; a wrong join hides a second stranger, a missed
one splits a stay, and neither names anybody."""

MIN_LOOKS = 3
"""Looks at a track before it may count as an unknown person."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What a track's looks say together. ``mean``: (128,); ``frames``: how many independent ones;
    ``stranger_distance``: what another person of this room would have to it."""

    mean: npt.NDArray[np.float64]
    frames: float
    stranger_distance: float


def together(standings: Iterable[Standing]) -> Standing:
    """What several tracks of one person say together, each by the frames it is worth. At least one."""
    members = list(standings)
    weights = np.array([member.frames for member in members])
    mean = np.asarray(weights @ np.stack([m.mean for m in members]) / weights.sum(), dtype=np.float64)
    return Standing(mean, float(weights.sum()), min(m.stranger_distance for m in members))


@dataclass(slots=True)
class _Person:
    number: int
    tracks: dict[str, Standing] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{_PREFIX}{self.number}"

    def standing(self) -> Standing:
        return together(self.tracks.values())


def last_number(keys: Iterable[str]) -> int:
    """The highest number among keys of unknown people; 0 where there is none."""
    numbers = (key.removeprefix(_PREFIX) for key in keys if key.startswith(_PREFIX))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


class UnknownPeople:
    """Gives unnamed tracks the keys of unknown people, ``unknown-1`` on, by their embeddings.

    ``given``: the highest number that the lesson knows already, from a recogniser that is no more. What its
    people looked like went with it, so nobody is joined to them: the same stranger then has two keys, and
    two strangers never share one.
    """

    def __init__(self, calibration: Calibration, given: int = 0) -> None:
        self._calibration = calibration
        self._people: dict[str, _Person] = {}
        self._apart: set[frozenset[str]] = set()
        self._given = given

    def key_of(self, track_id: str) -> str | None:
        """The key of the person a track shows, if it counts as an unknown one."""
        person = self._people.get(track_id)
        return person.key if person is not None else None

    def keys(self) -> tuple[str, ...]:
        """Keys of all unknown people, as they were first seen."""
        return tuple(person.key for person in self._everybody())

    def tracks_of(self, key: str) -> Mapping[str, Standing]:
        """The tracks of one unknown person with their standings; empty where nobody has the key."""
        return next((person.tracks for person in self._everybody() if person.key == key), {})

    def see(self, track_id: str, standing: Standing) -> str:
        """Takes the present standing of an unnamed track and gives the key of its person.

        That is a known one who fits, or a new one. Where two people turn out to be one, the earlier key
        stays: ``key_of`` tells it of all their tracks from now on.
        """
        person = self._people.get(track_id) or self._fitting(track_id, standing) or self._new()
        person.tracks[track_id] = standing
        self._people[track_id] = person
        return self._merged(person).key

    def see_together(self, track_ids: Sequence[str]) -> None:
        """Unnamed tracks of one frame: nobody is there twice, so a join of two of them is undone."""
        for pair in combinations(track_ids, 2):
            self._apart.add(frozenset(pair))
            first, second = (self._people.get(track_id) for track_id in pair)
            if first is not None and first is second:
                later = max(pair, key=lambda track_id: list(first.tracks).index(track_id))
                self._drop(later)

    def release(self, track_id: str) -> None:
        """The track got a trainee's name: it was nobody unknown, nor were tracks that look the same."""
        person = self._people.get(track_id)
        if person is None:
            return
        named = person.tracks[track_id]
        self._drop(track_id)
        for other, standing in list(person.tracks.items()):
            if frozenset((track_id, other)) not in self._apart and self._same(standing, named):
                self._drop(other)

    def _drop(self, track_id: str) -> None:
        person = self._people.pop(track_id)
        del person.tracks[track_id]

    def _new(self) -> _Person:
        self._given += 1
        return _Person(self._given)

    def _fitting(self, track_id: str, standing: Standing) -> _Person | None:
        fitting = [
            (self._evidence(standing, person.standing()), -person.number, person)
            for person in self._everybody()
            if not self._seen_together([track_id], person.tracks)
        ]
        best = max(fitting, key=lambda entry: entry[:2], default=None)
        return best[2] if best is not None and best[0] > _SAME else None

    def _merged(self, person: _Person) -> _Person:
        """The person after everyone who is the same has been joined to the earliest of them."""
        for other in self._everybody():
            if other is person or self._seen_together(person.tracks, other.tracks):
                continue
            if self._same(person.standing(), other.standing()):
                earlier, later = sorted((person, other), key=lambda one: one.number)
                earlier.tracks.update(later.tracks)
                for track_id in later.tracks:
                    self._people[track_id] = earlier
                later.tracks = {}
                return self._merged(earlier)
        return person

    def _everybody(self) -> list[_Person]:
        return sorted({id(p): p for p in self._people.values()}.values(), key=lambda one: one.number)

    def _seen_together(self, some: Sequence[str] | dict[str, Standing], others: dict[str, Standing]) -> bool:
        return any(frozenset((one, other)) in self._apart for one in some for other in others)

    def _same(self, one: Standing, other: Standing) -> bool:
        return self._evidence(one, other) > _SAME

    def _evidence(self, one: Standing, other: Standing) -> float:
        distance = float(np.linalg.norm(one.mean - other.mean))
        stranger = min(one.stranger_distance, other.stranger_distance)
        return self._calibration.same_person(distance, stranger, min(one.frames, other.frames))
