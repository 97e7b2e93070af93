"""Values as JSON documents and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.attendance import EvidenceLink, Mark, Reason, Status, Verdict
from models.errors import StorageError
from models.flags import Flag, FlagKind
from models.policy import Policy
from models.timeline import Interval
from storage.documents import from_document, object_document, to_document

instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
intervals = st.builds(
    lambda at, length: Interval(at, at + length),
    instants,
    st.timedeltas(timedelta(microseconds=1), timedelta(days=2)),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
reasons = st.builds(Reason, st.text(max_size=9), st.lists(st.tuples(st.text(), st.text())).map(tuple))
links = st.builds(EvidenceLink, st.text(max_size=9), instants, st.text(max_size=9), numbers)
verdicts = st.builds(
    Verdict,
    lesson_id=st.text(max_size=9),
    trainee=st.text(max_size=9),
    status=st.sampled_from(Status),
    marks=st.lists(st.sampled_from(Mark), max_size=3).map(tuple),
    first_seen=st.none() | instants,
    last_seen=st.none() | instants,
    present=st.lists(intervals, max_size=3).map(tuple),
    unobserved=st.lists(intervals, max_size=3).map(tuple),
    present_minutes=numbers,
    observable_minutes=numbers,
    required_minutes=numbers,
    credited_hours=numbers,
    reasons=st.lists(reasons, max_size=3).map(tuple),
    evidence=st.lists(links, max_size=3).map(tuple),
    policy_version=st.text(max_size=9),
)


@given(verdicts)
def test_a_verdict_comes_back_equal_through_json(verdict: Verdict) -> None:
    text = json.dumps(object_document(verdict), allow_nan=False)
    assert from_document(Verdict, json.loads(text)) == verdict


def test_a_policy_comes_back_equal_through_json() -> None:
    policy = replace(Policy(), version="荷泽-2")
    assert from_document(Policy, json.loads(json.dumps(object_document(policy)))) == policy


def test_every_field_of_a_policy_survives_a_change() -> None:
    base = Policy()
    changed = replace(base, attendance=replace(base.attendance, late_after=timedelta(minutes=7)))
    assert from_document(Policy, object_document(changed)).attendance.late_after == timedelta(minutes=7)


def test_a_flag_comes_back_equal() -> None:
    flag = Flag(FlagKind.LATE, "L1", "T1", "default-1", (Reason("late", (("m", "6"),)),), ())
    assert from_document(Flag, object_document(flag)) == flag


def test_an_instant_is_written_in_utc_whatever_its_zone() -> None:
    beijing = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=8)))
    assert to_document(beijing) == "2026-11-23T01:00:00Z"


@dataclass(frozen=True, slots=True)
class Small:
    day: date
    size: float = 1.0
    pair: tuple[int, str] = (1, "a")


def test_days_pairs_and_whole_floats_come_back_in_their_own_types() -> None:
    value = Small(date(2026, 2, 28), 2.0, (3, "b"))
    assert from_document(Small, {"day": "2026-02-28", "size": 2, "pair": [3, "b"]}) == value


def test_a_missing_field_takes_its_default_and_an_unknown_one_is_passed_over() -> None:
    assert from_document(Small, {"day": "2026-02-28", "later": 1}) == Small(date(2026, 2, 28))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        {},
        {"day": 7},
        {"day": "2026-02-30"},
        {"day": "2026-02-28", "size": "2"},
        {"day": "2026-02-28", "pair": [1]},
    ],
)
def test_what_is_not_such_a_value_is_refused_without_its_content(document: object) -> None:
    with pytest.raises(StorageError, match="Small cannot be read"):
        from_document(Small, document)


def test_foreign_types_have_no_place() -> None:
    with pytest.raises(TypeError):
        to_document(object())
    with pytest.raises(TypeError):
        object_document((1, 2))
