"""HOG and YuNet: what they find, in which coordinates, and which of them is taken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from models.errors import SettingInvalid, WeightsUnusable
from models.frame import Box, Detection
from models.ports import Picture
from recognition import detectors_yunet
from recognition.detectors import HogDetector, best_detector, detect_in
from recognition.detectors_yunet import SQUARE_DROP, SQUARE_SIDE, STRIDES, YuNetDetector

DrawFace = Callable[..., Picture]


def centre_error(found: Detection, expected: tuple[float, float]) -> float:
    x, y = found.box.centre
    return float(np.hypot(x - expected[0], y - expected[1]))


class TestHog:
    @pytest.mark.parametrize("seed", [0, 1, 2, 6, 8])
    def test_a_drawn_face_is_found_once_and_in_place(self, draw_face: DrawFace, seed: int) -> None:
        (found,) = HogDetector(upsample=0).detect(draw_face(seed))
        assert centre_error(found, (230, 230)) < 60
        assert 130 <= found.box.width <= 230
        assert found.landmarks is None

    def test_upsampling_finds_faces_half_the_size(self, draw_face: DrawFace) -> None:
        small = cv2.resize(draw_face(0), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        assert not HogDetector(upsample=0).detect(small)
        (found,) = HogDetector(upsample=1).detect(small)
        assert 30 <= found.box.width <= 60

    def test_the_best_face_comes_first(self, draw_face: DrawFace) -> None:
        row = np.concatenate([draw_face(5), draw_face(0), draw_face(8)], axis=1)
        scores = [detection.score for detection in HogDetector(upsample=0, threshold=-0.3).detect(row)]
        assert len(scores) >= 3
        assert scores == sorted(scores, reverse=True)

    def test_a_lower_threshold_finds_no_less(self, draw_face: DrawFace) -> None:
        picture = draw_face(3)
        assert len(HogDetector(0, -0.5).detect(picture)) >= len(HogDetector(0, 0.3).detect(picture))

    @pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 900), (900, 3), (79, 79)])
    def test_pictures_too_small_for_a_face_hold_none(self, shape: tuple[int, int]) -> None:
        assert list(HogDetector(upsample=1).detect(np.zeros((*shape, 3), dtype=np.uint8))) == []

    def test_noise_is_not_a_face(self) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
        assert not HogDetector(upsample=0).detect(noise)

    def test_a_part_of_a_larger_picture_is_taken_as_it_is(self, draw_face: DrawFace) -> None:
        large = np.zeros((500, 600, 3), dtype=np.uint8)
        large[20:480, 70:530] = draw_face(0)
        part = large[20:480, 70:530]
        assert HogDetector(0).detect(part) == HogDetector(0).detect(part.copy())

    def test_a_negative_upsampling_is_refused(self) -> None:
        with pytest.raises(ValueError, match="0 or more"):
            HogDetector(upsample=-1)

    def test_the_fingerprint_tells_settings_apart(self) -> None:
        prints = {HogDetector(0).fingerprint, HogDetector(1).fingerprint, HogDetector(0, 0.2).fingerprint}
        assert len(prints) == 3


class TestDetectingInARegion:
    def test_boxes_are_in_coordinates_of_the_whole_picture(self, draw_face: DrawFace) -> None:
        scene = np.full((700, 1000, 3), 128, dtype=np.uint8)
        scene[150:610, 400:860] = draw_face(0)
        (found,) = detect_in(HogDetector(0), scene, Box(395.4, 140.2, 480, 480))
        assert centre_error(found, (630, 380)) < 60

    def test_faces_outside_the_region_are_not_found(self, draw_face: DrawFace) -> None:
        scene = np.full((500, 1000, 3), 128, dtype=np.uint8)
        scene[20:480, 20:480] = draw_face(0)
        assert detect_in(HogDetector(0), scene, Box(500, 0, 500, 500)) == ()

    def test_a_region_over_the_edge_is_cut_to_the_picture(self, draw_face: DrawFace) -> None:
        picture = draw_face(0)
        assert detect_in(HogDetector(0), picture, Box(-500, -500, 5000, 5000)) == tuple(
            HogDetector(0).detect(picture)
        )

    @given(x=st.floats(-300, 300), y=st.floats(-300, 300), width=st.floats(0, 400), height=st.floats(0, 400))
    @settings(max_examples=60, deadline=None)
    def test_any_region_shifts_boxes_and_landmarks_alike(
        self, x: float, y: float, width: float, height: float
    ) -> None:
        picture = np.zeros((120, 160, 3), dtype=np.uint8)
        detector = CornerDetector()
        for found in detect_in(detector, picture, Box(x, y, width, height)):
            assert 0 <= found.box.x < 160
            assert 0 <= found.box.y < 120
            assert found.landmarks is not None
            assert found.landmarks[0] == (found.box.x, found.box.y)
            assert found.box.x == max(0, np.floor(x))

    def test_a_region_without_area_asks_nobody(self) -> None:
        detector = CornerDetector()
        assert detect_in(detector, np.zeros((50, 50, 3), dtype=np.uint8), Box(10, 10, 0, 20)) == ()
        assert detect_in(detector, np.zeros((50, 50, 3), dtype=np.uint8), Box(80, 10, 20, 20)) == ()
        assert detector.asked == 0


class CornerDetector:
    """Sees a face in the upper left corner of whatever it is shown."""

    fingerprint = "corner"

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, picture: Picture) -> tuple[Detection, ...]:
        self.asked += 1
        assert picture.flags["C_CONTIGUOUS"]
        return (Detection(Box(0, 0, 10, 10), 1.0, ((0.0, 0.0),) * 5),)


class TestYuNetsArithmetic:
    """The grid's numbers, without weights."""

    def heads(self, cells: int) -> dict[str, np.ndarray]:
        return {
            "cls": np.zeros((cells, 1), np.float32),
            "obj": np.zeros((cells, 1), np.float32),
            "bbox": np.zeros((cells, 4), np.float32),
            "kps": np.zeros((cells, 10), np.float32),
        }

    def test_an_anchor_gives_centre_size_and_points_in_strides(self) -> None:
        heads = self.heads(12)
        heads["cls"][7], heads["obj"][7] = 0.81, 1.0
        heads["bbox"][7] = [0.5, -0.25, np.log(2), np.log(4)]
        heads["kps"][7] = np.arange(10)
        found = detectors_yunet._decoded_stride(heads, 16, (3, 4), 0.5)
        # Cell 7 of rows of four is row 1, column 3.
        np.testing.assert_allclose(found.boxes, [[(3 + 0.5) * 16 - 16, (1 - 0.25) * 16 - 32, 32, 64]])
        np.testing.assert_allclose(found.scores, [0.9])
        np.testing.assert_allclose(found.points[0, 0], [(0 + 3) * 16, (1 + 1) * 16])
        np.testing.assert_allclose(found.points[0, 4], [(8 + 3) * 16, (9 + 1) * 16])

    def test_what_lies_below_the_threshold_is_dropped(self) -> None:
        heads = self.heads(12)
        heads["cls"][:], heads["obj"][:] = 0.5, 0.4
        assert len(detectors_yunet._decoded_stride(heads, 8, (3, 4), 0.6).scores) == 0

    def test_wild_numbers_stay_finite(self) -> None:
        heads = self.heads(12)
        heads["cls"][:], heads["obj"][:] = 9.0, 9.0
        heads["bbox"][:] = 1e4
        found = detectors_yunet._decoded_stride(heads, 8, (3, 4), 0.6)
        assert np.isfinite(found.boxes).all()
        assert found.scores.max() <= 1.0

    def test_of_overlapping_boxes_the_strongest_stays(self) -> None:
        candidates = detectors_yunet._Candidates(
            boxes=np.array([[10, 10, 40, 40], [12, 11, 40, 40], [200, 10, 40, 40]], np.float32),
            scores=np.array([0.7, 0.9, 0.8], np.float32),
            points=np.zeros((3, 5, 2), np.float32),
        )
        kept = detectors_yunet._detections(candidates, 0.6, 0.3)
        assert [round(detection.score, 1) for detection in kept] == [0.9, 0.8]

    def test_the_box_becomes_hogs_square_around_a_lower_centre(self) -> None:
        square = detectors_yunet._hog_square(np.array([100, 100, 80, 125], np.float32))
        assert square.width == square.height == pytest.approx(100 * SQUARE_SIDE)
        assert square.centre == pytest.approx((140, 162.5 + 100 * SQUARE_DROP))

    @given(height=st.integers(1, 100), width=st.integers(1, 100))
    @settings(max_examples=30, deadline=None)
    def test_sides_are_padded_with_black_to_multiples_of_32(self, height: int, width: int) -> None:
        tensor = detectors_yunet._padded_tensor(np.full((height, width, 3), 7, dtype=np.uint8))
        assert tensor.shape[2] % 32 == 0
        assert tensor.shape[3] % 32 == 0
        assert tensor.shape[2] - height < 32
        assert tensor.sum() == 7 * 3 * height * width


@pytest.mark.testdata
class TestYuNet:
    def test_it_agrees_with_opencvs_reading_of_the_same_network(
        self, yunet_path: Path, portraits: dict[str, Picture]
    ) -> None:
        detector = YuNetDetector(yunet_path)
        for picture in portraits.values():
            height, width = (side // 32 * 32 for side in picture.shape[:2])
            part = np.ascontiguousarray(picture[:height, :width])
            theirs = cv2.FaceDetectorYN.create(str(yunet_path), "", (width, height), 0.6, 0.3, 5000)
            expected = theirs.detect(part)[1]
            found = detector.detect(part)
            assert len(found) == len(expected)
            for row, detection in zip(sorted(expected, key=lambda r: -r[14]), found, strict=True):
                np.testing.assert_allclose(np.ravel(detection.landmarks), row[4:14], atol=0.6)
                assert detection.score == pytest.approx(row[14], abs=0.01)

    def test_drawn_faces_are_found_at_forty_pixels_with_points_in_their_places(
        self, yunet_path: Path, draw_face: DrawFace
    ) -> None:
        picture = cv2.resize(draw_face(0), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        (found,) = YuNetDetector(yunet_path).detect(np.asarray(picture, dtype=np.uint8))
        assert found.landmarks is not None
        right_eye, left_eye, nose, right_mouth, left_mouth = found.landmarks
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_eye[1] < nose[1] < right_mouth[1]
        assert right_mouth[0] < left_mouth[0]

    def test_black_padding_moves_nothing(self, yunet_path: Path, draw_face: DrawFace) -> None:
        picture = draw_face(0)
        bordered = cv2.copyMakeBorder(picture, 0, 19, 0, 33, cv2.BORDER_CONSTANT)
        detector = YuNetDetector(yunet_path)
        (one,), (other,) = detector.detect(picture), detector.detect(np.asarray(bordered, dtype=np.uint8))
        assert one.box.overlap(other.box) > 0.97

    @pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 500), (33, 31)])
    def test_small_pictures_hold_no_face(self, yunet_path: Path, shape: tuple[int, int]) -> None:
        assert list(YuNetDetector(yunet_path).detect(np.zeros((*shape, 3), dtype=np.uint8))) == []

    def test_a_lower_threshold_changes_the_fingerprint(self, yunet_path: Path) -> None:
        one, other = YuNetDetector(yunet_path), YuNetDetector(yunet_path, score_threshold=0.5)
        assert one.fingerprint.startswith("yunet@104ee26c71d5")
        assert one.fingerprint != other.fingerprint


class TestChoosing:
    def test_hog_is_taken_where_no_weights_are(self, tmp_path: Path) -> None:
        assert best_detector(tmp_path, hog_upsample=0).fingerprint.startswith("dlib-hog/upsample=0")
        assert best_detector(None, tmp_path / "none").fingerprint.startswith("dlib-hog")
        assert best_detector().fingerprint.startswith("dlib-hog")

    @pytest.mark.testdata
    def test_yunet_is_taken_where_its_weights_are_in_any_folder(
        self, tmp_path: Path, yunet_path: Path
    ) -> None:
        assert best_detector(tmp_path, yunet_path.parent).fingerprint.startswith("yunet@")
        assert best_detector(yunet_path.parent, choice="hog").fingerprint.startswith("dlib-hog")

    def test_altered_weights_are_not_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "yunet_n_dynamic.onnx").write_bytes(b"something else")
        with pytest.raises(WeightsUnusable, match="SHA-256"):
            best_detector(tmp_path)
        assert best_detector(tmp_path, choice="hog").fingerprint.startswith("dlib-hog")

    @pytest.mark.testdata
    def test_one_flipped_bit_is_noticed(self, tmp_path: Path, yunet_path: Path) -> None:
        target = tmp_path / yunet_path.name
        shutil.copy(yunet_path, target)
        target.chmod(0o644)
        content = bytearray(target.read_bytes())
        content[200_000] ^= 1
        target.write_bytes(content)
        with pytest.raises(WeightsUnusable):
            best_detector(tmp_path)

    def test_asking_for_yunet_without_weights_says_how_to_get_them(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsUnusable, match="models pull yunet"):
            best_detector(tmp_path, choice="yunet")

    def test_an_unknown_choice_is_a_wrong_setting(self) -> None:
        with pytest.raises(SettingInvalid, match="auto, yunet, hog"):
            best_detector(choice="cnn")

    def test_another_network_is_not_yunet(self, tmp_path: Path) -> None:
        path = tmp_path / "other.onnx"
        path.write_bytes(_identity_network())
        with pytest.raises(WeightsUnusable, match="not YuNet"):
            YuNetDetector(path)


def _identity_network() -> bytes:
    value = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n"])
    result = helper.make_tensor_value_info("cls_8", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Identity", ["input"], ["cls_8"])], "g", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_every_stride_divides_the_padding() -> None:
    assert all(32 % stride == 0 for stride in STRIDES)
