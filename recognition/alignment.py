"""From a detection to the 150×150 chip that the encoder takes.

As face_recognition does it, to the pixel: dlib's five-point predictor inside the detector's box, then dlib's
chip with a quarter of padding. It wants boxes as HOG draws them, and every detector here gives such boxes.
Cutting the chip from YuNet's five points instead was measured and rejected: docs/decisions/0004.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import dlib
import numpy as np

from models.errors import WeightsUnusable
from models.frame import Box, Detection
from models.ports import Picture
from recognition.dlib_network import CHIP_PX

CHIP_PADDING = 0.25
"""Of the face's size, on each side; as face_recognition has it."""


class DlibAlignment:
    """Chips as face_recognition cuts them (its model "small", no jitter)."""

    name = "dlib5"

    def __init__(self, predictor_path: Path) -> None:
        """
        Raises:
            WeightsUnusable: not dlib's five-point predictor.
        """
        try:
            self._predictor = dlib.shape_predictor(str(predictor_path))
        except RuntimeError:
            raise WeightsUnusable(
                "not a landmark predictor of dlib's",
                place=str(predictor_path),
                hint="reinstall the package face_recognition_models",
            ) from None

    def chip(self, picture: Picture, detection: Detection) -> Picture:
        """``(150, 150, 3) uint8`` RGB. ``picture`` is BGR."""
        box = detection.box
        left, top, right, bottom = _surroundings(picture, box)
        # Only what the chip can show changes its colour order: a 4K picture would cost more than the face.
        rgb = np.asarray(cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_BGR2RGB), dtype=np.uint8)
        x, y = round(box.x) - left, round(box.y) - top
        # dlib's rectangles include their last row and column.
        rectangle = dlib.rectangle(x, y, x + round(box.width) - 1, y + round(box.height) - 1)
        landmarks = self._predictor(rgb, rectangle)
        return np.asarray(dlib.get_face_chip(rgb, landmarks, CHIP_PX, CHIP_PADDING))


def _surroundings(picture: Picture, box: Box) -> tuple[int, int, int, int]:
    """The box and as much again on every side, cut to the picture: left, top, right, bottom.

    A chip reaches about half of the box beyond it, so none differs from one cut out of the whole picture. A
    box outside the picture keeps one pixel, and gives a chip of nothing.
    """
    height, width = picture.shape[:2]
    margin = max(1.0, box.width, box.height)
    left = min(max(0, math.floor(box.x - margin)), width - 1)
    top = min(max(0, math.floor(box.y - margin)), height - 1)
    right = max(left + 1, min(width, math.ceil(box.x + box.width + margin)))
    bottom = max(top + 1, min(height, math.ceil(box.y + box.height + margin)))
    return left, top, right, bottom
