"""Blurs faces in the frames of a clip, so that a copy may be shown to people who may not see them.

Detection costs far more than decoding, so it runs on every few frames only, and looks ahead: a face found now
is blurred in the frames since the last look as well, along the way between both places. A face that is no
longer found stays blurred where it was for a while: detectors miss faces that turn away for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from models.frame import Box
from models.ports import Detector, Picture

LOOK_EVERY: Final = 3
"""Frames from look to look: 0.2 s at 15 a second, in which a walking head moves by less than its size."""

KEPT_LOOKS: Final = 15
"""Looks for which a lost face stays blurred where it was: 3 s at 15 frames a second."""

MARGIN: Final = 0.35
"""Share of a face's size added on every side: hair, ears and chin tell who someone is, too."""

_SAME_FACE: Final = 0.15
"""Overlap from which two boxes of neighbouring looks are one face."""

_BLOCKS: Final = 6
"""A face is reduced to so many blocks across before it is smoothed: nothing of its features is left."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A face being followed. ``missed``: looks since it was seen."""

    box: Box
    missed: int = 0


class FaceBlur:
    """Blurs the frames of one camera, in order; used by one thread."""

    def __init__(self, detector: Detector, look_every: int = LOOK_EVERY) -> None:
        self._detector = detector
        self._look_every = look_every
        self._spots: list[_Spot] = []

    def blurred(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """The pictures with faces blurred, same order and number; holds ``look_every`` of them at most."""
        held: list[Picture] = []
        for number, picture in enumerate(pictures):
            held.append(picture)
            if number % self._look_every == 0:
                yield from self._release(held)
        if held:
            yield from self._release(held)

    def _release(self, held: list[Picture]) -> Iterator[Picture]:
        """Looks at the newest frame, then blurs all that were held along the way from the last look to it."""
        before = self._spots
        found = [detection.box for detection in self._detector.detect(held[-1])]
        self._spots = _followed(before, found)
        areas = _swept(before, self._spots)
        for picture in held:
            yield blur_areas(picture, areas)
        held.clear()


def blur_areas(picture: Picture, areas: Sequence[Box]) -> Picture:
    """A copy in which each area (pixels) is reduced to a few blocks and smoothed."""
    out = picture.copy()
    height, width = picture.shape[:2]
    for area in areas:
        left, top = max(0, int(area.x)), max(0, int(area.y))
        right, bottom = min(width, int(area.x + area.width) + 1), min(height, int(area.y + area.height) + 1)
        if right - left < 2 or bottom - top < 2:
            continue
        part = out[top:bottom, left:right]
        rows = max(2, round(_BLOCKS * (bottom - top) / max(right - left, 1)))
        blocks = cv2.resize(part, (_BLOCKS, min(rows, 4 * _BLOCKS)), interpolation=cv2.INTER_AREA)
        smooth = cv2.resize(blocks, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        out[top:bottom, left:right] = np.asarray(smooth, dtype=np.uint8)
    return out


def _followed(before: Sequence[_Spot], found: Sequence[Box]) -> list[_Spot]:
    """All faces found now, and those lost lately where they were."""
    lost = [
        replace(spot, missed=spot.missed + 1)
        for spot in before
        if all(spot.box.overlap(box) < _SAME_FACE for box in found)
    ]
    return [*(_Spot(box) for box in found), *(spot for spot in lost if spot.missed <= KEPT_LOOKS)]


def _swept(before: Sequence[_Spot], now: Sequence[_Spot]) -> list[Box]:
    """What the faces cover between two looks: each place now joined with where it was, with a margin."""
    areas = [_grown(spot.box) for spot in (*before, *now)]
    for spot in now:
        near = [old.box for old in before if _near(old.box, spot.box)]
        areas += [_grown(_hull(spot.box, box)) for box in near]
    return areas


def _near(one: Box, other: Box) -> bool:
    """Whether a head may have moved from one place to the other between two looks."""
    (x0, y0), (x1, y1) = one.centre, other.centre
    reach = 1.5 * max(one.width, other.width)
    return abs(x0 - x1) <= reach and abs(y0 - y1) <= reach


def _hull(one: Box, other: Box) -> Box:
    left, top = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    return Box(left, top, right - left, bottom - top)


def _grown(box: Box) -> Box:
    across, down = MARGIN * box.width, MARGIN * box.height
    return Box(box.x - across, box.y - down, box.width + 2 * across, box.height + 2 * down)
