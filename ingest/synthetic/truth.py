"""Ground truth of a scenario: who was visible when, and what a just judge would say.

Worked out from the script alone, by its own short rules (domain.md, *Attendance of one lesson*), so that a
fault in the system's rules cannot hide in the truth it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ingest.synthetic.cast import name_of
from ingest.synthetic.layout import lay_out
from ingest.synthetic.script import EventKind, Person, Role, Scenario
from models.attendance import Mark, Status

Span = tuple[float, float]
"""From and to, seconds since the first frame."""

_BLIND = (EventKind.LENS_COVERED, EventKind.CAMERA_FROZEN)
_HIDING = (EventKind.HAND, EventKind.PHOTO)


@dataclass(frozen=True, slots=True)
class Expected:
    """What attendance must say of one trainee. Times in seconds since the first frame."""

    code: str
    status: Status
    marks: tuple[Mark, ...]
    present_s: float
    credited_hours: float
    first_seen_s: float | None
    last_seen_s: float | None


def watched(scenario: Scenario) -> tuple[Span, ...]:
    """When the camera saw the room."""
    return _without(((0.0, scenario.duration_s),), _spans(scenario, _BLIND))


def visible(scenario: Scenario, person: Person) -> tuple[Span, ...]:
    """When a person's face could be seen in a seat: there, watched, not behind a hand or a photograph."""
    seen: list[Span] = []
    for stay in sorted(person.stays):
        hidden = _spans(scenario, _HIDING, stay.seat)
        own = ((max(0.0, stay.from_s), min(scenario.duration_s, stay.to_s)),)
        seen.extend(_without(own, hidden + _spans(scenario, _BLIND)))
    return tuple(seen)


def expected(scenario: Scenario, person: Person) -> Expected:
    """Status, marks and hours of one trainee."""
    policy = scenario.policy.attendance
    blind = _spans(scenario, _BLIND)
    seen = visible(scenario, person)
    if not seen:
        unseen = _length(blind)
        status = (
            Status.ABSENT if unseen < policy.required_share * scenario.duration_s else Status.NOT_OBSERVABLE
        )
        return Expected(person.code, status, (), 0.0, 0.0, None, None)
    gap = policy.presence_gap.total_seconds()
    stretches, holes = _bridge(seen, blind, gap)
    present = _length(stretches)
    lost = _length(_without(blind, stretches))
    status = _status(scenario, present, lost)
    marks = _marks(scenario, seen, holes) if status in (Status.PRESENT, Status.PARTIAL) else ()
    says = Expected(person.code, status, marks, round(present, 3), 0.0, seen[0][0], seen[-1][1])
    if status is Status.ABSENT:
        return says
    return replace(says, credited_hours=_hours(scenario, _credited_s(scenario, says)))


def ground_truth(scenario: Scenario) -> dict[str, Any]:
    """Everything that is true of a scenario, as JSON values."""
    seats = lay_out(scenario.width, scenario.height, scenario.rows, scenario.columns)
    return {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "width": scenario.width,
        "height": scenario.height,
        "fps": scenario.fps,
        "duration_s": scenario.duration_s,
        "class_code": scenario.class_code,
        "starts_at": scenario.starts_at.isoformat(),
        "seats": [
            {"seat": seat.index, "row": seat.row, "column": seat.column, "box": _rounded_box(seat.face)}
            for seat in seats
        ],
        "people": [_person(scenario, person) for person in scenario.people],
        "events": [
            {
                "kind": event.kind.value,
                "from_s": event.from_s,
                "to_s": event.to_s,
                "seat": event.seat,
                "cast": event.cast,
            }
            for event in scenario.events
        ],
        "watched": [list(span) for span in watched(scenario)],
        "expected": [_expected_row(expected(scenario, person)) for person in scenario.trainees],
        "expected_flags": [{"kind": kind, "subject": subject} for kind, subject in expected_flags(scenario)],
    }


def expected_flags(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    """Kind and subject of each flag that must be raised; the subject is a roster code or empty."""
    flags: list[tuple[str, str]] = []
    present = 0
    for person in scenario.trainees:
        says = expected(scenario, person)
        present += says.status in (Status.PRESENT, Status.PARTIAL)
        if says.status == Status.ABSENT:
            flags.append(("absence", says.code))
        flags.extend((mark.value, says.code) for mark in says.marks)
    policy = scenario.policy.flags
    stranger_s = policy.stranger_after.total_seconds()
    for person in scenario.strangers:
        if _length(visible(scenario, person)) > stranger_s:
            flags.append(("stranger", ""))
    for kind, after in (
        (EventKind.LENS_COVERED, policy.camera_covered_after),
        (EventKind.CAMERA_FROZEN, policy.camera_frozen_after),
    ):
        if any(to_s - from_s > after.total_seconds() for from_s, to_s in _spans(scenario, (kind,))):
            flags.append(("camera_covered" if kind is EventKind.LENS_COVERED else "camera_frozen", ""))
    if _length(watched(scenario)) < policy.low_coverage_share * scenario.duration_s:
        flags.append(("low_coverage", ""))
    return tuple(sorted(flags))


def _person(scenario: Scenario, person: Person) -> dict[str, Any]:
    return {
        "code": person.code or None,
        "name": name_of(person.cast) if person.role is Role.TRAINEE else None,
        "cast": person.cast,
        "role": person.role.value,
        "stays": [{"seat": s.seat, "from_s": s.from_s, "to_s": s.to_s} for s in sorted(person.stays)],
        "visible": [list(span) for span in visible(scenario, person)],
    }


def _expected_row(says: Expected) -> dict[str, Any]:
    return {
        "code": says.code,
        "status": says.status.value,
        "marks": [mark.value for mark in says.marks],
        "present_s": says.present_s,
        "credited_hours": says.credited_hours,
        "first_seen_s": says.first_seen_s,
        "last_seen_s": says.last_seen_s,
    }


def _status(scenario: Scenario, present_s: float, lost_s: float) -> Status:
    policy = scenario.policy.attendance
    required = policy.required_share * scenario.duration_s
    if present_s >= required:
        return Status.PRESENT
    if present_s + lost_s >= required:
        return Status.NOT_OBSERVABLE
    return Status.PARTIAL if present_s >= policy.min_stretch.total_seconds() else Status.ABSENT


def _marks(scenario: Scenario, seen: tuple[Span, ...], holes: tuple[Span, ...]) -> tuple[Mark, ...]:
    """Only watched time proves lateness, leaving and holes."""
    policy = scenario.policy.attendance
    blind = _spans(scenario, _BLIND)
    marks = []
    if _length(_without(((0.0, seen[0][0]),), blind)) > policy.late_after.total_seconds():
        marks.append(Mark.LATE)
    if holes:
        marks.append(Mark.ABSENT_IN_MIDDLE)
    after = ((seen[-1][1], scenario.duration_s),)
    if _length(_without(after, blind)) > policy.early_before.total_seconds():
        marks.append(Mark.LEFT_EARLY)
    return tuple(marks)


def _hours(scenario: Scenario, credited_s: float) -> float:
    policy = scenario.policy.attendance
    step = policy.hour_step * policy.class_hour.total_seconds()
    return float(credited_s // step) * policy.hour_step


def _credited_s(scenario: Scenario, says: Expected) -> float:
    """Who is there and neither late nor gone early is not docked the grace at either end."""
    if says.first_seen_s is None or says.last_seen_s is None or says.status is not Status.PRESENT:
        return says.present_s
    early = 0.0 if Mark.LATE in says.marks else says.first_seen_s
    late = 0.0 if Mark.LEFT_EARLY in says.marks else scenario.duration_s - says.last_seen_s
    return says.present_s + early + late


def _bridge(
    seen: tuple[Span, ...], blind: tuple[Span, ...], gap_s: float
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Join stretches whose hole was watched for no longer than the gap; return stretches and real holes."""
    joined: list[Span] = []
    holes: list[Span] = []
    for span in seen:
        hole = (joined[-1][1], span[0]) if joined else None
        if hole is not None and _length(_without((hole,), blind)) <= gap_s:
            joined[-1] = (joined[-1][0], span[1])
            continue
        if hole is not None:
            holes.append(hole)
        joined.append(span)
    return tuple(joined), tuple(holes)


def _spans(scenario: Scenario, kinds: tuple[EventKind, ...], seat: int | None = None) -> tuple[Span, ...]:
    return tuple(
        (event.from_s, min(event.to_s, scenario.duration_s))
        for event in scenario.events
        if event.kind in kinds and (seat is None or event.seat == seat)
    )


def _without(spans: tuple[Span, ...], holes: tuple[Span, ...]) -> tuple[Span, ...]:
    left = [span for span in spans if span[1] > span[0]]
    for start, end in holes:
        cut: list[Span] = []
        for low, high in left:
            cut.extend(
                piece for piece in ((low, min(high, start)), (max(low, end), high)) if piece[1] > piece[0]
            )
        left = cut
    return tuple(sorted(left))


def _length(spans: tuple[Span, ...]) -> float:
    return sum(high - low for low, high in spans)


def _rounded_box(box: Any) -> list[float]:
    return [round(value, 1) for value in (box.x, box.y, box.width, box.height)]


def margin_s(scenario: Scenario) -> float:
    """How far the nearest policy limit is from what happens: below two sampling periods truth is a gamble."""
    policy = scenario.policy.attendance
    total = scenario.duration_s
    limits: list[float] = []
    step = policy.hour_step * policy.class_hour.total_seconds()
    for person in scenario.trainees:
        says = expected(scenario, person)
        if says.first_seen_s is None or says.last_seen_s is None:
            continue
        limits.append(abs(says.first_seen_s - policy.late_after.total_seconds()))
        limits.append(abs(total - says.last_seen_s - policy.early_before.total_seconds()))
        limits.append(abs(says.present_s - policy.required_share * total))
        past = _credited_s(scenario, says) % step
        limits.append(min(past, step - past))
    return min(limits, default=timedelta.max.total_seconds())
