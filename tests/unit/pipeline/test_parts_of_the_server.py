"""All parts of one process together: started and stopped in order, each in ``/readyz`` by its name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from models.errors import StorageError
from supervision_api.pipeline.installation import Installation, open_installation
from supervision_api.pipeline.server import Parts
from supervision_api.settings import Settings

THREADS = ["chores", "uploads", "booking", "recogniser", "jobs", "recorders"]
PATIENCE_S = 60.0


@pytest.fixture
def house(settings: Settings) -> Iterator[Installation]:
    with open_installation(settings) as opened:
        yield opened


def readiness(parts: Parts) -> dict[str, tuple[bool, str]]:
    return {one.name: (one.ok, one.reason) for one in parts.readiness()}


def settled(parts: Parts, wanted: Callable[[], bool]) -> bool:
    """Looks again until it holds; bounded."""
    pause = threading.Event()
    return any(wanted() or pause.wait(0.02) for _ in range(3000))


def test_before_the_start_every_thread_is_told_as_stopped(house: Installation) -> None:
    told = readiness(Parts(house, None))
    assert [told[f"{name}_thread"] for name in THREADS] == [(False, "part_stopped")] * len(THREADS)


def test_running_all_is_ready_and_after_the_end_no_thread_is_left(house: Installation) -> None:
    before = threading.active_count()
    parts = Parts(house, None)
    with parts.running():
        assert settled(parts, lambda: all(ok for ok, _ in readiness(parts).values()))
        names = {thread.name for thread in threading.enumerate()}
        assert set(THREADS) <= names
    assert threading.active_count() == before
    assert [readiness(parts)[f"{name}_thread"][0] for name in THREADS] == [False] * len(THREADS)


def test_threads_end_in_the_order_in_which_nothing_is_lost(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorders first, for what they close goes to booking; uploads last."""
    ended: list[str] = []
    parts = Parts(house, None)
    for thread in parts._threads:

        def stop(thread=thread, end=thread.stop) -> None:  # type: ignore[no-untyped-def]
            end()
            ended.append(thread.readiness().name)

        monkeypatch.setattr(thread, "stop", stop)
    with parts.running():
        pass
    assert ended == list(reversed(THREADS))


@pytest.mark.parametrize("name", THREADS)
def test_a_defect_in_one_part_is_in_readyz_and_the_others_run(
    house: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    parts = Parts(house, None)
    broken = next(thread for thread in parts._threads if thread._name == name)
    failed, on = threading.Event(), threading.Event()

    def defect(_stop: threading.Event) -> None:
        raise ZeroDivisionError

    def rest(stop: threading.Event, _seconds: float) -> bool:
        failed.set()
        return on.wait(PATIENCE_S) and stop.wait(PATIENCE_S)

    monkeypatch.setattr(broken, "_work", defect)
    monkeypatch.setattr(broken, "_rest", rest)
    try:
        with parts.running():
            assert failed.wait(PATIENCE_S)
            others = [f"{one}_thread" for one in THREADS if one != name]
            assert settled(parts, lambda: all(readiness(parts)[one][0] for one in others))
            assert readiness(parts)[f"{name}_thread"] == (False, "part_failed")
            on.set()
    finally:
        on.set()


def test_a_thread_that_cannot_be_started_takes_the_started_ones_down(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = threading.active_count()
    parts = Parts(house, None)

    def refused() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parts._threads[-1], "start", refused)
    with pytest.raises(RuntimeError), parts.running():
        pytest.fail("it did not start")
    assert threading.active_count() == before


def test_a_database_that_fails_is_a_failed_job_not_a_failed_thread(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the program knows how to wait for is no defect."""
    asked = threading.Event()

    def away(_self: object) -> None:
        asked.set()
        raise StorageError("the disk does not answer", hint="see the log")

    monkeypatch.setattr("supervision_api.pipeline.jobs.Jobs._checkpoint", away)
    parts = Parts(house, None)
    with parts.running():
        assert asked.wait(PATIENCE_S)
        assert settled(parts, lambda: readiness(parts)["jobs_thread"] == (True, "ok"))
    assert parts.metrics.registry.get_sample_value("rollcall_part_failures_total", {"part": "jobs"}) is None
