"""Skin: tone, blush, age lines, freckles, pores, and the beard that grows out of it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.easel import SCALE, SIDE_PX, Easel, blend, grid, shade
from ingest.synthetic.traits import Beard, Colour, Traits

Mask = npt.NDArray[np.float32]


def paint_skin(traits: Traits) -> Easel:
    """A face without eyes, brows and lips."""
    easel = Easel()
    easel.paint[:] = np.asarray(traits.skin.tone, np.float32)
    rng = np.random.default_rng([traits.seed, 21])
    _paint_zones(easel, traits)
    _paint_mottle(easel, traits, rng)
    _paint_age(easel, traits)
    _paint_nose(easel, traits)
    _paint_marks(easel, traits, rng)
    _paint_beard(easel, traits, rng)
    return easel


def _red(tone: Colour) -> Colour:
    return (tone[0] * 0.72, tone[1] * 0.70, min(1.0, tone[2] * 1.0))


def _paint_zones(easel: Easel, traits: Traits) -> None:
    tone, red = traits.skin.tone, _red(traits.skin.tone)
    tip = traits.eyes.level - 0.02 + traits.skull.nose_length
    blush = 0.22 + 0.5 * traits.skin.blush
    for side in (-1, 1):
        easel.ellipse((side * 0.42, 0.36), (0.20, 0.15), red, blush, 0.10)
        easel.ellipse((side * 0.32, traits.eyes.level), (0.20, 0.12), shade(red, 0.82), 0.42, 0.05)
    easel.ellipse((0.0, tip), (0.12, 0.08), red, blush, 0.05)
    easel.ellipse((0.0, -0.5), (0.45, 0.2), shade(tone, 1.06), 0.5, 0.12)
    if not traits.female:
        jaw = blend(tone, (tone[0] * 0.75, tone[1] * 0.72, tone[2] * 0.68), 0.5)
        easel.ellipse((0.0, 0.78), (0.42, 0.22), jaw, 0.5, 0.10)


def _paint_mottle(easel: Easel, traits: Traits, rng: np.random.Generator) -> None:
    coarse = cv2.resize(rng.normal(0, 1, (24, 24)).astype(np.float32), (SIDE_PX, SIDE_PX), interpolation=2)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (SIDE_PX, SIDE_PX)).astype(np.float32), (0, 0), 1.2)
    rough = traits.skin.roughness
    easel.paint *= (1.0 + 0.028 * rough * coarse + 0.055 * rough * fine)[..., None]


def _paint_age(easel: Easel, traits: Traits) -> None:
    """Folds, wrinkles, and bags deepen with age."""
    age, eyes, mouth = traits.skin.age, traits.eyes, traits.mouth
    dark = shade(_red(traits.skin.tone), 0.62)
    tip = eyes.level + traits.skull.nose_length
    for side in (-1, 1):
        start = (side * (traits.skull.nose_width + 0.03), tip - 0.06)
        bend = (side * (mouth.width + 0.03), mouth.level - 0.10)
        end = (side * (mouth.width + 0.07), mouth.level + 0.06 + 0.1 * age)
        easel.stroke(np.array([start, bend, end]), dark, 0.020, 0.12 + 0.55 * age**1.3, 0.014)
        under = np.array(
            [
                (side * (eyes.spacing + dx), eyes.level + 0.10 + 0.03 * age - 4.0 * dx * dx * 0.45)
                for dx in np.linspace(-0.15, 0.15, 9)
            ]
        )
        easel.stroke(under, dark, 0.03, 0.20 * eyes.bag + 0.35 * age * eyes.bag, 0.022)
        for step in range(3):
            lift = (step - 1) * 0.045
            crow = np.array(
                [
                    (side * (eyes.spacing + 0.21), eyes.level + lift * 0.5),
                    (side * 0.62, eyes.level + lift * 1.6),
                ]
            )
            easel.stroke(crow, dark, 0.008, 0.5 * max(0.0, age - 0.4), 0.006)
    for step in range(3):
        level = -0.38 - 0.09 * step
        line = np.array([(x, level + 0.03 * np.cos(3 * x + step)) for x in np.linspace(-0.4, 0.4, 12)])
        easel.stroke(line, dark, 0.012, 0.55 * max(0.0, age - 0.35), 0.008)


def _paint_nose(easel: Easel, traits: Traits) -> None:
    skull, eyes = traits.skull, traits.eyes
    tip = eyes.level - 0.02 + skull.nose_length
    dark = shade(_red(traits.skin.tone), 0.50)
    soft = shade(_red(traits.skin.tone), 0.72)
    easel.ellipse((0, tip + 0.075), (skull.nose_width * 0.9, 0.028), soft, 0.55, 0.022)
    for side in (-1, 1):
        easel.ellipse(
            (side * skull.nose_width * 0.47, tip + 0.038),
            (0.034, 0.017),
            shade(dark, 0.4),
            0.9,
            0.008,
            turn=0.35 * side,
        )
        wing = np.array(
            [
                (side * skull.nose_width * 0.98, tip - 0.055),
                (side * skull.nose_width * 1.10, tip + 0.005),
                (side * skull.nose_width * 0.86, tip + 0.045),
            ]
        )
        easel.stroke(wing, dark, 0.014, 0.55, 0.009)
        flank = np.array(
            [(side * 0.07, eyes.level + 0.02), (side * (0.05 + skull.nose_width * 0.35), tip - 0.10)]
        )
        easel.stroke(flank, soft, 0.035, 0.34, 0.024)
    ridge = np.array([(0, eyes.level + 0.02), (0, tip - 0.03)])
    easel.stroke(ridge, shade(traits.skin.tone, 1.14), 0.035, 0.45, 0.018)


def _paint_marks(easel: Easel, traits: Traits, rng: np.random.Generator) -> None:
    dark = shade(_red(traits.skin.tone), 0.6)
    for _ in range(int(90 * traits.skin.freckles)):
        spot = (float(rng.normal(0, 0.30)), float(rng.normal(0.25, 0.12)))
        easel.ellipse(spot, (0.008, 0.007), dark, float(rng.uniform(0.2, 0.5)), 0.003)
    for _ in range(traits.skin.moles):
        spot = (float(rng.uniform(-0.55, 0.55)), float(rng.uniform(-0.35, 0.85)))
        size = float(rng.uniform(0.010, 0.020))
        easel.ellipse(spot, (size, size), shade(dark, 0.45), 0.85, 0.003)


def _paint_beard(easel: Easel, traits: Traits, rng: np.random.Generator) -> None:
    mask = beard_mask(traits)
    if mask is None:
        return
    noise = rng.normal(0, 1, (SIDE_PX, SIDE_PX)).astype(np.float32)
    strands = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8, sigmaY=2.2), np.float32)
    strands = strands / np.float32(max(1e-6, float(strands.std())))
    thin = traits.hair.beard is Beard.STUBBLE
    density = (0.30 if thin else 0.80) * traits.hair.beard_density
    cover = np.clip(mask * (density + 0.22 * strands * mask), 0.0, 0.97)
    easel.masked(np.asarray(cover, np.float32), shade(traits.hair.colour, 1.15))


def beard_mask(traits: Traits) -> Mask | None:
    """Where facial hair grows, 0 to 1 over the canvas; ``None`` without a beard."""
    kind = traits.hair.beard
    if kind is Beard.NONE:
        return None
    x, y = grid()
    mouth = traits.mouth
    side = np.abs(x)
    bar = np.exp(-(((y - mouth.level + 0.085) / 0.042) ** 4) - ((side / (mouth.width * 1.15)) ** 6))
    chin = np.exp(-(((y - mouth.level - 0.24) / 0.17) ** 4) - ((side / 0.20) ** 6))
    edge = mouth.level - 0.16 - 0.9 * np.clip(side - 0.42, 0, 1) + 0.25 * np.exp(-((side / 0.22) ** 4))
    cheeks = 1.0 / (1.0 + np.exp(-(y - edge) * 42.0))
    lips = np.exp(-(((y - mouth.level - 0.01) / 0.062) ** 4) - ((side / mouth.width) ** 4))
    parts = {
        Beard.MOUSTACHE: bar,
        Beard.GOATEE: np.maximum(bar, chin),
        Beard.STUBBLE: np.maximum(bar, cheeks),
        Beard.FULL: np.maximum(bar, cheeks),
    }
    mask = cv2.GaussianBlur((parts[kind] * (1 - lips)).astype(np.float32), (0, 0), 0.006 * SCALE)
    return np.asarray(mask, np.float32)
