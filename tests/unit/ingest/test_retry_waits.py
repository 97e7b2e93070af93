"""Waiting before a camera is tried again."""

from __future__ import annotations

import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.retry import RetryWaits
from models.errors import StreamDenied, StreamError, StreamLost, StreamUnreachable, StreamUnsupported

WAITS = RetryWaits()


def waits(failure: StreamError, failures: int, seed: int = 1) -> float:
    return WAITS.wait_s(failure, failures, random.Random(seed))


def test_waits_double_up_to_a_cap() -> None:
    typical = [mean(waits(StreamLost("x"), n, seed) for seed in range(300)) for n in range(1, 12)]
    assert typical[:4] == pytest.approx([0.5, 1, 2, 4], rel=0.1)
    assert typical[-1] == pytest.approx(WAITS.cap_s, rel=0.1)


def test_cameras_of_one_site_do_not_all_come_back_in_the_same_instant() -> None:
    assert len({round(waits(StreamUnreachable("x"), 8, seed), 3) for seed in range(50)}) > 40


@pytest.mark.parametrize("failure", [StreamDenied("x"), StreamUnsupported("x")])
def test_what_only_a_person_can_mend_is_tried_rarely(failure: StreamError) -> None:
    """A camera locks a login that fails too often."""
    assert waits(failure, 1) >= 45
    assert waits(failure, 50) <= WAITS.denied_cap_s * 1.25


@settings(deadline=None)
@given(st.integers(1, 100_000), st.integers())
def test_a_night_of_failures_overflows_nothing(failures: int, seed: int) -> None:
    assert 0 < waits(StreamLost("x"), failures, seed) <= WAITS.cap_s * (1 + WAITS.jitter_share)


def test_a_camera_that_comes_and_goes_is_tried_again_at_once_each_time() -> None:
    """A connection shorter than the longest first waits must not count as healed, a longer one must."""
    assert WAITS.first_s < WAITS.settled_s < WAITS.cap_s / 2
