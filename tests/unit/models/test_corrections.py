"""Corrections: what a person may change of a verdict, strike of its marks, and cite for it (rule 6)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attendance import Mark, Reason, Status, Verdict
from models.correction import (
    LONGEST_NOTE,
    MAY_APPROVE,
    MAY_CORRECT,
    CorrectionReason,
    Standing,
    correct_verdict,
    split_corrections,
    standing_of,
)
from models.errors import Conflict, InvalidInput, NotAllowed, RollcallError
from models.flag_facts import LessonFacts
from models.flag_rules import LESSON_KINDS, STANDING_KINDS, standing_flags
from models.flags import FlagKind
from models.policy import AttendancePolicy
from models.register import AttendanceRecord, CitedEvidence, Correction, Role

ROLES = {"li": Role.OPERATOR, "chen": Role.SUPERVISOR, "chief": Role.CHIEF, "guest": Role.INSPECTOR}
ALL_MARKS = tuple(Mark)


@pytest.fixture(scope="module")
def verdict(stage) -> Verdict:
    """Late by seven minutes, there to the end."""
    judged = stage.judge(stage.seen((7, 45)))
    assert judged.marks == (Mark.LATE,)
    return replace(judged, credited_hours=0.5)


def change(stage, **changes: object) -> Correction:
    values = {"lesson_id": "L1", "trainee": "T001", "reason_code": "machine_missed", "reason": ""}
    return Correction(**{**values, "actor": "li", "at": stage.at(90), **changes})


def corrected(stage, verdict: Verdict, *changes: Correction) -> Standing:
    standing = standing_of(verdict)
    for one in changes:
        standing = correct_verdict(standing, one, stage.lesson, AttendancePolicy(), ROLES)
    return standing


class TestStrikingAMark:
    def test_one_mark_goes_and_all_else_stays(self, stage, verdict):
        marked = replace(verdict, marks=(Mark.LATE, Mark.LEFT_EARLY))
        after = corrected(stage, marked, change(stage, struck=("late",)))
        assert after.marks == (Mark.LEFT_EARLY,)
        assert (after.status, after.credited_hours) == (marked.status, marked.credited_hours)
        assert after.verdict == marked, "the machine's verdict stays beside it"

    def test_it_needs_no_second_person(self, stage, verdict):
        assert corrected(stage, verdict, change(stage, struck=("late",), approved_by=None)).marks == ()

    def test_it_raises_no_hours_by_itself(self, stage, verdict):
        assert corrected(stage, verdict, change(stage, struck=("late",))).credited_hours == 0.5

    def test_raising_the_hours_with_it_still_does(self, stage, verdict):
        both = change(stage, struck=("late",), credited_hours=1.0)
        with pytest.raises(NotAllowed, match="second person"):
            corrected(stage, verdict, both)
        approved = corrected(stage, verdict, replace(both, approved_by="chen"))
        assert (approved.marks, approved.credited_hours) == ((), 1.0)

    def test_it_may_come_with_another_status(self, stage, verdict):
        after = corrected(stage, verdict, change(stage, struck=("late",), status="PARTIAL"))
        assert (after.status, after.marks) == (Status.PARTIAL, ())

    def test_a_mark_that_the_verdict_does_not_have_cannot_be_struck(self, stage, verdict):
        with pytest.raises(InvalidInput, match="no mark left_early") as refused:
            corrected(stage, verdict, change(stage, struck=("late", "left_early")))
        assert refused.value.place == "struck"

    @pytest.mark.parametrize("mark", ["LATE", "", "asleep", "late "])
    def test_an_unknown_mark_is_told_with_the_known_ones(self, stage, verdict, mark):
        with pytest.raises(InvalidInput, match="unknown mark") as refused:
            corrected(stage, verdict, change(stage, struck=(mark,)))
        assert all(known in refused.value.hint for known in Mark)

    def test_what_was_struck_before_changes_nothing_more(self, stage, verdict):
        strike = change(stage, struck=("late",))
        with pytest.raises(Conflict, match="changes nothing"):
            corrected(stage, verdict, strike, strike)

    def test_a_colleagues_strike_meanwhile_does_not_stop_an_approval(self, stage, verdict):
        """Raised hours may wait for days: the mark they strike may be gone by then."""
        both = change(stage, struck=("late",), credited_hours=1.0, approved_by="chen")
        assert corrected(stage, verdict, change(stage, struck=("late",)), both).credited_hours == 1.0

    def test_a_status_without_marks_leaves_nothing_to_strike(self, stage, verdict):
        absent = change(stage, status="ABSENT", reason_code="fraud_found")
        with pytest.raises(Conflict, match="changes nothing"):
            corrected(stage, verdict, absent, change(stage, struck=("late",)))

    def test_its_flag_is_raised_no_more(self, stage, verdict):
        def kinds(*changes: Correction) -> set[FlagKind]:
            standings = (corrected(stage, verdict, *changes),)
            facts = LessonFacts(stage.lesson, stage.policy, timedelta(), standings=standings)
            return {flag.kind for flag in standing_flags(facts)}

        assert kinds() == {FlagKind.LATE}
        assert kinds(change(stage, struck=("late",))) == set()
        absent = change(stage, status="ABSENT", reason_code="fraud_found")
        assert kinds(absent) == {FlagKind.ABSENCE, FlagKind.LOW_TURNOUT}


@given(st.permutations(ALL_MARKS), st.sets(st.sampled_from(ALL_MARKS)), st.sets(st.sampled_from(ALL_MARKS)))
def test_the_marks_left_are_those_of_the_verdict_less_all_struck(stage, order, first, second):
    base = stage.judge(stage.seen((7, 45)))
    verdict = replace(base, marks=tuple(order))
    changes = [change(stage, struck=tuple(struck)) for struck in (first, second)]
    standing = standing_of(verdict, changes)
    assert standing.marks == tuple(mark for mark in order if mark not in first | second)
    assert standing.corrections == tuple(changes)


class TestEvidence:
    def test_an_instant_of_footage_a_paper_or_both_may_be_cited(self, stage, verdict):
        for cited in (
            CitedEvidence(stage.at(1), "front"),
            CitedEvidence(note="签到表第 3 页，存 2 号柜"),
            CitedEvidence(stage.at(45), "front", "签到表"),
        ):
            after = corrected(stage, verdict, change(stage, struck=("late",), evidence=cited))
            assert after.corrections[-1].evidence == cited

    def test_none_is_needed(self, stage, verdict):
        assert corrected(stage, verdict, change(stage, struck=("late",))).corrections[-1].evidence is None

    @pytest.mark.parametrize(
        ("minutes", "within"), [(-30.01, False), (-30, True), (45.5, True), (45.51, False)]
    )
    def test_footage_is_cited_from_check_in_to_the_end_of_draining(self, stage, verdict, minutes, within):
        policy = AttendancePolicy()
        assert (policy.check_in_before, policy.drain) == (timedelta(minutes=30), timedelta(seconds=30))
        one = change(stage, struck=("late",), evidence=CitedEvidence(stage.at(minutes), "front"))
        if within:
            assert corrected(stage, verdict, one).marks == ()
        else:
            with pytest.raises(InvalidInput, match="outside the lesson"):
                corrected(stage, verdict, one)

    @pytest.mark.parametrize(
        ("cited", "message"),
        [
            (lambda stage: CitedEvidence(), "evidence is empty"),
            (lambda stage: CitedEvidence(note=" \n"), "evidence is empty"),
            (lambda stage: CitedEvidence(stage.at(5)), "needs its camera"),
            (lambda stage: CitedEvidence(camera_id="front"), "needs its camera"),
            (lambda stage: CitedEvidence(camera_id="front", note="签到表"), "needs its camera"),
            (lambda stage: CitedEvidence(stage.at(5), "corridor"), "did not record this lesson"),
            (lambda stage: CitedEvidence(stage.at(5).replace(tzinfo=None), "front"), "outside the lesson"),
            (lambda stage: CitedEvidence(note="x" * (LONGEST_NOTE + 1)), f"longer than {LONGEST_NOTE}"),
        ],
    )
    def test_evidence_that_nobody_could_find_again_is_refused(self, stage, verdict, cited, message):
        with pytest.raises(InvalidInput, match=message) as refused:
            corrected(stage, verdict, change(stage, struck=("late",), evidence=cited(stage)))
        assert refused.value.place == "evidence"
        assert refused.value.hint


class TestReasonsAndHours:
    @pytest.mark.parametrize("reason", [one for one in CorrectionReason if one is not CorrectionReason.OTHER])
    def test_every_reason_but_other_stands_without_a_sentence(self, stage, verdict, reason):
        assert corrected(stage, verdict, change(stage, reason_code=reason, status="PARTIAL"))

    def test_other_needs_a_sentence(self, stage, verdict):
        with pytest.raises(InvalidInput, match="needs a sentence"):
            corrected(stage, verdict, change(stage, reason_code="other", reason=" ", status="PARTIAL"))
        told = change(stage, reason_code="other", reason="换了座位", status="PARTIAL")
        assert corrected(stage, verdict, told).status is Status.PARTIAL

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"reason_code": "because"}, "unknown reason 'because'"),
            ({"status": "present"}, "unknown status 'present'"),
            ({"credited_hours": float("nan")}, "out of bounds"),
            ({"credited_hours": float("inf")}, "out of bounds"),
            ({"credited_hours": -0.5}, "out of bounds"),
            ({"credited_hours": 1.5}, "out of bounds"),
            ({"credited_hours": 0.25}, "whole steps"),
            ({"status": "ABSENT", "credited_hours": 0.5}, "absent trainee earns no hours"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_name(self, stage, verdict, changes, message):
        with pytest.raises(InvalidInput, match=message):
            corrected(stage, verdict, change(stage, **changes))

    def test_absence_takes_the_hours_with_it(self, stage, verdict):
        after = corrected(stage, verdict, change(stage, status="ABSENT", reason_code="fraud_found"))
        assert (after.credited_hours, after.marks) == (0.0, ())

    @pytest.mark.parametrize("status", ["EXCUSED", "NOT_OBSERVABLE"])
    def test_a_status_without_marks_drops_them(self, stage, verdict, status):
        assert corrected(stage, verdict, change(stage, status=status)).marks == ()

    @pytest.mark.parametrize(
        "elsewhere", [{"lesson_id": "L2"}, {"trainee": "T002"}, {"lesson_id": "L2", "trainee": "T002"}]
    )
    def test_a_correction_of_another_verdict_is_refused(self, stage, verdict, elsewhere):
        with pytest.raises(Conflict, match="another verdict"):
            corrected(stage, verdict, change(stage, status="PARTIAL", **elsewhere))


class TestWhoMayDoIt:
    @pytest.mark.parametrize("role", Role)
    def test_only_these_roles_correct(self, stage, verdict, role):
        one = change(stage, status="PARTIAL")
        if role in MAY_CORRECT:
            assert correct_verdict(standing_of(verdict), one, stage.lesson, AttendancePolicy(), {"li": role})
        else:
            with pytest.raises(NotAllowed, match="may not correct"):
                correct_verdict(standing_of(verdict), one, stage.lesson, AttendancePolicy(), {"li": role})

    @pytest.mark.parametrize("role", Role)
    def test_only_these_roles_approve(self, stage, verdict, role):
        one = change(stage, credited_hours=1.0, approved_by="second")
        roles = {"li": Role.OPERATOR, "second": role}
        if role in MAY_APPROVE:
            after = correct_verdict(standing_of(verdict), one, stage.lesson, AttendancePolicy(), roles)
            assert after.credited_hours == 1.0
        else:
            with pytest.raises(NotAllowed, match="may not approve"):
                correct_verdict(standing_of(verdict), one, stage.lesson, AttendancePolicy(), roles)

    def test_a_chief_cannot_be_the_second_person_of_a_chief(self, stage, verdict):
        one = change(stage, credited_hours=1.0, actor="chief", approved_by="chief")
        with pytest.raises(NotAllowed, match="second person"):
            corrected(stage, verdict, one)

    def test_somebody_unknown_may_do_nothing(self, stage, verdict):
        with pytest.raises(NotAllowed):
            corrected(stage, verdict, change(stage, actor="nobody", status="PARTIAL"))


class TestWhatWaits:
    def record(self, verdict: Verdict, *changes: Correction) -> AttendanceRecord:
        return AttendanceRecord(verdict, changes)

    def test_raised_hours_wait_and_the_rest_counts(self, stage, verdict):
        raised = change(stage, credited_hours=1.0)
        strike = change(stage, struck=("late",))
        assert split_corrections(self.record(verdict, raised, strike)) == ((strike,), (raised,))

    def test_approved_they_count(self, stage, verdict):
        raised = change(stage, credited_hours=1.0, approved_by="chen")
        assert split_corrections(self.record(verdict, raised)) == ((raised,), ())

    def test_hours_that_were_lowered_first_are_raised_by_going_back(self, stage, verdict):
        lowered, back = change(stage, credited_hours=0.0), change(stage, credited_hours=0.5)
        assert split_corrections(self.record(verdict, lowered, back)) == ((lowered,), (back,))

    @given(st.lists(st.sampled_from([None, 0.0, 0.5, 1.0]), max_size=6), st.integers(0, 63))
    def test_hours_never_rise_above_the_machines_without_a_second_person(self, stage, hours, approvals):
        verdict = replace(stage.judge(stage.seen((7, 45))), credited_hours=0.5)
        changes = [
            change(
                stage,
                at=stage.at(n),
                credited_hours=given,
                approved_by="chen" if approvals >> n & 1 else None,
            )
            for n, given in enumerate(hours)
        ]
        accepted, pending = split_corrections(AttendanceRecord(verdict, tuple(changes)))
        assert sorted((*accepted, *pending), key=changes.index) == changes
        assert all(one.approved_by is None for one in pending)
        at = verdict.credited_hours
        for one in accepted:
            after = at if one.credited_hours is None else one.credited_hours
            assert after <= at or one.approved_by
            at = after
        assert standing_of(verdict, accepted).credited_hours == at


def test_flags_of_standings_are_some_of_a_lessons_flags():
    assert STANDING_KINDS < LESSON_KINDS


def test_a_corrected_absence_names_who_said_so(stage, verdict):
    absent = corrected(stage, verdict, change(stage, status="ABSENT", reason_code="fraud_found"))
    facts = LessonFacts(stage.lesson, stage.policy, timedelta(), standings=(absent,))
    flag = next(one for one in standing_flags(facts) if one.kind is FlagKind.ABSENCE)
    assert flag.reasons == (Reason("corrected", (("actor", "li"), ("reason_code", "fraud_found"))),)


@given(st.data())
def test_a_correction_that_stands_keeps_to_what_a_verdict_may_be(stage, data):
    verdict = stage.judge(stage.seen((7, 45)))
    one = change(
        stage,
        reason_code=data.draw(st.sampled_from([*CorrectionReason, "x"])),
        reason=data.draw(st.sampled_from(["", "因故"])),
        status=data.draw(st.sampled_from([None, *Status, "x"])),
        credited_hours=data.draw(st.sampled_from([None, 0.0, 0.3, 0.5, 1.0, 9.0])),
        struck=tuple(data.draw(st.lists(st.sampled_from([*Mark, "x"]), max_size=3))),
        approved_by=data.draw(st.sampled_from([None, "li", "chen", "guest"])),
        evidence=data.draw(st.sampled_from([None, CitedEvidence(), CitedEvidence(note="纸")])),
    )
    with suppress(RollcallError):
        after = corrected(stage, verdict, one)
        assert set(after.marks) <= set(verdict.marks)
        assert after.status in (Status.PRESENT, Status.PARTIAL) or not after.marks
        assert after.credited_hours <= max(verdict.credited_hours, 1.0)
