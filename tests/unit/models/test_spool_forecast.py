"""When the disk will be full: from the rates of a quarter of an hour, and silent where nothing is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.spool_forecast import (
    FAR_S,
    LEAST_SPAN_S,
    UNKNOWN,
    WINDOW_S,
    SpoolSample,
    forecast,
    kept_samples,
)

GIB = 1 << 30
RESERVE = 1 * GIB


def sample(at_s: float, waiting: float = 0, stored: float = 0, free: float = 100 * GIB) -> SpoolSample:
    return SpoolSample(at_s, int(waiting), int(stored), int(free))


def test_nothing_is_foretold_from_one_look_or_a_moment() -> None:
    assert forecast([], RESERVE) == UNKNOWN
    assert forecast([sample(0)], RESERVE) == UNKNOWN
    short = forecast([sample(0), sample(LEAST_SPAN_S - 1, waiting=GIB)], RESERVE)
    assert not short.known
    assert short.full_in_s is None


def test_the_store_is_away_and_the_disk_fills_with_what_is_recorded() -> None:
    """20 cameras at 2 Mbit/s are 5 MB/s; 558 GB of room last 31 hours."""
    first = sample(0, free=558e9 + RESERVE + 5e6 * 600)
    last = sample(600, waiting=5e6 * 600, free=558e9 + RESERVE)
    found = forecast([first, last], RESERVE)
    assert found.in_bytes_s == pytest.approx(5e6)
    assert found.out_bytes_s == 0.0
    assert found.full_in_s is not None
    assert found.full_in_s / 3600 == pytest.approx(31.0)
    assert found.is_alarming(timedelta(hours=48))
    assert not found.is_alarming(timedelta(hours=30))


def test_a_backlog_that_shrinks_says_when_it_is_gone_and_never_fills() -> None:
    found = forecast([sample(0, waiting=10 * GIB), sample(600, waiting=4 * GIB, stored=9 * GIB)], RESERVE)
    assert found.out_bytes_s == pytest.approx(9 * GIB / 600)
    assert found.in_bytes_s == pytest.approx(3 * GIB / 600)
    assert found.full_in_s is None
    assert found.clear_in_s == pytest.approx(400.0)


def test_a_store_on_the_same_disk_fills_it_though_nothing_waits() -> None:
    found = forecast([sample(0, free=10 * GIB), sample(600, stored=3 * GIB, free=7 * GIB)], RESERVE)
    assert found.full_in_s == pytest.approx(1200.0)


def test_the_reserve_is_no_room() -> None:
    found = forecast([sample(0, free=RESERVE + 10), sample(600, waiting=10, free=RESERVE)], RESERVE)
    assert found.full_in_s == 0.0
    assert found.is_alarming(timedelta(0))


def test_what_is_a_year_away_is_not_foretold() -> None:
    slow = forecast([sample(0), sample(600, waiting=1)], RESERVE)
    assert slow.known
    assert slow.full_in_s is None


def test_samples_older_than_the_window_are_forgotten() -> None:
    kept: tuple[SpoolSample, ...] = ()
    for at_s in range(0, 4000, 10):
        kept = kept_samples(kept, sample(float(at_s)))
    assert kept[0].at_s == 3990 - WINDOW_S
    assert len(kept) == WINDOW_S / 10 + 1


def test_a_sample_of_the_same_instant_takes_the_other_s_place() -> None:
    kept = kept_samples((sample(1.0, waiting=1), sample(2.0, waiting=2)), sample(2.0, waiting=3))
    assert [one.waiting_bytes for one in kept] == [1, 3]


@given(st.lists(st.tuples(*[st.integers(0, 1 << 45)] * 3), min_size=2, max_size=20), st.integers(0, 1 << 40))
def test_every_forecast_is_a_time_to_come(figures: list[tuple[int, int, int]], reserve: int) -> None:
    samples = [SpoolSample(10.0 * number, *one) for number, one in enumerate(figures)]
    found = forecast(samples, reserve)
    for seconds in (found.full_in_s, found.clear_in_s):
        assert seconds is None or 0 <= seconds <= FAR_S
    assert found.in_bytes_s >= 0
    assert found.out_bytes_s >= 0
