"""The verdict on one trainee in one lesson (domain.md, attendance of one lesson).

Three-valued by design: *absent* is said only of time that a camera watched. The same inputs, in any order,
give the same verdict byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from models.attendance import (
    ManualEntry,
    ManualKind,
    Mark,
    Presence,
    Reason,
    Status,
    Verdict,
)
from models.attendance_evidence import evidence_for
from models.class_hours import class_hour_of, credited_hours, planned_hours
from models.marks import Marking, ends_of, marking
from models.policy import Policy
from models.presence import Attended, Room, attended, bridged_outages, confirmed, relevant, room_of
from models.reason_values import instant_value, minutes, minutes_value, number_value
from models.resemblance import Hint, LookAlike, Unseen, hint_for
from models.timeline import Interval, difference, intersection, interval_or_none, total
from models.timetable import Lesson

Values = tuple[tuple[str, str], ...]

_MARKED = (Status.PRESENT, Status.PARTIAL)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the status depends on."""

    room: Room
    seen: tuple[Presence, ...]
    attended: Attended
    manual: tuple[ManualEntry, ...]
    leave: tuple[Interval, ...]

    @property
    def present(self) -> timedelta:
        return total(self.attended.present)

    @property
    def required(self) -> timedelta:
        return total(self.room.teaching) * self.room.policy.required_share

    @property
    def seen_long_enough(self) -> bool:
        """For *partial*; a policy that asks for no stretch at all still asks for a sighting."""
        return self.present >= max(self.room.policy.min_stretch, timedelta(microseconds=1))


def judge_attendance(
    lesson: Lesson,
    trainee_code: str,
    policy: Policy,
    presences: Sequence[Presence],
    coverage: Sequence[Interval],
    sampling: timedelta,
    manual: Sequence[ManualEntry] = (),
    alike: Iterable[LookAlike] = (),
) -> Verdict:
    """The machine's verdict.

    ``presences``: this trainee's sightings by all cameras of the room. ``coverage``: when a camera of the
    room was recording and its frames were judged. ``sampling``: usual time between two judged frames.
    ``alike``: unknown people who resemble somebody of the roster; they change words and links only.

    Raises:
        ValueError: ``sampling`` is not positive.
    """
    if sampling <= timedelta():
        raise ValueError("sampling must be positive")
    room = room_of(lesson, policy.attendance, coverage, sampling)
    case = _case(room, presences, manual)
    status, why = _status(case)
    marked = marking(room, case.attended.stays, case.leave) if status in _MARKED else Marking((), (), ())
    hours, hours_reason = _hours(case, status, marked)
    hint = _hint(case, trainee_code, status, alike, policy.recognition.resemblance_floor)
    hinted = (hint.reason,) if hint is not None else ()
    reasons = (*why, *hinted, *marked.reasons, *_notes(case), hours_reason)
    return Verdict(
        lesson_id=lesson.lesson_id,
        trainee=trainee_code,
        status=status,
        marks=marked.marks,
        first_seen=case.seen[0].at if case.seen else None,
        last_seen=case.seen[-1].at if case.seen else None,
        present=case.attended.present,
        unobserved=case.attended.unobserved,
        present_minutes=minutes(case.present),
        observable_minutes=minutes(total(room.observable)),
        required_minutes=minutes(case.required),
        credited_hours=hours,
        reasons=reasons,
        evidence=evidence_for(room, case.seen, status, marked, (hint.link,) if hint is not None else ()),
        policy_version=policy.version,
    )


def _case(room: Room, presences: Iterable[Presence], manual: Iterable[ManualEntry]) -> _Case:
    seen = relevant(room, presences)
    entries = tuple(sorted(set(manual), key=_entry_order))
    vouched = confirmed(room, entries)
    whole = room.lesson.interval
    leave = intersection(
        [entry.interval or whole for entry in entries if entry.kind is ManualKind.LEAVE_APPROVED], [whole]
    )
    return _Case(room, seen, attended(room, (one.at for one in seen), vouched), entries, leave)


def _entry_order(entry: ManualEntry) -> tuple[str, str, str, str, str]:
    span = entry.interval
    begin, end = (instant_value(span.starts_at), instant_value(span.ends_at)) if span else ("", "")
    return (entry.kind.value, begin, end, entry.actor, entry.reason)


def _status(case: _Case) -> tuple[Status, tuple[Reason, ...]]:
    """Rule 4, in its order; the first that holds decides."""
    present, required = case.present, case.required
    measured = (("present_minutes", minutes_value(present)), ("required_minutes", minutes_value(required)))
    if present >= required:
        return Status.PRESENT, (Reason("present_enough", measured),)
    unobserved = total(case.attended.unobserved)
    if unobserved and present + unobserved >= required:
        return Status.NOT_OBSERVABLE, (_liftable(measured, unobserved),)
    status = Status.PARTIAL if case.seen_long_enough else Status.ABSENT
    doubtful = total(case.attended.doubtful)
    if status is Status.ABSENT and doubtful and present + doubtful >= required:
        # one sighting during an outage would have bridged so much that absence is not proven
        return Status.NOT_OBSERVABLE, (_liftable(measured, doubtful),)
    return _excused_or(status, case, measured)


def _liftable(measured: Values, unobserved: timedelta) -> Reason:
    return Reason("unobserved_could_lift", (*measured, ("unobserved_minutes", minutes_value(unobserved))))


def _excused_or(status: Status, case: _Case, measured: Values) -> tuple[Status, tuple[Reason, ...]]:
    missing = _missing(case, measured)
    on_leave = intersection(case.leave, case.room.teaching)
    if not on_leave:
        return status, (missing,)
    accounted = [*case.attended.present, *on_leave]
    if total(accounted) >= case.required:
        return Status.EXCUSED, (missing, Reason("leave_covers"))
    length = ("leave_minutes", minutes_value(total(on_leave)))
    unproven = case.attended.doubtful if status is Status.ABSENT else case.attended.unobserved
    unproven = difference(unproven, on_leave)
    if unproven and total([*accounted, *unproven]) >= case.required:
        # what was watched is not enough to miss: the rest is leave, or no camera saw it
        unseen = ("unobserved_minutes", minutes_value(total(unproven)))
        return Status.NOT_OBSERVABLE, (Reason("leave_and_unobserved", (*measured, length, unseen)),)
    return status, (missing, Reason("leave_too_short", (length,)))


def _missing(case: _Case, measured: Values) -> Reason:
    """Why the requirement was not met."""
    if case.seen_long_enough:
        return Reason("present_too_short", measured)
    watched = ("watched_minutes", minutes_value(total(case.room.observable)))
    if not case.seen and not case.present:
        return Reason("never_seen", (watched, measured[1]))
    stretch = ("stretch_minutes", minutes_value(case.room.policy.min_stretch))
    return Reason("seen_too_short", (*measured, stretch, watched))


def _hint(case: _Case, trainee: str, status: Status, alike: Iterable[LookAlike], floor: float) -> Hint | None:
    stretch = case.room.policy.min_stretch
    missing = (stretch if status is Status.ABSENT else case.required) - case.present
    return hint_for(case.room, Unseen(trainee, status, case.attended.present, missing), alike, floor)


def _notes(case: _Case) -> tuple[Reason, ...]:
    """What a reader should know besides: people's words, outages bridged and left open."""
    notes = [_word(case.room, entry) for entry in case.manual]
    bridged = bridged_outages(case.room, case.attended.present)
    if bridged > case.room.sampling:
        notes.append(Reason("outage_bridged", (("bridged_minutes", minutes_value(bridged)),)))
    unobserved = total(case.attended.unobserved)
    if unobserved > case.room.sampling:
        notes.append(Reason("partly_unobserved", (("unobserved_minutes", minutes_value(unobserved)),)))
    return tuple(notes)


def _word(room: Room, entry: ManualEntry) -> Reason:
    span = entry.interval or room.lesson.interval
    return Reason(
        entry.kind.value,
        (
            ("actor", entry.actor),
            ("reason", entry.reason),
            ("begins_at", instant_value(span.starts_at)),
            ("ends_at", instant_value(span.ends_at)),
        ),
    )


def _hours(case: _Case, status: Status, marked: Marking) -> tuple[float, Reason]:
    """Rule 5. Who is neither late nor gone early is not docked the minutes of grace at either end."""
    lesson, policy = case.room.lesson, case.room.policy
    time = timedelta() if status is Status.ABSENT else case.present
    if status is Status.PRESENT:
        time = total([*case.attended.present, *_grace(case, marked)])
    hours = credited_hours(time, lesson, policy)
    return hours, Reason(
        "hours_credited",
        (
            ("credited_minutes", minutes_value(time)),
            ("class_hour_minutes", minutes_value(class_hour_of(lesson, policy))),
            ("hours", number_value(hours)),
            ("planned_hours", number_value(planned_hours(lesson, policy))),
        ),
    )


def _grace(case: _Case, marked: Marking) -> tuple[Interval, ...]:
    """Teaching time before arrival and after departure, each only within its grace and without a mark."""
    room = case.room
    ends = ends_of(room, case.attended.stays)
    if ends is None:
        return ()
    edges: list[Interval | None] = []
    if Mark.LATE not in marked.marks and ends.missed_at_start <= room.policy.late_after:
        edges.append(interval_or_none(room.lesson.starts_at, ends.arrived_at))
    if Mark.LEFT_EARLY not in marked.marks and ends.missed_at_end <= room.policy.early_before:
        edges.append(interval_or_none(ends.left_at, room.lesson.ends_at))
    return intersection((edge for edge in edges if edge is not None), room.teaching)
