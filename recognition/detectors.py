"""Face detectors: dlib's HOG, which needs no download, and the choice between it and YuNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import dlib
import numpy as np

from models.errors import SettingInvalid, WeightsUnusable
from models.frame import Box, Detection
from models.ports import Detector, Picture
from recognition.detectors_yunet import YuNetDetector
from recognition.weights import YUNET, installed_path

DETECTOR_CHOICES = ("auto", "yunet", "hog")
HOG_FACE_PX = 80
"""Smallest upright face that dlib's detector sees without upsampling (its sliding window)."""


MOST_REDUCED = 0.5
"""A picture is never made smaller than this between thorough passes: people who come in are small."""

_NO_GAIN = 0.85
"""A scale above this saves less than making the reduced picture costs."""


@runtime_checkable
class ReachKnown(Protocol):
    """A detector that says how small a face it still finds nearly always. ``reach_px``: width, pixels."""

    @property
    def reach_px(self) -> float: ...


class HogDetector:
    """dlib's frontal face detector: upright faces of at least 80 px, half of that per upsampling.

    It looks at the grey picture: a third cheaper than looking at three colours, and no weaker.
    Scores are the distance from its threshold, about 0 to 3. dlib releases the interpreter's lock while
    it works.
    """

    def __init__(self, upsample: int = 1, threshold: float = 0.0) -> None:
        """
        Args:
            upsample: how often the picture is doubled first; each time four times the work.
            threshold: detections with a lower score are dropped; below 0 finds more and errs more.
        """
        if upsample < 0:
            raise ValueError("upsample is 0 or more")
        self._detector = dlib.get_frontal_face_detector()
        self._upsample = upsample
        self._threshold = threshold

    @property
    def fingerprint(self) -> str:
        return f"dlib-hog/upsample={self._upsample}/threshold={self._threshold:g}"

    @property
    def reach_px(self) -> float:
        """A fifth more than the sliding window: at its very size a face is found or missed by chance."""
        return 1.2 * HOG_FACE_PX / float(2**self._upsample)

    def detect(self, picture: Picture) -> Sequence[Detection]:
        """Faces, best first; boxes in pixels of ``picture``, no landmarks."""
        if min(picture.shape[:2]) < 1:
            return ()
        grey = np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
        rectangles, scores, _ = self._detector.run(grey, self._upsample, self._threshold)
        found = [
            Detection(Box(float(r.left()), float(r.top()), float(r.width()), float(r.height())), float(score))
            for r, score in zip(rectangles, scores, strict=True)
        ]
        return tuple(sorted(found, key=lambda detection: -detection.score))


def best_detector(
    *weights_folders: Path | None, choice: str = "auto", hog_upsample: int = 1, threads: int = 1
) -> Detector:
    """The detector to use.

    Args:
        weights_folders: where YuNet's weights may lie; the first that has them is taken.
        choice: ``"auto"`` (YuNet where its weights are installed, else HOG), ``"yunet"`` or ``"hog"``.
        hog_upsample: see ``HogDetector``.
        threads: processor threads for one picture (YuNet).

    Raises:
        WeightsUnusable: YuNet was asked for and is not installed; or its file is there but altered. That
            is not passed over in silence, because the two detectors find different faces.
    """
    if choice not in DETECTOR_CHOICES:
        raise SettingInvalid(
            f"no detector is called {choice!r}", hint=f"one of: {', '.join(DETECTOR_CHOICES)}"
        )
    if choice != "hog":
        for folder in weights_folders:
            path = installed_path(folder, YUNET) if folder is not None else None
            if path is not None:
                return YuNetDetector(path, threads=threads)
    if choice == "yunet":
        raise WeightsUnusable(
            "YuNet's weights are not installed",
            place="yunet",
            hint="run `rollcall models pull yunet --from …`",
        )
    return HogDetector(hog_upsample)


def detect_in(detector: Detector, picture: Picture, region: Box) -> tuple[Detection, ...]:
    """Faces in one part of a picture, in coordinates of the whole picture.

    The region is rounded outwards and cut to the picture; faces that cross its edge may be missed, so
    callers leave a margin of about one face.
    """
    height, width = picture.shape[:2]
    left, top = max(0, int(np.floor(region.x))), max(0, int(np.floor(region.y)))
    right = min(width, int(np.ceil(region.x + region.width)))
    bottom = min(height, int(np.ceil(region.y + region.height)))
    if right <= left or bottom <= top:
        return ()
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    return tuple(_shifted(detection, left, top) for detection in detector.detect(part))


def scale_for(detector: Detector, smallest_px: float) -> float:
    """How far a picture may be reduced so that faces of this width are still found: 0.5 to 1."""
    if not isinstance(detector, ReachKnown) or smallest_px <= 0:
        return 1.0
    scale = max(MOST_REDUCED, detector.reach_px / smallest_px)
    return scale if scale < _NO_GAIN else 1.0


def detect_reduced(detector: Detector, picture: Picture, scale: float) -> tuple[Detection, ...]:
    """Faces of a reduced copy, in coordinates of the picture itself. ``scale``: up to 1."""
    if scale >= 1.0:
        return tuple(detector.detect(picture))
    height, width = picture.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    return tuple(_enlarged(d, width / size[0], height / size[1]) for d in detector.detect(small))


def _enlarged(detection: Detection, across: float, down: float) -> Detection:
    box = detection.box
    landmarks = detection.landmarks
    if landmarks is not None:
        landmarks = tuple((x * across, y * down) for x, y in landmarks)
    grown = Box(box.x * across, box.y * down, box.width * across, box.height * down)
    return Detection(grown, detection.score, landmarks)


def _shifted(detection: Detection, dx: int, dy: int) -> Detection:
    box = detection.box
    landmarks = detection.landmarks
    if landmarks is not None:
        landmarks = tuple((x + dx, y + dy) for x, y in landmarks)
    return Detection(Box(box.x + dx, box.y + dy, box.width, box.height), detection.score, landmarks)
