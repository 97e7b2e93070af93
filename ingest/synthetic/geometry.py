"""The shape of a head: one radius for each direction from the centre of the skull.

A head is star-shaped here: ``radius[row, column]`` is the distance of the surface in the direction of
latitude (row, -90° crown to +90° chin) and longitude (column, 0 in the middle looks to the camera).
Skull, jaw and features are sums of smooth bumps, so normals are well defined everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.traits import HairStyle, HairTraits, SkullTraits, Traits

Plane = npt.NDArray[np.float32]
"""(height, width) float32."""

ROWS = 288
COLUMNS = 576
LONGITUDE_SPAN = np.float32(2 * np.pi)
LATITUDE_SPAN = np.float32(np.pi)

_LONG_HAIR = (HairStyle.BOB, HairStyle.LONG)
_NO_HAIR = (HairStyle.SHAVED, HairStyle.BALD)


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Surface of a head. ``hair``: 0 to 1, how much a direction is covered by hair.

    ``x``, ``y``: head coordinates of each surface point. ``hollow``: 0 to 1, how enclosed a point is.
    """

    radius: Plane
    normals: npt.NDArray[np.float32]
    x: Plane
    y: Plane
    hair: Plane
    hollow: Plane


def directions() -> tuple[Plane, Plane]:
    """Longitude and latitude of each texel, radians, ``(ROWS, COLUMNS)`` each."""
    longitude = ((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5) * LONGITUDE_SPAN
    latitude = ((np.arange(ROWS) + 0.5) / ROWS - 0.5) * LATITUDE_SPAN
    grid = np.meshgrid(longitude.astype(np.float32), latitude.astype(np.float32))
    return grid[0], grid[1]


def shape_head(traits: Traits) -> HeadShape:
    """Build the surface of a person's head, hair included."""
    longitude, latitude = directions()
    unit = _unit_vectors(longitude, latitude)
    bare = _skull(traits.skull, longitude, unit)
    bare = bare + _features(traits, bare, unit, longitude)
    hair = _hair_cover(traits, bare, unit, longitude)
    volume = 0.015 if traits.hair.style in _NO_HAIR else 0.03 + traits.hair.volume
    crown = np.clip(0.60 - unit[..., 1], 0.22, 1.3)
    radius = (bare + cv2.GaussianBlur(hair, (0, 0), 6.0) * volume * crown).astype(np.float32)
    points = unit * radius[..., None]
    return HeadShape(
        radius=radius,
        normals=_normals(points),
        x=np.ascontiguousarray(points[..., 0]),
        y=np.ascontiguousarray(points[..., 1]),
        hair=hair,
        hollow=_hollow(radius),
    )


def _plane(value: npt.ArrayLike) -> Plane:
    return np.asarray(value, np.float32)


def _unit_vectors(longitude: Plane, latitude: Plane) -> npt.NDArray[np.float32]:
    flat = np.cos(latitude)
    parts = (np.sin(longitude) * flat, np.sin(latitude), np.cos(longitude) * flat)
    return np.stack(parts, axis=-1).astype(np.float32)


def _smooth_step(value: Plane, low: float, high: float) -> Plane:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return _plane(t * t * (3 - 2 * t))


def _bump(dx: npt.ArrayLike, dy: npt.ArrayLike, width: float, height: float) -> Plane:
    return _plane(np.exp(-((_plane(dx) / width) ** 2) - (_plane(dy) / height) ** 2))


def _skull(skull: SkullTraits, longitude: Plane, unit: npt.NDArray[np.float32]) -> Plane:
    """Ellipsoid that narrows below the cheeks to a jaw, with a chin of its own length."""
    down = unit[..., 1]
    below = _smooth_step(down, 0.15, 0.95)
    jaw = 1.0 - (1.0 - skull.jaw_width) * below
    width = skull.width * jaw
    height = np.where(down > 0, skull.height * skull.chin_length, skull.height)
    depth = skull.depth * (1.0 - 0.10 * _smooth_step(down, 0.2, 0.95))
    front = unit[..., 2] > 0
    depth = np.where(front, depth, skull.depth * 1.02)
    power = 2.0 + 0.45 * below
    norm = np.abs(unit[..., 0] / width) ** power + np.abs(down / height) ** power
    norm = (norm + np.abs(unit[..., 2] / depth) ** power) ** (2.0 / power)
    flat_face = 1.0 - 0.06 * np.exp(-((longitude / 0.75) ** 2)) * _smooth_step(down, -0.6, 0.0)
    return _plane(flat_face / np.sqrt(norm))


def _features(traits: Traits, bare: Plane, unit: npt.NDArray[np.float32], longitude: Plane) -> Plane:
    x, y = unit[..., 0] * bare, unit[..., 1] * bare
    side = np.abs(x)
    front = _smooth_step(np.cos(longitude).astype(np.float32), 0.05, 0.45)
    face = _nose(traits, x, y) + _around_eyes(traits, side, y) + _lower_face(traits, x, side, y)
    skull = traits.skull
    hidden = 0.35 if traits.hair.style in _LONG_HAIR else 1.0
    size = skull.ear_size
    ears = 0.085 * size * hidden * _bump(np.abs(longitude) - 1.52, y - 0.10, 0.085, 0.17 * size)
    return _plane(face * front + ears)


def _nose(traits: Traits, x: Plane, y: Plane) -> Plane:
    skull, eyes = traits.skull, traits.eyes
    root = eyes.level - 0.02
    tip = root + skull.nose_length
    along = np.clip((y - root) / skull.nose_length, -0.6, 1.25)
    climb = skull.nose_bridge * 0.5 + (1 - skull.nose_bridge * 0.5) * np.clip(along, 0, 1) ** 1.3
    hook = skull.nose_hook * np.sin(np.pi * np.clip(along, 0, 1))
    end = 1.0 - _smooth_step(along, 0.97, 1.22)
    begin = _smooth_step(along, -0.55, 0.05)
    width = (0.05 + 0.045 * np.clip(along, 0, 1)) * (0.6 + skull.nose_width * 3)
    ridge = (skull.nose_height * climb * 0.8 + hook) * begin * end * np.exp(-((x / width) ** 2))
    ball = skull.nose_height * 0.35 * _bump(x, y - tip + 0.04, skull.nose_tip * 1.15, skull.nose_tip * 1.1)
    wing = np.abs(x) - skull.nose_width * 0.78
    wings = 0.075 * _bump(wing, y - tip + 0.01, 0.055, 0.06)
    return _plane(ridge + ball + wings)


def _around_eyes(traits: Traits, side: Plane, y: Plane) -> Plane:
    skull, eyes = traits.skull, traits.eyes
    centre = side - eyes.spacing * 0.97
    sockets = -skull.socket_depth * _bump(centre, y - eyes.level + 0.01, 0.20, 0.13)
    ball = 0.045 * _bump(centre, y - eyes.level, eyes.width * 0.75, 0.085)
    brow_y = eyes.level - eyes.brow_level
    ridge = skull.brow_ridge * _bump(centre * 0.7, y - brow_y - 0.03, 0.26, 0.075)
    forehead = skull.forehead * _bump(side, y + 0.52, 0.6, 0.28)
    bag = 0.012 * eyes.bag * traits.skin.age * _bump(centre, y - eyes.level - 0.14, 0.15, 0.035)
    return _plane(sockets + ball + ridge + forehead + bag)


def _lower_face(traits: Traits, x: Plane, side: Plane, y: Plane) -> Plane:
    skull, mouth = traits.skull, traits.mouth
    bone = skull.cheekbone * _bump(side - 0.50, y - 0.24, 0.17, 0.13)
    fill = skull.cheek_fill * _bump(side - 0.42, y - 0.55, 0.20, 0.22)
    arch = 0.05 * _bump(x, y - mouth.level + 0.03, mouth.width * 1.05, 0.16)
    upper = skull.lip_forward * 0.8 * _bump(x, y - mouth.level + mouth.upper, mouth.width * 0.8, 0.04)
    lower = skull.lip_forward * _bump(x, y - mouth.level - mouth.lower, mouth.width * 0.65, 0.048)
    gap = -0.014 * _bump(x, y - mouth.level, mouth.width * 0.7, 0.014)
    dent = -0.035 * _bump(x, y - mouth.level - 0.15, mouth.width * 0.8, 0.05)
    chin_y = min(0.93, 0.88 * skull.chin_length)
    chin = (0.03 + skull.chin_forward) * _bump(x, y - chin_y, skull.chin_width + 0.06, 0.10)
    philtrum = -0.012 * _bump(x, y - mouth.level + 0.12, 0.03, 0.06)
    fold = np.abs(side - 0.24 - 0.28 * (y - 0.45))
    nasolabial = -0.03 * traits.skin.age * _bump(fold, y - 0.52, 0.03, 0.14)
    return _plane(bone + fill + arch + upper + lower + gap + dent + chin + philtrum + nasolabial)


def _hair_cover(traits: Traits, bare: Plane, unit: npt.NDArray[np.float32], longitude: Plane) -> Plane:
    """Where hair grows: above a hairline over the forehead, down the temples, behind the ears."""
    hair = traits.hair
    y = unit[..., 1] * bare
    side = np.abs(longitude)
    line = _hair_line(hair, unit[..., 0] * bare, side)
    rng = np.random.default_rng([traits.seed, 11])
    ragged = cv2.GaussianBlur(rng.normal(0, 1, (1, COLUMNS)).astype(np.float32), (0, 0), 2.5)
    cover = _smooth_step(line + 0.05 * ragged - y, -0.022, 0.022)
    cover = cover * (1.0 - _smooth_step(unit[..., 1], 0.80, 0.90))
    if hair.style is HairStyle.BALD:
        return (
            cover * 0.0 + 0.8 * _smooth_step(side, 1.25, 1.45) * _bump(side * 0, y - 0.05, 1, 0.32)
        ).astype(np.float32)
    ear = _bump(side - 1.50, y - 0.14, 0.12, 0.19 * traits.skull.ear_size)
    if hair.style not in _LONG_HAIR:
        cover = cover * (1.0 - _smooth_step(ear, 0.35, 0.6))
    return np.asarray(cover, dtype=np.float32)


def _hair_line(hair: HairTraits, x: Plane, side: Plane) -> Plane:
    """Lowest y of hair for each longitude, head units."""
    low = {HairStyle.RECEDING: -0.74, HairStyle.FRINGE: -0.30, HairStyle.SHAVED: -0.60}
    front = low.get(hair.style, -0.56) + hair.line
    if hair.style is HairStyle.PARTED:
        front = front + 0.16 * np.abs(x - hair.part * 0.6) - 0.04
    if hair.style is HairStyle.RECEDING:
        front = front + 0.25 * np.exp(-((x / 0.14) ** 2)) - 0.10 * np.exp(-(((np.abs(x) - 0.35) / 0.15) ** 2))
    temple = 0.9 if hair.style is HairStyle.FRINGE else 0.78
    drop = _smooth_step(side, temple, temple + 0.42)
    bottom = {HairStyle.BOB: 0.80, HairStyle.LONG: 0.86, HairStyle.TIED: 0.18}.get(hair.style, 0.22)
    burn = 0.0 if hair.style in _LONG_HAIR else 0.18 * np.exp(-(((side - 1.32) / 0.12) ** 2))
    nape = _smooth_step(side, 1.75, 2.0) * 0.35
    return np.asarray(front * (1 - drop) + (bottom + burn + nape) * drop, dtype=np.float32)


def _normals(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    across = np.gradient(points, axis=1)
    down = np.gradient(points, axis=0)
    normals = np.cross(across, down)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = (normals / np.maximum(length, 1e-12)).astype(np.float32)
    outward = np.sum(normals * points, axis=-1, keepdims=True)
    return _plane(np.where(outward < 0, -normals, normals))


def _hollow(radius: Plane) -> Plane:
    """Enclosed places get less sky: compare each radius with its surroundings."""
    near = cv2.GaussianBlur(radius, (0, 0), 5.0)
    wide = cv2.GaussianBlur(radius, (0, 0), 16.0)
    return np.clip(6.0 * (near - radius) + 2.0 * (wide - radius), 0.0, 1.0).astype(np.float32)
