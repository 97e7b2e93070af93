"""Footage instants that support a verdict: sightings, edges of holes, instants of an empty place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from models.attendance import EvidenceLink, Mark, Presence, Status
from models.marks import Marking
from models.presence import Room
from models.timeline import Interval, instant_after, intersection, total


class Shows(StrEnum):
    """What a viewer will see at a linked instant."""

    FIRST_SEEN = "first_seen"
    LAST_SEEN = "last_seen"
    BEST = "best"
    HOLE_BEGINS = "hole_begins"
    HOLE_ENDS = "hole_ends"
    NOT_SEEN = "not_seen"
    HEADCOUNT = "headcount"
    BEGINS = "begins"
    ENDS = "ends"
    RESEMBLES = "resembles"


def evidence_for(
    room: Room,
    seen: Sequence[Presence],
    status: Status,
    marked: Marking,
    further: Iterable[EvidenceLink] = (),
) -> tuple[EvidenceLink, ...]:
    """Links in the order of time. ``seen`` is sorted. An instant of absence is always a watched one.

    ``further``: links that other rules gave.
    """
    links: list[EvidenceLink] = [*further]
    if seen:
        best = max(seen, key=lambda one: (one.score, -one.at.timestamp(), one.camera_id))
        links.append(_link(Shows.FIRST_SEEN, seen[0]))
        links.append(_link(Shows.BEST, best))
        links.append(_link(Shows.LAST_SEEN, seen[-1]))
    for hole in marked.holes:
        links += [_link(Shows.HOLE_BEGINS, one) for one in seen if one.at == hole.begins_at][:1]
        links += [_link(Shows.HOLE_ENDS, one) for one in seen if one.at == hole.ends_at][:1]
    camera = room.lesson.cameras[0] if room.lesson.cameras else ""
    empty = _absent_instants(room, seen) if status is Status.ABSENT else _marked_instants(room, marked)
    links += [EvidenceLink(Shows.NOT_SEEN.value, at, camera, 0.0) for at in empty]
    return tuple(sorted(set(links), key=lambda link: (link.at, link.shows, link.camera_id, link.score)))


def _link(shows: Shows, one: Presence) -> EvidenceLink:
    return EvidenceLink(shows.value, one.at, one.camera_id, one.score)


def _absent_instants(room: Room, seen: Sequence[Presence]) -> Iterable[datetime]:
    """Quarter points of the watched teaching time, unless the trainee was seen right there."""
    watched = room.observable
    points = [instant_after(watched, total(watched) * quarter / 4) for quarter in (1, 2, 3)]
    near = [one.at for one in seen]
    return [at for at in points if at and all(abs(at - other) > room.reach for other in near)]


def _marked_instants(room: Room, marked: Marking) -> Iterable[datetime]:
    """For each mark the watched instant at which it became true, and the middle of each hole."""
    lesson, policy = room.lesson, room.policy
    points: list[datetime | None] = []
    if Mark.LATE in marked.marks:
        points.append(instant_after(marked.watched, policy.late_after))
    if Mark.LEFT_EARLY in marked.marks and marked.left_at:
        points.append(_within(marked.watched, marked.left_at, lesson.ends_at, policy.early_before))
    points += [
        _within(marked.watched, hole.begins_at, hole.ends_at, hole.watched / 2) for hole in marked.holes
    ]
    return [at for at in points if at is not None]


def _within(watched: Iterable[Interval], begin: datetime, end: datetime, spent: timedelta) -> datetime | None:
    return instant_after(intersection(watched, [Interval(begin, end)]), spent)
