"""Our encoder against its oracle, face_recognition on dlib: the same numbers for the same boxes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.errors import InvalidInput, WeightsUnusable
from models.frame import Box, Detection
from models.ports import Picture
from recognition.alignment import DlibAlignment
from recognition.bench_encoder import BAR_DIFFERENCE, bench_encoder, bench_faces, face_sheets
from recognition.detectors import HogDetector
from recognition.detectors_yunet import YuNetDetector
from recognition.encoder import FaceRecognitionEncoder
from recognition.encoder_files import Form, converted_file
from recognition.onnx_session import Network
from recognition.weights import FACE_ENCODER, FIVE_POINTS, packaged_path

DrawFace = Callable[..., Picture]
face_recognition = pytest.importorskip("face_recognition", reason="the parity oracle is not installed")


def oracle(picture: Picture, boxes: list[Box]) -> npt.NDArray[np.float64]:
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    css = [(int(b.y), int(b.x) + int(b.width) - 1, int(b.y) + int(b.height) - 1, int(b.x)) for b in boxes]
    return np.array(face_recognition.face_encodings(rgb, css)).reshape(-1, 128)


def difference(encoder: FaceRecognitionEncoder, picture: Picture, boxes: list[Box]) -> float:
    ours = encoder.encode(picture, [Detection(box, 1.0) for box in boxes])
    return float(np.abs(ours - oracle(picture, boxes)).max())


@pytest.mark.parametrize(("seed", "yaw"), [(0, 0.0), (1, 0.3), (2, -0.3), (6, 0.0)])
def test_drawn_faces_get_the_oracles_embedding(
    encoder: FaceRecognitionEncoder, hog: HogDetector, draw_face: DrawFace, seed: int, yaw: float
) -> None:
    picture = draw_face(seed, yaw=yaw)
    boxes = [detection.box for detection in hog.detect(picture)]
    assert boxes
    assert difference(encoder, picture, boxes) <= BAR_DIFFERENCE


@pytest.mark.parametrize(
    "box",
    [
        Box(-60, 120, 200, 200),
        Box(300, 300, 200, 200),
        Box(-20, -20, 500, 500),
        Box(150, 150, 20, 20),
        Box(0, 0, 460, 460),
        Box(140, 100, 90, 150),
    ],
    ids=["left edge", "lower corner", "larger than the picture", "tiny", "whole", "not square"],
)
def test_any_box_a_detector_may_give_gets_the_oracles_embedding(
    encoder: FaceRecognitionEncoder, draw_face: DrawFace, box: Box
) -> None:
    assert difference(encoder, draw_face(0), [box]) <= BAR_DIFFERENCE


@pytest.mark.testdata
def test_every_portrait_gets_the_oracles_embedding(
    encoder: FaceRecognitionEncoder, portraits: dict[str, Picture]
) -> None:
    detector = HogDetector(upsample=0, threshold=-0.2)
    faces = 0
    for picture in portraits.values():
        boxes = [detection.box for detection in detector.detect(picture)]
        faces += len(boxes)
        assert not boxes or difference(encoder, picture, boxes) <= BAR_DIFFERENCE
    assert faces >= 10


@pytest.mark.testdata
def test_every_fifth_crop_gets_the_oracles_embedding(
    encoder: FaceRecognitionEncoder, hog: HogDetector, crops: dict[tuple[int, int], Picture]
) -> None:
    pictures = [picture for (person, shot), picture in crops.items() if shot == 1 and person % 5 == 0]
    compared = 0
    for picture in pictures:
        boxes = [detection.box for detection in hog.detect(picture)][:1]
        compared += len(boxes)
        assert not boxes or difference(encoder, picture, boxes) <= BAR_DIFFERENCE
    assert compared >= 6


@pytest.mark.testdata
@pytest.mark.slow
def test_every_crop_gets_the_oracles_embedding(
    encoder: FaceRecognitionEncoder, hog: HogDetector, crops: dict[tuple[int, int], Picture]
) -> None:
    for picture in crops.values():
        boxes = [detection.box for detection in hog.detect(picture)]
        assert not boxes or difference(encoder, picture, boxes) <= BAR_DIFFERENCE


def test_many_faces_at_once_equal_each_alone(encoder: FaceRecognitionEncoder, draw_face: DrawFace) -> None:
    picture = draw_face(1)
    detections = [Detection(Box(100 + 3 * i, 90 + 2 * i, 180, 180), 1.0) for i in range(19)]
    together = encoder.encode(picture, detections)
    alone = np.concatenate([encoder.encode(picture, [detection]) for detection in detections])
    assert together.shape == (19, 128)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_form_for_many_is_opened_once_and_only_for_a_group(draw_face: DrawFace, tmp_path: Path) -> None:
    few, many = (_network(form, tmp_path) for form in Form)
    opened: list[Network] = []

    def open_many() -> Network:
        opened.append(many)
        return many

    encoder = FaceRecognitionEncoder(
        few, open_many, DlibAlignment(packaged_path(FIVE_POINTS)), fingerprint="x"
    )
    faces = [Detection(Box(100 + 3 * i, 90 + 2 * i, 180, 180), 1.0) for i in range(4)]
    encoder.encode(draw_face(1), faces[:2])
    assert opened == []
    encoder.encode(draw_face(1), faces[:3])
    encoder.encode(draw_face(1), faces)
    assert opened == [many]


def _network(form: Form, folder: Path) -> Network:
    source = packaged_path(FACE_ENCODER)
    return Network(
        converted_file(form, source, folder, expected_sha256=FACE_ENCODER.sha256), place=form.value
    )


def test_no_faces_give_an_empty_table(encoder: FaceRecognitionEncoder, draw_face: DrawFace) -> None:
    empty = encoder.encode(draw_face(0), [])
    assert empty.shape == (0, 128)
    assert empty.dtype == np.float32


def test_a_box_outside_the_picture_gives_numbers_not_a_crash(
    encoder: FaceRecognitionEncoder, draw_face: DrawFace
) -> None:
    boxes = [Box(5000, 5000, 80, 80), Box(-900, 10, 80, 80), Box(10, 10, 0, 0), Box(200, 200, 1, 1)]
    embeddings = encoder.encode(draw_face(0), [Detection(box, 1.0) for box in boxes])
    assert np.isfinite(embeddings).all()


def test_a_view_into_a_larger_picture_is_taken_as_it_is(
    encoder: FaceRecognitionEncoder, hog: HogDetector, draw_face: DrawFace
) -> None:
    large = np.zeros((600, 700, 3), dtype=np.uint8)
    large[40:500, 60:520] = draw_face(0)
    part = large[40:500, 60:520]
    assert not part.flags["C_CONTIGUOUS"]
    found = hog.detect(part)
    np.testing.assert_allclose(encoder.encode(part, found), encoder.encode(part.copy(), found), atol=1e-6)


def test_the_encoder_is_shared_between_threads(encoder: FaceRecognitionEncoder, draw_face: DrawFace) -> None:
    picture = draw_face(2)
    detections = [Detection(Box(140, 130, 180, 180), 1.0)] * 3
    expected = encoder.encode(picture, detections)
    results: list[npt.NDArray[np.float32]] = []

    def encode_often() -> None:
        results.extend(encoder.encode(picture, detections) for _ in range(3))

    threads = [threading.Thread(target=encode_often) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 9
    assert all(np.array_equal(result, expected) for result in results)


def test_the_fingerprint_names_network_and_alignment(encoder: FaceRecognitionEncoder) -> None:
    assert encoder.fingerprint == "face-recognition-resnet@55533b28a958/dlib5"


@pytest.mark.parametrize("content", [b"", b"not a predictor", bytes(5000)])
def test_a_predictor_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "points.dat"
    path.write_bytes(content)
    with pytest.raises(WeightsUnusable, match="landmark predictor"):
        DlibAlignment(path)


@pytest.mark.testdata
def test_faces_found_by_yunet_keep_the_embedding_they_have_with_hog(
    encoder: FaceRecognitionEncoder,
    hog: HogDetector,
    yunet_path: Path,
    crops: dict[tuple[int, int], Picture],
) -> None:
    yunet = YuNetDetector(yunet_path)
    shifts = []
    for (_, shot), picture in crops.items():
        by_hog, by_yunet = hog.detect(picture), yunet.detect(picture)
        if shot == 1 and by_hog and by_yunet:
            one, other = encoder.encode(picture, [by_hog[0], by_yunet[0]])
            shifts.append(float(np.linalg.norm(one - other)))
    assert len(shifts) >= 30
    # Two photos of one person lie at 0.4 on average; a change of detector must be nothing beside it.
    assert float(np.mean(shifts)) < 0.06


class TestTheBench:
    def test_both_encoders_get_the_same_faces_and_agree(
        self, encoder: FaceRecognitionEncoder, draw_face: DrawFace
    ) -> None:
        result = bench_encoder(encoder, [draw_face(0), draw_face(1)], repeats=1)
        assert result["faces"] == 2
        assert result["max_abs_difference"] <= BAR_DIFFERENCE
        assert result["ratio"] > 1
        assert set(result) >= {"ratio_single", "ours_ms", "baseline_ms", "bar_ratio", "passed"}

    def test_a_sheet_holds_sixteen_faces_side_by_side(self, draw_face: DrawFace) -> None:
        faces = bench_faces([draw_face(0)]) * 18
        first, second = face_sheets(faces)
        assert len(first.boxes) == 16
        assert len(second.boxes) == 2
        assert first.picture.shape == (240, 16 * 240, 3)
        assert all(box.width == 100 and box.x + box.width <= first.picture.shape[1] for box in first.boxes)

    def test_pictures_without_faces_cannot_be_measured(self, encoder: FaceRecognitionEncoder) -> None:
        with pytest.raises(InvalidInput, match="no faces"):
            bench_encoder(encoder, [np.zeros((100, 100, 3), dtype=np.uint8)])
