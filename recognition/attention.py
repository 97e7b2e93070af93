"""Where to look in a frame: everywhere, or only where the picture changed since it was last looked at."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
import numpy.typing as npt

from models.frame import Box
from recognition.lens import Glance

_CHANGED_GREY = 5.0
"""Change of a cell's mean grey value that is more than noise and codec loss (measured below 2)."""

_MARGIN_CELLS = 4
"""Cells around a change that are looked at too: a detector needs the whole head."""

_MOST_OF_PICTURE = 0.25
"""Share of changed picture from which one pass over the whole, reduced, is cheaper than parts of it."""

_MAX_REGIONS = 12


@dataclass(frozen=True, slots=True)
class Attention:
    """Where faces are searched in this frame. ``regions`` are pixels; ``None``: the whole picture.

    ``thorough``: at full size, for faces of any size and those who came unnoticed; otherwise the picture may
    be reduced as far as the faces known in it allow.
    """

    regions: tuple[Box, ...] | None
    thorough: bool = False

    def covers(self, box: Box) -> bool:
        """Whether the place of a face is searched anew."""
        if self.regions is None:
            return True
        return any(_touches(region, box) for region in self.regions)


class ChangeWatch:
    """Remembers how each part of the picture looked when it was last searched."""

    def __init__(self, full_every: timedelta) -> None:
        self._full_every = full_every
        self._reference: Glance | None = None
        self._full_at: datetime | None = None

    def plan(self, small: Glance, width: int, at: datetime) -> Attention:
        """Where to search now. ``width``: of the picture, pixels."""
        stale = self._full_at is None or at - self._full_at >= self._full_every or at < self._full_at
        reference = self._reference
        if stale or reference is None or reference.shape != small.shape:
            self._full_at = at
            return self._whole(small, thorough=True)
        changed = changed_cells(reference, small)
        if not changed.any():
            return Attention(())
        kernel = np.ones((2 * _MARGIN_CELLS + 1,) * 2, np.uint8)
        grown = np.asarray(cv2.dilate(changed, kernel), dtype=np.uint8)
        if float(grown.mean()) > _MOST_OF_PICTURE:
            return self._whole(small)
        cells = _rectangles(grown)
        if len(cells) > _MAX_REGIONS or _share(cells, small) > _MOST_OF_PICTURE:
            return self._whole(small)
        for x, y, w, h in cells:
            reference[y : y + h, x : x + w] = small[y : y + h, x : x + w]
        scale = width / small.shape[1]
        return Attention(tuple(Box(x * scale, y * scale, w * scale, h * scale) for x, y, w, h in cells))

    def _whole(self, small: Glance, *, thorough: bool = False) -> Attention:
        self._reference = small.copy()
        return Attention(None, thorough)


def changed_cells(before: Glance, after: Glance) -> npt.NDArray[np.uint8]:
    """1 where a cell changed by more than the light as a whole did; shape of the glances."""
    difference = after - before
    # A cloud or a lamp moves all cells alike; the median follows it, a person does not.
    difference -= np.median(difference)
    return np.asarray(np.abs(difference) > _CHANGED_GREY, dtype=np.uint8)


def _rectangles(mask: npt.NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    """Bounding rectangles of the connected parts, merged until none overlap; cells."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    merged: list[tuple[int, int, int, int]] = []
    for x, y, w, h in ((int(s[0]), int(s[1]), int(s[2]), int(s[3])) for s in stats[1:]):
        merged = _absorbed(merged, (x, y, w, h))
    return merged


def _absorbed(
    rectangles: list[tuple[int, int, int, int]], new: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    rest = rectangles
    while True:
        touching = [r for r in rest if _meet(r, new)]
        if not touching:
            return [*rest, new]
        rest = [r for r in rest if not _meet(r, new)]
        new = _hull([*touching, new])


def _meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    apart = a[0] >= b[0] + b[2] or b[0] >= a[0] + a[2] or a[1] >= b[1] + b[3] or b[1] >= a[1] + a[3]
    return not apart


def _hull(rectangles: Iterable[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    corners = [(x, y, x + w, y + h) for x, y, w, h in rectangles]
    left, top = min(c[0] for c in corners), min(c[1] for c in corners)
    return left, top, max(c[2] for c in corners) - left, max(c[3] for c in corners) - top


def _share(cells: list[tuple[int, int, int, int]], small: Glance) -> float:
    return sum(w * h for _, _, w, h in cells) / small.size


def _touches(region: Box, box: Box) -> bool:
    across = min(region.x + region.width, box.x + box.width) - max(region.x, box.x)
    down = min(region.y + region.height, box.y + box.height) - max(region.y, box.y)
    return across > 0 and down > 0


_PATCH_PX = 24
_PATCH_CHANGED = 10.0
"""Mean grey difference of a face patch, light taken out, that means the face moved or is another."""

_PATCH_PART_CHANGED = 26.0
"""The same for the worst ninth of the patch: a mouth or a pair of glasses changes only there."""

Patch = npt.NDArray[np.float32]
"""Grey picture of one face, (24, 24) float32, mean 0, in grey values at usual contrast."""


def patch_of(picture: npt.NDArray[np.uint8], box: Box) -> Patch | None:
    """How a face looks, coarsely, with mean light taken out; ``None`` outside the picture."""
    height, width = picture.shape[:2]
    left, top = max(0, math.floor(box.x)), max(0, math.floor(box.y))
    right = min(width, math.ceil(box.x + box.width))
    bottom = min(height, math.ceil(box.y + box.height))
    if right - left < 4 or bottom - top < 4:
        return None
    small = cv2.resize(picture[top:bottom, left:right], (_PATCH_PX,) * 2, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), dtype=np.float32)
    return grey - float(grey.mean())


def looks_the_same(before: Patch | None, after: Patch | None) -> bool:
    """Whether a face's patch is unchanged but for noise."""
    if before is None or after is None:
        return False
    difference = np.abs(before - after)
    if float(difference.mean()) > _PATCH_CHANGED:
        return False
    parts = difference.reshape(3, 8, 3, 8).mean(axis=(1, 3))
    return float(parts.max()) <= _PATCH_PART_CHANGED
