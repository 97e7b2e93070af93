"""The recogniser's worker: lessons opened, fed with encoded frames, and closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.errors import Conflict, InvalidInput, NotFound, StreamUnsupported
from models.frame import EncodedFrame
from models.policy import RecognitionPolicy
from recognition.calibration import Calibration
from recognition.decode import encode_jpeg
from recognition.gallery import Template
from recognition.worker import RecognitionWorker
from tests.unit.recognition.lesson.conftest import OpenLesson
from tests.unit.recognition.lesson.painted import (
    FINGERPRINT,
    STARTS,
    PaintedDetector,
    PaintedEncoder,
    Shown,
    code,
    painted,
    point,
    template,
)


@pytest.fixture
def worker(calibration: Calibration) -> RecognitionWorker:
    made_for_it = replace(calibration, encoder=FINGERPRINT)
    return RecognitionWorker(PaintedDetector(), PaintedEncoder(), made_for_it)


def frame(
    lesson: str, *, second: float = 0.0, data: bytes | None = None, codec: str = "mjpeg"
) -> EncodedFrame:
    content = encode_jpeg(painted({}, noise_seed=int(second)), quality=90) if data is None else data
    return EncodedFrame(
        "front",
        lesson,
        int(second),
        STARTS + timedelta(seconds=second),
        second,
        codec,
        b"",
        content,
        960,
        360,
    )


def test_a_calibration_of_another_encoder_is_refused(calibration: Calibration) -> None:
    with pytest.raises(Conflict, match="painted") as refused:
        RecognitionWorker(PaintedDetector(), PaintedEncoder(), calibration)
    assert "make a calibration" in (refused.value.hint or "")


def test_the_model_names_detector_encoder_and_calibration(
    worker: RecognitionWorker, calibration: Calibration
) -> None:
    detector, encoder, made_with = worker.model.split("|")
    assert (detector, encoder) == ("painted-detector", FINGERPRINT)
    assert made_with == calibration.fingerprint


def test_a_lesson_is_opened_once(worker: RecognitionWorker) -> None:
    worker.open_lesson("a", [template(1)])
    with pytest.raises(Conflict, match="a is being judged already"):
        worker.open_lesson("a", [])
    worker.close_lesson("a")
    worker.open_lesson("a", [])


def test_a_lesson_with_a_template_of_another_network_does_not_open(worker: RecognitionWorker) -> None:
    with pytest.raises(InvalidInput):
        worker.open_lesson("a", [Template("T1", point(1), "other")])
    worker.open_lesson("a", [template(1)])


@pytest.mark.parametrize("what", ["judge", "sampling", "template", "summary", "close"])
def test_nothing_can_be_asked_of_a_lesson_that_is_not_open(worker: RecognitionWorker, what: str) -> None:
    asks: dict[str, Callable[[], object]] = {
        "judge": lambda: worker.judge(frame("none")),
        "sampling": lambda: worker.desired_sampling("none", "front", STARTS),
        "template": lambda: worker.add_template("none", template(1)),
        "summary": lambda: worker.summary("none"),
        "close": lambda: worker.close_lesson("none"),
    }
    with pytest.raises(NotFound, match="none"):
        asks[what]()


def test_a_damaged_frame_shows_nothing_and_the_next_is_judged(worker: RecognitionWorker) -> None:
    worker.open_lesson("a", [])
    broken = worker.judge(frame("a", data=b"\xff\xd8 no picture \xff\xd9"))
    assert (broken.lens, broken.sightings, broken.faces_found) == ("damaged", (), 0)
    assert worker.judge(frame("a", second=2)).lens == "clear"
    assert worker.summary("a").counts["frames_damaged"] == 1
    assert worker.summary("a").counts["frames"] == 1


def test_a_damaged_frame_has_no_picture_to_show(worker: RecognitionWorker) -> None:
    worker.open_lesson("a", [])
    assert worker.judge_with_picture(frame("a", data=b"x"))[1] is None
    picture = worker.judge_with_picture(frame("a", second=2))[1]
    assert picture is not None
    assert picture.shape == (360, 960, 3)


def test_a_codec_without_decoder_is_told(worker: RecognitionWorker) -> None:
    worker.open_lesson("a", [])
    with pytest.raises(StreamUnsupported, match="no decoder"):
        worker.judge(frame("a", codec="nonsense"))


def test_lessons_do_not_touch_each_other(worker: RecognitionWorker) -> None:
    worker.open_lesson("a", [])
    worker.open_lesson("b", [])
    worker.judge(frame("a"))
    assert worker.close_lesson("a").counts["frames"] == 1
    assert worker.summary("b").counts == {}


def test_a_new_lesson_is_sampled_often(worker: RecognitionWorker) -> None:
    policy = RecognitionPolicy(sample_every=timedelta(seconds=3))
    worker.open_lesson("a", [], policy=policy)
    assert worker.desired_sampling("a", "front", STARTS) == timedelta(seconds=3)


def test_a_room_in_which_all_are_decided_is_sampled_seldom(open_lesson: OpenLesson) -> None:
    lesson, policy = open_lesson(), RecognitionPolicy()
    lesson.show(0, {0: 1, 1: 2})
    assert lesson.room.desired_sampling("front", STARTS) == policy.sample_every
    lesson.run(2, 10, {0: 1, 1: 2})
    assert lesson.room.desired_sampling("front", STARTS + timedelta(seconds=10)) == policy.settled_every


def test_who_is_missing_makes_the_camera_look_often_for_a_minute(open_lesson: OpenLesson) -> None:
    lesson, policy = open_lesson(), RecognitionPolicy()
    lesson.run(0, 10, {0: 1, 1: 2})
    lesson.run(10, 14, {0: 1})
    assert lesson.room.desired_sampling("front", STARTS + timedelta(seconds=14)) == policy.sample_every
    lesson.run(14, 90, {0: 1})
    assert lesson.room.desired_sampling("front", STARTS + timedelta(seconds=90)) == policy.settled_every


def test_a_still_room_costs_few_looks(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    for number in range(30):
        lesson.show(2.0 * number, {place: Shown(place + 1) for place in range(8)})
    counts = lesson.room.summary().counts
    assert counts["faces"] == 240
    assert counts["faces_encoded"] <= 8 * 3
    assert counts["faces_encoded"] + counts["faces_reused"] == counts["faces"]


def test_named_faces_that_move_are_looked_at_once_in_ten_seconds(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 60, {place: place + 1 for place in range(8)})
    encoded = lesson.room.summary().counts["faces_encoded"]
    assert 8 * 6 <= encoded <= 8 * 8
    assert set(lesson.names) == {code(place + 1) for place in range(8)}


def test_the_summary_has_the_last_word_the_best_instant_and_unknown_stays(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 20, {0: 1, 5: 90})
    lesson.run(20, 130, {0: 1}, step_s=10)
    lesson.run(130, 150, {0: 1, 5: 90})
    summary = lesson.room.summary()
    assert {naming.trainee for naming in summary.namings} == {code(1), None}
    assert set(summary.best) == {code(1)}
    (stay,) = summary.unknown_people
    assert stay.key == "unknown-1"
    assert [(i.starts_at - STARTS).total_seconds() for i in stay.intervals] == [0.0, 130.0]
    assert stay.best.camera_id == "front"


def test_the_longest_unknown_stay_comes_first(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 12, {0: 90})
    lesson.run(12, 60, {5: 91})
    assert [stay.key for stay in lesson.room.summary().unknown_people] == ["unknown-2", "unknown-1"]


def test_an_empty_room_has_an_empty_summary(open_lesson: OpenLesson) -> None:
    lesson = open_lesson()
    lesson.run(0, 10, {})
    summary = lesson.room.summary()
    assert (summary.namings, summary.unknown_people, summary.best) == ((), (), {})
    assert summary.counts["faces"] == 0
    assert np.array(lesson.sightings).size == 0
