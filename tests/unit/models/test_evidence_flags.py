"""The evidence flag of a lesson's camera: what it says, whose reasons it keeps, when it is withdrawn."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attendance import EvidenceLink, Reason
from models.attendance_evidence import Shows
from models.evidence_care import FootageProblem, RehashFinding, RehashPass
from models.evidence_flags import footage_flag
from models.evidence_leaves_care import all_rehashed, file_rehashed, log_stored, timestamped
from models.flags import Flag, FlagKind, FlagState
from models.footage import StoredObject
from models.reason_texts import render_reason

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
STARTS = {number: AT + timedelta(minutes=number) for number in range(1, 100)}


def wrong(sequence: int, problem: FootageProblem = FootageProblem.ALTERED) -> RehashFinding:
    key = f"footage/L1/cam1/{sequence}"
    return RehashFinding(f"u{sequence}", "L1", "cam1", sequence, key, problem, AT, AT)


def flag_of(*findings: RehashFinding, standing: Flag | None = None) -> Flag | None:
    return footage_flag("L1", "cam1", "p-1", findings, STARTS, standing)


def test_nothing_wrong_and_no_flag_is_no_flag() -> None:
    assert flag_of() is None


def test_a_flag_names_lesson_camera_policy_and_where_to_look() -> None:
    flag = flag_of(wrong(7))
    assert flag == Flag(
        FlagKind.EVIDENCE,
        "L1",
        "cam1",
        "p-1",
        (Reason("footage_altered", (("camera", "cam1"), ("count", "1"), ("segments", "7"))),),
        (EvidenceLink(Shows.BEGINS.value, STARTS[7], "cam1", 0.0),),
    )


@given(st.permutations([wrong(3), wrong(1), wrong(2, FootageProblem.MISSING), wrong(9)]))
def test_the_order_of_findings_changes_nothing(findings: list[RehashFinding]) -> None:
    flag = flag_of(*findings)
    assert flag is not None
    assert [(one.code, dict(one.values)["segments"]) for one in flag.reasons] == [
        ("footage_altered", "1, 3, 9"),
        ("footage_missing", "2"),
    ]


def test_a_whole_camera_gone_is_told_in_one_line() -> None:
    flag = flag_of(*(wrong(number, FootageProblem.MISSING) for number in range(1, 90)))
    assert flag is not None
    values = dict(flag.reasons[0].values)
    assert values["count"] == "89"
    assert values["segments"].endswith("12 …")
    assert len(flag.evidence) == 12


def test_a_segment_whose_time_nobody_knows_has_no_link() -> None:
    flag = flag_of(wrong(500))
    assert flag is not None
    assert (len(flag.reasons), flag.evidence) == (1, ())


def test_what_others_said_of_the_camera_stays() -> None:
    other = Reason("lock_not_set_again", (("object", "x"),))
    standing = Flag(FlagKind.EVIDENCE, "L1", "cam1", "p-1", (other,), ())
    both = flag_of(wrong(1), standing=standing)
    assert both is not None
    assert [one.code for one in both.reasons] == ["lock_not_set_again", "footage_altered"]
    left = flag_of(standing=both)
    assert left is not None
    assert (left.reasons, left.state) == ((other,), FlagState.OPEN)


def test_the_last_reason_gone_withdraws_and_a_new_one_opens_again() -> None:
    raised = flag_of(wrong(1))
    withdrawn = flag_of(standing=raised)
    assert withdrawn is not None
    assert raised is not None
    assert withdrawn == replace(raised, state=FlagState.WITHDRAWN)
    again = flag_of(wrong(2), standing=withdrawn)
    assert again is not None
    assert again.state is FlagState.OPEN
    assert dict(again.reasons[0].values)["segments"] == "2"


@pytest.mark.parametrize(
    ("problem", "language"), list(itertools.product(FootageProblem, ["zh_CN", "en"])), ids=str
)
def test_every_problem_has_a_sentence_with_its_values(problem: FootageProblem, language: str) -> None:
    flag = flag_of(wrong(41, problem))
    assert flag is not None
    sentence = render_reason(flag.reasons[0], language)
    assert "cam1" in sentence
    assert "41" in sentence
    assert "{" not in sentence


def test_a_walk_knows_how_far_it_is() -> None:
    walk = RehashPass(1, AT, total_objects=4, total_bytes=400)
    assert walk.share == 0.0
    assert replace(walk, size_bytes=100).share == 0.25
    assert replace(walk, size_bytes=900).share == 1.0, "footage that came since does not lead beyond the end"
    assert RehashPass(1, AT, 0, 0).share == 0.0
    assert replace(walk, finished_at=AT).share == 1.0


def test_leaves_of_the_logs_keeping_hold_what_was_read_back() -> None:
    stored = StoredObject("log/keys/k.json", "v1", 9, "a" * 64, "e", "COMPLIANCE", AT, False, AT)
    (told,) = log_stored([stored], AT).body["objects"]  # type: ignore[misc, union-attr]
    assert isinstance(told, dict)
    assert (told["key"], told["lock_mode"], told["retain_until"]) == (
        "log/keys/k.json",
        "COMPLIANCE",
        "2026-11-23T01:00:00.000000Z",
    )
    leaf = timestamped("L1", 12, "a" * 64, "b" * 64, (AT, "CN=Stamp"), AT)
    assert (leaf.lesson_id, leaf.body["size"], leaf.body["authority"]) == ("L1", 12, "CN=Stamp")


def test_leaves_of_a_finding_say_what_is_wrong_and_when_it_is_right_again() -> None:
    found = file_rehashed(wrong(3), "c" * 64, AT)
    assert (found.lesson_id, found.body["problem"], found.body["found_sha256"]) == (
        "L1",
        "footage_altered",
        "c" * 64,
    )
    mended = file_rehashed(replace(wrong(3), mended_at=AT), "d" * 64, AT)
    assert mended.body["problem"] is None
    walk = RehashPass(5, AT, 4, 400, "z", 4, 400, 2, AT)
    summary = all_rehashed(walk, 1, AT)
    assert summary.lesson_id is None
    assert (summary.body["pass"], summary.body["findings"], summary.body["still_wrong"]) == (5, 2, 1)
