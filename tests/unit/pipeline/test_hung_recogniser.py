"""A recogniser that hangs holds nobody up: neither the next frame for ever, nor the end of the program."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import NotFound, RecogniserGone
from supervision_api.pipeline import recogniser_process
from supervision_api.pipeline.faces import FaceSetup
from supervision_api.pipeline.recogniser_process import RecogniserProcess


@pytest.fixture
def hung(network_cache: Path) -> Iterator[RecogniserProcess]:
    """A child that is there and says nothing."""
    process = RecogniserProcess(FaceSetup((), network_cache, "hog", 1))
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    yield process
    process.close()
    assert not process.alive


def test_a_child_that_hangs_is_ended_after_its_time(
    hung: RecogniserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recogniser_process, "JUDGE_TIMEOUT_S", 0.3)
    with pytest.raises(RecogniserGone, match="said nothing") as told:
        hung.close_lesson("lesson-1")
    assert told.value.hint
    hung._process.join(20)
    assert not hung.alive, "it was killed, not left behind"


def test_told_to_stop_the_program_does_not_wait_the_whole_time(
    hung: RecogniserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an hour for an answer, only the grace at stopping can end this test."""
    monkeypatch.setattr(recogniser_process, "JUDGE_TIMEOUT_S", 3600.0)
    monkeypatch.setattr(recogniser_process, "STOP_GRACE_S", 0.3)
    stop = threading.Event()
    hung.heed(stop)
    told: list[str] = []

    def ask() -> None:
        try:
            hung.close_lesson("lesson-1")
        except RecogniserGone as error:
            told.append(error.message)

    asking = threading.Thread(target=ask)
    asking.start()
    stop.set()
    asking.join(60)
    assert not asking.is_alive()
    assert len(told) == 1
    assert "said nothing" in told[0]


def test_a_child_that_answers_within_the_grace_is_heard(network_cache: Path) -> None:
    """What is under way when the program is told to stop is finished, not thrown away."""
    process = RecogniserProcess(FaceSetup((), network_cache, "hog", 1))
    stop = threading.Event()
    stop.set()
    process.heed(stop)
    try:
        with pytest.raises(NotFound):
            process.close_lesson("never opened")
    finally:
        process.close()
