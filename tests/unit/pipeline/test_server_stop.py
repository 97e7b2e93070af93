"""A server refuses to start without what lessons need; asked to end, it closes what is open."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from models.errors import WeightsUnusable
from supervision_api.cli.output import Output
from supervision_api.pipeline.server import _terminated_in_order, run_server
from supervision_api.settings import Settings


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.sigtimedwait([], 0)  # the handler runs before the next call returns


def end_while_closing(closed: list[str]) -> None:
    try:
        terminate()
    finally:
        terminate()
        closed.append("everything")


def test_a_request_to_end_unwinds_everything_and_a_second_one_changes_nothing() -> None:
    closed: list[str] = []
    with pytest.raises(SystemExit) as left, _terminated_in_order():
        end_while_closing(closed)
    assert (left.value.code, closed) == (0, ["everything"])


def test_the_signals_former_answer_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with _terminated_in_order():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_leave_the_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with _terminated_in_order():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    assert seen == [before]


def test_a_start_without_the_chosen_weights_is_refused_before_any_lesson(
    settings: Settings, tmp_path: Path
) -> None:
    lacking = settings.model_copy(update={"detector": "yunet", "port": 0, "weights_dir": tmp_path})
    with pytest.raises(WeightsUnusable, match="not installed") as refused:
        run_server(lacking, Output(as_json=True), demo=False)
    assert "models pull" in refused.value.hint
