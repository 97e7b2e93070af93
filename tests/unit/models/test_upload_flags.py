"""Which footage raises an evidence flag: what waits too long, what the store does not hold as it must."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from models.flags import Flag, FlagKind, FlagState, merge_flags
from models.reason_texts import REASON_TEXTS, render_reason
from models.upload_flags import NOT_AS_STORED, Unstored, kept_wording, upload_flags

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DAY = timedelta(days=1)
LESSON = "L1"


def raised(*waiting: Unstored) -> tuple[Flag, ...]:
    return upload_flags(LESSON, "default-1", waiting, NOW - DAY)


def waits(
    problem: str = "", age: timedelta = DAY * 2, camera: str = "front", lesson: str = LESSON
) -> Unstored:
    return Unstored(lesson, camera, problem, NOW - age, 3, NOW - age)


def test_footage_that_waits_within_the_policy_s_age_raises_nothing() -> None:
    assert raised(waits(age=DAY), waits("storage_error", age=timedelta(hours=1))) == ()


@pytest.mark.parametrize("problem", ["", "storage_error", "disk_full"])
def test_footage_that_waits_longer_is_told_whether_it_was_tried_or_not(problem: str) -> None:
    """While the store as a whole is away no file is tried, and has no problem of its own."""
    (flag,) = raised(waits(problem))
    assert (flag.kind, flag.subject) == (FlagKind.EVIDENCE, "upload:front")
    assert [reason.code for reason in flag.reasons] == ["footage_not_stored"]
    assert [(link.camera_id, link.at) for link in flag.evidence] == [("front", NOW - DAY * 2)]


@pytest.mark.parametrize("problem", NOT_AS_STORED)
def test_footage_that_the_store_does_not_hold_as_it_must_is_told_at_once(problem: str) -> None:
    (flag,) = raised(waits(problem, age=timedelta(seconds=5)))
    (reason,) = flag.reasons
    assert reason.code != "footage_not_stored"
    assert reason.code in REASON_TEXTS


def test_one_flag_per_camera_with_the_earliest_of_each_reason() -> None:
    flags = raised(
        waits("evidence_broken", age=timedelta(hours=2), camera="back"),
        waits("", age=DAY * 3),
        waits("storage_error", age=DAY * 4),
        waits("not_found", age=timedelta(hours=1)),
    )
    assert [flag.subject for flag in flags] == ["upload:back", "upload:front"]
    assert [reason.code for reason in flags[1].reasons] == ["footage_not_stored", "footage_vanished"]
    assert dict(flags[1].reasons[0].values)["since_at"] == "2026-11-19T01:00:00Z"


def test_other_lessons_do_not_count() -> None:
    assert raised(waits(lesson="L2")) == ()


def test_the_order_in_which_causes_are_told_changes_nothing() -> None:
    causes = [waits("", age=DAY * 2), waits("not_found"), waits("storage_error", age=DAY * 5)]
    assert raised(*causes) == raised(*reversed(causes))


def test_a_backlog_that_is_worked_off_does_not_reword_its_flag() -> None:
    before, after = raised(waits(age=DAY * 3)), raised(waits(age=DAY * 2))
    assert before != after
    assert kept_wording(after, before) == before
    more = raised(waits(age=DAY * 2), waits("not_found"))
    assert kept_wording(more, before) == more, "another reason is news"


def test_a_flag_whose_cause_is_gone_is_withdrawn_by_the_rule_of_all_flags() -> None:
    changes = merge_flags(raised(waits()), raised(), {FlagKind.EVIDENCE})
    assert [flag.state for flag in changes.withdrawn] == [FlagState.WITHDRAWN]


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("problem", ["", *NOT_AS_STORED])
def test_every_reason_reads_in_both_languages(problem: str, language: str) -> None:
    (flag,) = raised(waits(problem))
    text = render_reason(flag.reasons[0], language)
    assert "front" in text
    assert "{" not in text
