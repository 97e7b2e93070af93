"""From single sightings to stretches of presence, and to time that no camera could see.

The clock of a bridge runs only while it could catch someone missing: in covered time of the lesson less its
breaks, and always outside the lesson. So an outage neither ends a presence nor proves an absence; whoever is
seen again before the clock has run for ``presence_gap`` was there in between (domain.md, attendance, rule 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.attendance import ManualEntry, ManualKind, Presence
from models.policy import AttendancePolicy
from models.timeline import Interval, Ruler, close_holes, difference, intersection, total, union
from models.timetable import Lesson


@dataclass(frozen=True, slots=True)
class Stay:
    """A stretch in which someone is taken as there: from the first sighting to the last, both included.

    ``first`` and ``last`` may be equal (a single sighting) and may lie outside the lesson.
    """

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """What could be seen of a lesson: the same for every trainee.

    ``teaching``: the lesson less its breaks. ``covered``: watched time inside the lesson, breaks included.
    ``sampling``: time between two judged frames.
    """

    lesson: Lesson
    policy: AttendancePolicy
    teaching: tuple[Interval, ...]
    covered: tuple[Interval, ...]
    sampling: timedelta
    clock: Ruler

    @property
    def reach(self) -> timedelta:
        """How far one sighting speaks to either side: half a sampling period."""
        return max(self.sampling / 2, timedelta(microseconds=1))

    @property
    def gap(self) -> timedelta:
        """How long nobody needs to be seen. Between one judged frame and the next nobody was looked for,
        whatever the policy asks."""
        return max(self.policy.presence_gap, self.sampling)

    @property
    def observable(self) -> tuple[Interval, ...]:
        return intersection(self.covered, self.teaching)


@dataclass(frozen=True, slots=True)
class Attended:
    """One trainee's time in a room.

    ``unobserved``: teaching time without coverage and without presence. ``doubtful``: time without presence
    that one sighting during an outage could have turned into presence; includes ``unobserved``.
    """

    stays: tuple[Stay, ...]
    present: tuple[Interval, ...]
    unobserved: tuple[Interval, ...]
    doubtful: tuple[Interval, ...]


def room_of(
    lesson: Lesson, policy: AttendancePolicy, coverage: Iterable[Interval], sampling: timedelta
) -> Room:
    """The room as it could be seen. Holes in the coverage of at most one sampling period are no outages:
    nobody would have been looked at in them anyway."""
    whole = [lesson.interval]
    teaching = lesson.teaching
    covered = intersection(close_holes(coverage, sampling), whole)
    far = timedelta(days=2)
    outside = (
        Interval(lesson.starts_at - far, lesson.starts_at),
        Interval(lesson.ends_at, lesson.ends_at + far),
    )
    clock = Ruler((*intersection(covered, teaching), *outside))
    return Room(lesson, policy, teaching, covered, sampling, clock)


def relevant(room: Room, presences: Iterable[Presence]) -> tuple[Presence, ...]:
    """Sightings from check-in to the end of draining, sorted, each once; others are of other lessons."""
    opens = room.lesson.starts_at - room.policy.check_in_before
    closes = room.lesson.ends_at + room.policy.drain
    inside = {seen for seen in presences if opens <= seen.at <= closes}
    return tuple(sorted(inside, key=lambda seen: (seen.at, seen.camera_id, -seen.score)))


def confirmed(room: Room, manual: Iterable[ManualEntry]) -> tuple[Interval, ...]:
    """Time in which an instructor's word stands for sightings (the non-face way)."""
    whole = room.lesson.interval
    spans = [entry.interval or whole for entry in manual if entry.kind is ManualKind.INSTRUCTOR_CONFIRMED]
    return intersection(spans, [whole])


def attended(room: Room, instants: Iterable[datetime], vouched: Sequence[Interval] = ()) -> Attended:
    """Stays, presence and doubt of one person, seen at ``instants`` and vouched for over intervals."""
    sightings = frozenset(instants)
    stays = stays_of(room, sightings, vouched)
    stretches = [_stretch(stay, sightings, room.reach) for stay in stays]
    present = intersection([*stretches, *vouched], room.teaching)
    unobserved = difference(difference(room.teaching, room.covered), present)
    doubtful = difference(intersection(_doubt(room, stays), room.teaching), present)
    return Attended(stays, present, unobserved, doubtful)


def _stretch(stay: Stay, sightings: frozenset[datetime], reach: timedelta) -> Interval:
    """A sighting at an end reaches half a sampling period beyond; a person's word says its own bounds."""
    begin = stay.first - reach if stay.first in sightings else stay.first
    end = stay.last + reach if stay.last in sightings else stay.last
    return Interval(begin, end)


def stays_of(room: Room, instants: Iterable[datetime], vouched: Sequence[Interval] = ()) -> tuple[Stay, ...]:
    """Sightings and vouched intervals, bridged where the clock ran for at most ``presence_gap``."""
    points = [(at, at) for at in instants] + [(span.starts_at, span.ends_at) for span in vouched]
    stays: list[Stay] = []
    for first, last in sorted(points):
        if stays and _bridges(room, stays[-1].last, first):
            stays[-1] = Stay(stays[-1].first, max(stays[-1].last, last))
        else:
            stays.append(Stay(first, last))
    return tuple(stays)


def _bridges(room: Room, left: datetime, right: datetime) -> bool:
    return right - left <= room.gap or room.clock.between(left, right) <= room.gap


def _doubt(room: Room, stays: Sequence[Stay]) -> tuple[Interval, ...]:
    """Outages, and the covered time that one sighting in an outage would have bridged to a known stay.

    Half a sampling period on either side belongs to an outage: a sighting at its edge reaches that far.
    """
    half = room.reach
    doubt: list[Interval] = []
    for outage in difference([room.lesson.interval], room.covered):
        doubt.append(Interval(outage.starts_at - half, outage.ends_at + half))
        before = max((stay.last for stay in stays if stay.last < outage.starts_at), default=None)
        after = min((stay.first for stay in stays if stay.first > outage.ends_at), default=None)
        if before is not None and _bridges(room, before, outage.starts_at):
            doubt.append(Interval(before, outage.starts_at))
        if after is not None and _bridges(room, outage.ends_at, after):
            doubt.append(Interval(outage.ends_at, after))
    return union(doubt)


def bridged_outages(room: Room, present: Iterable[Interval]) -> timedelta:
    """How much of the presence was bridged over time without coverage."""
    return total(difference(present, room.covered))
