"""What a picture as a whole says about the camera: clear, covered or frozen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt

from models.ports import Picture

CLEAR = "clear"
COVERED = "covered"
FROZEN = "frozen"
DAMAGED = "damaged"
"""The frame could not be decoded: nothing was seen, as with a frame that never came."""

GLANCE_WIDTH = 160
"""Width of the small grey picture that all looks at the whole frame use, pixels."""

_UNIFORM_SD = 4.0
"""Grey-value spread below which nothing can be told apart; a dim room with people has 10 and more."""

_DARK_MEAN, _DARK_SD = 12.0, 6.0
_DETAIL = 1.5
"""Mean step between neighbouring cells of an uncovered picture; a hand or cap gives soft gradients."""

FROZEN_AFTER = timedelta(seconds=6)
FROZEN_SAMPLES = 4
"""A sensor is never silent: its noise changes every picture. Short repeats happen on a lossy line. The flag
has its own, longer time; until here the picture still counts as watched, so it must not be long."""

Glance = npt.NDArray[np.float32]
"""Small grey picture, (height, 160) float32, 0 to 255."""


def glance(picture: Picture) -> Glance:
    """The small grey picture. Averaging cells takes out sensor noise."""
    height, width = picture.shape[:2]
    size = (GLANCE_WIDTH, max(1, round(height * GLANCE_WIDTH / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.float32)


def is_covered(small: Glance) -> bool:
    """Dark or uniform: a cap, a hand, a bag over the camera, or a room without light."""
    spread = float(small.std())
    if spread < _UNIFORM_SD:
        return True
    if float(small.mean()) < _DARK_MEAN and spread < _DARK_SD:
        return True
    steps = float(np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean())
    return steps < _DETAIL and spread < 3 * _UNIFORM_SD


@dataclass(slots=True)
class LensWatch:
    """Watches one camera's pictures over time."""

    _print: bytes = b""
    _same_since: datetime | None = None
    _same: int = 0

    def judge(self, picture: Picture, small: Glance, at: datetime) -> str:
        """State of the lens: ``CLEAR``, ``COVERED`` or ``FROZEN``."""
        # The whole picture, pixel for pixel: real stillness still differs by noise.
        fingerprint = hashlib.blake2b(np.ascontiguousarray(picture[::4]).data, digest_size=16).digest()
        if fingerprint != self._print:
            self._print, self._same_since, self._same = fingerprint, at, 1
        else:
            self._same += 1
        if is_covered(small):
            return COVERED
        since = self._same_since or at
        frozen = self._same >= FROZEN_SAMPLES and at - since >= FROZEN_AFTER
        return FROZEN if frozen else CLEAR
