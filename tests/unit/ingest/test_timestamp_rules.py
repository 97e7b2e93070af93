"""Timestamps as cameras send them: missing, backward, wrapped, jumping, reordered."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.timestamps import MediaTimes, TimestampRules

BASE = Fraction(1, 90_000)
FRAME = 3600
SECOND = 90_000


def rules(rate: int | None = 25) -> TimestampRules:
    return TimestampRules(BASE, Fraction(rate) if rate else None, jump_s=5)


def placed(packets: list[tuple[int | None, int | None]], rate: int | None = 25) -> list[MediaTimes]:
    timeline = rules(rate)
    return [timeline.place(pts, dts) for pts, dts in packets]


def test_a_plain_stream_is_moved_to_zero_and_nothing_else() -> None:
    times = placed([(7000 + n * FRAME, 7000 + n * FRAME) for n in range(5)])
    assert [item.pts for item in times] == [n * FRAME for n in range(5)]
    assert [item.dts for item in times] == [n * FRAME for n in range(5)]
    assert not [item for item in times if item.jump_s is not None]


def test_a_first_dts_below_zero_is_no_special_case() -> None:
    times = placed([(0, -2 * FRAME), (3 * FRAME, -FRAME), (FRAME, 0), (2 * FRAME, FRAME)])
    assert [item.pts for item in times] == [0, 3 * FRAME, FRAME, 2 * FRAME]
    assert [item.dts for item in times] == [-2 * FRAME, -FRAME, 0, FRAME]


def test_reordered_pictures_keep_their_order_of_showing() -> None:
    """I0 P3 B1 B2 as an encoder with two B-frames sends them."""
    times = placed([(0, -2), (3, -1), (1, 0), (2, 1), (6, 2)])
    assert sorted(item.pts for item in times) == [0, 1, 2, 3, 6]


def test_a_missing_dts_follows_pts() -> None:
    times = placed([(n * FRAME, None) for n in range(4)])
    assert [item.dts for item in times] == [n * FRAME for n in range(4)]


def test_a_missing_dts_before_reordered_pictures_stays_below_their_pts() -> None:
    times = placed([(0, None), (3 * FRAME, None), (FRAME, None), (2 * FRAME, None), (4 * FRAME, None)])
    assert [item.pts for item in times] == pytest.approx([0, 3 * FRAME, FRAME, 2 * FRAME, 4 * FRAME], abs=2)
    assert all(item.pts >= item.dts for item in times)


def test_a_missing_pts_follows_dts() -> None:
    times = placed([(None, 500), (None, 500 + FRAME)])
    assert [item.pts for item in times] == [0, FRAME]


def test_packets_without_any_time_are_a_frame_interval_apart() -> None:
    assert [item.dts for item in placed([(None, None)] * 4, rate=10)] == [0, 9000, 18000, 27000]


def test_without_a_rate_either_25_pictures_a_second_are_assumed() -> None:
    assert [item.dts for item in placed([(None, None)] * 3, rate=None)] == [0, 3600, 7200]


def test_one_late_packet_is_placed_behind_the_one_before_it() -> None:
    times = placed([(0, 0), (FRAME, FRAME), (100, 100), (2 * FRAME, 2 * FRAME)])
    assert [item.dts for item in times] == [0, FRAME, FRAME + 1, 2 * FRAME]


def test_a_repeated_dts_is_told_apart() -> None:
    times = placed([(0, 0), (0, 0), (0, 0), (FRAME, FRAME)])
    assert [item.dts for item in times] == [0, 1, 2, FRAME]


def test_a_camera_that_sets_its_clock_back_three_seconds_loses_no_time() -> None:
    before = [(n * FRAME, n * FRAME) for n in range(100)]
    after = [
        (pts - 3 * SECOND, dts - 3 * SECOND) for pts, dts in ((n * FRAME, n * FRAME) for n in range(100, 110))
    ]
    times = placed(before + after)
    assert [item.dts for item in times] == [n * FRAME for n in range(110)]
    assert not [item for item in times if item.jump_s is not None]


@pytest.mark.parametrize("jump_s", [-3600.0, -5.5, 5.5, 86_400.0])
def test_a_jump_is_told_with_its_length_and_the_timeline_goes_on(jump_s: float) -> None:
    ticks = round(jump_s * SECOND)
    times = placed([(0, 0), (FRAME, FRAME), (2 * FRAME + ticks, 2 * FRAME + ticks), (3 * FRAME + ticks,) * 2])
    assert [item.dts for item in times] == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert times[2].jump_s == pytest.approx(jump_s + FRAME / SECOND)
    assert times[3].jump_s is None


def test_a_pause_of_less_than_a_jump_is_kept_as_it_is() -> None:
    times = placed([(0, 0), (4 * SECOND, 4 * SECOND)])
    assert times[1].dts == 4 * SECOND
    assert times[1].jump_s is None


@pytest.mark.parametrize("bits", [32, 33])
def test_a_counter_that_wraps_is_unrolled(bits: int) -> None:
    start = (1 << bits) - 5 * FRAME
    raw = [(start + n * FRAME) % (1 << bits) for n in range(12)]
    times = placed([(value, value) for value in raw])
    assert [item.dts for item in times] == [n * FRAME for n in range(12)]
    assert [item.pts for item in times] == [n * FRAME for n in range(12)]
    assert not [item for item in times if item.jump_s is not None]


def test_pts_may_wrap_before_dts_does() -> None:
    wrap = 1 << 33
    raw = [
        ((wrap - 4 * FRAME + (n + 2) * FRAME) % wrap, (wrap - 4 * FRAME + n * FRAME) % wrap)
        for n in range(10)
    ]
    times = placed(raw)
    assert [item.pts - item.dts for item in times] == [2 * FRAME] * 10


def test_a_wrap_in_both_directions_ends_where_it_began() -> None:
    wrap = 1 << 33
    times = placed([(value, value) for value in (wrap - FRAME, 0, wrap - FRAME // 2, FRAME, 2 * FRAME)])
    assert [item.dts for item in times] == [0, FRAME, FRAME + 1, 2 * FRAME, 3 * FRAME]


def test_a_pts_a_minute_from_its_dts_is_not_believed() -> None:
    times = placed([(0, 0), (60 * SECOND, FRAME), (2 * FRAME, 2 * FRAME)])
    assert [item.pts for item in times] == [0, FRAME, 2 * FRAME]


def test_variable_rate_keeps_every_interval() -> None:
    steps = [0, 1000, 1500, 9000, 9100, 40_000, 130_000]
    assert [item.dts for item in placed([(step, step) for step in steps])] == steps


_TICK = st.one_of(st.none(), st.integers(-(1 << 34), 1 << 34))


@settings(deadline=None)
@given(st.lists(st.tuples(_TICK, _TICK), min_size=1, max_size=60), st.sampled_from([None, 1, 12, 25, 60]))
def test_whatever_comes_dts_rises_and_pts_never_lies_before_it(
    packets: list[tuple[int | None, int | None]], rate: int | None
) -> None:
    times = placed(packets, rate)
    dts = [item.dts for item in times]
    assert all(later > earlier for earlier, later in pairwise(dts))
    assert all(item.pts >= item.dts for item in times)
    assert times[0].pts == 0


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4 * SECOND), min_size=1, max_size=40),
    st.integers(-(1 << 33), 1 << 33),
)
def test_a_rising_stream_keeps_its_true_intervals(steps: list[int], start: int) -> None:
    raw = [start]
    for step in steps:
        raw.append(raw[-1] + step)
    times = placed([(value, value) for value in raw])
    assert [item.dts for item in times] == [value - start for value in raw]


@settings(deadline=None)
@given(st.integers(0, (1 << 33) - 1), st.lists(st.integers(1, SECOND), min_size=1, max_size=60))
def test_wrapping_anywhere_changes_nothing(start: int, steps: list[int]) -> None:
    raw = [start]
    for step in steps:
        raw.append(raw[-1] + step)
    wrapped = placed([(value % (1 << 33), value % (1 << 33)) for value in raw])
    assert [item.dts for item in wrapped] == [value - start for value in raw]


@settings(deadline=None)
@given(st.floats(5.1, 1e5), st.booleans(), st.integers(2, 50))
def test_a_jump_costs_one_frame_interval_of_media_time(jump_s: float, backward: bool, length: int) -> None:
    ticks = round((-jump_s if backward else jump_s) * SECOND)
    raw = [n * FRAME + (ticks if n >= length else 0) for n in range(2 * length)]
    times = placed([(value, value) for value in raw])
    assert [item.dts for item in times] == [n * FRAME for n in range(2 * length)]
    assert sum(item.jump_s is not None for item in times) == (abs(ticks + FRAME) > 5 * SECOND)


def test_where_a_jump_is_shorter_than_a_late_packet_may_be_the_jump_counts() -> None:
    timeline = TimestampRules(BASE, Fraction(25), jump_s=0.2)
    step = SECOND // 2
    times = [timeline.place(at, at) for at in (0, FRAME, FRAME - step, 2 * FRAME - step)]
    assert [item.dts for item in times] == [0, FRAME, 2 * FRAME, 3 * FRAME]
    assert [item.jump_s for item in times] == [None, None, -0.5, None]


@pytest.mark.parametrize("step", [-SECOND, 5 * SECOND])
def test_the_longest_common_step_is_neither_a_jump_nor_a_clock_that_was_set(step: int) -> None:
    start = 10 * SECOND
    times = placed([(at, at) for at in (start, start + SECOND, start + SECOND + step)])
    assert times[2].jump_s is None
    assert times[2].dts == (SECOND + 1 if step < 0 else 6 * SECOND)
    beyond = step - 1 if step < 0 else step + 1
    times = placed([(at, at) for at in (start, start + SECOND, start + SECOND + beyond)])
    assert times[2].dts == SECOND + FRAME
    assert times[2].jump_s == (None if step < 0 else pytest.approx(5.0, abs=1e-4))


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 5 * SECOND))
def test_after_a_clock_was_set_pts_keeps_its_lead(before: int, after: int, lead: int) -> None:
    """The offset that carries the timeline on is that of both times of a packet."""
    raw = [n * FRAME - (3 * SECOND if n >= before else 0) for n in range(before + after)]
    times = placed([(value + lead, value) for value in raw])
    assert [item.pts - item.dts for item in times] == [lead] * (before + after)
    assert [item.dts + lead for item in times] == [n * FRAME for n in range(before + after)]
