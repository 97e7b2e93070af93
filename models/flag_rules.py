"""Which flags a lesson raises (domain.md, flags). Same facts in any order, same flags."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import groupby
from statistics import median

from models.attendance import EvidenceLink, Mark, Presence, Reason, Status
from models.attendance_evidence import Shows
from models.camera_rules import camera_flags
from models.correction import Standing
from models.flag_facts import Headcount, LessonFacts, SameFace
from models.flags import Flag, FlagKind
from models.presence import attended, relevant, room_of
from models.reason_values import instant_value, minutes_value, number_value
from models.resemblance import hint_in, hints_by_person
from models.timeline import total

# Raised while a lesson runs and after it; the others need verdicts or the whole lesson.
LIVE_KINDS = frozenset(
    {
        FlagKind.STRANGER,
        FlagKind.HEADCOUNT_MISMATCH,
        FlagKind.CAMERA_DOWN,
        FlagKind.CAMERA_COVERED,
        FlagKind.CAMERA_FROZEN,
        FlagKind.FOOTAGE_GAP,
    }
)
LESSON_KINDS = LIVE_KINDS | {
    FlagKind.ABSENCE,
    FlagKind.LATE,
    FlagKind.LEFT_EARLY,
    FlagKind.ABSENT_IN_MIDDLE,
    FlagKind.LOW_TURNOUT,
    FlagKind.LOW_COVERAGE,
}

# What a person's word about a trainee can raise or withdraw, whatever the cameras saw.
STANDING_KINDS = frozenset(
    {
        FlagKind.ABSENCE,
        FlagKind.LATE,
        FlagKind.LEFT_EARLY,
        FlagKind.ABSENT_IN_MIDDLE,
        FlagKind.LOW_TURNOUT,
    }
)

_KIND_OF_MARK = {
    Mark.LATE: FlagKind.LATE,
    Mark.LEFT_EARLY: FlagKind.LEFT_EARLY,
    Mark.ABSENT_IN_MIDDLE: FlagKind.ABSENT_IN_MIDDLE,
}
# What of a verdict's evidence supports which flag.
_SHOWN_FOR = {
    FlagKind.ABSENCE: (Shows.FIRST_SEEN, Shows.LAST_SEEN, Shows.NOT_SEEN, Shows.RESEMBLES),
    FlagKind.LATE: (Shows.FIRST_SEEN, Shows.NOT_SEEN),
    FlagKind.LEFT_EARLY: (Shows.LAST_SEEN, Shows.NOT_SEEN),
    FlagKind.ABSENT_IN_MIDDLE: (Shows.HOLE_BEGINS, Shows.HOLE_ENDS, Shows.NOT_SEEN),
}


def live_flags(facts: LessonFacts) -> tuple[Flag, ...]:
    """Flags that need no verdict (``LIVE_KINDS``), and duplicate identities where any are known."""
    return _sorted([*_strangers(facts), *_headcount(facts), *_same_faces(facts), *camera_flags(facts)])


def lesson_flags(facts: LessonFacts) -> tuple[Flag, ...]:
    """All flags of a judged lesson (``LESSON_KINDS``), and duplicate identities where any are known."""
    rules: tuple[Callable[[LessonFacts], Iterator[Flag]], ...] = (_verdicts, _low_turnout, _low_coverage)
    return _sorted([*live_flags(facts), *(flag for rule in rules for flag in rule(facts))])


def standing_flags(facts: LessonFacts) -> tuple[Flag, ...]:
    """The flags that rest on ``facts.standings`` alone (``STANDING_KINDS``)."""
    return _sorted([*_verdicts(facts), *_low_turnout(facts)])


def _sorted(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    return tuple(sorted(flags, key=lambda flag: flag.identity))


def _flag(
    facts: LessonFacts,
    kind: FlagKind,
    subject: str,
    reasons: Iterable[Reason],
    evidence: Iterable[EvidenceLink] = (),
) -> Flag:
    return Flag(kind, facts.lesson.lesson_id, subject, facts.policy.version, tuple(reasons), tuple(evidence))


def _verdicts(facts: LessonFacts) -> Iterator[Flag]:
    for standing in facts.standings:
        if standing.status is Status.ABSENT:
            yield _verdict_flag(facts, standing, FlagKind.ABSENCE, _absence_reasons(standing))
        for mark in standing.marks:
            because = [reason for reason in standing.verdict.reasons if reason.code == mark.value]
            yield _verdict_flag(facts, standing, _KIND_OF_MARK[mark], because)


def _verdict_flag(facts: LessonFacts, standing: Standing, kind: FlagKind, reasons: Iterable[Reason]) -> Flag:
    shown = [link for link in standing.verdict.evidence if link.shows in _SHOWN_FOR[kind]]
    return _flag(facts, kind, standing.verdict.trainee, reasons, shown)


def _absence_reasons(standing: Standing) -> tuple[Reason, ...]:
    """The verdict's own first reason, and whom else to look at; where a person decided, their word."""
    if standing.verdict.status is Status.ABSENT:
        hint = hint_in(standing.verdict)
        return (*standing.verdict.reasons[:1], *((hint.reason,) if hint is not None else ()))
    last = standing.corrections[-1]
    return (Reason("corrected", (("actor", last.actor), ("reason_code", last.reason_code))),)


def _low_turnout(facts: LessonFacts) -> Iterator[Flag]:
    """Excused trainees and those whom no camera could see are not counted on either side."""
    expected = [one for one in facts.standings if one.status not in (Status.EXCUSED, Status.NOT_OBSERVABLE)]
    came = [one for one in expected if one.status is not Status.ABSENT]
    least = facts.policy.flags.low_turnout_share
    # exact: 0.55 of 20 is 11, which binary fractions miss
    if len(came) < Fraction(str(least)) * len(expected):
        values = (
            ("came", str(len(came))),
            ("expected", str(len(expected))),
            ("turnout_share", number_value(len(came) / len(expected))),
            ("least_share", number_value(least)),
        )
        yield _flag(facts, FlagKind.LOW_TURNOUT, "", [Reason("low_turnout", values)])


def _low_coverage(facts: LessonFacts) -> Iterator[Flag]:
    room = room_of(facts.lesson, facts.policy.attendance, facts.coverage, facts.sampling)
    watched, taught = total(room.observable), total(room.teaching)
    least = facts.policy.flags.low_coverage_share
    if watched < taught * least:
        values = (
            ("watched_minutes", minutes_value(watched)),
            ("lesson_minutes", minutes_value(taught)),
            ("coverage_share", number_value(watched / taught)),
            ("least_share", number_value(least)),
        )
        yield _flag(facts, FlagKind.LOW_COVERAGE, "", [Reason("low_coverage", values)])


def _strangers(facts: LessonFacts) -> Iterator[Flag]:
    """An unknown person's stay is measured as a trainee's presence is, over all cameras together."""
    room = room_of(facts.lesson, facts.policy.attendance, facts.coverage, facts.sampling)
    hints = hints_by_person(standing.verdict for standing in facts.standings)
    for key, sightings in sorted(facts.unknown.items()):
        seen = relevant(room, sightings)
        stayed = total(attended(room, (one.at for one in seen)).present)
        if stayed > facts.policy.flags.stranger_after:
            values = (
                ("present_minutes", minutes_value(stayed)),
                ("allowed_minutes", minutes_value(facts.policy.flags.stranger_after)),
                ("first_seen_at", instant_value(seen[0].at)),
                ("last_seen_at", instant_value(seen[-1].at)),
            )
            links = _ends(seen)
            reasons = [Reason("stranger_stayed", values)]
            if (hint := hints.get(key)) is not None:
                reasons.append(hint.reason)
                links = (*links, *(one for one in (hint.link,) if one.at not in {link.at for link in links}))
            yield _flag(facts, FlagKind.STRANGER, key, reasons, links)


def _ends(seen: tuple[Presence, ...]) -> tuple[EvidenceLink, ...]:
    best = max(seen, key=lambda one: (one.score, -one.at.timestamp(), one.camera_id))
    linked = {Shows.FIRST_SEEN: seen[0], Shows.BEST: best, Shows.LAST_SEEN: seen[-1]}
    return tuple(EvidenceLink(shows.value, one.at, one.camera_id, one.score) for shows, one in linked.items())


def _headcount(facts: LessonFacts) -> Iterator[Flag]:
    """By camera and stretch of ``headcount_after``: the median difference, so that single frames decide
    nothing. The stretch that differs most is the one reported."""
    worst: tuple[float, Headcount, float, float] | None = None
    for group in _headcount_stretches(facts):
        people, named = median(one.people for one in group), median(one.named for one in group)
        apart = median(abs(one.people - one.named) for one in group)
        if apart > facts.policy.flags.headcount_tolerance and (worst is None or apart > worst[0]):
            worst = (apart, group[len(group) // 2], people, named)
    if worst is None:
        return
    _, middle, people, named = worst
    values = (
        ("people", number_value(people)),
        ("named", number_value(named)),
        ("tolerance", str(facts.policy.flags.headcount_tolerance)),
        ("seen_at", instant_value(middle.at)),
        ("over_minutes", minutes_value(facts.policy.flags.headcount_after)),
    )
    link = EvidenceLink(Shows.HEADCOUNT.value, middle.at, middle.camera_id, 0.0)
    yield _flag(facts, FlagKind.HEADCOUNT_MISMATCH, "", [Reason("headcount_mismatch", values)], [link])


def _headcount_stretches(facts: LessonFacts) -> Iterator[list[Headcount]]:
    starts_at, length = facts.lesson.starts_at, facts.policy.flags.headcount_after
    inside = {one for one in facts.headcounts if any(part.contains(one.at) for part in facts.lesson.teaching)}
    ordered = sorted(inside, key=lambda one: (one.camera_id, one.at, one.people, one.named))
    for _, group in groupby(ordered, key=lambda one: (one.camera_id, (one.at - starts_at) // length)):
        stretch = list(group)
        # a stretch with a few frames only, at the edge of an outage, is no sustained difference
        if stretch[-1].at - stretch[0].at >= length / 2:
            yield stretch


def _same_faces(facts: LessonFacts) -> Iterator[Flag]:
    """One flag per pair, whichever way round it was found; the closest finding speaks."""
    closest: dict[tuple[str, str], SameFace] = {}
    for pair in sorted(set(facts.same_faces), key=lambda one: (one.distance, one.first, one.second)):
        closest.setdefault((min(pair.first, pair.second), max(pair.first, pair.second)), pair)
    for (first, second), pair in closest.items():
        values = (("first", first), ("second", second), ("distance", number_value(pair.distance)))
        reason = Reason("same_face", values)
        yield _flag(facts, FlagKind.DUPLICATE_IDENTITY, f"{first}+{second}", [reason], pair.evidence)
