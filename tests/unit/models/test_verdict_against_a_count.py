"""Verdicts against a second telling of the rules: every second of a lesson is a cell, and cells are counted.

The rules work on intervals and rulers. Here the same sentences of domain.md are told once more, as plainly as
they can be: lists of seconds, loops, no shared code. Slow and obvious beside quick and clever; both must
agree on lessons drawn at random.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.attendance import ManualEntry, ManualKind, Mark, Presence, Status, Verdict
from models.attendance_rules import judge_attendance
from models.policy import AttendancePolicy, Policy
from models.timeline import Interval
from models.timetable import Lesson

Span = tuple[int, int]
LENGTH = 1200
"""A lesson of twenty minutes, in seconds."""

START = datetime.fromisoformat("2026-11-23T09:00:00+08:00")
RULES = AttendancePolicy(
    presence_gap=timedelta(seconds=120),
    late_after=timedelta(seconds=60),
    early_before=timedelta(seconds=60),
    min_stretch=timedelta(seconds=90),
    class_hour=timedelta(seconds=300),
    check_in_before=timedelta(seconds=180),
    drain=timedelta(seconds=30),
    required_share=0.75,
)
GAP, GRACE, STRETCH, CHECK_IN, DRAIN, HOUR = 120, 60, 90, 180, 30, 300


@dataclass(frozen=True)
class Case:
    """Seconds of a lesson: sightings at whole seconds, spans half-open."""

    seen: tuple[int, ...] = ()
    watched: tuple[Span, ...] = ((-CHECK_IN, LENGTH + DRAIN),)
    breaks: tuple[Span, ...] = ()
    leave: tuple[Span, ...] = ()
    vouched: tuple[Span, ...] = ()
    sampling: int = 2
    planned: float | None = None


@dataclass
class Count:
    """The answer, by counting."""

    status: Status
    present: set[int]
    unobserved: set[int]
    marks: list[Mark] = field(default_factory=list)
    hours: float = 0.0


def cells(spans: tuple[Span, ...] | list[Span]) -> set[int]:
    return {second for begin, end in spans for second in range(begin, end)}


def count(case: Case) -> Count:
    """domain.md, attendance of one lesson, rules 1 to 5, one sentence after the other."""
    lesson = set(range(LENGTH))
    teaching = lesson - cells(case.breaks)
    watched = whole_watch(case) & lesson
    clock = watched & teaching
    seen = sorted({at for at in case.seen if -CHECK_IN <= at <= LENGTH + DRAIN})
    vouched = [(max(0, a), min(LENGTH, b)) for a, b in case.vouched if max(0, a) < min(LENGTH, b)]

    stays = stays_of(seen, vouched, clock, case.sampling)
    present = present_cells(stays, seen, vouched, case.sampling) & teaching
    unobserved = (teaching - watched) - present
    leave = cells(case.leave) & lesson

    required = Fraction(3, 4) * len(teaching)
    doubtful = doubt(case, seen, vouched, clock, lesson - watched, teaching) - present
    status = status_of(present, unobserved, doubtful, leave & teaching, required)
    answer = Count(status, present, unobserved)
    inside = [stay for stay in stays if stay[1] >= 0 and stay[0] < LENGTH]
    if status in (Status.PRESENT, Status.PARTIAL):
        answer.marks = marks_of(inside, clock - leave, case.sampling)
    answer.hours = hours_of(case, answer, inside, teaching)
    return answer


def whole_watch(case: Case) -> set[int]:
    """Seconds that were watched; between two looks nobody was looked for, so that much is no hole."""
    watched = cells(case.watched)
    if not watched:
        return watched
    hole: list[int] = []
    for second in range(min(watched), max(watched) + 1):
        if second not in watched:
            hole.append(second)
        else:
            if len(hole) <= case.sampling:
                watched |= set(hole)
            hole = []
    return watched


def stays_of(seen: list[int], vouched: list[Span], clock: set[int], sampling: int) -> list[Span]:
    points = sorted([(at, at) for at in seen] + vouched)
    stays: list[Span] = []
    for first, last in points:
        if stays and bridges(stays[-1][1], first, clock, sampling):
            stays[-1] = (stays[-1][0], max(stays[-1][1], last))
        else:
            stays.append((first, last))
    return stays


def bridges(left: int, right: int, clock: set[int], sampling: int) -> bool:
    """Time counts in which who is missing would be missed: watched teaching, and all time outside."""
    running = sum(1 for second in range(left, right) if second in clock or not 0 <= second < LENGTH)
    return running <= max(GAP, sampling)


def present_cells(stays: list[Span], seen: list[int], vouched: list[Span], sampling: int) -> set[int]:
    """A sighting at either end of a stay speaks for half a sampling period beyond it."""
    reach = sampling // 2
    present = cells(vouched)
    for first, last in stays:
        begin = first - reach if first in seen else first
        end = last + reach if last in seen else last
        present |= set(range(begin, end))
    return present


def doubt(
    case: Case, seen: list[int], vouched: list[Span], clock: set[int], unwatched: set[int], teaching: set[int]
) -> set[int]:
    """What one more sighting, at any second of an outage, would have added."""
    added: set[int] = set()
    reach = case.sampling // 2
    for begin, end in runs(unwatched):
        added |= set(range(begin - reach, end + reach)) & teaching
        for at in (begin, end):
            more = sorted({*seen, at})
            stays = stays_of(more, vouched, clock, case.sampling)
            added |= present_cells(stays, more, vouched, case.sampling) & teaching
    return added


def runs(seconds: set[int]) -> list[Span]:
    found: list[Span] = []
    for second in sorted(seconds):
        if found and found[-1][1] == second:
            found[-1] = (found[-1][0], second + 1)
        else:
            found.append((second, second + 1))
    return found


def status_of(
    present: set[int], unobserved: set[int], doubtful: set[int], leave: set[int], required: Fraction
) -> Status:
    if len(present) >= required:
        return Status.PRESENT
    if unobserved and len(present | unobserved) >= required:
        return Status.NOT_OBSERVABLE
    long_enough = len(present) >= STRETCH
    if not long_enough and doubtful and len(present | doubtful) >= required:
        return Status.NOT_OBSERVABLE
    if leave:
        if len(present | leave) >= required:
            return Status.EXCUSED
        open_ = (unobserved if long_enough else doubtful) - leave
        if open_ and len(present | leave | open_) >= required:
            return Status.NOT_OBSERVABLE
    return Status.PARTIAL if long_enough else Status.ABSENT


def marks_of(stays: list[Span], duty: set[int], sampling: int) -> list[Mark]:
    """Only watched time that was not on leave proves anything."""
    marks = []
    if sum(1 for second in duty if second < stays[0][0]) > GRACE:
        marks.append(Mark.LATE)
    for (_, left), (right, _) in itertools.pairwise(stays):
        if sum(1 for second in duty if left <= second < right) > max(GAP, sampling):
            marks.append(Mark.ABSENT_IN_MIDDLE)
            break
    if sum(1 for second in duty if second >= stays[-1][1]) > GRACE:
        marks.append(Mark.LEFT_EARLY)
    return marks


def hours_of(case: Case, answer: Count, stays: list[Span], teaching: set[int]) -> float:
    credited = set(answer.present)
    if answer.status is Status.ABSENT:
        credited = set()
    if answer.status is Status.PRESENT and stays:
        before = {second for second in teaching if second < stays[0][0]}
        after = {second for second in teaching if second >= stays[-1][1]}
        if Mark.LATE not in answer.marks and len(before) <= GRACE:
            credited |= before
        if Mark.LEFT_EARLY not in answer.marks and len(after) <= GRACE:
            credited |= after
    planned = case.planned if case.planned is not None else half_steps(len(teaching))
    return min(half_steps(len(credited)), planned)


def half_steps(seconds: int) -> float:
    return (2 * seconds // HOUR) / 2


def judged(case: Case) -> Verdict:
    def span(one: Span) -> Interval:
        return Interval(at(one[0]), at(one[1]))

    def at(second: int) -> datetime:
        return START + timedelta(seconds=second)

    lesson = Lesson(
        "L1",
        "C1",
        "养老护理员",
        at(0),
        at(LENGTH),
        breaks=tuple(span(one) for one in case.breaks),
        planned_hours=case.planned,
    )
    words = [ManualEntry(ManualKind.LEAVE_APPROVED, span(one), "zhang", "病假") for one in case.leave]
    words += [ManualEntry(ManualKind.INSTRUCTOR_CONFIRMED, span(one), "li", "在场") for one in case.vouched]
    return judge_attendance(
        lesson,
        "T001",
        Policy(version="v1", attendance=RULES),
        [Presence(at(second), "front", 12.0) for second in case.seen],
        [span(one) for one in case.watched],
        timedelta(seconds=case.sampling),
        words,
    )


def seconds_of(intervals: tuple[Interval, ...]) -> set[int]:
    def second(at: datetime) -> int:
        return round((at - START).total_seconds())

    return {one for i in intervals for one in range(second(i.starts_at), second(i.ends_at))}


@st.composite
def spans(draw: st.DrawFn, most: int, longest: int = 700, begin: int = -CHECK_IN) -> tuple[Span, ...]:
    found = []
    for _ in range(draw(st.integers(0, most))):
        first = draw(st.integers(begin, LENGTH))
        found.append((first, first + draw(st.integers(1, longest))))
    return tuple(found)


@st.composite
def rests(draw: st.DrawFn) -> tuple[Span, ...]:
    """At most one break, which leaves time for teaching."""
    if draw(st.booleans()):
        return ()
    first = draw(st.integers(0, LENGTH - 2))
    return ((first, min(LENGTH - (first == 0), first + draw(st.integers(1, 400)))),)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Lessons in which limits are met often: stays that end near a gap, a grace or the share."""
    sampling = draw(st.sampled_from([2, 4, 10]))
    seen: set[int] = set()
    for first, last in draw(spans(most=4)):
        step = draw(st.sampled_from([sampling, GAP - 1, GAP, GAP + 1]))
        seen |= set(range(first, last, step)) | {last}
    seen |= set(draw(st.lists(st.integers(-CHECK_IN - 20, LENGTH + DRAIN + 20), max_size=4)))
    watched = draw(st.one_of(st.just(((-CHECK_IN, LENGTH + DRAIN),)), spans(most=4, longest=1400)))
    return Case(
        tuple(sorted(seen)),
        watched,
        draw(rests()),
        draw(st.one_of(st.just(()), spans(most=2))),
        draw(st.one_of(st.just(()), spans(most=2))),
        sampling,
        draw(st.sampled_from([None, 1.0, 3.5])),
    )


EDGES = {
    "nobody": Case(),
    "all the time": Case(tuple(range(0, LENGTH + 1, 2))),
    "one second late within grace": Case(tuple(range(GRACE, LENGTH + 1, 2))),
    "one second late beyond grace": Case(tuple(range(GRACE + 1, LENGTH + 1, 2))),
    "left at the edge of grace": Case(tuple(range(0, LENGTH - GRACE + 1, 2))),
    "left a second too early": Case(tuple(range(0, LENGTH - GRACE, 2))),
    "a gap that bridges": Case((*range(0, 401, 2), *range(400 + GAP, LENGTH, 2))),
    "a gap a second too long": Case((*range(0, 401, 2), *range(401 + GAP, LENGTH, 2))),
    "the share met to the second": Case(tuple(range(1, 900, 2))),
    "the share missed by two seconds": Case(tuple(range(1, 898, 2))),
    "seen for the shortest stretch": Case(tuple(range(1, STRETCH, 2))),
    "seen for less": Case(tuple(range(1, STRETCH - 2, 2))),
    "in the dark the whole time": Case((), watched=()),
    "an outage that could lift": Case(tuple(range(0, 601, 2)), watched=((0, 600),)),
    "an outage too short to lift": Case(tuple(range(0, 301, 2)), watched=((0, 900),)),
    "seen again after an outage": Case(
        (*range(0, 301, 2), *range(900, 1200, 2)), watched=((0, 300), (900, 1230))
    ),
    "leave for the rest": Case(tuple(range(0, 601, 2)), leave=((600, LENGTH),)),
    "leave beside an outage": Case((), watched=((400, LENGTH),), leave=((400, 800),)),
    "vouched for": Case((), vouched=((0, LENGTH),)),
    "vouched for a part, seen for another": Case(tuple(range(700, 1000, 2)), vouched=((0, 650),)),
    "a break in the middle of an absence": Case(
        (*range(0, 500, 2), *range(700, 1200, 2)), breaks=((520, 690),)
    ),
    "seen in check-in alone": Case((-100, -50, -10)),
    "seen after the end alone": Case((LENGTH + 5, LENGTH + 20)),
    "seen too early to count": Case((-CHECK_IN - 1,)),
}


def agree(case: Case) -> None:
    verdict, answer = judged(case), count(case)
    assert seconds_of(verdict.present) == answer.present
    assert seconds_of(verdict.unobserved) == answer.unobserved
    assert verdict.status is answer.status
    assert list(verdict.marks) == answer.marks
    assert verdict.credited_hours == answer.hours


@pytest.mark.parametrize("case", EDGES.values(), ids=EDGES.keys())
def test_a_lesson_at_the_edge_of_a_rule_is_judged_as_it_is_counted(case: Case) -> None:
    agree(case)


def test_the_edges_reach_every_status_and_every_mark() -> None:
    """Or the table above would prove less than it looks."""
    answers = [count(case) for case in EDGES.values()]
    assert {answer.status for answer in answers} == set(Status)
    assert {mark for answer in answers for mark in answer.marks} == set(Mark)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
@example(Case((0,), watched=((-10, 1), (4, LENGTH))))
def test_a_lesson_drawn_at_random_is_judged_as_it_is_counted(case: Case) -> None:
    agree(case)


@pytest.mark.parametrize("edge", range(-2, 3))
@pytest.mark.parametrize("limit", ["late", "left_early", "gap", "share", "stretch"])
def test_two_seconds_to_either_side_of_each_limit(limit: str, edge: int) -> None:
    moments = {
        "late": range(GRACE + edge, LENGTH + 1, 2),
        "left_early": range(LENGTH - GRACE + edge + 1),
        "gap": (*range(301), *range(300 + GAP + edge, LENGTH)),
        "share": range(900 + edge),
        "stretch": range(STRETCH + edge),
    }
    agree(Case(tuple(moments[limit])))
