"""Opens painted lessons under the calibration that comes with Rollcall."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from models.policy import RecognitionPolicy
from recognition.calibration import Calibration
from recognition.calibration_store import default_calibration
from recognition.camera_view import Networks
from recognition.gallery import Template, build_gallery
from recognition.lesson_room import LessonRoom
from tests.unit.recognition.lesson.painted import (
    FINGERPRINT,
    Lesson,
    PaintedDetector,
    PaintedEncoder,
    template,
)

OpenLesson = Callable[..., Lesson]


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    return default_calibration()


@pytest.fixture
def open_lesson(calibration: Calibration) -> OpenLesson:
    def opened(
        people: Sequence[int] = tuple(range(12)),
        *,
        policy: RecognitionPolicy | None = None,
        noise: float = 0.22,
        templates: Sequence[Template] = (),
    ) -> Lesson:
        encoder, detector = PaintedEncoder(noise), PaintedDetector()
        gallery = build_gallery([*(template(p) for p in people), *templates], FINGERPRINT)
        networks = Networks(detector, encoder, calibration)
        return Lesson(
            LessonRoom("lesson", gallery, networks, policy or RecognitionPolicy()), encoder, detector
        )

    return opened
