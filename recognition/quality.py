"""How much a face in a picture can tell, 0 to 1, and what speaks against it.

Quality is the product of six factors, each 1 for a face as a passport photo shows it and 0 where nothing is
left to recognise. The bounds come from real photographs (AT&T faces, 40 people) made smaller, blurred,
darker and brighter step by step: a factor is 1 while as many genuine pairs are accepted at one false match in
1,000 as without the defect, about 0.5 where two thirds of them are, and near 0 where none is. The table is in
docs/guides/models.md; the pose bound comes from drawn heads, whose angle is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.frame import Box, Detection
from models.ports import Picture

SIZE_PX = (12.0, 48.0)
"""Face width, pixels, at which the size factor is 0 and 1."""
SHARPNESS = (0.016, 0.06)
"""Variance of the Laplacian over variance of the grey values, both at 48 px; factor 0 and 1."""
CONTRAST = (2.2, 16.0)
"""Standard deviation of grey values, 0 to 255 scale; factor 0 and 1."""
CLIPPED_SHARE = (0.65, 0.15)
"""Share of pixels burnt out or drowned; factor 0 and 1."""
YAW_DEGREES = (70.0, 20.0)
"""Turn of the head; factor 0 and 1."""
VISIBLE_SHARE = (0.5, 0.95)
"""Share of the face's box inside the picture; factor 0 and 1."""

REASON_BELOW = 0.7
_SHARPNESS_PX = 48
_NOSE_PROTRUSION = 0.38
"""Nose tip in front of the eyes, in eye distances; from drawn heads of known angle."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What a face is worth.

    ``score``: product of the factors, 0 to 1. ``factors``: name and value of each, weakest first.
    ``yaw_degrees``, ``roll_degrees``: estimates, ``None`` without landmarks; yaw is positive when the face
    turns to the picture's right, roll when it leans clockwise as seen.
    """

    score: float
    factors: tuple[tuple[str, float], ...]
    yaw_degrees: float | None = None
    roll_degrees: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Names of the factors that lower the score, weakest first: small, blurred, low_contrast, badly_lit,
        turned, cut_off."""
        return tuple(name for name, value in self.factors if value < REASON_BELOW)


def assess(picture: Picture, detection: Detection) -> Quality:
    """Quality of a face.

    Args:
        picture: ``(height, width, 3) uint8`` BGR.
        detection: box as the detectors here give it; landmarks, where present, in YuNet's order.
    """
    box = detection.box
    visible, part = _visible_part(picture, box)
    if part is None:
        return Quality(0.0, (("cut_off", 0.0),))
    grey = np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    yaw, roll = head_turn(detection)
    factors = {
        "small": _log_ramp(box.width, SIZE_PX),
        "blurred": _log_ramp(sharpness(grey), SHARPNESS),
        "low_contrast": _log_ramp(float(grey.std()), CONTRAST),
        "badly_lit": _ramp(_clipped_share(grey), CLIPPED_SHARE),
        "turned": 1.0 if yaw is None else _ramp(abs(yaw), YAW_DEGREES),
        "cut_off": _ramp(visible, VISIBLE_SHARE),
    }
    ordered = tuple(sorted(factors.items(), key=lambda factor: factor[1]))
    return Quality(math.prod(factors.values()), ordered, yaw, roll)


def head_turn(detection: Detection) -> tuple[float | None, float | None]:
    """Yaw and roll in degrees, or ``None`` twice without landmarks.

    Roll is the slope of the line between the eyes. Yaw follows from how far the nose tip has left the middle
    of that line, seen along it: a nose that stands p eye distances in front moves by p·tan(yaw).
    """
    if detection.landmarks is None or len(detection.landmarks) < 3:
        return None, None
    (right_x, right_y), (left_x, left_y), (nose_x, nose_y) = detection.landmarks[:3]
    along_x, along_y = left_x - right_x, left_y - right_y
    length_squared = along_x**2 + along_y**2
    if length_squared <= 0:
        return None, None
    off_x, off_y = nose_x - (right_x + left_x) / 2, nose_y - (right_y + left_y) / 2
    shift = (off_x * along_x + off_y * along_y) / length_squared
    yaw = math.degrees(math.atan(shift / _NOSE_PROTRUSION))
    return yaw, math.degrees(math.atan2(along_y, along_x))


def sharpness(grey: npt.NDArray[np.uint8]) -> float:
    """Variance of the Laplacian over variance, of the face at 48 px at most; unit: none.

    Reducing first makes faces of all sizes comparable: it asks for detail per face, not per pixel. Dividing
    by the variance takes out the light.
    """
    side = min(grey.shape)
    if side > _SHARPNESS_PX:
        scale = _SHARPNESS_PX / side
        grey = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var() / max(float(grey.var()), 1.0))


def _visible_part(picture: Picture, box: Box) -> tuple[float, Picture | None]:
    """Share of the box that lies inside the picture, and that part (``None`` where it is empty)."""
    height, width = picture.shape[:2]
    left, top = max(0, round(box.x)), max(0, round(box.y))
    right, bottom = min(width, round(box.x + box.width)), min(height, round(box.y + box.height))
    if right - left < 2 or bottom - top < 2:
        return 0.0, None
    return min(1.0, (right - left) * (bottom - top) / box.area), picture[top:bottom, left:right]


def _clipped_share(grey: npt.NDArray[np.uint8]) -> float:
    return float(np.mean((grey >= 250) | (grey <= 4)))


def _ramp(value: float, bounds: tuple[float, float]) -> float:
    """0 at the first bound, 1 at the second, straight between, whichever is larger."""
    at_zero, at_one = bounds
    return min(1.0, max(0.0, (value - at_zero) / (at_one - at_zero)))


def _log_ramp(value: float, bounds: tuple[float, float]) -> float:
    """The same on a logarithmic scale: halving counts alike everywhere."""
    if value <= 0:
        return 0.0
    return _ramp(math.log(value), (math.log(bounds[0]), math.log(bounds[1])))
