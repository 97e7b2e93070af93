"""A canvas in head units on which features are painted with soft, anti-aliased brushes."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.traits import Colour

Points = npt.NDArray[np.float64]
"""(n, 2) head units."""

SPAN = 2.4
SIDE_PX = 576
SCALE = SIDE_PX / SPAN
_SHIFT = 4


class Easel:
    """Square picture of the face seen from the front; x and y run from -1.2 to 1.2 head units."""

    def __init__(self, paint: npt.NDArray[np.float32] | None = None) -> None:
        blank = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
        self.paint: npt.NDArray[np.float32] = blank if paint is None else paint.copy()

    def polygon(self, points: Points, colour: Colour, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Fill an outline; ``blur`` is the softness of its edge in head units."""
        self._brush(points, colour, opacity, blur, thickness=0)

    def stroke(
        self, points: Points, colour: Colour, width: float, opacity: float = 1.0, blur: float = 0.0
    ) -> None:
        """Draw an open line of the given width."""
        self._brush(points, colour, opacity, blur, thickness=max(1, round(width * SCALE)))

    def ellipse(
        self,
        centre: tuple[float, float],
        axes: tuple[float, float],
        colour: Colour,
        opacity: float = 1.0,
        blur: float = 0.0,
        *,
        turn: float = 0.0,
    ) -> None:
        """Fill an ellipse turned by ``turn`` radians."""
        angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        around = np.stack([np.cos(angle) * axes[0], np.sin(angle) * axes[1]], axis=1)
        spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        self.polygon(around @ spin + np.asarray(centre), colour, opacity, blur)

    def masked(self, mask: npt.NDArray[np.float32], colour: Colour) -> None:
        """Lay a colour through a full-size mask of 0 to 1."""
        self.paint += (np.asarray(colour, np.float32) - self.paint) * mask[..., None]

    def _brush(self, points: Points, colour: Colour, opacity: float, blur: float, thickness: int) -> None:
        pixels = (points + SPAN / 2) * SCALE
        soft = blur * SCALE
        pad = int(3 * soft + thickness + 3)
        low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - pad, 0)
        high = np.minimum(np.ceil(pixels.max(axis=0)).astype(int) + pad, SIDE_PX)
        if (high <= low).any():
            return
        mask = np.zeros((int(high[1] - low[1]), int(high[0] - low[0])), np.uint8)
        fixed = np.round((pixels - low) * (1 << _SHIFT)).astype(np.int32)
        if thickness:
            cv2.polylines(mask, [fixed], False, 255, thickness, cv2.LINE_AA, _SHIFT)
        else:
            cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        cover = np.asarray(mask * np.float32(opacity / 255.0), np.float32)
        if soft > 0.3:
            cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft), np.float32)
        area = self.paint[low[1] : high[1], low[0] : high[0]]
        area += (np.asarray(colour, np.float32) - area) * cover[..., None]


def grid() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """x and y of each pixel of the canvas, head units."""
    line = ((np.arange(SIDE_PX) + 0.5) / SCALE - SPAN / 2).astype(np.float32)
    across, down = np.meshgrid(line, line)
    return across, down


def shade(colour: Colour, factor: float) -> Colour:
    """The colour, darker below 1 and lighter above."""
    return (
        min(1.0, colour[0] * factor),
        min(1.0, colour[1] * factor),
        min(1.0, colour[2] * factor),
    )


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """``share`` of the second colour in the first."""
    return (
        first[0] + (second[0] - first[0]) * share,
        first[1] + (second[1] - first[1]) * share,
        first[2] + (second[2] - first[2]) * share,
    )
