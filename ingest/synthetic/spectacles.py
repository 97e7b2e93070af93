"""Glasses, drawn over a rendered head in three dimensions."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.traits import Glasses, Traits

_SHIFT = 4


def draw_glasses(
    picture: npt.NDArray[np.float32], traits: Traits, rotation: npt.NDArray[np.float64], scale: float
) -> npt.NDArray[np.float32]:
    """Rims, bridge and temples; ``scale`` is pixels per head unit, the head's centre is mid-picture."""
    thick = {Glasses.ROUND: 0.020, Glasses.SQUARE: 0.042, Glasses.WIDE: 0.028}[traits.glasses]
    mask = np.zeros(picture.shape[:2], np.uint8)
    tint = np.zeros(picture.shape[:2], np.uint8)
    for side in (-1, 1):
        rim = _project(_rim(traits, side), rotation, scale, picture.shape[0])
        cv2.fillPoly(tint, [rim], 255, cv2.LINE_AA, _SHIFT)
        cv2.polylines(mask, [rim], True, 255, max(1, round(thick * scale)), cv2.LINE_AA, _SHIFT)
        temple = _project(_temple(traits, side), rotation, scale, picture.shape[0])
        if side * rotation[0, 2] >= -0.08:
            continue
        cv2.polylines(mask, [temple], False, 255, max(1, round(0.03 * scale)), cv2.LINE_AA, _SHIFT)
    bridge = _project(_bridge(traits), rotation, scale, picture.shape[0])
    cv2.polylines(mask, [bridge], False, 255, max(1, round(thick * scale)), cv2.LINE_AA, _SHIFT)
    cover = mask.astype(np.float32)[..., None] / 255.0
    glass = tint.astype(np.float32)[..., None] / 255.0
    picture = picture * (1.0 - 0.07 * glass) + 0.03 * glass
    colour = np.asarray(traits.glasses_colour, np.float32)
    return np.asarray(picture + (colour - picture) * cover * 0.94, np.float32)


def _front(traits: Traits) -> float:
    return traits.skull.depth + 0.07


def _rim(traits: Traits, side: int) -> npt.NDArray[np.float64]:
    eyes = traits.eyes
    power = {Glasses.ROUND: 1.0, Glasses.SQUARE: 0.45, Glasses.WIDE: 0.62}[traits.glasses]
    wide, tall = {Glasses.ROUND: (0.22, 0.21), Glasses.SQUARE: (0.245, 0.17), Glasses.WIDE: (0.26, 0.145)}[
        traits.glasses
    ]
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = side * (eyes.spacing + 0.01) + wide * np.sign(cosine) * np.abs(cosine) ** power
    y = eyes.level + 0.03 + tall * np.sign(sine) * np.abs(sine) ** power
    z = _front(traits) - 0.22 * np.abs(x) ** 2
    return np.stack([x, y, z], axis=1)


def _bridge(traits: Traits) -> npt.NDArray[np.float64]:
    inner = traits.eyes.spacing - 0.21
    x = np.linspace(-inner, inner, 7)
    y = traits.eyes.level - 0.02 - 0.03 * (1 - (x / max(inner, 1e-3)) ** 2)
    return np.stack([x, y, np.full(7, _front(traits) + 0.02)], axis=1)


def _temple(traits: Traits, side: int) -> npt.NDArray[np.float64]:
    outer = traits.eyes.spacing + 0.25
    ear = traits.skull.width * 0.98
    start = (side * outer, traits.eyes.level - 0.04, _front(traits) - 0.22 * outer**2)
    return np.array(
        [start, (side * ear, traits.eyes.level - 0.02, 0.25), (side * ear, traits.eyes.level, 0.0)]
    )


def _project(
    points: npt.NDArray[np.float64], rotation: npt.NDArray[np.float64], scale: float, side_px: int
) -> npt.NDArray[np.int32]:
    seen = points @ rotation.T
    pixels = seen[:, :2] * scale + side_px / 2 - 0.5
    return np.asarray(np.round(pixels * (1 << _SHIFT)), np.int32)
