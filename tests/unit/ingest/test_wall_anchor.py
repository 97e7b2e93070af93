"""Media time against the recorder's clock: delays only add, lies are found out, nothing moves for nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.wall_anchor import FileAnchor, LiveAnchor

FRAME_S = 0.04


def run(anchor: LiveAnchor, arrivals: list[tuple[float, float]]) -> list[float]:
    """Feed (media time, arrival); gives the arrivals at which the anchor moved."""
    anchor.start(*arrivals[0])
    return [now_s for pts_s, now_s in arrivals[1:] if anchor.observe(pts_s, now_s)]


def stream(seconds: float, *, speed: float = 1.0, late_s: float = 0.0) -> list[tuple[float, float]]:
    """A camera whose clock runs ``speed`` times true time; packets come ``late_s`` after their picture."""
    return [(n * FRAME_S * speed, 100 + n * FRAME_S + late_s) for n in range(int(seconds / FRAME_S))]


def test_a_true_clock_never_moves_the_anchor() -> None:
    anchor = LiveAnchor(drift_s=1)
    assert run(anchor, stream(120)) == []
    assert anchor.wall_s(0) == pytest.approx(100)


def test_what_a_server_had_in_store_is_dated_back_to_when_it_was_filmed() -> None:
    """Three seconds of old pictures come in one burst, then the stream is live."""
    burst = [(n * FRAME_S, 100.0 + n * 0.001) for n in range(75)]
    live = [(3 + n * FRAME_S, 100.0 + n * FRAME_S) for n in range(1, 100)]
    anchor = LiveAnchor(drift_s=1)
    assert run(anchor, burst + live) == []
    assert anchor.wall_s(3) == pytest.approx(100.0, abs=0.1)


def test_a_slow_camera_clock_is_re_anchored_forward() -> None:
    anchor = LiveAnchor(drift_s=1)
    moves = run(anchor, stream(300, speed=0.99))
    assert moves, "three seconds of drift in 300 must be noticed"
    assert anchor.moved_s == pytest.approx(300 * 0.01, abs=1.2)


def test_a_fast_camera_clock_is_re_anchored_backward() -> None:
    anchor = LiveAnchor(drift_s=1)
    assert run(anchor, stream(300, speed=1.01))
    assert anchor.moved_s == pytest.approx(-300 * 0.01, abs=1.2)


def test_a_stall_that_is_caught_up_with_moves_nothing() -> None:
    """Four seconds nothing, then the backlog at once: the pictures were filmed on time."""
    before = stream(20)
    backlog = [(20 + n * FRAME_S, 124.0 + n * 0.001) for n in range(100)]
    after = [(24 + n * FRAME_S, 124.1 + n * FRAME_S) for n in range(500)]
    anchor = LiveAnchor(drift_s=1)
    assert run(anchor, before + backlog + after) == []


def test_a_stall_that_is_never_caught_up_with_is_time_lost() -> None:
    before = stream(20)
    after = [(20 + n * FRAME_S, 124.0 + n * FRAME_S) for n in range(1000)]
    anchor = LiveAnchor(drift_s=1)
    assert len(run(anchor, before + after)) == 1
    assert anchor.moved_s == pytest.approx(4, abs=0.1)


def test_jitter_below_the_limit_moves_nothing() -> None:
    rng = random.Random(7)
    arrivals = [(n * FRAME_S, 100 + n * FRAME_S + rng.uniform(0, 0.9)) for n in range(3000)]
    anchor = LiveAnchor(drift_s=1)
    assert run(anchor, arrivals) == []


def test_a_jump_without_silence_misses_nothing() -> None:
    anchor = LiveAnchor(drift_s=1)
    run(anchor, stream(20))
    assert anchor.jumped(20.0, 120.02, 3600.0) == pytest.approx(0.02)
    assert anchor.wall_s(20.0) == pytest.approx(120.02)


def test_a_jump_with_silence_misses_the_silence() -> None:
    anchor = LiveAnchor(drift_s=1)
    run(anchor, stream(20))
    assert anchor.jumped(20.0, 128.0, 8.0) == pytest.approx(8.0)


def test_a_jump_back_misses_nothing() -> None:
    anchor = LiveAnchor(drift_s=1)
    run(anchor, stream(20))
    assert anchor.jumped(20.0, 119.9, -3600.0) == 0.0


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 0.8), min_size=30, max_size=200),
    st.floats(0.997, 1.003),
)
def test_the_wall_time_of_a_picture_is_never_further_off_than_jitter_and_the_limit(
    delays: list[float], speed: float
) -> None:
    anchor = LiveAnchor(drift_s=1)
    for n, delay_s in enumerate(delays * 20):
        true_s, media_s = 100 + n * FRAME_S, n * FRAME_S * speed
        if n == 0:
            anchor.start(media_s, true_s + delay_s)
            continue
        anchor.observe(media_s, true_s + delay_s)
        assert abs(anchor.wall_s(media_s) - true_s) < 0.8 + 1.0 + 0.2


def test_a_file_starts_when_it_is_said_to_and_keeps_its_own_time() -> None:
    anchor = FileAnchor(5000.0)
    anchor.start(2.0, 0.0)
    assert anchor.wall_s(2.0) == 5000.0
    assert not anchor.observe(50.0, 0.0)
    assert not anchor.on_trial(0.0)


def test_a_jump_forward_in_a_file_is_time_without_pictures_a_jump_back_is_not() -> None:
    anchor = FileAnchor(5000.0)
    anchor.start(0.0, 0.0)
    assert anchor.jumped(10.0, 0.0, 8.0) == 8.0
    assert anchor.wall_s(10.0) == 5018.0
    assert anchor.jumped(20.0, 0.0, -8.0) == 0.0
    assert anchor.wall_s(20.0) == 5028.0
