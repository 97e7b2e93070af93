"""Boundaries at which a rule once said more than its evidence, and spellings that were once twins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.attendance import Mark, Reason, Status
from models.checkpoint import check_key_name, parse_note, parse_utc, utc_text
from models.correction import Standing, correct_verdict, standing_of
from models.errors import EvidenceBroken, InvalidInput
from models.flag_facts import LessonFacts
from models.flag_rules import lesson_flags
from models.flags import FlagKind
from models.policy import AttendancePolicy, Policy
from models.reason_texts import render_reason
from models.register import Correction, Role
from models.retention import last_kept_day


def codes(verdict):
    return [reason.code for reason in verdict.reasons]


class TestLeaveBesideAnOutage:
    """Leave for one part and no camera for the rest: nothing that was watched was missed."""

    def test_nobody_is_absent_for_time_that_was_leave_or_dark(self, stage):
        verdict = stage.judge([], coverage=((-5, 23),), manual=[stage.leave(0, 23)])
        assert (verdict.status, verdict.marks) == (Status.NOT_OBSERVABLE, ())
        assert codes(verdict)[0] == "leave_and_unobserved"

    def test_its_reason_is_whole_in_both_languages(self, stage):
        verdict = stage.judge([], coverage=((-5, 23),), manual=[stage.leave(0, 23)])
        for language in ("zh_CN", "en"):
            sentence = render_reason(verdict.reasons[0], language)
            assert "{" not in sentence
            assert "=" not in sentence
            assert "23" in sentence
            assert "22" in sentence

    def test_leave_and_outage_that_are_too_short_together_leave_the_absence(self, stage):
        verdict = stage.judge([], coverage=((-5, 10), (12, 46)), manual=[stage.leave(0, 10)])
        assert verdict.status is Status.ABSENT
        assert "leave_too_short" in codes(verdict)

    def test_leave_over_the_outage_itself_counts_once(self, stage):
        verdict = stage.judge([], coverage=((-5, 20), (40, 46)), manual=[stage.leave(20, 40)])
        assert verdict.status is Status.ABSENT


class TestPoliciesAtZero:
    def test_without_a_shortest_stretch_partial_still_needs_a_sighting(self, stage):
        lenient = stage.under(min_stretch=timedelta())
        assert lenient.judge([]).status is Status.ABSENT
        assert "never_seen" in codes(lenient.judge([]))
        assert lenient.judge(stage.glimpses(20)).status is Status.PARTIAL

    def test_nobody_is_away_between_two_judged_frames(self, stage):
        strict = stage.under(presence_gap=timedelta())
        verdict = strict.judge(stage.seen((0, 45)))
        assert (verdict.status, verdict.marks, verdict.present_minutes) == (Status.PRESENT, (), 45)

    def test_a_missed_frame_is_a_hole_under_such_a_policy(self, stage):
        verdict = stage.under(presence_gap=timedelta()).judge(stage.seen((0, 20), (20 + 4 / 60, 45)))
        assert verdict.marks == (Mark.ABSENT_IN_MIDDLE,)


@pytest.mark.parametrize(("came", "flagged"), [(11, False), (10, True)])
def test_turnout_is_exact_at_a_share_that_binary_fractions_miss(stage, came, flagged):
    # 0.55 × 20 is 11, and 11.000000000000002 in floating point
    policy = replace(Policy(), flags=replace(Policy().flags, low_turnout_share=0.55))
    present, absent = stage.judge(stage.seen((0, 45))), stage.judge([])
    standings = tuple(
        standing_of(replace(present if number < came else absent, trainee=f"T{number:03}"))
        for number in range(20)
    )
    facts = LessonFacts(
        stage.lesson, policy, stage.sampling, coverage=(stage.span(0, 45),), standings=standings
    )
    kinds = {flag.kind for flag in lesson_flags(facts)}
    assert (FlagKind.LOW_TURNOUT in kinds) is flagged


def corrected(stage, planned: float, hours: float) -> Standing:
    lesson = replace(stage.lesson, planned_hours=planned)
    correction = Correction(
        "L1", "T001", "machine_missed", "", "li", stage.at(60), credited_hours=hours, approved_by="chief"
    )
    roles = {"li": Role.OPERATOR, "chief": Role.CHIEF}
    return correct_verdict(standing_of(stage.judge([])), correction, lesson, AttendancePolicy(), roles)


def test_a_plan_that_is_no_whole_step_can_be_given_back_whole(stage):
    with pytest.raises(InvalidInput, match="whole steps"):
        corrected(stage, 0.75, 0.7)
    late = replace(stage, length=45)
    standing = standing_of(replace(late.judge(stage.seen((20, 45))), credited_hours=0.5))
    lesson = replace(stage.lesson, planned_hours=0.75)
    change = Correction(
        "L1", "T001", "appeal_upheld", "", "li", stage.at(60), credited_hours=0.75, approved_by="chief"
    )
    roles = {"li": Role.OPERATOR, "chief": Role.CHIEF}
    assert correct_verdict(standing, change, lesson, AttendancePolicy(), roles).credited_hours == 0.75


@pytest.mark.parametrize(
    ("minutes", "shown"), [("35.9833", "35.98"), ("36", "36"), ("10.1", "10.1"), ("100", "100"), ("0", "0")]
)
def test_one_second_short_of_a_limit_does_not_read_as_the_limit(minutes, shown):
    reason = Reason("present_too_short", (("present_minutes", minutes), ("required_minutes", "36")))
    assert f"present for {shown} min, less than the required 36 min" == render_reason(reason, "en")


def test_a_share_just_under_the_limit_does_not_read_as_the_limit():
    values = (("came", "199"), ("expected", "250"), ("turnout_share", "0.796"), ("least_share", "0.8"))
    assert "(79.6 %; at least 80 %" in render_reason(Reason("low_turnout", values), "en")


class TestCheckpointSpelling:
    @pytest.mark.parametrize(
        "text",
        [
            "2026-1-3T1:2:3.5Z",
            "2026-11-23T09:46:00.0Z",
            "2026-11-23T09:46:00Z",
            "2026-11-23t09:46:00.000000z",
            "2026-11-23T09:46:00.000000+00:00",
            "２026-11-23T09:46:00.000000Z",
            "",
        ],
    )
    def test_an_instant_has_one_spelling(self, text):
        with pytest.raises(EvidenceBroken, match="is not a time of the evidence log"):
            parse_utc(text)

    def test_what_is_written_is_read(self):
        at = datetime(2026, 11, 23, 9, 46, 0, 1, tzinfo=UTC)
        assert utc_text(at) == "2026-11-23T09:46:00.000001Z"
        assert parse_utc(utc_text(at)) == at

    @pytest.mark.parametrize("char", ["\r", "\t", "\x00", "\x7f"])
    def test_a_note_holds_no_control_character(self, char):
        with pytest.raises(EvidenceBroken, match="control characters"):
            parse_note(f"origin\n1\nx{char}\n\n— name AAAA\n".encode())

    @pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x7fb"])
    def test_a_name_that_no_signature_line_can_carry(self, name):
        with pytest.raises(InvalidInput, match="cannot name a log or a key"):
            check_key_name(name)


def test_a_retention_beyond_the_calendar_is_refused():
    with pytest.raises(InvalidInput, match="a retention until the year"):
        last_kept_day(datetime(9996, 1, 1, tzinfo=UTC), 5)


class TestExamplesOfTheGuide:
    """docs/guides/attendance-rules.md: the camera fails from minute 10 to 30."""

    WATCHED = ((-5, 10), (30, 46))

    def test_wang_comes_back_with_the_camera(self, stage):
        verdict = stage.judge(stage.seen((0, 9), (31, 45)), self.WATCHED)
        assert (verdict.status, verdict.marks, verdict.present_minutes) == (Status.PRESENT, (), 45)
        assert "outage_bridged" in codes(verdict)

    def test_li_never_comes_back(self, stage):
        verdict = stage.judge(stage.seen((0, 9)), self.WATCHED)
        assert (verdict.status, verdict.marks) == (Status.PARTIAL, (Mark.LEFT_EARLY,))

    def test_zhao_comes_back_too_late_to_be_bridged(self, stage):
        verdict = stage.judge(stage.seen((0, 10), (42, 45)), self.WATCHED)
        assert (verdict.status, verdict.marks) == (Status.PARTIAL, (Mark.ABSENT_IN_MIDDLE,))
