"""Shoulders, arms, hands and photographs: everything of a person that is not the head."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.easel import shade
from ingest.synthetic.heads import Sprite
from ingest.synthetic.traits import Colour, Traits

_SHIFT = 4
Outline = npt.NDArray[np.float64]
"""(n, 2), head units from the skull's centre."""


def draw_body(traits: Traits, unit_px: float, length: float = 2.6) -> tuple[Sprite, tuple[int, int]]:
    """Neck, shoulders and clothes down to ``length`` head units below the skull's centre.

    Returns:
        The sprite and the pixel in it where the skull's centre belongs.
    """
    half = 1.75
    width, height = int(2 * half * unit_px) + 4, int((length - 0.1) * unit_px) + 4
    anchor = (width // 2, -int(0.4 * unit_px))
    colour = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.float32)
    broad = 1.26 if traits.female else 1.42
    _lay(colour, cover, _neck(traits), shade(traits.skin.tone, 0.62), unit_px, anchor)
    _lay(colour, cover, _torso(broad, length), shade(traits.clothes, 0.86), unit_px, anchor)
    _lay_collar(colour, cover, traits, unit_px, anchor)
    _shade_cloth(colour, traits, unit_px, anchor, broad)
    cover = np.minimum(cover, 1.0)
    sprite = np.dstack([np.clip(colour, 0, 1) * cover[..., None] * 255, cover * 255]).round().astype(np.uint8)
    return sprite, anchor


def _pixels(points: Outline, unit_px: float, anchor: tuple[int, int]) -> npt.NDArray[np.int32]:
    placed = points * unit_px + np.asarray(anchor, np.float64)
    return np.round(placed * (1 << _SHIFT)).astype(np.int32)


def _lay(
    colour: npt.NDArray[np.float32],
    cover: npt.NDArray[np.float32],
    outline: Outline,
    paint: Colour,
    unit_px: float,
    anchor: tuple[int, int],
) -> None:
    mask = np.zeros(cover.shape, np.uint8)
    cv2.fillPoly(mask, [_pixels(outline, unit_px, anchor)], 255, cv2.LINE_AA, _SHIFT)
    share = mask.astype(np.float32) / 255.0
    colour += (np.asarray(paint, np.float32) - colour) * np.where(cover > 0, share, mask > 0)[..., None]
    np.maximum(cover, share, out=cover)


def _neck(traits: Traits) -> Outline:
    half = 0.36 if traits.female else 0.46
    return np.array(
        [
            (-half, 0.45),
            (half, 0.45),
            (half * 1.05, 1.25),
            (half * 1.5, 1.6),
            (-half * 1.5, 1.6),
            (-half * 1.05, 1.25),
        ]
    )


def _torso(broad: float, length: float) -> Outline:
    """Sloping shoulders and arms."""
    right = [
        (0.36, 1.20),
        (0.62, 1.30),
        (broad * 0.80, 1.42),
        (broad * 0.95, 1.56),
        (broad * 1.03, 1.78),
        (broad * 1.12, 2.3),
        (broad * 1.16, length + 0.2),
    ]
    left = [(-x, y) for x, y in reversed(right)]
    return np.array([*right, *left])


def _lay_collar(
    colour: npt.NDArray[np.float32],
    cover: npt.NDArray[np.float32],
    traits: Traits,
    unit_px: float,
    anchor: tuple[int, int],
) -> None:
    skin = shade(traits.skin.tone, 0.76)
    accent = shade(traits.clothes_accent, 0.95)
    if traits.collar == 0:
        dip = np.array([(x, 1.24 + 0.30 * (1 - (x / 0.44) ** 2)) for x in np.linspace(-0.44, 0.44, 15)])
        _lay(colour, cover, np.vstack([dip, [(0.4, 1.15), (-0.4, 1.15)]]), skin, unit_px, anchor)
    elif traits.collar == 1:
        _lay(colour, cover, np.array([(-0.40, 1.16), (0.40, 1.16), (0.0, 1.78)]), skin, unit_px, anchor)
        for side in (-1, 1):
            flap = np.array(
                [(side * 0.36, 1.10), (side * 0.62, 1.32), (side * 0.22, 1.72), (side * 0.02, 1.70)]
            )
            _lay(colour, cover, flap, accent, unit_px, anchor)
    else:
        dip = np.array([(x, 1.22 + 0.16 * (1 - (x / 0.5) ** 2)) for x in np.linspace(-0.5, 0.5, 15)])
        rim = dip + np.array([0.0, 0.10])
        _lay(colour, cover, np.vstack([dip, rim[::-1]]), accent, unit_px, anchor)


def _shade_cloth(
    colour: npt.NDArray[np.float32], traits: Traits, unit_px: float, anchor: tuple[int, int], broad: float
) -> None:
    """Rounding to the sides, folds, and the shadow under the chin."""
    rows, columns = colour.shape[:2]
    x = (np.arange(columns, dtype=np.float32) - anchor[0]) / np.float32(unit_px)
    y = ((np.arange(rows, dtype=np.float32) - anchor[1]) / np.float32(unit_px))[:, None]
    rounding = 1.08 - 0.38 * np.clip(np.abs(x + 0.25) / broad, 0, 1.3) ** 3
    rng = np.random.default_rng([traits.seed, 51])
    folds = sum(
        0.05 * np.sin(rng.uniform(2, 6) * x + rng.uniform(1, 4) * y + rng.uniform(0, 6)) for _ in range(4)
    )
    arms = 1.0 - 0.30 * np.exp(-(((np.abs(x) - broad * 0.80) / 0.05) ** 2)) * np.clip((y - 1.7) * 3, 0, 1)
    under = 1.0 - 0.45 * np.exp(-((x / 0.5) ** 2) - ((y - 1.0) / 0.28) ** 2)
    colour *= (rounding * (1 + folds * np.clip(y - 1.25, 0, 1)) * arms * under)[..., None]


def draw_hand(traits: Traits, unit_px: float) -> Sprite:
    """A hand held before the lower face, with its sleeve."""
    side = int(2.6 * unit_px)
    anchor = (side // 2, int(0.5 * unit_px))
    colour = np.zeros((side, side, 3), np.float32)
    cover = np.zeros((side, side), np.float32)
    arm = np.array([(-0.20, 0.7), (0.34, 0.7), (0.75, 2.1), (0.05, 2.1)])
    _lay(colour, cover, arm, shade(traits.clothes, 0.8), unit_px, anchor)
    palm = np.array([(0.42 * np.cos(a) + 0.02, 0.42 + 0.34 * np.sin(a)) for a in np.linspace(0, 6.28, 24)])
    _lay(colour, cover, palm, shade(traits.skin.tone, 0.86), unit_px, anchor)
    for finger in range(4):
        x = -0.36 + 0.22 * finger
        tip = 0.0 - 0.09 * (1.5 - abs(finger - 1.5))
        bar = np.array(
            [(x - 0.085, 0.45), (x - 0.08, tip + 0.05), (x, tip), (x + 0.08, tip + 0.05), (x + 0.085, 0.45)]
        )
        _lay(colour, cover, bar, shade(traits.skin.tone, 0.84 + 0.05 * (finger % 2)), unit_px, anchor)
    return np.dstack([np.clip(colour, 0, 1) * cover[..., None] * 255, cover * 255]).round().astype(np.uint8)


def draw_photo(head: Sprite, unit_px: float) -> Sprite:
    """A printed portrait with a white border, as someone would hold it before their face."""
    inner = (int(2.3 * unit_px), int(2.7 * unit_px))
    card = np.full((inner[1], inner[0], 3), (206, 196, 178), np.uint8)
    size = int(inner[0] * 1.22)
    print_head = cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA)
    left, top = (size - inner[0]) // 2, max(0, (size - inner[1]) // 2)
    crop = print_head[top : top + inner[1], left : left + inner[0]]
    area = card[: crop.shape[0], : crop.shape[1]]
    keep = (255 - crop[..., 3:].astype(np.uint16)) * area
    area[:] = (keep // 255 + crop[..., :3]).astype(np.uint8)
    border = max(2, int(0.12 * unit_px))
    framed = cv2.copyMakeBorder(
        card, border, border, border, border, cv2.BORDER_CONSTANT, value=(238, 240, 240)
    )
    # print flattens contrast
    flat = cv2.addWeighted(framed, 0.86, np.full_like(framed, 150), 0.14, 0)
    return np.dstack([flat, np.full(flat.shape[:2], 255, np.uint8)])
