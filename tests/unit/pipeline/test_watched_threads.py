"""A part of the server that fails is told, counted and started again; asked to end, it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from supervision_api.metrics import Metrics
from supervision_api.pipeline.watched_thread import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    SETTLED_S,
    ThreadState,
    WatchedThread,
)

PATIENCE_S = 30.0
SECRET = "rtsp://admin:hunter2@10.0.0.9/live"


class Part:
    """Work that fails as often as it is told to, then goes on until it is stopped."""

    def __init__(self, failures: int = 0, ran_s: float = 0.0) -> None:
        self.left = failures
        self.ran_s = ran_s
        self.now_s = 0.0
        self.starts = 0
        self.going = threading.Event()
        self.ended = threading.Event()

    def monotonic_s(self) -> float:
        return self.now_s

    def run(self, stop: threading.Event) -> None:
        self.starts += 1
        self.now_s += self.ran_s
        if self.left > 0:
            self.left -= 1
            raise KeyError(SECRET)
        self.going.set()
        assert stop.wait(PATIENCE_S)
        self.ended.set()


class Waits(list[float]):
    """How long the thread would have waited between its starts; it does not."""

    def rest(self, stop: threading.Event, seconds: float) -> bool:
        self.append(seconds)
        return stop.is_set()


@pytest.fixture
def waits() -> Waits:
    return Waits()


Started = Callable[[Part], WatchedThread]


@pytest.fixture
def started(waits: Waits) -> Iterator[Started]:
    threads: list[WatchedThread] = []

    def start(part: Part) -> WatchedThread:
        threads.append(WatchedThread("part", part.run, Metrics(), part.monotonic_s, waits.rest))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.stop()


def figures(thread: WatchedThread, name: str) -> float | None:
    return thread._metrics.registry.get_sample_value(name, {"part": "part"})


def test_a_part_that_runs_is_ready(started: Started) -> None:
    part = Part()
    thread = started(part)
    assert part.going.wait(PATIENCE_S)
    assert thread.state == ThreadState(running=True)
    assert thread.readiness().ok
    assert figures(thread, "rollcall_part_running") == 1
    assert figures(thread, "rollcall_part_failures_total") is None


def test_a_part_that_was_never_started_is_not_ready() -> None:
    thread = WatchedThread("part", Part().run, Metrics(), lambda: 0.0)
    told = thread.readiness()
    assert (told.ok, told.reason, told.detail) == (False, "part_stopped", "not started")
    assert figures(thread, "rollcall_part_running") == 0


def test_a_part_that_fails_is_started_again_and_counted(started: Started, waits: Waits) -> None:
    part = Part(failures=3)
    thread = started(part)
    assert part.going.wait(PATIENCE_S)
    assert part.starts == 4
    assert thread.readiness().ok
    assert figures(thread, "rollcall_part_failures_total") == 3
    assert waits == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]


def test_the_waits_grow_to_a_longest(started: Started, waits: Waits) -> None:
    part = Part(failures=1100)
    started(part)
    assert part.going.wait(PATIENCE_S)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_S
    assert max(waits) == LONGEST_WAIT_S


def test_who_ran_for_long_before_failing_waits_the_shortest_again(started: Started, waits: Waits) -> None:
    part = Part(failures=4, ran_s=SETTLED_S)
    started(part)
    assert part.going.wait(PATIENCE_S)
    assert waits == [FIRST_WAIT_S] * 4


def test_the_failure_is_told_with_its_place_and_without_the_error_s_text(
    started: Started, waits: Waits
) -> None:
    part = Part(failures=1)
    with capture_logs() as lines:
        started(part)
        assert part.going.wait(PATIENCE_S)
    told = [line for line in lines if line["log_level"] == "error"]
    assert [line["event"] for line in told] == ["defect", "part failed"]
    assert any("run" in place and "test_watched_threads.py:" in place for place in told[0]["where"])
    assert told[1]["error"] == "KeyError"
    assert told[1]["part"] == "part"
    assert "hunter2" not in str(lines)


def test_while_it_rests_it_is_not_ready_and_says_why() -> None:
    resting, on = threading.Event(), threading.Event()

    def rest(_stop: threading.Event, _seconds: float) -> bool:
        """Lasts until the test says so."""
        resting.set()
        return on.wait(PATIENCE_S)

    part = Part(failures=1)
    thread = WatchedThread("part", part.run, Metrics(), part.monotonic_s, rest)
    thread.start()
    try:
        assert resting.wait(PATIENCE_S)
        told = thread.readiness()
        assert (told.name, told.ok, told.reason) == ("part", False, "part_failed")
        assert told.detail == "KeyError, failed 1 times"
        assert figures(thread, "rollcall_part_running") == 0
    finally:
        on.set()
        assert part.going.wait(PATIENCE_S)
        thread.stop()


def test_work_that_returns_by_itself_counts_as_failed(waits: Waits) -> None:
    """A loop that ends without being asked is as dead as one that raised."""
    starts, again = [], threading.Event()

    def returns(stop: threading.Event) -> None:
        starts.append(1)
        if len(starts) == 3:
            again.set()
            stop.wait(PATIENCE_S)

    thread = WatchedThread("part", returns, Metrics(), lambda: 0.0, waits.rest)
    thread.start()
    assert again.wait(PATIENCE_S)
    assert figures(thread, "rollcall_part_failures_total") == 2
    assert thread.state.last_error == "ended by itself"
    thread.stop()


def test_asked_to_end_it_ends_and_is_no_failure(started: Started) -> None:
    part = Part()
    thread = started(part)
    assert part.going.wait(PATIENCE_S)
    thread.stop()
    assert part.ended.is_set()
    assert figures(thread, "rollcall_part_failures_total") is None
    assert not thread.state.running


def test_a_failure_while_it_is_asked_to_end_is_the_end(waits: Waits) -> None:
    going = threading.Event()

    def fails_when_stopped(stop: threading.Event) -> None:
        going.set()
        stop.wait(PATIENCE_S)
        raise OSError("torn down")

    thread = WatchedThread("part", fails_when_stopped, Metrics(), lambda: 0.0, waits.rest)
    thread.start()
    assert going.wait(PATIENCE_S)
    thread.stop()
    assert waits == []
    assert figures(thread, "rollcall_part_failures_total") is None
