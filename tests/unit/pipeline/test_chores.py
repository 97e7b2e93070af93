"""Chores keep their intervals, rest after a failure, and hold up no other."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.errors import StorageError
from supervision_api.metrics import Metrics
from supervision_api.pipeline.chores.loop import FIRST_REST_S, LONGEST_REST_S, Chore, ChoreLoop
from supervision_api.pipeline.chores.viewing_copies import sweep_viewing_copies
from supervision_api.settings import Settings
from tests.hand_clock import HandClock


class Bench:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.done: list[str] = []
        self.failing: set[str] = set()
        self.metrics = Metrics()

    def chore(self, name: str, every_s: float) -> Chore:
        def run() -> None:
            self.done.append(name)
            if name in self.failing:
                raise StorageError("the store is away")

        return Chore(name, every_s, run)

    def loop(self, *chores: Chore) -> ChoreLoop:
        return ChoreLoop(chores, self.metrics, lambda: self.now_s)

    def ran(self, loop: ChoreLoop, at_s: float) -> list[str]:
        self.now_s = at_s
        self.done.clear()
        loop.tick()
        return list(self.done)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_each_chore_runs_at_the_start_and_then_at_its_interval(bench: Bench) -> None:
    loop = bench.loop(bench.chore("a", 10.0), bench.chore("b", 25.0))
    assert bench.ran(loop, 0.0) == ["a", "b"]
    assert bench.ran(loop, 9.9) == []
    assert bench.ran(loop, 10.0) == ["a"]
    assert bench.ran(loop, 25.0) == ["a", "b"]


def test_a_failed_chore_is_counted_tried_sooner_and_then_ever_later(bench: Bench) -> None:
    loop = bench.loop(bench.chore("a", 3600.0), bench.chore("b", 3600.0))
    bench.failing = {"a"}
    assert bench.ran(loop, 0.0) == ["a", "b"], "the other one has its turn all the same"
    assert bench.ran(loop, FIRST_REST_S) == ["a"]
    assert bench.ran(loop, 2 * FIRST_REST_S) == []
    assert bench.ran(loop, 3 * FIRST_REST_S) == ["a"]
    count = bench.metrics.registry.get_sample_value("rollcall_chore_failures_total", {"chore": "a"})
    assert count == 3


def test_a_rest_is_never_longer_than_the_interval_or_the_longest(bench: Bench) -> None:
    loop = bench.loop(bench.chore("a", 7200.0), bench.chore("b", 30.0))
    bench.failing = {"a", "b"}
    at_s = 0.0
    for _ in range(40):
        bench.ran(loop, at_s)
        at_s += LONGEST_REST_S
    assert bench.ran(loop, at_s) == ["a", "b"]
    assert bench.ran(loop, at_s + 30.0) == ["b"]


def test_success_brings_the_ordinary_interval_back(bench: Bench) -> None:
    loop = bench.loop(bench.chore("a", 100.0))
    bench.failing = {"a"}
    bench.ran(loop, 0.0)
    bench.failing = set()
    assert bench.ran(loop, FIRST_REST_S) == ["a"]
    assert bench.ran(loop, FIRST_REST_S + 99.0) == []
    bench.failing = {"a"}
    bench.ran(loop, FIRST_REST_S + 100.0)
    assert bench.ran(loop, FIRST_REST_S + 100.0 + FIRST_REST_S) == ["a"], "the first rest again"


def test_nothing_begins_once_told_to_stop(bench: Bench) -> None:
    stop = threading.Event()
    loop = bench.loop(Chore("stops", 1.0, stop.set), bench.chore("b", 1.0))
    loop.tick(stop)
    assert bench.done == []
    loop.run(stop)
    assert bench.done == []


def test_copies_for_viewing_are_swept_every_hour(tmp_path: Path) -> None:
    clock = HandClock(datetime(2026, 11, 23, 1, tzinfo=UTC))
    house = SimpleNamespace(settings=Settings(data_dir=tmp_path, cache_dir=tmp_path), clock=clock)
    chore = sweep_viewing_copies(house)
    assert (chore.name, chore.every_s) == ("viewing_copies", 3600.0)
    chore.run()
    old = tmp_path / "viewing" / "old.mp4"
    old.parent.mkdir()
    old.touch()
    long_ago = (clock.now() - timedelta(hours=25)).timestamp()
    os.utime(old, (long_ago, long_ago))
    chore.run()
    assert not old.exists()
