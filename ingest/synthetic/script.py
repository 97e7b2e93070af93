"""What happens in a simulated lesson: who sits where and when, and what befalls the picture.

Times are seconds since the first frame, which is the lesson's start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from models.errors import InvalidInput
from models.policy import Policy
from models.timetable import Lesson

DEFAULT_START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
WALK_S = 4.0
"""How long a walk between the door and a seat takes."""


class Role(StrEnum):
    """Why a person is in the room."""

    TRAINEE = "trainee"
    STRANGER = "stranger"


class EventKind(StrEnum):
    """What may happen to the picture or in front of a seat."""

    LENS_COVERED = "lens_covered"
    CAMERA_FROZEN = "camera_frozen"
    LIGHTS_DIM = "lights_dim"
    HAND = "hand"
    PASSER_BY = "passer_by"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True, order=True)
class Stay:
    """Sitting in ``seat`` from ``from_s`` until ``to_s``; walks before and after are not part of it."""

    from_s: float
    to_s: float
    seat: int


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in the script. ``cast``: place in the cast, which gives the face. ``code``: roster code,
    empty for a stranger."""

    cast: int
    code: str = ""
    role: Role = Role.TRAINEE
    stays: tuple[Stay, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """``seat`` for what happens in front of one seat; ``cast`` for the face on a held-up photograph."""

    kind: EventKind
    from_s: float
    to_s: float
    seat: int | None = None
    cast: int | None = None

    def active(self, at_s: float) -> bool:
        return self.from_s <= at_s < self.to_s


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole simulated lesson. Seats are numbered row by row from the back, from 0."""

    name: str
    seed: int
    width: int
    height: int
    fps: int
    duration_s: float
    rows: int
    columns: int
    people: tuple[Person, ...]
    events: tuple[Event, ...] = ()
    policy: Policy = field(default_factory=Policy)
    title: str = "养老护理员 · 第3课"
    class_code: str = "HZ-2026-014"
    starts_at: datetime = DEFAULT_START

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or min(self.width, self.height) < 64:
            raise InvalidInput(
                f"{self.width}x{self.height} cannot be encoded", hint="even sides of 64 or more"
            )
        if self.duration_s <= 0 or self.fps <= 0:
            raise InvalidInput("a scenario needs a length and a frame rate above zero")
        _check_seats(self)

    @property
    def frames(self) -> int:
        return round(self.duration_s * self.fps)

    @property
    def seats(self) -> int:
        return self.rows * self.columns

    @property
    def trainees(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.role is Role.TRAINEE)

    @property
    def strangers(self) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.role is Role.STRANGER)

    def lesson(self, lesson_id: str, camera_id: str) -> Lesson:
        """The timetable entry of this lesson."""
        return Lesson(
            lesson_id=lesson_id,
            class_code=self.class_code,
            title=self.title,
            starts_at=self.starts_at,
            ends_at=self.starts_at + timedelta(seconds=self.duration_s),
            cameras=(camera_id,),
        )


def _check_seats(scenario: Scenario) -> None:
    """A seat holds one person at a time, a person one seat."""
    taken = [(stay.seat, stay.from_s, stay.to_s) for person in scenario.people for stay in person.stays]
    if any(not 0 <= seat < scenario.seats or to_s <= from_s for seat, from_s, to_s in taken):
        raise InvalidInput(f"scenario {scenario.name}: a stay has no seat or no length")
    taken.sort()
    for (seat, _, left), (after, came, _) in pairwise(taken):
        if seat == after and came < left:
            raise InvalidInput(f"scenario {scenario.name}: seat {seat} is taken twice at {came:g} s")
    for person in scenario.people:
        stays = sorted(person.stays)
        if any(later.from_s < earlier.to_s for earlier, later in pairwise(stays)):
            raise InvalidInput(f"scenario {scenario.name}: cast {person.cast} sits in two seats at once")
