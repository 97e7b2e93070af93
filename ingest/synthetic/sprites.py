"""Rendered heads, kept: each pose of each person is drawn once and then only pasted."""

from __future__ import annotations

from collections import OrderedDict

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.cast import member
from ingest.synthetic.features import Expression
from ingest.synthetic.heads import Head, Light, Pose, Sprite
from ingest.synthetic.motion import PITCH_STEP, YAW_STEP, Bearing
from ingest.synthetic.traits import Traits

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8 BGR."""

_RESTING = (Expression(0, 0), Expression(2, 0))
_SPEAKING = (Expression(0, 1), Expression(0, 2))
_Key = tuple[int, int, int, int, Expression]


class Wardrobe:
    """Heads of the cast and their sprites; the oldest sprites go when ``budget_bytes`` is reached."""

    def __init__(self, light: Light, budget_bytes: int = 256 * 1024 * 1024) -> None:
        self._light = light
        self._budget = budget_bytes
        self._heads: dict[int, Head] = {}
        self._sprites: OrderedDict[_Key, Sprite] = OrderedDict()
        self._kept_bytes = 0

    def traits(self, cast: int) -> Traits:
        return self._head(cast).traits

    def sprite(
        self, cast: int, size_px: int, yaw_step: int, pitch_step: int, expression: Expression
    ) -> Sprite:
        """A square sprite; the skull's centre is in its middle."""
        key = (cast, size_px, yaw_step, pitch_step, expression)
        if key not in self._sprites:
            self._render(cast, size_px, yaw_step, pitch_step, expression)
        self._sprites.move_to_end(key)
        return self._sprites[key]

    def posed(self, cast: int, size_px: int, bearing: Bearing, shift: tuple[float, float]) -> Sprite:
        """The sprite for a bearing, tilted by its roll and moved by a fraction of a pixel."""
        plain = self.sprite(cast, size_px, bearing.yaw_step, bearing.pitch_step, bearing.expression)
        middle = (size_px - 1) / 2
        matrix = cv2.getRotationMatrix2D(
            (middle, middle + 0.3 * size_px), float(np.rad2deg(-bearing.roll)), 1.0
        )
        matrix[:, 2] += np.asarray(shift)
        return np.asarray(cv2.warpAffine(plain, matrix, (size_px, size_px)), np.uint8)

    def _head(self, cast: int) -> Head:
        if cast not in self._heads:
            self._heads[cast] = Head(member(cast))
        return self._heads[cast]

    def _render(self, cast: int, size_px: int, yaw: int, pitch: int, expression: Expression) -> None:
        """Expressions that follow each other are drawn together: the costly part is shared."""
        group: tuple[Expression, ...] = (expression,)
        for together in (_RESTING, _SPEAKING):
            group = together if expression in together else group
        pose = Pose(yaw * YAW_STEP, pitch * PITCH_STEP)
        for drawn, sprite in zip(
            group, self._head(cast).render(size_px, pose, self._light, group), strict=True
        ):
            self._sprites[(cast, size_px, yaw, pitch, drawn)] = sprite
            self._kept_bytes += sprite.nbytes
        while self._kept_bytes > self._budget and len(self._sprites) > len(group):
            _, gone = self._sprites.popitem(last=False)
            self._kept_bytes -= gone.nbytes


def paste(canvas: Picture, sprite: Sprite, left: int, top: int) -> None:
    """Lay a sprite over the canvas; what reaches over the edge is cut off."""
    height, width = canvas.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + sprite.shape[1]), min(height, top + sprite.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
    area = canvas[y0:y1, x0:x1]
    through = cv2.cvtColor(cv2.bitwise_not(part[..., 3]), cv2.COLOR_GRAY2BGR)
    below = cv2.multiply(area, through, scale=1.0 / 255.0)
    area[:] = cv2.add(below, cv2.cvtColor(part, cv2.COLOR_BGRA2BGR))
