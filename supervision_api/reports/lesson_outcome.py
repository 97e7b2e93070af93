"""Everything that is known of a judged lesson, as one value that all reports are written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from models.attendance import EvidenceLink, Verdict
from models.flags import Flag
from models.footage import Gap
from models.policy import Policy
from models.timeline import Interval
from models.timetable import Lesson


@dataclass(frozen=True, slots=True)
class UnknownPerson:
    """Somebody who is not on the roster (or was never seen well enough to say), with when and where."""

    key: str
    present: tuple[Interval, ...]
    evidence: tuple[EvidenceLink, ...]

    @property
    def first_seen(self) -> datetime:
        return min(interval.starts_at for interval in self.present)

    @property
    def last_seen(self) -> datetime:
        return max(interval.ends_at for interval in self.present)


@dataclass(frozen=True, slots=True)
class LessonOutcome:
    """A judged lesson. ``names``: trainee code to name. ``model``: fingerprint of recognition."""

    lesson: Lesson
    policy: Policy
    names: Mapping[str, str]
    coverage: tuple[Interval, ...]
    coverage_by_camera: Mapping[str, tuple[Interval, ...]]
    verdicts: tuple[Verdict, ...]
    unknown_people: tuple[UnknownPerson, ...]
    gaps: tuple[Gap, ...]
    flags: tuple[Flag, ...]
    model: str
    notes: tuple[str, ...] = ()
