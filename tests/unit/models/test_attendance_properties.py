"""What must hold for every lesson, whoever was seen when and whatever the cameras missed."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from models.attendance import ManualEntry, ManualKind, Presence, Status
from models.timeline import difference, intersection, total, union
from models.verdict_document import verdict_document

MINUTES = st.integers(-40 * 60, 55 * 60).map(lambda seconds: seconds / 60)
STRETCHES = st.lists(
    st.tuples(MINUTES, st.integers(1, 30 * 60).map(lambda s: s / 60)).map(lambda p: (p[0], p[0] + p[1])),
    max_size=5,
)
GLIMPSES = st.lists(MINUTES, max_size=12)
BREAKS = st.sampled_from([(), ((20, 25),), ((0, 5),), ((10, 15), (30, 40))])
ORDER = [Status.ABSENT, Status.PARTIAL, Status.PRESENT]
MINUTE = timedelta(minutes=1)
fast = settings(max_examples=120, deadline=None)


def sightings(stage, stretches, glimpses):
    """Sightings twelve seconds apart in the stretches, and single ones."""
    found = stage.glimpses(*glimpses)
    for begin, end in stretches:
        count = int((end - begin) * 5)
        found += stage.glimpses(*(begin + n / 5 for n in range(count + 1)))
    return found


@fast
@given(STRETCHES, GLIMPSES, STRETCHES, BREAKS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_no_byte(stage_with, stretches, glimpses, coverage, breaks, shuffler):
    stage = stage_with(breaks=breaks)
    seen = sightings(stage, stretches, glimpses)
    manual = [stage.leave(5, 10), stage.confirmation(30, 33)]
    first = stage.judge(seen, coverage, manual)
    again, cover = [*seen, *seen[::3]], [*coverage, *coverage[:1]]
    shuffler.shuffle(again)
    shuffler.shuffle(cover)
    second = stage.judge(again, cover, manual[::-1])
    assert verdict_document(first) == verdict_document(second)
    assert first == second


@fast
@given(STRETCHES, GLIMPSES, STRETCHES, BREAKS, MINUTES)
def test_one_more_sighting_never_lowers_presence_or_status(
    stage_with, stretches, glimpses, coverage, breaks, extra
):
    stage = stage_with(breaks=breaks)
    seen = sightings(stage, stretches, glimpses)
    before = stage.judge(seen, coverage)
    after = stage.judge([*seen, *stage.glimpses(extra)], coverage)
    assert after.present_minutes >= before.present_minutes
    assert after.credited_hours >= before.credited_hours
    assert total(difference(before.present, after.present)) == timedelta()
    if before.status in ORDER and after.status in ORDER:
        assert ORDER.index(after.status) >= ORDER.index(before.status)
    if before.status is Status.PRESENT:
        assert after.status is Status.PRESENT


@fast
@given(STRETCHES, GLIMPSES, STRETCHES, STRETCHES)
def test_watching_more_without_seeing_more_never_adds_presence(stage, stretches, glimpses, coverage, more):
    seen = sightings(stage, stretches, glimpses)
    before = stage.judge(seen, coverage)
    after = stage.judge(seen, [*coverage, *more])
    assert after.present_minutes <= before.present_minutes
    if before.status in (Status.ABSENT, Status.PARTIAL):
        assert after.status in (Status.ABSENT, Status.PARTIAL)


@fast
@given(STRETCHES, GLIMPSES, st.tuples(MINUTES, st.floats(0.1, 30)))
def test_an_outage_never_makes_the_present_absent(stage, stretches, glimpses, outage):
    begin, end = outage[0], outage[0] + outage[1]
    seen = sightings(stage, stretches, glimpses)
    whole = stage.judge(seen)
    dark = stage.span(begin, end)
    left = [one for one in seen if not dark.contains(one.at)]
    coverage = [piece for piece in ((-60, begin), (end, 90)) if piece[0] < piece[1]]
    robbed = stage.judge(left, coverage)
    if whole.status is Status.PRESENT:
        assert robbed.status is not Status.ABSENT


@fast
@given(STRETCHES, st.tuples(st.integers(0, 44), st.integers(1, 30)))
def test_an_outage_takes_no_presence_from_someone_seen_all_the_time(stage, outages, one_more):
    dark = [stage.span(*piece) for piece in [*outages, (one_more[0], sum(one_more))]]
    seen = [one for one in stage.seen((0, 45)) if not any(gap.contains(one.at) for gap in dark)]
    watched = difference([stage.span(-30, 60)], dark)
    coverage = [((w.starts_at - stage.at(0)) / MINUTE, (w.ends_at - stage.at(0)) / MINUTE) for w in watched]
    verdict = stage.judge(seen, coverage)
    assert verdict.status in (Status.PRESENT, Status.NOT_OBSERVABLE)
    assert verdict.marks == ()


@fast
@given(STRETCHES, GLIMPSES, STRETCHES, BREAKS)
def test_the_parts_of_a_verdict_agree(stage_with, stretches, glimpses, coverage, breaks):
    stage = stage_with(breaks=breaks)
    verdict = stage.judge(sightings(stage, stretches, glimpses), coverage)
    taught = stage.lesson.teaching
    assert difference(verdict.present, taught) == ()
    assert intersection(verdict.present, verdict.unobserved) == ()
    assert union(verdict.present) == verdict.present
    assert 0 <= verdict.credited_hours <= 1.0
    assert verdict.present_minutes <= total(taught) / MINUTE + 1e-9
    if verdict.status not in (Status.PRESENT, Status.PARTIAL):
        assert verdict.marks == ()
    explained = {reason.code for reason in verdict.reasons}
    assert {mark.value for mark in verdict.marks} <= explained
    assert explained & {
        "present_enough",
        "present_too_short",
        "seen_too_short",
        "never_seen",
        "unobserved_could_lift",
        "leave_and_unobserved",
    }


@fast
@given(STRETCHES, GLIMPSES, STRETCHES)
def test_absence_is_only_said_of_time_that_was_watched(stage, stretches, glimpses, coverage):
    verdict = stage.judge(sightings(stage, stretches, glimpses), coverage)
    if verdict.status is Status.ABSENT:
        assert verdict.present_minutes + total(verdict.unobserved) / MINUTE < verdict.required_minutes
        assert verdict.observable_minutes > 0
    watched = union(stage.span(*piece) for piece in coverage)
    for link in verdict.evidence:
        if link.shows == "not_seen":
            # a hole of one sampling period in the coverage is no outage
            assert any(
                one.starts_at - stage.sampling <= link.at <= one.ends_at + stage.sampling for one in watched
            )


@fast
@given(GLIMPSES, st.sampled_from([None, (0, 45), (10, 30)]), STRETCHES)
def test_leave_never_makes_things_worse(stage, glimpses, leave, coverage):
    seen = stage.glimpses(*glimpses)
    entry = stage.leave(*leave) if leave else stage.leave()
    without, given_leave = stage.judge(seen, coverage), stage.judge(seen, coverage, [entry])
    assert set(given_leave.marks) <= set(without.marks)
    assert given_leave.credited_hours == without.credited_hours or without.status is Status.ABSENT
    if given_leave.status is not without.status:
        assert given_leave.status in (Status.EXCUSED, Status.NOT_OBSERVABLE)
        assert without.status in (Status.ABSENT, Status.PARTIAL)


@fast
@given(STRETCHES, st.tuples(st.integers(0, 40), st.integers(1, 30)))
def test_an_instructors_word_never_lowers_presence(stage, stretches, vouched):
    seen = sightings(stage, stretches, [])
    entry = stage.confirmation(vouched[0], sum(vouched))
    assert stage.judge(seen, manual=[entry]).present_minutes >= stage.judge(seen).present_minutes


def test_a_thousand_sightings_from_several_cameras_are_one_presence(stage):
    front, back = stage.seen((0, 45)), stage.seen((0, 45), camera="back", score=3.0)
    mixed = [*front, *back]
    random.Random(5).shuffle(mixed)
    both = stage.judge(mixed)
    assert (both.status, both.present_minutes) == (Status.PRESENT, stage.judge(front).present_minutes)
    assert {link.camera_id for link in both.evidence if link.shows == "best"} == {"front"}


def test_entries_of_unequal_people_are_all_kept(stage):
    entries = [
        ManualEntry(ManualKind.LEAVE_APPROVED, None, actor, "病假") for actor in ("wang", "li", "wang")
    ]
    verdict = stage.judge([Presence(stage.at(1), "front", 2.0)], manual=entries)
    assert [dict(r.values)["actor"] for r in verdict.reasons if r.code == "leave_approved"] == ["li", "wang"]
