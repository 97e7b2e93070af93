"""The bandwidth limit: over any time no more than burst and rate allow, whoever takes in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidInput
from models.token_bucket import LEAST_BURST_BYTES, TokenBucket, bucket_of


def test_a_full_bucket_serves_its_burst_at_once_and_not_a_byte_more() -> None:
    bucket = bucket_of(8.0, now_s=5.0)  # a million bytes a second
    bucket, wait_s = bucket.take(int(bucket.burst_bytes), 5.0)
    assert wait_s == 0.0
    _, wait_s = bucket.take(1, 5.0)
    assert wait_s == pytest.approx(1e-6)


def test_a_taker_larger_than_the_bucket_waits_for_its_debt() -> None:
    bucket, wait_s = bucket_of(8.0, 0.0).take(2_100_000, 0.0)
    assert wait_s == pytest.approx(2.0)
    _, behind_s = bucket.take(500_000, 0.0)
    assert behind_s == pytest.approx(2.5), "who comes meanwhile waits behind it"


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket, _ = bucket_of(8.0, 0.0).take(1, 3_600.0)
    assert bucket.level_bytes == bucket.burst_bytes - 1


def test_a_clock_that_stands_or_steps_back_fills_nothing() -> None:
    bucket, _ = bucket_of(8.0, 10.0).take(100_000, 10.0)
    again, wait_s = bucket.take(1000, 3.0)
    assert wait_s > 0
    assert again.at_s == 10.0
    assert again.level_bytes == bucket.level_bytes - 1000


def test_a_low_limit_still_lets_one_read_through_at_once() -> None:
    assert bucket_of(0.01, 0.0).burst_bytes == LEAST_BURST_BYTES


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_a_limit_that_lets_nothing_through_is_refused(limit: float) -> None:
    with pytest.raises(InvalidInput, match="more than 0"):
        bucket_of(limit, 0.0)


@given(
    st.floats(0.1, 1000.0),
    st.lists(st.tuples(st.integers(1, 10_000_000), st.floats(0.0, 5.0)), min_size=1, max_size=40),
)
def test_what_goes_through_never_exceeds_burst_and_rate(
    mbit_s: float, takes: list[tuple[int, float]]
) -> None:
    """Each taker comes some time after the one before, and goes when its wait is over."""
    bucket: TokenBucket = bucket_of(mbit_s, 0.0)
    now_s, sent = 0.0, 0
    for size, later_s in takes:
        now_s += later_s
        bucket, wait_s = bucket.take(size, now_s)
        sent += size
        allowed = bucket.burst_bytes + bucket.rate_bytes_s * (now_s + wait_s)
        assert sent <= allowed * (1 + 1e-9) + 1
