"""The recogniser's child process: it answers, carries errors over, and never outlives its parent."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.coverage import CLEAR
from models.errors import Conflict, NotFound, RecogniserGone, WeightsUnusable
from models.frame import EncodedFrame
from models.policy import RecognitionPolicy
from supervision_api.pipeline.faces import FaceSetup
from supervision_api.pipeline.recogniser_process import RecogniserProcess


def setup_in(cache: Path, detector: str = "hog") -> FaceSetup:
    return FaceSetup((), cache, detector, 1)


@pytest.fixture
def recogniser(network_cache: Path) -> Iterator[RecogniserProcess]:
    process = RecogniserProcess(setup_in(network_cache))
    yield process
    process.close()
    assert not process.alive


def frame(lesson_id: str = "lesson-1") -> EncodedFrame:
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    data = cv2.imencode(".jpg", noise)[1].tobytes()
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    return EncodedFrame("camera", lesson_id, 1, at, 0.0, "mjpeg", b"", data, 320, 240)


def test_it_judges_frames_and_gives_the_picture(recogniser: RecogniserProcess) -> None:
    recogniser.open_lesson("lesson-1", (), RecognitionPolicy())
    judged = recogniser.judge(frame(), with_picture=True)
    assert judged.judgement.lens == CLEAR
    assert judged.judgement.sightings == ()
    assert judged.jpeg is not None
    assert judged.jpeg.startswith(b"\xff\xd8")


def test_errors_of_the_child_arrive_as_themselves(recogniser: RecogniserProcess) -> None:
    with pytest.raises(NotFound) as caught:
        recogniser.judge(frame("unknown"), with_picture=False)
    assert caught.value.hint
    recogniser.open_lesson("lesson-1", (), RecognitionPolicy())
    with pytest.raises(Conflict):
        recogniser.open_lesson("lesson-1", (), RecognitionPolicy())


def test_a_killed_child_is_told_as_gone(recogniser: RecogniserProcess) -> None:
    assert recogniser.pid is not None
    os.kill(recogniser.pid, signal.SIGKILL)
    with pytest.raises(RecogniserGone):
        recogniser.judge(frame(), with_picture=False)


def test_missing_weights_are_told_at_the_start(network_cache: Path) -> None:
    with pytest.raises(WeightsUnusable):
        RecogniserProcess(setup_in(network_cache, "yunet"))
