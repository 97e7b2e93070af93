"""What makes one synthetic person: numbers drawn from a seed.

Lengths are in head units: the skull is about two units high, x grows to the viewer's right, y grows
down, z grows towards the camera, the origin is the centre of the skull. Colours are BGR, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

Colour = tuple[float, float, float]
"""Blue, green, red, each 0 to 1."""


class HairStyle(StrEnum):
    """How hair is worn; decides the hairline and the volume of the hair shell."""

    SHAVED = "shaved"
    SHORT = "short"
    PARTED = "parted"
    FRINGE = "fringe"
    RECEDING = "receding"
    BALD = "bald"
    BOB = "bob"
    LONG = "long"
    TIED = "tied"


class Beard(StrEnum):
    """Facial hair."""

    NONE = "none"
    STUBBLE = "stubble"
    MOUSTACHE = "moustache"
    GOATEE = "goatee"
    FULL = "full"


class Glasses(StrEnum):
    """Spectacles, by the shape of their rims."""

    NONE = "none"
    ROUND = "round"
    SQUARE = "square"
    WIDE = "wide"


@dataclass(frozen=True, slots=True)
class SkullTraits:
    """Half axes and bumps of the bare head, head units."""

    width: float
    height: float
    depth: float
    jaw_width: float
    chin_length: float
    chin_width: float
    chin_forward: float
    cheekbone: float
    cheek_fill: float
    brow_ridge: float
    forehead: float
    nose_length: float
    nose_width: float
    nose_height: float
    nose_bridge: float
    nose_tip: float
    nose_hook: float
    socket_depth: float
    lip_forward: float
    ear_size: float


@dataclass(frozen=True, slots=True)
class EyeTraits:
    """Eyes and brows."""

    spacing: float
    level: float
    width: float
    opening: float
    tilt: float
    fold: float
    bag: float
    iris: Colour
    iris_size: float
    brow_level: float
    brow_thickness: float
    brow_length: float
    brow_arch: float
    brow_tilt: float
    brow_density: float
    liner: float


@dataclass(frozen=True, slots=True)
class MouthTraits:
    """Lips."""

    level: float
    width: float
    upper: float
    lower: float
    bow: float
    corner: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class SkinTraits:
    """Complexion and age."""

    tone: Colour
    blush: float
    age: float
    roughness: float
    freckles: float
    moles: int
    shine: float


@dataclass(frozen=True, slots=True)
class HairTraits:
    """Hair of head and face."""

    style: HairStyle
    colour: Colour
    volume: float
    line: float
    part: float
    wave: float
    beard: Beard
    beard_density: float


@dataclass(frozen=True, slots=True)
class Traits:
    """One synthetic person, wholly given by ``seed``."""

    seed: int
    female: bool
    skull: SkullTraits
    eyes: EyeTraits
    mouth: MouthTraits
    skin: SkinTraits
    hair: HairTraits
    glasses: Glasses
    glasses_colour: Colour
    clothes: Colour
    clothes_accent: Colour
    collar: int


# From fair to weathered; greys and dyed hair beside black, as in an adult class in Shandong.
_TONES: tuple[Colour, ...] = (
    (0.78, 0.84, 0.95),
    (0.70, 0.79, 0.93),
    (0.61, 0.73, 0.90),
    (0.53, 0.66, 0.85),
    (0.45, 0.58, 0.78),
    (0.37, 0.49, 0.68),
    (0.30, 0.40, 0.57),
)
_TONE_SHARE = (0.15, 0.19, 0.2, 0.17, 0.13, 0.10, 0.06)
_HAIR_COLOURS: tuple[Colour, ...] = (
    (0.055, 0.055, 0.065),
    (0.08, 0.09, 0.12),
    (0.09, 0.13, 0.20),
    (0.11, 0.20, 0.34),
    (0.40, 0.42, 0.44),
    (0.72, 0.74, 0.75),
)
_IRISES: tuple[Colour, ...] = (
    (0.05, 0.08, 0.13),
    (0.07, 0.14, 0.24),
    (0.12, 0.24, 0.38),
)
_FRAMES: tuple[Colour, ...] = ((0.05, 0.05, 0.06), (0.08, 0.12, 0.3), (0.5, 0.5, 0.53))
_CLOTHES: tuple[Colour, ...] = (
    (0.45, 0.28, 0.16),
    (0.22, 0.22, 0.24),
    (0.30, 0.18, 0.55),
    (0.60, 0.55, 0.30),
    (0.35, 0.45, 0.25),
    (0.25, 0.45, 0.75),
    (0.80, 0.80, 0.78),
    (0.55, 0.40, 0.55),
    (0.20, 0.30, 0.50),
    (0.62, 0.48, 0.36),
)


def traits_from_seed(seed: int) -> Traits:
    """Draw a person; equal seeds give equal people."""
    rng = np.random.default_rng([seed, 7])
    female = bool(rng.random() < 0.48)
    age = float(rng.beta(1.0, 1.2))
    skin = _draw_skin(rng, age)
    skull = _draw_skull(rng, female, age)
    eyes = _draw_eyes(rng, female)
    nose_end = eyes.level + skull.nose_length
    return Traits(
        seed=seed,
        female=female,
        skull=skull,
        eyes=eyes,
        mouth=_draw_mouth(rng, female, skin.tone, nose_end),
        skin=skin,
        hair=_draw_hair(rng, female, age),
        glasses=tuple(Glasses)[_choice(rng, (0.58, 0.14, 0.16, 0.12))],
        glasses_colour=_FRAMES[_choice(rng, (0.6, 0.2, 0.2))],
        clothes=_CLOTHES[_choice(rng, (1.0,) * len(_CLOTHES))],
        clothes_accent=_CLOTHES[_choice(rng, (1.0,) * len(_CLOTHES))],
        collar=_choice(rng, (1.0, 1.0, 1.0)),
    )


def _choice(rng: np.random.Generator, shares: tuple[float, ...]) -> int:
    weights = np.asarray(shares) / sum(shares)
    return int(rng.choice(len(shares), p=weights))


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _draw_skull(rng: np.random.Generator, female: bool, age: float) -> SkullTraits:
    slim = 0.96 if female else 1.0
    return SkullTraits(
        width=_between(rng, 0.66, 0.85) * slim,
        height=_between(rng, 0.96, 1.06),
        depth=_between(rng, 0.86, 0.98),
        jaw_width=_between(rng, 0.60, 1.08) * (0.94 if female else 1.0),
        chin_length=_between(rng, 0.84, 1.15),
        chin_width=_between(rng, 0.10, 0.30),
        chin_forward=_between(rng, 0.00, 0.14),
        cheekbone=_between(rng, 0.0, 0.09),
        cheek_fill=_between(rng, -0.07, 0.14) - 0.03 * age,
        brow_ridge=_between(rng, 0.0, 0.05) if female else _between(rng, 0.02, 0.10),
        forehead=_between(rng, -0.05, 0.07),
        nose_length=_between(rng, 0.27, 0.53),
        nose_width=_between(rng, 0.08, 0.235),
        nose_height=_between(rng, 0.14, 0.28),
        nose_bridge=_between(rng, 0.30, 0.85),
        nose_tip=_between(rng, 0.05, 0.10),
        nose_hook=_between(rng, -0.03, 0.05),
        socket_depth=_between(rng, 0.02, 0.09),
        lip_forward=_between(rng, 0.02, 0.09),
        ear_size=_between(rng, 0.7, 1.4),
    )


def _draw_eyes(rng: np.random.Generator, female: bool) -> EyeTraits:
    return EyeTraits(
        spacing=_between(rng, 0.275, 0.415),
        level=_between(rng, -0.02, 0.10),
        width=_between(rng, 0.12, 0.215),
        opening=_between(rng, 0.22, 0.62),
        tilt=_between(rng, -0.12, 0.22),
        fold=_between(rng, 0.0, 1.0),
        bag=_between(rng, 0.0, 1.0),
        iris=_IRISES[_choice(rng, (0.5, 0.35, 0.15))],
        iris_size=_between(rng, 0.42, 0.54),
        brow_level=_between(rng, 0.14, 0.30),
        brow_thickness=_between(rng, 0.014, 0.05) if female else _between(rng, 0.025, 0.085),
        brow_length=_between(rng, 0.17, 0.25),
        brow_arch=_between(rng, -0.01, 0.06),
        brow_tilt=_between(rng, -0.18, 0.16),
        brow_density=_between(rng, 0.25, 1.0),
        liner=_between(rng, 0.3, 1.0) if female else _between(rng, 0.0, 0.25),
    )


def _draw_mouth(rng: np.random.Generator, female: bool, tone: Colour, nose_end: float) -> MouthTraits:
    painted = female and rng.random() < 0.5
    redness = _between(rng, 0.35, 0.75) if painted else _between(rng, 0.1, 0.35)
    lip = (0.30, 0.26, 0.68) if painted else (0.36, 0.36, 0.66)
    shade = 0.55 + 0.5 * tone[2]
    colour = tuple(t * (1 - redness) * 0.92 + c * redness * shade for t, c in zip(tone, lip, strict=True))
    return MouthTraits(
        level=min(0.76, nose_end + _between(rng, 0.13, 0.26)),
        width=_between(rng, 0.165, 0.345),
        upper=_between(rng, 0.015, 0.080),
        lower=_between(rng, 0.028, 0.105),
        bow=_between(rng, 0.0, 0.5),
        corner=_between(rng, -0.015, 0.055),
        colour=(colour[0], colour[1], colour[2]),
    )


def _draw_skin(rng: np.random.Generator, age: float) -> SkinTraits:
    low = _TONES[_choice(rng, _TONE_SHARE)]
    jitter = rng.normal(0.0, 0.02) + rng.normal(0.0, 0.012, 3)
    tone = tuple(float(np.clip(c + j, 0.12, 0.97)) for c, j in zip(low, jitter, strict=True))
    return SkinTraits(
        tone=(tone[0], tone[1], tone[2]),
        blush=_between(rng, 0.0, 1.0),
        age=age,
        roughness=_between(rng, 0.2, 1.0),
        freckles=max(0.0, _between(rng, -1.5, 1.0)),
        moles=int(rng.integers(0, 5)),
        shine=_between(rng, 0.05, 0.35),
    )


def _draw_hair(rng: np.random.Generator, female: bool, age: float) -> HairTraits:
    styles = tuple(HairStyle)
    if female:
        shares = (0.01, 0.10, 0.08, 0.10, 0.0, 0.0, 0.28, 0.25, 0.18)
        beards = (1.0, 0.0, 0.0, 0.0, 0.0)
    else:
        old = max(0.0, age - 0.35)
        shares = (0.12, 0.30, 0.24, 0.16, 0.08 + old, 0.02 + old, 0.02, 0.03, 0.01)
        beards = (0.42, 0.20, 0.12, 0.12, 0.14)
    grey = age > 0.62 and rng.random() < 0.75
    style = styles[_choice(rng, shares)]
    if grey and style is HairStyle.LONG:
        style = HairStyle.TIED
    colour = 4 + _choice(rng, (0.6, 0.4)) if grey else _choice(rng, (0.45, 0.28, 0.15, 0.12))
    return HairTraits(
        style=style,
        colour=_HAIR_COLOURS[colour],
        volume=_between(rng, 0.03, 0.15),
        line=_between(rng, -0.08, 0.10),
        part=_between(rng, -0.4, 0.4),
        wave=_between(rng, 0.0, 1.0),
        beard=tuple(Beard)[_choice(rng, beards)],
        beard_density=_between(rng, 0.4, 1.0),
    )
