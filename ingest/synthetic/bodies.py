"""Shoulders, arms, hands and photographs: everything of a person that is not the head."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.easel import shade
from ingest.synthetic.heads import Sprite
from ingest.synthetic.traits import Colour, HairStyle, Traits

_SHIFT = 4
_TOP = -0.1
_HALF = 1.75
_FLAP = ((0.36, 1.10), (0.62, 1.32), (0.22, 1.72), (0.02, 1.70))
Outline = npt.NDArray[np.float64]
"""(n, 2), head units from the skull's centre."""


class _Figure:
    """Outlines laid over each other; ``anchor`` is the pixel of the skull's centre."""

    def __init__(self, width: int, height: int, unit_px: float, anchor: tuple[int, int]) -> None:
        self.colour = np.zeros((height, width, 3), np.float32)
        self.cover = np.zeros((height, width), np.float32)
        self.unit_px = unit_px
        self.anchor = anchor

    def lay(self, outline: Outline, paint: Colour) -> None:
        mask = np.zeros(self.cover.shape, np.uint8)
        pixels = (outline * self.unit_px + np.asarray(self.anchor, np.float64)) * (1 << _SHIFT)
        cv2.fillPoly(mask, [np.round(pixels).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
        share = mask.astype(np.float32) / np.float32(255.0)
        # over nothing the colour is laid in full: the edge's softness is in the cover alone
        strength = np.where(self.cover > 0, share, mask > 0)[..., None]
        self.colour += (np.asarray(paint, np.float32) - self.colour) * strength
        np.maximum(self.cover, share, out=self.cover)

    def sprite(self) -> Sprite:
        painted = np.clip(self.colour, 0, 1) * self.cover[..., None]
        return np.round(np.dstack([painted, self.cover]) * 255).astype(np.uint8)


def draw_body(traits: Traits, unit_px: float, length: float = 2.6) -> tuple[Sprite, tuple[int, int]]:
    """Neck, shoulders and clothes down to ``length`` head units below the skull's centre.

    Returns:
        The sprite and the pixel in it where the skull's centre belongs.
    """
    width, height = int(2 * _HALF * unit_px) + 4, int((length - _TOP) * unit_px) + 4
    figure = _Figure(width, height, unit_px, (width // 2, -int(_TOP * unit_px)))
    broad = 1.26 if traits.female else 1.42
    if traits.hair.style in (HairStyle.LONG, HairStyle.BOB):
        tip = 2.05 if traits.hair.style is HairStyle.LONG else 1.22
        figure.lay(_hair_fall(traits, tip), shade(traits.hair.colour, 1.1))
    figure.lay(_neck(traits), shade(traits.skin.tone, 0.62))
    figure.lay(_torso(broad, length), shade(traits.clothes, 0.86))
    _lay_collar(figure, traits)
    _shade_cloth(figure, traits, broad)
    return figure.sprite(), figure.anchor


def _neck(traits: Traits) -> Outline:
    half = 0.33 if traits.female else 0.41
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


def _hair_fall(traits: Traits, tip: float) -> Outline:
    """Hair that hangs behind the neck down to ``tip``."""
    half = traits.skull.width + 0.02 + 0.4 * traits.hair.volume
    down = np.linspace(0.0, 1.0, 14)
    wide = half * (0.86 + 0.17 * np.sin(np.pi * down**0.8) - 0.30 * np.clip(down - 0.82, 0, 1) ** 0.6)
    y = _TOP + (tip - _TOP) * down
    curl = 0.03 * traits.hair.wave * np.sin(9 * down + 1)
    right = np.stack([wide + curl, y], axis=1)
    return np.vstack([right, right[::-1] * np.array([-1.0, 1.0])])


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


def _lay_collar(figure: _Figure, traits: Traits) -> None:
    """A round neck, an open collar with flaps, or a rim."""
    skin, accent = shade(traits.skin.tone, 0.76), shade(traits.clothes_accent, 0.95)
    if traits.collar == 0:
        x = np.linspace(-0.44, 0.44, 15)
        dip = np.stack([x, 1.24 + 0.30 * (1 - (x / 0.44) ** 2)], axis=1)
        figure.lay(np.vstack([dip, [(0.4, 1.15), (-0.4, 1.15)]]), skin)
    elif traits.collar == 1:
        figure.lay(np.array([(-0.40, 1.16), (0.40, 1.16), (0.0, 1.66)]), skin)
        for side in (-1, 1):
            figure.lay(np.array(_FLAP) * np.array([side, 1.0]), accent)
    else:
        x = np.linspace(-0.5, 0.5, 15)
        dip = np.stack([x, 1.22 + 0.16 * (1 - (x / 0.5) ** 2)], axis=1)
        figure.lay(np.vstack([dip, (dip + np.array([0.0, 0.10]))[::-1]]), accent)


def _shade_cloth(figure: _Figure, traits: Traits, broad: float) -> None:
    """Rounding to the sides, folds, and the shadow under the chin."""
    rows, columns = figure.cover.shape
    x = (np.arange(columns, dtype=np.float32) - figure.anchor[0]) / np.float32(figure.unit_px)
    y = ((np.arange(rows, dtype=np.float32) - figure.anchor[1]) / np.float32(figure.unit_px))[:, None]
    rounding = 1.08 - 0.38 * np.clip(np.abs(x + 0.25) / broad, 0, 1.3) ** 3
    rng = np.random.default_rng([traits.seed, 51])
    folds = sum(
        0.05 * np.sin(rng.uniform(2, 6) * x + rng.uniform(1, 4) * y + rng.uniform(0, 6)) for _ in range(4)
    )
    arms = 1.0 - 0.30 * np.exp(-(((np.abs(x) - broad * 0.80) / 0.05) ** 2)) * np.clip((y - 1.7) * 3, 0, 1)
    under = 1.0 - 0.45 * np.exp(-((x / 0.5) ** 2) - ((y - 1.0) / 0.28) ** 2)
    figure.colour *= (rounding * (1 + folds * np.clip(y - 1.25, 0, 1)) * arms * under)[..., None]


def draw_hand(traits: Traits, unit_px: float) -> Sprite:
    """A hand held before the lower face, with its sleeve."""
    side = int(2.6 * unit_px)
    figure = _Figure(side, side, unit_px, (side // 2, int(0.5 * unit_px)))
    figure.lay(np.array([(-0.20, 0.7), (0.34, 0.7), (0.75, 2.1), (0.05, 2.1)]), shade(traits.clothes, 0.8))
    around = np.linspace(0, 2 * np.pi, 24)
    palm = np.stack([0.42 * np.cos(around) + 0.02, 0.42 + 0.34 * np.sin(around)], axis=1)
    figure.lay(palm, shade(traits.skin.tone, 0.86))
    for finger in range(4):
        x, tip = -0.36 + 0.22 * finger, -0.09 * (1.5 - abs(finger - 1.5))
        shape = [(-0.085, 0.45), (-0.08, tip + 0.05), (0.0, tip), (0.08, tip + 0.05), (0.085, 0.45)]
        figure.lay(np.array(shape) + np.array([x, 0.0]), shade(traits.skin.tone, 0.84 + 0.05 * (finger % 2)))
    return figure.sprite()


def draw_photo(portrait: npt.NDArray[np.uint8], unit_px: float) -> Sprite:
    """A printed portrait with a white border, as someone would hold it before their face."""
    size = (int(2.1 * unit_px), int(2.8 * unit_px))
    card = cv2.resize(portrait, size, interpolation=cv2.INTER_AREA)
    border = max(2, int(0.12 * unit_px))
    framed = cv2.copyMakeBorder(
        card, border, border, border, border, cv2.BORDER_CONSTANT, value=(238, 240, 240)
    )
    # print flattens contrast
    flat = cv2.addWeighted(framed, 0.86, np.full_like(framed, 150), 0.14, 0)
    return np.dstack([flat, np.full(flat.shape[:2], 255, np.uint8)])
