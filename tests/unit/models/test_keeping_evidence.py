"""What keeps footage, what lets it go, what a damaged file raises, and the leaves that tell each act."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attendance import Reason
from models.canonical_json import canonical_json
from models.errors import InvalidInput
from models.evidence import Leaf, LeafKind
from models.evidence_care import FootageProblem, RehashFinding, RehashPass
from models.evidence_flags import footage_flag
from models.evidence_leaves_care import all_rehashed, file_rehashed, log_stored, timestamped
from models.evidence_leaves_retention import (
    hold_confirmed,
    hold_placed,
    hold_released,
    object_removed,
    removal_begun,
)
from models.evidence_leaves_store import store_tried
from models.flags import Flag, FlagKind, FlagState
from models.footage import StoredObject
from models.holds import (
    KEEPING_FLAGS,
    LONGEST_CASE,
    LONGEST_REASON,
    Expiry,
    Hold,
    RemovalBar,
    checked_case,
    checked_reason,
    removal_bars,
)
from models.register import Upload, UploadKind, UploadState
from models.store_trial import StoreTrial, TrialCheck, TrialOutcome, TrialResult, TrialWay, gravest
from models.timetable import LessonState

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ISO = "2026-11-23T01:00:00.000000Z"
HOLD = Hold("h1", "L1", "c-17", "complaint", "auditor", AT)
RELEASED = replace(HOLD, released_by="chief", released_at=AT, release_reason="settled")
OVER = Expiry("L1", LessonState.SEALED, AT, 3, 3000)
NOW = AT + timedelta(days=6 * 366)
STARTS = {number: AT + timedelta(minutes=number) for number in range(1, 30)}


def finding(sequence: int, problem: FootageProblem = FootageProblem.ALTERED) -> RehashFinding:
    return RehashFinding(f"u{sequence}", "L1", "front", sequence, f"footage/{sequence}", problem, AT, AT)


def flag(kind: FlagKind, state: FlagState = FlagState.OPEN) -> Flag:
    return Flag(kind, "L1", "front", "default-1", (), (), state)


def raised(*found: RehashFinding, standing: Flag | None = None) -> Flag | None:
    return footage_flag("L1", "front", "default-1", found, STARTS, standing)


def test_whole_footage_raises_nothing() -> None:
    assert raised() is None


def test_a_damaged_segment_raises_an_evidence_flag_of_its_camera_with_its_footage() -> None:
    told = raised(finding(4))
    assert told is not None
    assert (told.kind, told.subject, told.state) == (FlagKind.EVIDENCE, "front", FlagState.OPEN)
    (reason,) = told.reasons
    assert reason.code == "footage_altered"
    assert dict(reason.values) == {"camera": "front", "count": "1", "segments": "4"}
    assert [(link.at, link.camera_id) for link in told.evidence] == [(STARTS[4], "front")]


@pytest.mark.parametrize("problem", list(FootageProblem))
def test_every_problem_is_a_reason_of_its_own(problem: FootageProblem) -> None:
    told = raised(finding(1, problem))
    assert told is not None
    assert [reason.code for reason in told.reasons] == [problem.value]


def test_problems_of_one_kind_share_a_reason_that_counts_them() -> None:
    told = raised(finding(9), finding(2), finding(5, FootageProblem.MISSING))
    assert told is not None
    assert [(r.code, dict(r.values)["segments"]) for r in told.reasons] == [
        ("footage_altered", "2, 9"),
        ("footage_missing", "5"),
    ]


def test_the_order_of_the_findings_changes_nothing() -> None:
    some = [finding(3), finding(1), finding(2, FootageProblem.LOCK_SHORT)]
    assert raised(*some) == raised(*reversed(some))


def test_a_camera_s_whole_loss_does_not_fill_a_page() -> None:
    told = raised(*(finding(number) for number in range(1, 28)))
    assert told is not None
    values = dict(told.reasons[0].values)
    assert values["count"] == "27"
    assert values["segments"] == ", ".join(str(number) for number in range(1, 13)) + " …"
    assert len(told.evidence) == 12


def test_a_segment_nobody_knows_the_time_of_has_no_link() -> None:
    told = raised(finding(99))
    assert told is not None
    assert told.evidence == ()


def test_what_others_found_stays_on_the_flag() -> None:
    chain = Reason("chain_broken", ())
    standing = replace(flag(FlagKind.EVIDENCE), reasons=(chain, Reason("footage_missing", ())))
    told = raised(finding(1), standing=standing)
    assert told is not None
    assert [reason.code for reason in told.reasons] == ["chain_broken", "footage_altered"]


def test_mended_footage_withdraws_the_flag_and_deletes_nothing() -> None:
    standing = raised(finding(1))
    told = raised(standing=standing)
    assert told is not None
    assert told.state is FlagState.WITHDRAWN
    assert standing is not None
    assert told.reasons == standing.reasons


def test_mended_footage_does_not_withdraw_what_others_found() -> None:
    standing = replace(flag(FlagKind.EVIDENCE), reasons=(Reason("chain_broken", ()),))
    told = raised(standing=standing)
    assert told is not None
    assert told.state is FlagState.OPEN


def test_footage_whose_time_is_over_and_that_nothing_keeps_may_go() -> None:
    assert removal_bars(OVER, (), (), NOW) == ()


BARS: list[tuple[Expiry, tuple[Hold, ...], tuple[Flag, ...], tuple[RemovalBar, ...]]] = [
    (OVER, (HOLD,), (), (RemovalBar.HELD,)),
    (OVER, (RELEASED,), (), ()),
    (OVER, (RELEASED, HOLD), (), (RemovalBar.HELD,)),
    (OVER, (), (flag(FlagKind.STRANGER),), (RemovalBar.FLAGGED,)),
    (OVER, (), (flag(FlagKind.STRANGER, FlagState.WITHDRAWN),), ()),
    (OVER, (), (flag(FlagKind.LATE), flag(FlagKind.ABSENCE)), ()),
    (replace(OVER, state=LessonState.JUDGED), (), (), (RemovalBar.NOT_SEALED,)),
    (replace(OVER, waiting=1), (), (), (RemovalBar.NOT_STORED,)),
    (
        replace(OVER, waiting=1, state=LessonState.CLOSING),
        (HOLD,),
        (flag(FlagKind.EVIDENCE),),
        tuple(RemovalBar)[1:],
    ),
]


@pytest.mark.parametrize(("expiry", "holds", "flags", "bars"), BARS)
def test_each_bar_keeps_footage_beyond_its_time(expiry, holds, flags, bars) -> None:
    assert removal_bars(expiry, holds, flags, NOW) == bars


@pytest.mark.parametrize(
    ("day", "bars"),
    [("2031-11-22", (RemovalBar.TOO_YOUNG,)), ("2031-11-25", ()), ("2027-01-01", (RemovalBar.TOO_YOUNG,))],
)
def test_five_years_are_kept_whatever_a_policy_once_said(day: str, bars: tuple[RemovalBar, ...]) -> None:
    now = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    assert removal_bars(OVER, (), (), now) == bars


@pytest.mark.parametrize("kind", list(FlagKind))
def test_only_flags_that_footage_alone_can_settle_keep_it(kind: FlagKind) -> None:
    assert bool(removal_bars(OVER, (), (flag(kind),), NOW)) is (kind in KEEPING_FLAGS)


@pytest.mark.parametrize("state", list(LessonState))
def test_only_a_sealed_lesson_lets_footage_go(state: LessonState) -> None:
    assert bool(removal_bars(replace(OVER, state=state), (), (), NOW)) is (state is not LessonState.SEALED)


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\u3000", "x" * (LONGEST_REASON + 1), "a\x00b"])
def test_a_hold_without_a_usable_reason_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked_reason(text)
    assert refused.value.place == "reason"


@pytest.mark.parametrize("text", ["x" * (LONGEST_CASE + 1), "a\nb", "a\x07"])
def test_a_case_that_cannot_be_written_on_one_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        checked_case(text)


def test_reasons_and_cases_are_trimmed_and_a_case_may_be_empty() -> None:
    assert checked_reason("  投诉 17\n第二行 ") == "投诉 17\n第二行"
    assert (checked_case(" c-17 "), checked_case("")) == ("c-17", "")


def test_a_hold_is_open_until_it_is_released() -> None:
    assert HOLD.open
    assert not RELEASED.open


TRIAL = StoreTrial(
    "bucket",
    "server-enforced",
    "GOVERNANCE",
    AT,
    (
        TrialResult(TrialCheck.DELETE, TrialWay.SINGLE, TrialOutcome.HELD),
        TrialResult(TrialCheck.SHORTEN, TrialWay.PARTS, TrialOutcome.REPAIRED, "lock was lost"),
    ),
)


@given(st.lists(st.sampled_from(TrialOutcome), min_size=1))
def test_the_gravest_outcome_decides_whatever_the_order(outcomes: list[TrialOutcome]) -> None:
    assert gravest(outcomes) is gravest(outcomes[::-1])
    if TrialOutcome.BROKEN in outcomes:
        assert gravest(outcomes) is TrialOutcome.BROKEN
    assert (gravest(outcomes) is TrialOutcome.HELD) is (set(outcomes) == {TrialOutcome.HELD})


@pytest.mark.parametrize(
    ("outcome", "sound"),
    [
        (TrialOutcome.HELD, True),
        (TrialOutcome.REPAIRED, True),
        (TrialOutcome.FAILED, False),
        (TrialOutcome.BROKEN, False),
    ],
)
def test_a_store_is_sound_only_where_locks_hold_in_the_end(outcome: TrialOutcome, sound: bool) -> None:
    one = TrialResult(TrialCheck.DELETE, TrialWay.SINGLE, outcome)
    assert replace(TRIAL, results=(*TRIAL.results, one)).sound is sound


def test_a_store_that_was_not_tried_is_not_sound() -> None:
    assert not replace(TRIAL, results=()).sound


WALK = RehashPass(7, AT, 10, 1000, "k", 4, 250, 1)


@pytest.mark.parametrize(
    ("walk", "share"),
    [
        (WALK, 0.25),
        (replace(WALK, size_bytes=1200), 1.0),
        (replace(WALK, total_bytes=0), 0.0),
        (replace(WALK, finished_at=AT), 1.0),
    ],
)
def test_a_walk_s_share_is_that_of_its_bytes_and_never_more_than_all(walk: RehashPass, share: float) -> None:
    assert walk.share == share


STORED = StoredObject("k1", "v1", 5, "ab" * 32, "e", "GOVERNANCE", AT, False, AT)
UPLOAD = Upload(
    "u1", UploadKind.SEGMENT, "L1", "front", 4, "/spool/4", "footage/4.mp4", "cd" * 32, 900, AT,
    UploadState.CLEARED, AT,
)  # fmt: skip

LEAVES: dict[str, tuple[Leaf, LeafKind, str | None, dict[str, object]]] = {
    "placed": (
        hold_placed(HOLD, AT),
        LeafKind.HOLD,
        "L1",
        {"act": "placed", "hold_id": "h1", "case_ref": "c-17", "reason": "complaint", "actor": "auditor"},
    ),
    "released": (
        hold_released(RELEASED, AT),
        LeafKind.HOLD,
        "L1",
        {"act": "released", "hold_id": "h1", "case_ref": "c-17", "reason": "settled", "actor": "chief"},
    ),
    "confirmed": (
        hold_confirmed(HOLD, 3, AT),
        LeafKind.HOLD,
        "L1",
        {"act": "confirmed", "hold_id": "h1", "held": True, "objects": 3},
    ),
    "released and confirmed": (
        hold_confirmed(RELEASED, 3, AT),
        LeafKind.HOLD,
        "L1",
        {"act": "confirmed", "hold_id": "h1", "held": False, "objects": 3},
    ),
    "removal begun": (
        removal_begun("L1", 3, 3000, {"policy_version": "default-1"}, AT),
        LeafKind.PURGE,
        "L1",
        {"act": "begun", "objects": 3, "size_bytes": 3000, "policy_version": "default-1"},
    ),
    "removed": (
        object_removed(UPLOAD, "v1", "default-1", True, AT),
        LeafKind.PURGE,
        "L1",
        {
            "act": "removed",
            "key": "footage/4.mp4",
            "version": "v1",
            "sha256": "cd" * 32,
            "size_bytes": 900,
            "camera_id": "front",
            "sequence": 4,
            "kind": "segment",
            "retention_ended": ISO,
            "policy_version": "default-1",
            "was_there": True,
        },
    ),
    "time certified": (
        timestamped("L1", 9, "aa", "bb", (AT, "tsa.example"), AT),
        LeafKind.TIMESTAMPED,
        "L1",
        {
            "size": 9,
            "note_sha256": "aa",
            "token_sha256": "bb",
            "certified_at": ISO,
            "authority": "tsa.example",
        },
    ),
    "a file is wrong": (
        file_rehashed(finding(4), "ee", AT),
        LeafKind.REHASHED,
        "L1",
        {
            "key": "footage/4",
            "camera_id": "front",
            "sequence": 4,
            "problem": "footage_altered",
            "found_sha256": "ee",
        },
    ),
    "a walk ended": (
        all_rehashed(WALK, 2, AT),
        LeafKind.REHASHED,
        None,
        {"pass": 7, "started_at": ISO, "objects": 4, "size_bytes": 250, "findings": 1, "still_wrong": 2},
    ),
}


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_tells_exactly_what_was_done(name: str) -> None:
    leaf, kind, lesson_id, body = LEAVES[name]
    assert (leaf.kind, leaf.at, leaf.lesson_id) == (kind, AT, lesson_id)
    assert leaf.body == body


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_has_one_canonical_form(name: str) -> None:
    body = LEAVES[name][0].body
    assert canonical_json(body) == canonical_json(dict(reversed(body.items())))


def test_a_file_that_is_right_again_says_so_by_no_problem() -> None:
    assert file_rehashed(replace(finding(4), mended_at=AT), "ee", AT).body["problem"] is None


def test_the_copy_of_the_log_is_told_with_the_locks_as_read_back() -> None:
    (told,) = log_stored([STORED], AT).body["objects"]
    assert (told["key"], told["lock_mode"], told["legal_hold"]) == ("k1", "GOVERNANCE", False)


def test_a_lost_lock_is_told_as_lost() -> None:
    (told,) = log_stored([replace(STORED, lock_mode=None, retain_until=None)], AT).body["objects"]
    assert (told["lock_mode"], told["retain_until"]) == (None, None)


def test_a_trial_s_leaf_tells_each_check_and_the_verdict() -> None:
    leaf = store_tried(TRIAL)
    assert (leaf.kind, leaf.at, leaf.lesson_id) == (LeafKind.STORE_TRIED, AT, None)
    assert leaf.body["verdict"] == "repaired"
    assert [one["outcome"] for one in leaf.body["results"]] == ["held", "repaired"]
    assert "at" not in leaf.body


CHANGES = [
    {"hold_id": "h2"},
    {"lesson_id": "L2"},
    {"case_ref": ""},
    {"reason": "other"},
    {"placed_by": "somebody"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_whatever_of_a_hold_is_changed_shows_in_its_leaf(change: dict[str, str]) -> None:
    before, after = hold_placed(HOLD, AT), hold_placed(replace(HOLD, **change), AT)
    assert (before.lesson_id, before.body) != (after.lesson_id, after.body)
