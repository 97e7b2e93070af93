"""From a detection to the 150×150 chip that the encoder takes.

As face_recognition does it, to the pixel: dlib's five-point predictor inside the detector's box, then dlib's
chip with a quarter of padding. It wants boxes as HOG draws them, and every detector here gives such boxes.
Cutting the chip from YuNet's five points instead was measured and rejected: docs/decisions/0004.
"""

from __future__ import annotations

from pathlib import Path

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

    def chip(self, rgb: Picture, detection: Detection) -> Picture:
        """``(150, 150, 3) uint8`` RGB. ``rgb``: the picture in RGB order."""
        landmarks = self._predictor(rgb, _rectangle(detection.box))
        return np.asarray(dlib.get_face_chip(rgb, landmarks, CHIP_PX, CHIP_PADDING))


def _rectangle(box: Box) -> dlib.rectangle:
    """dlib's rectangles include their last row and column."""
    left, top = round(box.x), round(box.y)
    return dlib.rectangle(left, top, left + round(box.width) - 1, top + round(box.height) - 1)
