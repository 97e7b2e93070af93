"""Attendance of one lesson, rule by rule (domain.md). Minutes count from the start; the lesson has 45."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.attendance import Mark, Status

PRESENT, PARTIAL, ABSENT = Status.PRESENT, Status.PARTIAL, Status.ABSENT
UNSEEN, EXCUSED = Status.NOT_OBSERVABLE, Status.EXCUSED


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


def values(verdict, code):
    return next(dict(reason.values) for reason in verdict.reasons if reason.code == code)


def test_someone_who_stays_is_present_without_marks(stage):
    verdict = stage.judge(stage.seen((-5, 45)))
    assert (verdict.status, verdict.marks, verdict.credited_hours) == (PRESENT, (), 1.0)
    assert verdict.present_minutes == verdict.observable_minutes == 45
    assert codes(verdict) == ["present_enough", "hours_credited"]


def test_someone_never_seen_in_a_watched_lesson_is_absent(stage):
    verdict = stage.judge([])
    assert (verdict.status, verdict.present_minutes, verdict.credited_hours) == (ABSENT, 0, 0)
    assert verdict.first_seen is verdict.last_seen is None
    assert values(verdict, "never_seen") == {"watched_minutes": "45", "required_minutes": "36"}


def test_someone_seen_for_less_than_the_shortest_stretch_is_absent(stage):
    verdict = stage.judge(stage.seen((10, 14)))
    assert verdict.status is ABSENT
    assert verdict.marks == ()
    assert "seen_too_short" in codes(verdict)


def test_someone_seen_for_the_shortest_stretch_is_partial(stage):
    assert stage.judge(stage.seen((10, 15))).status is PARTIAL


def test_the_requirement_is_met_exactly_at_the_share(stage):
    # half a sampling period on either side: 35 min 58 s of sightings speak for 36 minutes
    begin = 4.5
    enough = stage.judge(stage.seen((begin, begin + 36 - 2 / 60)))
    assert (enough.status, enough.present_minutes, enough.required_minutes) == (PRESENT, 36, 36)
    short = stage.judge(stage.seen((begin, begin + 36 - 4 / 60)))
    assert short.status is PARTIAL


class TestLate:
    def test_arriving_within_the_grace_is_not_late(self, stage):
        assert stage.judge(stage.seen((5, 45))).marks == ()

    def test_arriving_after_the_grace_is_late(self, stage):
        verdict = stage.judge(stage.seen((5.1, 45)))
        assert verdict.marks == (Mark.LATE,)
        assert values(verdict, "late")["arrived_at"] == "2026-11-23T01:05:06Z"

    def test_lateness_is_not_proven_when_the_camera_came_late_too(self, stage):
        verdict = stage.under(required_share=0.5).judge(stage.seen((12, 45)), coverage=((12, 46),))
        assert (verdict.status, verdict.marks) == (PRESENT, ())
        assert "late_unproven" in codes(verdict)

    def test_lateness_is_proven_by_watched_time_before_an_outage(self, stage):
        verdict = stage.under(required_share=0.5).judge(stage.seen((12, 45)), coverage=((0, 6), (11.9, 46)))
        assert verdict.marks == (Mark.LATE,)

    def test_a_sighting_in_the_check_in_window_bridges_into_the_lesson(self, stage):
        verdict = stage.judge([*stage.glimpses(-1), *stage.seen((7, 45))])
        assert verdict.marks == ()
        assert verdict.present_minutes == 45
        assert verdict.first_seen == stage.at(-1)

    def test_an_early_visit_long_before_does_not_excuse_a_late_arrival(self, stage):
        verdict = stage.judge([*stage.glimpses(-20), *stage.seen((8, 45))])
        assert verdict.marks == (Mark.LATE,)
        assert values(verdict, "late")["arrived_at"] == "2026-11-23T01:08:00Z"

    def test_sightings_before_check_in_belong_to_another_lesson(self, stage):
        assert stage.judge(stage.seen((-40, -31))).first_seen is None

    def test_a_break_in_the_first_minutes_is_no_lateness(self, stage_with):
        stage = stage_with(breaks=((2, 8),))
        assert stage.judge(stage.seen((9, 45))).marks == ()


class TestLeftEarly:
    def test_leaving_within_the_grace_is_not_early(self, stage):
        assert stage.judge(stage.seen((0, 40))).marks == ()

    def test_leaving_before_the_grace_is_early(self, stage):
        verdict = stage.judge(stage.seen((0, 39.9)))
        assert verdict.marks == (Mark.LEFT_EARLY,)
        assert values(verdict, "left_early")["left_at"] == "2026-11-23T01:39:54Z"

    def test_leaving_is_not_proven_when_the_camera_went_first(self, stage):
        verdict = stage.under(required_share=0.5).judge(stage.seen((0, 30)), coverage=((-5, 30.1),))
        assert (verdict.status, verdict.marks) == (PRESENT, ())
        assert "left_early_unproven" in codes(verdict)

    def test_a_sighting_while_late_frames_drain_counts_as_staying(self, stage):
        verdict = stage.judge([*stage.seen((0, 37)), *stage.glimpses(45.2)])
        assert verdict.marks == ()
        assert verdict.last_seen == stage.at(45.2)

    def test_a_sighting_after_draining_belongs_to_the_next_lesson(self, stage):
        verdict = stage.judge([*stage.seen((0, 38)), *stage.glimpses(46)])
        assert verdict.marks == (Mark.LEFT_EARLY,)
        assert verdict.last_seen == stage.at(38)


class TestAbsentInTheMiddle:
    def test_a_gap_as_long_as_the_policy_allows_is_bridged(self, stage):
        verdict = stage.judge(stage.seen((0, 15), (25, 45)))
        assert (verdict.marks, verdict.present_minutes) == ((), 45)

    def test_a_gap_longer_than_policy_splits_presence(self, stage):
        verdict = stage.judge(stage.seen((0, 15), (25.1, 45)))
        assert verdict.marks == (Mark.ABSENT_IN_MIDDLE,)
        assert len(verdict.present) == 2
        assert values(verdict, "absent_in_middle")["watched_minutes"] == "10.1"

    def test_a_break_inside_a_hole_is_not_counted(self, stage_with):
        stage = stage_with(length=90, breaks=((40, 50),))
        verdict = stage.judge(stage.seen((0, 39), (51, 90)), coverage=((-5, 91),))
        assert (verdict.status, verdict.marks) == (PRESENT, ())
        assert verdict.present_minutes == 80

    def test_all_marks_together_come_in_the_order_of_the_lesson(self, stage_with):
        stage = stage_with(length=90)
        verdict = stage.judge(stage.seen((10, 20), (40, 50)), coverage=((-5, 91),))
        assert verdict.status is PARTIAL
        assert verdict.marks == (Mark.LATE, Mark.ABSENT_IN_MIDDLE, Mark.LEFT_EARLY)

    def test_two_holes_give_one_mark_and_two_reasons(self, stage_with):
        stage = stage_with(length=90)
        verdict = stage.judge(stage.seen((0, 30), (41, 60), (71, 90)), coverage=((-5, 91),))
        assert verdict.marks == (Mark.ABSENT_IN_MIDDLE,)
        assert codes(verdict).count("absent_in_middle") == 2


class TestOutages:
    def test_whoever_is_seen_soon_after_an_outage_was_there(self, stage):
        verdict = stage.judge(stage.seen((0, 15), (30, 45)), coverage=((-5, 15), (30, 46)))
        assert (verdict.status, verdict.marks, verdict.present_minutes) == (PRESENT, (), 45)
        assert float(values(verdict, "outage_bridged")["bridged_minutes"]) == pytest.approx(15)

    def test_the_gap_runs_on_after_coverage_returns(self, stage):
        stretches = ((-5, 15), (25, 46))
        seen_again = stage.judge(stage.seen((0, 15), (34, 45)), coverage=stretches)
        assert seen_again.status is PRESENT
        too_late = stage.under(required_share=0.7).judge(stage.seen((0, 15), (36, 45)), coverage=stretches)
        assert too_late.status is UNSEEN
        assert too_late.unobserved[0].duration > timedelta(minutes=9)

    def test_watched_minutes_on_both_sides_of_an_outage_add_up(self, stage):
        verdict = stage.under(required_share=0.5).judge(
            stage.seen((0, 10), (25, 45)), coverage=((-5, 16), (17, 46))
        )
        assert verdict.marks == (Mark.ABSENT_IN_MIDDLE,)
        assert float(values(verdict, "absent_in_middle")["watched_minutes"]) == pytest.approx(14)

    def test_nobody_is_absent_when_nothing_was_watched(self, stage):
        verdict = stage.judge([], coverage=())
        assert (verdict.status, verdict.observable_minutes, verdict.credited_hours) == (UNSEEN, 0, 0)
        assert verdict.unobserved == (stage.span(0, 45),)
        assert verdict.evidence == ()

    def test_an_outage_too_short_to_lift_leaves_the_absent_absent(self, stage):
        verdict = stage.judge([], coverage=((-5, 20), (21, 46)))
        assert verdict.status is ABSENT
        assert "partly_unobserved" in codes(verdict)

    def test_an_outage_that_could_lift_makes_not_observable(self, stage):
        just = stage.judge(stage.seen((0, 20)), coverage=((-5, 20), (36.1, 46)))
        assert just.status is UNSEEN
        not_quite = stage.judge(stage.seen((0, 20)), coverage=((-5, 20), (35.9, 46)))
        assert (not_quite.status, not_quite.marks) == (PARTIAL, (Mark.LEFT_EARLY,))

    def test_sampling_holes_in_the_coverage_are_no_outage(self, stage):
        frames = tuple((m / 30, m / 30 + 1 / 60) for m in range(-30, 1400))
        verdict = stage.judge([], coverage=frames)
        assert (verdict.status, verdict.unobserved, verdict.observable_minutes) == (ABSENT, (), 45)

    def test_a_sparse_stay_is_not_called_absence_because_an_outage_took_a_sighting(self, stage_with):
        stage = stage_with(length=20)
        whole = stage.judge(stage.glimpses(0.5, 10, 19.5))
        assert whole.status is PRESENT
        robbed = stage.judge(stage.glimpses(0.5, 19.5), coverage=((-5, 9.5), (10.5, 21)))
        assert robbed.status is UNSEEN

    def test_a_sighting_outside_the_declared_coverage_still_counts(self, stage):
        verdict = stage.judge(stage.seen((0, 45)), coverage=((-5, 20),))
        assert (verdict.status, verdict.unobserved) == (PRESENT, ())

    def test_half_a_sampling_period_at_the_end_is_not_unobserved_enough_to_matter(self, stage):
        verdict = stage.judge(stage.seen((0, 20)), coverage=((0, 44.98),))
        assert verdict.status is PARTIAL
        assert "partly_unobserved" not in codes(verdict)


class TestManualEntries:
    def test_approved_leave_excuses_an_absence_and_credits_nothing(self, stage):
        verdict = stage.judge([], manual=[stage.leave()])
        assert (verdict.status, verdict.marks, verdict.credited_hours) == (EXCUSED, (), 0)
        assert codes(verdict)[:2] == ["never_seen", "leave_covers"]
        assert values(verdict, "leave_approved")["actor"] == "zhang"

    def test_approved_leave_excuses_a_partial_attendance_and_credits_what_was_seen(self, stage):
        verdict = stage.judge(stage.seen((20, 45)), manual=[stage.leave()])
        assert (verdict.status, verdict.marks, verdict.credited_hours) == (EXCUSED, (), 0.5)

    def test_approved_leave_does_not_hide_presence(self, stage):
        assert stage.judge(stage.seen((0, 45)), manual=[stage.leave()]).status is PRESENT

    def test_leave_is_not_needed_where_nothing_could_be_seen(self, stage):
        assert stage.judge([], coverage=(), manual=[stage.leave()]).status is UNSEEN

    def test_leave_for_a_part_excuses_that_part_only(self, stage):
        seen = stage.seen((20, 45))
        assert stage.judge(seen, manual=[stage.leave(0, 20)]).status is EXCUSED
        short = stage.judge(seen, manual=[stage.leave(0, 5)])
        assert (short.status, short.marks) == (PARTIAL, (Mark.LATE,))
        assert values(short, "leave_too_short") == {"leave_minutes": "5"}

    def test_nobody_is_late_during_approved_leave(self, stage_with):
        stage = stage_with(length=90)
        seen = stage.seen((10, 90))
        everything = ((-5, 91),)
        assert stage.judge(seen, everything).marks == (Mark.LATE,)
        assert stage.judge(seen, everything, [stage.leave(0, 10)]).marks == ()

    def test_leave_is_not_credited_as_grace(self, stage_with):
        stage = stage_with(length=90)
        verdict = stage.judge(stage.seen((10, 90)), ((-5, 91),), [stage.leave(0, 10)])
        assert verdict.credited_hours == 1.5

    def test_an_instructors_word_stands_for_sightings(self, stage):
        verdict = stage.judge([], manual=[stage.confirmation()])
        assert (verdict.status, verdict.credited_hours) == (PRESENT, 1.0)
        assert verdict.first_seen is None
        assert values(verdict, "instructor_confirmed")["reason"] == "未同意人脸识别"

    def test_an_instructors_word_for_a_part_is_that_part(self, stage):
        verdict = stage.judge([], manual=[stage.confirmation(0, 20)])
        assert (verdict.status, verdict.marks, verdict.present_minutes) == (PARTIAL, (Mark.LEFT_EARLY,), 20)

    def test_an_instructors_word_bridges_to_sightings(self, stage):
        verdict = stage.judge(stage.seen((20, 45)), manual=[stage.confirmation(0, 12)])
        assert (verdict.status, verdict.present_minutes) == (PRESENT, 45)

    def test_a_word_for_another_time_changes_nothing(self, stage):
        assert stage.judge([], manual=[stage.confirmation(50, 60), stage.leave(50, 60)]).status is ABSENT


class TestHours:
    def test_grace_is_not_docked(self, stage):
        assert stage.judge(stage.seen((4, 41))).credited_hours == 1.0

    def test_a_late_arrival_is_docked(self, stage):
        assert stage.judge(stage.seen((6, 45))).credited_hours == 0.5

    def test_hours_never_pass_the_plan(self, stage_with):
        stage = stage_with(length=90, planned_hours=1.5)
        assert stage.judge(stage.seen((0, 90)), ((-5, 91),)).credited_hours == 1.5

    def test_an_online_class_hour_is_shorter(self, stage_with):
        stage = stage_with(length=30, online=True)
        assert stage.judge(stage.seen((0, 30))).credited_hours == 1.0

    def test_what_could_not_be_observed_is_not_credited(self, stage):
        verdict = stage.judge(stage.seen((0, 24)), coverage=((-5, 24),))
        assert (verdict.status, verdict.credited_hours) == (UNSEEN, 0.5)

    def test_the_absent_earn_nothing_even_in_tiny_steps(self, stage):
        verdict = stage.under(hour_step=0.05).judge(stage.seen((0, 4)))
        assert (verdict.status, verdict.credited_hours) == (ABSENT, 0)


def test_breaks_are_no_lesson_minutes(stage_with):
    stage = stage_with(length=100, breaks=((45, 55),))
    verdict = stage.judge(stage.seen((0, 100)), ((-5, 101),))
    assert (verdict.present_minutes, verdict.required_minutes, verdict.credited_hours) == (90, 72, 2.0)


def test_microseconds_are_kept(stage):
    odd = stage.at(0) + timedelta(microseconds=1)
    seen = [stage.glimpses(0)[0].__class__(odd, "front", 3.0), *stage.seen((10, 45))]
    assert stage.judge(seen).first_seen == odd


def test_a_lesson_of_a_few_minutes_can_be_judged(stage_with):
    stage = stage_with(length=4).under(
        presence_gap=timedelta(seconds=40),
        late_after=timedelta(seconds=30),
        early_before=timedelta(seconds=30),
        min_stretch=timedelta(seconds=20),
        class_hour=timedelta(minutes=4),
    )
    late = stage.judge(stage.seen((0.8, 4)), ((-1, 5),))
    assert (late.status, late.marks) == (PRESENT, (Mark.LATE,))
    early = stage.judge(stage.seen((-0.5, 2.5)), ((-1, 5),))
    assert (early.status, early.marks) == (PARTIAL, (Mark.LEFT_EARLY,))


def test_sampling_must_be_positive(stage_with):
    with pytest.raises(ValueError, match="positive"):
        stage_with(sampling=timedelta()).judge([])
