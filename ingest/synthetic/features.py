"""Eyes, brows and lips, painted for an expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.synthetic.easel import Easel, Points, blend, shade
from ingest.synthetic.traits import Colour, Traits

LIDS = 3
MOUTHS = 3


@dataclass(frozen=True, slots=True, order=True)
class Expression:
    """``lids``: 0 open, 1 half, 2 closed. ``mouth``: 0 closed, 1 speaking, 2 open."""

    lids: int = 0
    mouth: int = 0


def paint_features(skin: Easel, traits: Traits, expression: Expression) -> Easel:
    """A copy of the skin with eyes, brows and mouth."""
    easel = Easel(skin.paint)
    rng = np.random.default_rng([traits.seed, 31])
    for side in (-1, 1):
        _paint_brow(easel, traits, side, rng)
        _paint_eye(easel, traits, side, expression.lids)
    _paint_mouth(easel, traits, expression.mouth)
    return easel


def _curve(side: int, centre: tuple[float, float], shape: Points, tilt: float) -> Points:
    """Mirror and tilt an outline given from the inner (-1) to the outer (+1) corner."""
    turned = np.stack([shape[:, 0], shape[:, 1] - shape[:, 0] * tilt], axis=1)
    return np.asarray(turned * np.array([side, 1.0]) + np.asarray(centre), np.float64)


def _paint_brow(easel: Easel, traits: Traits, side: int, rng: np.random.Generator) -> None:
    eyes = traits.eyes
    centre = (side * (eyes.spacing + 0.02), eyes.level - eyes.brow_level)
    along = np.linspace(-1, 1, 34)
    height = eyes.brow_arch * (1 - (along - 0.25) ** 2)
    half = eyes.brow_length * 0.92
    spine = np.stack([along * half, -height], axis=1)
    line = _curve(side, centre, spine, eyes.brow_tilt)
    thick = eyes.brow_thickness * np.clip(1.25 - 0.55 * (along + 0.35) ** 2 - 0.35 * along, 0.12, 1.2)
    colour = blend(traits.hair.colour, (0.08, 0.09, 0.11), 0.45)
    base = np.concatenate(
        [line + np.stack([thick * 0, -thick], 1), (line + np.stack([thick * 0, thick], 1))[::-1]]
    )
    easel.polygon(base, colour, 0.35 + 0.45 * eyes.brow_density, 0.010)
    for index in range(0, len(along), 1):
        for _ in range(2):
            foot = line[index] + np.array([0.0, float(rng.uniform(-0.8, 0.9)) * thick[index]])
            lean = np.array([side * (0.02 + 0.02 * (along[index] + 1)), -0.03 * (1 - along[index])])
            easel.stroke(
                np.array([foot, foot + lean]), shade(colour, 0.8), 0.004, 0.55 * eyes.brow_density, 0.002
            )


def _lid_curves(traits: Traits, side: int, lids: int) -> tuple[Points, Points]:
    """Upper and lower edge of the eye opening, inner to outer corner."""
    eyes = traits.eyes
    along = np.linspace(-1, 1, 21)
    rim = np.clip(1 - np.abs(along) ** 2.2, 0, 1)
    opening = eyes.opening * eyes.width * (1.0, 0.45, 0.0)[lids]
    upper = -opening * rim * (1 - 0.12 * along) + (0.10 * eyes.width * rim if lids == 2 else 0.0)
    lower = 0.42 * eyes.opening * eyes.width * rim * (1 + 0.15 * along)
    if lids == 2:
        upper = lower - 0.004
    centre = (side * eyes.spacing, eyes.level)
    tops = _curve(side, centre, np.stack([along * eyes.width, upper], axis=1), eyes.tilt)
    bottoms = _curve(side, centre, np.stack([along * eyes.width, lower], axis=1), eyes.tilt)
    return tops, bottoms


def _paint_eye(easel: Easel, traits: Traits, side: int, lids: int) -> None:
    eyes = traits.eyes
    upper, lower = _lid_curves(traits, side, lids)
    tone = traits.skin.tone
    dark = shade(tone, 0.42)
    if lids < 2:
        _paint_ball(easel, traits, side, np.concatenate([upper, lower[::-1]]))
    lash = blend(dark, (0.03, 0.03, 0.04), 0.45 + 0.5 * eyes.liner)
    easel.stroke(upper, lash, 0.014 + 0.016 * eyes.liner, 0.92, 0.003)
    easel.stroke(lower, shade(tone, 0.55), 0.008, 0.45 + 0.3 * eyes.liner, 0.004)
    lift = 0.018 + 0.045 * eyes.fold
    crease = upper * np.array([1.0, 1.0]) - np.array([0.0, lift])
    easel.stroke(crease[2:], shade(tone, 0.58), 0.009, 0.15 + 0.55 * eyes.fold, 0.006)
    if lids == 2:
        easel.stroke(upper + np.array([0, 0.012]), lash, 0.016, 0.5, 0.008)


def _paint_ball(easel: Easel, traits: Traits, side: int, outline: Points) -> None:
    """White, iris, pupil and highlight, cut by the lids."""
    eyes = traits.eyes
    inside = Easel(easel.paint)
    inside.polygon(outline, (0.80, 0.83, 0.86), 1.0, 0.003)
    centre = (side * eyes.spacing * 0.985, eyes.level - 0.05 * eyes.width)
    radius = eyes.iris_size * eyes.width
    inside.ellipse(centre, (radius, radius), shade(eyes.iris, 0.55), 1.0, 0.004)
    inside.ellipse(centre, (radius * 0.82, radius * 0.82), eyes.iris, 1.0, 0.006)
    inside.ellipse(centre, (radius * 0.42, radius * 0.42), (0.02, 0.02, 0.02), 1.0, 0.003)
    inside.ellipse((centre[0] - 0.025, centre[1] - 0.028), (0.014, 0.014), (0.97, 0.97, 0.97), 0.9, 0.003)
    inside.stroke(outline[:21] + np.array([0, 0.012]), (0.15, 0.13, 0.13), 0.022, 0.35, 0.008)
    cut = Easel()
    cut.polygon(outline, (1.0, 1.0, 1.0), 1.0, 0.002)
    easel.paint += (inside.paint - easel.paint) * cut.paint


def _lip_edges(traits: Traits, drop: float) -> tuple[Points, Points, Points, Points]:
    """Top of the upper lip, its lower edge, top of the lower lip, and its lower edge."""
    mouth = traits.mouth
    along = np.linspace(-1, 1, 29)
    rim = np.clip(1 - np.abs(along) ** 2.1, 0, 1)
    corner = -mouth.corner * np.abs(along) ** 2
    wide = mouth.width * (1.0 - 0.35 * min(drop, 0.1) * 4 * 0.3)
    bow = 1.0 - mouth.bow * 0.55 * np.exp(-((along / 0.16) ** 2))
    x = along * wide
    middle = mouth.level + corner
    top = middle - mouth.upper * 1.25 * rim * bow - drop * 0.15 * rim
    upper_in = middle - drop * 0.15 * rim + 0.006 * np.cos(along * 7) * rim
    lower_in = middle + drop * rim
    bottom = middle + (drop + mouth.lower * 1.2) * rim
    return tuple(np.stack([x, line], axis=1) for line in (top, upper_in, lower_in, bottom))  # type: ignore[return-value]


def _paint_mouth(easel: Easel, traits: Traits, opening: int) -> None:
    mouth = traits.mouth
    drop = (0.0, 0.05, 0.12)[opening]
    top, upper_in, lower_in, bottom = _lip_edges(traits, drop)
    colour: Colour = mouth.colour
    easel.polygon(np.concatenate([top, upper_in[::-1]]), shade(colour, 0.86), 0.9, 0.008)
    easel.polygon(np.concatenate([lower_in, bottom[::-1]]), colour, 0.9, 0.009)
    if drop:
        easel.polygon(np.concatenate([upper_in, lower_in[::-1]]), (0.10, 0.07, 0.18), 1.0, 0.004)
        teeth = upper_in.copy()
        teeth[:, 1] += 0.35 * drop * np.clip(1 - (upper_in[:, 0] / mouth.width / 0.8) ** 2, 0, 1)
        easel.polygon(np.concatenate([upper_in, teeth[::-1]]), (0.78, 0.84, 0.86), 0.9, 0.004)
    line = upper_in if not drop else lower_in
    easel.stroke(line, shade(colour, 0.38), 0.012, 0.85 if not drop else 0.4, 0.004)
    glow = np.stack([lower_in[9:20, 0], lower_in[9:20, 1] + mouth.lower * 0.6], axis=1)
    easel.stroke(glow, shade(colour, 1.3), 0.018, 0.35, 0.012)
    below = np.stack([bottom[7:22, 0], bottom[7:22, 1] + 0.035], axis=1)
    easel.stroke(below, shade(traits.skin.tone, 0.68), 0.03, 0.35, 0.02)
