"""What flag rules look at: one lesson's facts, gathered by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from models.attendance import EvidenceLink, Presence
from models.correction import Standing
from models.coverage import LensSpell
from models.footage import Gap
from models.policy import Policy
from models.timeline import Interval
from models.timetable import Lesson


@dataclass(frozen=True, slots=True)
class Headcount:
    """People counted in one clear frame, and how many of them have names."""

    at: datetime
    camera_id: str
    people: int
    named: int


@dataclass(frozen=True, slots=True)
class SameFace:
    """One face under two roster entries, found at enrolment or in a lesson. ``distance``: Euclidean, of
    embeddings."""

    first: str
    second: str
    distance: float
    evidence: tuple[EvidenceLink, ...] = ()


@dataclass(frozen=True, slots=True)
class LessonFacts:
    """Everything known of a lesson when its flags are raised; what is unknown stays empty.

    ``sampling``: usual time between judged frames. ``unknown``: sightings by unknown person's key.
    ``standings``: verdicts with their corrections, only once the lesson is judged.
    """

    lesson: Lesson
    policy: Policy
    sampling: timedelta
    coverage: tuple[Interval, ...] = ()
    standings: tuple[Standing, ...] = ()
    unknown: Mapping[str, tuple[Presence, ...]] = field(default_factory=lambda: MappingProxyType({}))
    gaps: tuple[Gap, ...] = ()
    spells: tuple[LensSpell, ...] = ()
    headcounts: tuple[Headcount, ...] = ()
    same_faces: tuple[SameFace, ...] = ()
