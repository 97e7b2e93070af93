"""Which flags a lesson raises, at the edges of each limit, and how they change when facts do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attendance import Presence, Status
from models.attendance_rules import judge_attendance
from models.correction import Standing, standing_of
from models.coverage import CLEAR, COVERED, FROZEN, LensSpell
from models.flag_facts import Headcount, LessonFacts, SameFace
from models.flag_rules import LESSON_KINDS, LIVE_KINDS, lesson_flags, live_flags
from models.flags import Flag, FlagKind, FlagState, merge_flags
from models.footage import Gap, GapCause
from models.policy import Policy
from models.timeline import Interval
from models.timetable import Lesson

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SAMPLING = 10 * SECOND
LESSON = Lesson("L1", "C1", "care", START, START + 60 * MINUTE, cameras=("c1",))
WHOLE = Interval(START, START + 60 * MINUTE)
POLICY = Policy()


def span(first_s: float, last_s: float) -> Interval:
    return Interval(START + first_s * SECOND, START + last_s * SECOND)


def seen(first_min: float, last_min: float, camera_id: str = "c1") -> tuple[Presence, ...]:
    count = int((last_min - first_min) * MINUTE / SAMPLING) + 1
    return tuple(Presence(START + first_min * MINUTE + n * SAMPLING, camera_id, 12.0) for n in range(count))


def facts(**known: Any) -> LessonFacts:
    return LessonFacts(
        LESSON, known.pop("policy", POLICY), SAMPLING, known.pop("coverage", (WHOLE,)), **known
    )


def standing(code: str, sightings: Sequence[Presence], coverage: Sequence[Interval] = (WHOLE,)) -> Standing:
    return standing_of(judge_attendance(LESSON, code, POLICY, sightings, coverage, SAMPLING))


def gap(first_s: float, last_s: float, cause: GapCause = GapCause.STREAM_LOST, camera: str = "c1") -> Gap:
    return Gap("L1", camera, START + first_s * SECOND, START + last_s * SECOND, cause)


def of_kind(flags: Sequence[Flag], kind: FlagKind) -> list[Flag]:
    return [flag for flag in flags if flag.kind is kind]


def values(flag: Flag) -> dict[str, str]:
    (reason,) = flag.reasons
    return dict(reason.values)


# people


def test_a_lesson_where_all_is_well_raises_nothing() -> None:
    assert lesson_flags(facts(standings=(standing("T1", seen(0, 60)),))) == ()


def test_each_mark_and_absence_becomes_a_flag_of_its_own_person() -> None:
    standings = (
        standing("T-absent", ()),
        standing("T-late", seen(7, 60)),
        standing("T-early", seen(0, 53)),
        standing("T-out", (*seen(0, 20), *seen(31.5, 60))),
        standing("T-there", seen(0, 60)),
    )
    policy = replace(POLICY, flags=replace(POLICY.flags, low_turnout_share=0.5))
    raised = lesson_flags(facts(standings=standings, policy=policy))
    assert {(flag.kind, flag.subject) for flag in raised} == {
        (FlagKind.ABSENCE, "T-absent"),
        (FlagKind.LATE, "T-late"),
        (FlagKind.LEFT_EARLY, "T-early"),
        (FlagKind.ABSENT_IN_MIDDLE, "T-out"),
    }
    assert all(flag.reasons and flag.state is FlagState.OPEN for flag in raised)
    assert all(flag.policy_version == POLICY.version and flag.lesson_id == "L1" for flag in raised)
    assert all(flag.evidence for flag in raised)


@pytest.mark.parametrize(("share", "came", "raised"), [(0.8, 8, False), (0.8, 7, True), (0.0, 0, False)])
def test_turnout_is_low_below_the_share_and_not_at_it(share: float, came: int, raised: bool) -> None:
    policy = replace(POLICY, flags=replace(POLICY.flags, low_turnout_share=share))
    standings = tuple(standing(f"T{n}", seen(0, 60) if n < came else ()) for n in range(10))
    found = of_kind(lesson_flags(facts(standings=standings, policy=policy)), FlagKind.LOW_TURNOUT)
    assert bool(found) is raised
    if found:
        assert (found[0].subject, values(found[0])["came"], values(found[0])["expected"]) == ("", "7", "10")


def test_whom_no_camera_could_see_counts_on_neither_side_of_turnout() -> None:
    unseen = standing("T9", (), coverage=())
    assert unseen.status is Status.NOT_OBSERVABLE
    there = tuple(standing(f"T{n}", seen(0, 60)) for n in range(4))
    raised = lesson_flags(facts(standings=(*there, unseen)))
    assert of_kind(raised, FlagKind.LOW_TURNOUT) == []
    assert of_kind(raised, FlagKind.ABSENCE) == []


@pytest.mark.parametrize(("minutes", "raised"), [(9, False), (11, True)])
def test_a_stranger_is_one_who_stays_and_not_one_who_passes(minutes: float, raised: bool) -> None:
    found = of_kind(live_flags(facts(unknown={"unknown-1": seen(5, 5 + minutes)})), FlagKind.STRANGER)
    assert bool(found) is raised
    for flag in found:
        assert flag.subject == "unknown-1"
        assert {link.shows for link in flag.evidence} == {"first_seen", "best", "last_seen"}


def test_one_stranger_before_two_cameras_stays_once() -> None:
    both = tuple(sorted((*seen(5, 11), *seen(5, 11, "c2")), key=lambda one: one.at))
    assert live_flags(facts(unknown={"unknown-1": both})) == ()


def test_a_headcount_that_differs_for_a_while_is_told_once_with_its_worst_stretch() -> None:
    def counts(first_s: int, last_s: int, people: int, named: int) -> tuple[Headcount, ...]:
        return tuple(Headcount(START + n * SECOND, "c1", people, named) for n in range(first_s, last_s, 10))

    calm, apart, worse = counts(0, 600, 20, 18), counts(600, 900, 20, 17), counts(900, 1200, 24, 17)
    assert live_flags(facts(headcounts=calm)) == ()
    (flag,) = live_flags(facts(headcounts=(*calm, *apart, *worse)))
    assert (flag.kind, flag.subject) == (FlagKind.HEADCOUNT_MISMATCH, "")
    assert (values(flag)["people"], values(flag)["named"]) == ("24", "17")
    (single, *_) = worse
    assert live_flags(facts(headcounts=(*calm, single))) == (), "one frame decides nothing"


def test_a_face_under_two_numbers_is_one_flag_whichever_way_round_it_was_found() -> None:
    pairs = (SameFace("T2", "T1", 0.31), SameFace("T1", "T2", 0.24), SameFace("T3", "T1", 0.35))
    raised = of_kind(live_flags(facts(same_faces=pairs)), FlagKind.DUPLICATE_IDENTITY)
    assert [flag.subject for flag in raised] == ["T1+T2", "T1+T3"]
    assert values(raised[0])["distance"] == "0.24"


# cameras


@pytest.mark.parametrize(("seconds", "raised"), [(30, False), (31, True)])
@pytest.mark.parametrize("lens", [COVERED, FROZEN])
def test_a_lens_is_a_flag_when_it_lasts_longer_than_allowed(lens: str, seconds: int, raised: bool) -> None:
    kind = FlagKind.CAMERA_COVERED if lens == COVERED else FlagKind.CAMERA_FROZEN
    spells = (LensSpell("c1", lens, span(100, 100 + seconds)), LensSpell("c1", CLEAR, span(200, 900)))
    found = live_flags(facts(spells=spells))
    assert [(flag.kind, flag.subject) for flag in found] == ([(kind, "c1")] if raised else [])


def test_a_breath_of_one_sampling_period_does_not_end_a_covered_stretch() -> None:
    spells = (LensSpell("c1", COVERED, span(100, 118)), LensSpell("c1", COVERED, span(126, 140)))
    (flag,) = live_flags(facts(spells=spells))
    assert (values(flag)["times"], values(flag)["camera"]) == ("1", "c1")
    apart = (LensSpell("c1", COVERED, span(100, 118)), LensSpell("c1", COVERED, span(140, 158)))
    assert live_flags(facts(spells=apart)) == ()


@pytest.mark.parametrize(
    ("cause", "seconds", "kinds"),
    [
        (GapCause.STREAM_LOST, 30, []),
        (GapCause.STREAM_LOST, 31, [FlagKind.CAMERA_DOWN]),
        (GapCause.STREAM_STALLED, 61, [FlagKind.CAMERA_DOWN, FlagKind.FOOTAGE_GAP]),
        (GapCause.PROCESS_RESTARTED, 60, []),
        (GapCause.PROCESS_RESTARTED, 61, [FlagKind.FOOTAGE_GAP]),
        (GapCause.DISK_FULL, 300, [FlagKind.FOOTAGE_GAP]),
    ],
)
def test_a_gap_is_the_camera_s_only_when_no_packets_came(
    cause: GapCause, seconds: int, kinds: list[FlagKind]
) -> None:
    found = live_flags(facts(gaps=(gap(100, 100 + seconds, cause),)))
    assert [flag.kind for flag in found] == kinds
    for flag in found:
        assert [link.at for link in flag.evidence] == [START + 100 * SECOND, START + (100 + seconds) * SECOND]


def test_only_the_part_of_a_gap_inside_the_lesson_counts() -> None:
    assert live_flags(facts(gaps=(gap(-600, 25),))) == ()
    assert [flag.kind for flag in live_flags(facts(gaps=(gap(-600, 45),)))] == [FlagKind.CAMERA_DOWN]


def test_two_long_gaps_of_a_camera_are_one_flag_that_counts_them() -> None:
    gaps = (gap(100, 170), gap(900, 1000, GapCause.DISK_FULL), gap(2000, 2090, camera="c2"))
    found = of_kind(live_flags(facts(gaps=gaps)), FlagKind.FOOTAGE_GAP)
    assert [flag.subject for flag in found] == ["c1", "c2"]
    assert (values(found[0])["times"], values(found[0])["causes"]) == ("2", "disk_full, stream_lost")


@pytest.mark.parametrize(("watched_s", "raised"), [(3240, False), (3239, True)])
def test_coverage_is_low_below_the_share_and_not_at_it(watched_s: int, raised: bool) -> None:
    found = lesson_flags(facts(coverage=(span(0, watched_s),)))
    assert bool(of_kind(found, FlagKind.LOW_COVERAGE)) is raised


# change


def a_flag(kind: FlagKind, subject: str, state: FlagState = FlagState.OPEN, version: str = "v1") -> Flag:
    return Flag(kind, "L1", subject, version, (), (), state)


LATE, ABSENT = a_flag(FlagKind.LATE, "T1"), a_flag(FlagKind.ABSENCE, "T2")
flags = st.builds(
    a_flag,
    st.sampled_from([FlagKind.LATE, FlagKind.ABSENCE, FlagKind.STRANGER]),
    st.sampled_from(["T1", "T2", "T3"]),
    st.sampled_from(FlagState),
    st.sampled_from(["v1", "v2"]),
)


def unique(drawn: list[Flag]) -> list[Flag]:
    return list({flag.identity: flag for flag in drawn}.values())


def test_what_is_raised_again_is_the_same_flag_and_what_changed_is_updated() -> None:
    newer = a_flag(FlagKind.LATE, "T1", version="v2")
    changes = merge_flags([LATE, ABSENT], [newer, ABSENT], LESSON_KINDS)
    assert (changes.new, changes.updated, changes.withdrawn, changes.kept) == ((), (newer,), (), (ABSENT,))


def test_a_flag_whose_cause_is_gone_is_withdrawn_and_opens_again_when_it_returns() -> None:
    gone = merge_flags([LATE], [], LESSON_KINDS)
    (withdrawn,) = gone.withdrawn
    assert withdrawn == replace(LATE, state=FlagState.WITHDRAWN)
    back = merge_flags(gone.after(), [LATE], LESSON_KINDS)
    assert back.updated == (LATE,)


def test_a_look_at_live_causes_alone_leaves_the_verdicts_flags_alone() -> None:
    stranger = a_flag(FlagKind.STRANGER, "unknown-1")
    changes = merge_flags([LATE, stranger], [], LIVE_KINDS)
    assert changes.kept == (LATE,)
    assert [flag.subject for flag in changes.withdrawn] == ["unknown-1"]


@given(st.lists(flags), st.lists(flags))
def test_merging_loses_no_flag_doubles_none_and_settles_at_once(old: list[Flag], raised: list[Flag]) -> None:
    existing, now = unique(old), [replace(flag, state=FlagState.OPEN) for flag in unique(raised)]
    after = merge_flags(existing, now, LESSON_KINDS).after()
    assert {flag.identity for flag in after} == {flag.identity for flag in (*existing, *now)}
    assert len(after) == len({flag.identity for flag in after})
    assert {flag for flag in after if flag.state is FlagState.OPEN} == set(now)
    again = merge_flags(after, now, LESSON_KINDS)
    assert (again.new, again.updated, again.withdrawn) == ((), (), ())
