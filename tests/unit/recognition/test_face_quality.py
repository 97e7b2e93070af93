"""Quality: each defect lowers it, nothing raises it, and it foretells recognition on real faces."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from models.frame import Box, Detection
from models.ports import Picture
from recognition.detectors import HogDetector
from recognition.encoder import FaceRecognitionEncoder
from recognition.quality import Quality, assess, head_turn, sharpness

DrawFace = Callable[..., Picture]
BOX = Box(140, 130, 180, 180)


def quality_of(picture: Picture, box: Box = BOX) -> Quality:
    return assess(np.asarray(picture, dtype=np.uint8), Detection(box, 1.0))


def resized(picture: Picture, scale: float) -> tuple[Picture, Box]:
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = Box(BOX.x * scale, BOX.y * scale, BOX.width * scale, BOX.height * scale)
    return np.asarray(small, dtype=np.uint8), box


def test_a_good_face_has_full_quality_and_no_reasons(draw_face: DrawFace) -> None:
    quality = quality_of(draw_face(0))
    assert quality.score == pytest.approx(1.0)
    assert quality.reasons == ()


@pytest.mark.parametrize(
    ("reason", "levels"),
    [
        ("blurred", [2.0, 8.0, 12.0, 20.0]),
        ("low_contrast", [0.3, 0.15, 0.08, 0.04]),
        ("small", [0.25, 0.16, 0.1, 0.07]),
        ("badly_lit", [1.0, 3.0, 6.0, 12.0]),
    ],
)
def test_the_worse_a_defect_the_lower_the_quality(
    draw_face: DrawFace, reason: str, levels: list[float]
) -> None:
    picture = draw_face(0)
    qualities = [_defective(picture, reason, level) for level in levels]
    scores = [quality.score for quality in qualities]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.35 < scores[0]
    assert reason in qualities[-1].reasons


def _defective(picture: Picture, defect: str, level: float) -> Quality:
    if defect == "small":
        return quality_of(*resized(picture, level))
    numbers = picture.astype(np.float32)
    if defect == "blurred":
        return quality_of(cv2.GaussianBlur(picture, (0, 0), level))
    if defect == "low_contrast":
        return quality_of(100 + (numbers - 100) * level)
    return quality_of(np.clip(numbers * level, 0, 255))


def test_sharpness_of_a_face_does_not_depend_on_its_size(draw_face: DrawFace) -> None:
    grey = cv2.cvtColor(draw_face(0), cv2.COLOR_BGR2GRAY)[130:310, 140:320]
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert sharpness(np.asarray(half, np.uint8)) == pytest.approx(sharpness(grey), rel=0.25)


def test_sharpness_of_a_face_does_not_depend_on_the_light(draw_face: DrawFace) -> None:
    grey = cv2.cvtColor(draw_face(0), cv2.COLOR_BGR2GRAY)[130:310, 140:320]
    darker = np.asarray(grey * 0.6 + 10, dtype=np.uint8)
    assert sharpness(darker) == pytest.approx(sharpness(grey), rel=0.15)


def test_an_enlarged_small_face_counts_as_blurred(draw_face: DrawFace) -> None:
    small, _ = resized(draw_face(0), 0.05)
    enlarged = cv2.resize(small, (460, 460), interpolation=cv2.INTER_CUBIC)
    assert "blurred" in quality_of(np.asarray(enlarged, dtype=np.uint8)).reasons


@pytest.mark.parametrize(("x", "expected"), [(140, 1.0), (-45, 0.55), (-90, 0.0), (-400, 0.0), (900, 0.0)])
def test_a_face_cut_by_the_edge_counts_for_what_is_seen(
    draw_face: DrawFace, x: float, expected: float
) -> None:
    factors = dict(quality_of(draw_face(0), Box(x, 130, 180, 180)).factors)
    assert factors["cut_off"] == pytest.approx(expected, abs=0.02)


def test_a_uniform_patch_is_worth_nothing() -> None:
    assert quality_of(np.full((460, 460, 3), 90, dtype=np.uint8)).score == 0.0


def test_reasons_name_the_weakest_first(draw_face: DrawFace) -> None:
    blurred = cv2.GaussianBlur(draw_face(0), (0, 0), 14)
    quality = quality_of(cv2.addWeighted(blurred, 0.25, np.full_like(blurred, 100), 0.75, 0))
    values = [value for _, value in quality.factors]
    assert values == sorted(values)
    assert quality.reasons[:1] == (quality.factors[0][0],)


def landmarks(yaw: float = 0.0, roll: float = 0.0, size: float = 40.0) -> tuple[tuple[float, float], ...]:
    """Eyes, nose and mouth of a head that turns by yaw (positive: to the picture's right), then leans."""
    points = [(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.55, 0.38), (-0.4, 1.0, 0.0), (0.4, 1.0, 0.0)]
    turned = [(x * math.cos(yaw) + z * math.sin(yaw), y) for x, y, z in points]
    return tuple(
        (
            100 + size * (x * math.cos(roll) - y * math.sin(roll)),
            100 + size * (x * math.sin(roll) + y * math.cos(roll)),
        )
        for x, y in turned
    )


@given(yaw=st.floats(-65, 65), roll=st.floats(-40, 40), size=st.floats(5, 300))
@settings(deadline=None)
def test_the_turn_of_a_head_is_read_from_its_landmarks(yaw: float, roll: float, size: float) -> None:
    points = landmarks(math.radians(yaw), math.radians(roll), size)
    found_yaw, found_roll = head_turn(Detection(BOX, 1.0, points))
    assert found_yaw == pytest.approx(yaw, abs=0.1)
    assert found_roll == pytest.approx(roll, abs=0.1)


@pytest.mark.parametrize("points", [None, (), ((1.0, 1.0), (2.0, 1.0)), ((5.0, 5.0),) * 5])
def test_without_usable_landmarks_nothing_is_said_of_the_turn(
    points: tuple[tuple[float, float], ...] | None,
) -> None:
    assert head_turn(Detection(BOX, 1.0, points)) == (None, None)


def test_a_head_turned_away_is_worth_less(draw_face: DrawFace) -> None:
    picture = draw_face(0)
    scores = [
        assess(picture, Detection(BOX, 1.0, landmarks(math.radians(yaw)))).score
        for yaw in (0, 15, 40, 60, 75)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == scores[1] == pytest.approx(1.0)
    assert scores[-1] == 0.0


@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 80),
    width=st.integers(1, 80),
    box=st.tuples(st.floats(-100, 100), st.floats(-100, 100), st.floats(0, 200), st.floats(0, 200)),
)
@settings(max_examples=150, deadline=None)
def test_any_picture_and_box_give_a_quality_between_nothing_and_one(
    seed: int, height: int, width: int, box: tuple[float, float, float, float]
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    quality = quality_of(picture, Box(*box))
    assert 0.0 <= quality.score <= 1.0
    assert all(0.0 <= value <= 1.0 for _, value in quality.factors)


@pytest.mark.testdata
def test_quality_foretells_how_close_a_spoilt_face_stays_to_its_person(
    encoder: FaceRecognitionEncoder, hog: HogDetector, crops: dict[tuple[int, int], Picture]
) -> None:
    """Measured over all 400 photos: -0.67 (docs/guides/models.md)."""
    random = np.random.default_rng(1)
    qualities, distances = [], []
    for person in range(1, 41):
        first, second = hog.detect(crops[person, 1]), hog.detect(crops[person, 2])
        if not first or not second:
            continue
        reference = encoder.encode(crops[person, 1], first[:1])[0]
        spoilt, detection = _spoilt(crops[person, 2], second[0], random)
        embedding = encoder.encode(spoilt, [detection])[0]
        qualities.append(assess(spoilt, detection).score)
        distances.append(float(np.linalg.norm(embedding - reference)))
    assert len(qualities) >= 30
    assert spearmanr(qualities, distances).statistic < -0.5


def _spoilt(picture: Picture, detection: Detection, random: np.random.Generator) -> tuple[Picture, Detection]:
    numbers = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 12)).astype(np.float32)
    if random.random() < 0.5:
        numbers = numbers * np.exp(random.uniform(-2.8, 1.1))
    scale = random.uniform(0.1, 1.0)
    small = cv2.resize(np.clip(numbers, 0, 255), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = detection.box
    scaled = Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)
    return np.asarray(small, dtype=np.uint8), Detection(scaled, 1.0)
