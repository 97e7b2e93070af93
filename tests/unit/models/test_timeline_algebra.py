"""Interval algebra against a plain model: sets of whole seconds."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.timeline import (
    Interval,
    Ruler,
    as_utc,
    close_holes,
    difference,
    instant_after,
    intersection,
    interval_or_none,
    total,
    union,
)

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def span(begin, length):
    return Interval(ZERO + begin * SECOND, ZERO + (begin + length) * SECOND)


spans = st.builds(span, st.integers(0, 60), st.integers(1, 20))
sets = st.lists(spans, max_size=8)


def seconds(intervals):
    return {second for one in intervals for second in range(offset(one.starts_at), offset(one.ends_at))}


def offset(at):
    return (at - ZERO) // SECOND


@given(sets)
def test_union_keeps_every_instant_and_is_tidy(intervals):
    merged = union(intervals)
    assert seconds(merged) == seconds(intervals)
    assert all(left.ends_at < right.starts_at for left, right in itertools.pairwise(merged))
    assert union(merged) == merged
    assert union(reversed(intervals)) == merged


@given(sets, sets)
def test_intersection_is_what_both_hold(left, right):
    assert seconds(intersection(left, right)) == seconds(left) & seconds(right)
    assert intersection(left, right) == intersection(right, left)


@given(sets, sets)
def test_difference_is_what_only_the_first_holds(left, right):
    assert seconds(difference(left, right)) == seconds(left) - seconds(right)
    assert union([*difference(left, right), *intersection(left, right)]) == union(left)


@given(sets)
def test_total_is_the_length_of_the_union(intervals):
    assert total(intervals) == len(seconds(intervals)) * SECOND


@given(sets, st.integers(0, 30))
def test_closing_holes_fills_short_ones_only(intervals, most):
    closed = close_holes(intervals, most * SECOND)
    assert seconds(closed) >= seconds(intervals)
    for left, right in itertools.pairwise(closed):
        assert right.starts_at - left.ends_at > most * SECOND
    added = difference(closed, intervals)
    assert all(hole.duration <= most * SECOND for hole in added)


@given(sets, st.integers(-5, 90), st.integers(-5, 90))
def test_a_ruler_measures_what_lies_between(intervals, begin, end):
    expected = len([second for second in seconds(intervals) if begin <= second < end])
    measured = Ruler(intervals).between(ZERO + begin * SECOND, ZERO + end * SECOND)
    assert measured == expected * SECOND


@given(sets, st.integers(0, 100))
def test_the_instant_after_some_time_is_found_by_counting(intervals, spent):
    ordered = sorted(seconds(intervals))
    expected = ZERO + ordered[spent] * SECOND if spent < len(ordered) else None
    assert instant_after(intervals, spent * SECOND) == expected


def test_an_interval_holds_its_start_and_not_its_end():
    one = span(0, 10)
    assert one.contains(one.starts_at)
    assert not one.contains(one.ends_at)


@pytest.mark.parametrize("length", [0, -1])
def test_an_interval_is_never_empty_or_reversed(length):
    with pytest.raises(ValueError, match="empty"):
        span(5, length)
    assert interval_or_none(ZERO, ZERO + length * SECOND) is None


def test_naive_time_is_refused():
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="naive"):
        Interval(naive, naive + SECOND)
    with pytest.raises(ValueError, match="naive"):
        as_utc(naive)


def test_as_utc_keeps_the_instant():
    shanghai = timezone(timedelta(hours=8))
    local = datetime(2026, 11, 23, 9, 0, tzinfo=shanghai)
    assert as_utc(local) == local
    assert as_utc(local).utcoffset() == timedelta()
