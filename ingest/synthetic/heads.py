"""Render procedural heads: from traits to a shaded picture with transparency.

The head is a star-shaped surface (``geometry``). For each pixel a ray along the viewing direction is
followed until it meets the surface; colour and normal are looked up there and shaded. Projection is
orthographic: classroom cameras stand metres away.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.complexion import paint_skin
from ingest.synthetic.easel import SCALE, SPAN, Easel
from ingest.synthetic.features import Expression, paint_features
from ingest.synthetic.geometry import (
    COLUMNS,
    LATITUDE_SPAN,
    LONGITUDE_SPAN,
    ROWS,
    HeadShape,
    Plane,
    directions,
    shape_head,
)
from ingest.synthetic.spectacles import draw_glasses
from ingest.synthetic.traits import Traits

Colours = npt.NDArray[np.float32]
"""(rows, columns, 3) float32, BGR 0 to 1."""

Sprite = npt.NDArray[np.uint8]
"""(height, width, 4) uint8, BGRA with colour already multiplied by alpha."""

FRAME = 2.9
"""Side of a rendered square, head units."""

_MARCH_STEPS = 14


@dataclass(frozen=True, slots=True)
class Pose:
    """Radians. ``yaw`` > 0 turns the face to the viewer's right, ``pitch`` > 0 looks down."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """A lamp's direction (radians, right and up of the camera), its strength, and the sky's strength."""

    right: float = -0.5
    up: float = 0.6
    strength: float = 0.66
    ambient: float = 0.62


class Head:
    """One person's head, ready to be rendered in any pose; keeps textures per expression."""

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self._shape = shape_head(traits)
        self._skin = paint_skin(traits)
        self._textures: dict[Expression, Colours] = {}

    def render(
        self, size_px: int, pose: Pose, light: Light, expressions: tuple[Expression, ...] = (Expression(),)
    ) -> list[Sprite]:
        """One sprite of ``size_px`` squared for each expression; the skull's centre is in the middle."""
        surface = _trace(self._shape, size_px, pose)
        shading = _shade(self._shape, surface, pose, light, self.traits.skin.shine)
        sprites = []
        for expression in expressions:
            picture = self._colours(expression, surface) * shading[0][..., None] + shading[1][..., None]
            if self.traits.glasses is not self.traits.glasses.NONE:
                picture = draw_glasses(picture, self.traits, rotation(pose), size_px / FRAME)
            sprites.append(_sprite(picture, surface.alpha))
        return sprites

    def _colours(self, expression: Expression, surface: _Surface) -> Colours:
        if expression not in self._textures:
            self._textures[expression] = _wrap(self._shape, self._skin, self.traits, expression)
        return _look_up(self._textures[expression], surface)


@dataclass(frozen=True, slots=True)
class _Surface:
    """For each pixel: texture coordinates where the ray ends, and how much of the pixel is covered."""

    u: Plane
    v: Plane
    alpha: Plane
    minify: float


def rotation(pose: Pose) -> npt.NDArray[np.float64]:
    """Matrix from head to camera coordinates."""
    cy, sy = np.cos(pose.yaw), np.sin(pose.yaw)
    cp, sp = np.cos(pose.pitch), np.sin(pose.pitch)
    cr, sr = np.cos(pose.roll), np.sin(pose.roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(tilt @ nod @ turn)


def _trace(shape: HeadShape, size_px: int, pose: Pose) -> _Surface:
    """March along z until the surface; pixels that pass by keep the nearest distance for their edge."""
    scale = size_px / FRAME
    line = ((np.arange(size_px) + 0.5) / scale - FRAME / 2).astype(np.float32)
    x, y = np.meshgrid(line, line)
    back = rotation(pose).T.astype(np.float32)
    depth = np.full_like(x, 1.35)
    nearest = np.full_like(x, 9.0)
    u = v = x
    best = (u, v)
    for _ in range(_MARCH_STEPS):
        hx = back[0, 0] * x + back[0, 1] * y + back[0, 2] * depth
        hy = back[1, 0] * x + back[1, 1] * y + back[1, 2] * depth
        hz = back[2, 0] * x + back[2, 1] * y + back[2, 2] * depth
        flat, longitude = cv2.cartToPolar(hz, hx)
        length, latitude = cv2.cartToPolar(flat, hy)
        u = _wrap_angle(longitude) * np.float32(COLUMNS / LONGITUDE_SPAN) + np.float32(COLUMNS / 2 - 0.5)
        v = _wrap_angle(latitude) * np.float32(ROWS / LATITUDE_SPAN) + np.float32(ROWS / 2 - 0.5)
        radius = cv2.remap(shape.radius, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        gap = length - radius
        closer = gap < nearest
        nearest = np.where(closer, gap, nearest)
        best = (np.where(closer, u, best[0]), np.where(closer, v, best[1]))
        depth = depth - np.clip(gap, -0.2, 0.4) * np.float32(0.8)
    alpha = np.clip(1.0 - (nearest - 0.004) * scale * 0.8, 0.0, 1.0).astype(np.float32)
    u, v = (np.where(nearest > 0.002, b, last) for b, last in zip(best, (u, v), strict=True))
    return _Surface(u=u, v=v, alpha=alpha, minify=ROWS / (np.pi * scale))


def _wrap_angle(angle: Plane) -> Plane:
    turn = np.float32(2 * np.pi)
    return np.where(angle > np.float32(np.pi), angle - turn, angle)


def _look_up(texture: npt.NDArray[np.float32], surface: _Surface) -> npt.NDArray[np.float32]:
    if surface.minify > 1.3:
        texture = np.asarray(cv2.GaussianBlur(texture, (0, 0), 0.32 * surface.minify), np.float32)
    found = cv2.remap(texture, surface.u, surface.v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found, np.float32)


def _shade(
    shape: HeadShape, surface: _Surface, pose: Pose, light: Light, shine: float
) -> tuple[Plane, Plane]:
    """Factor and addend for the colours: wrapped Lambert, sky from above, a soft highlight."""
    normals = _look_up(shape.normals, surface)
    normals = normals @ rotation(pose).T.astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    lamp = np.array(
        [
            np.sin(light.right) * np.cos(light.up),
            -np.sin(light.up),
            np.cos(light.right) * np.cos(light.up),
        ],
        np.float32,
    )
    facing = normals @ lamp
    lambert = np.clip((facing + 0.25) / 1.25, 0.0, 1.0)
    sky = 0.72 - 0.28 * normals[..., 1] + 0.15 * normals[..., 2]
    open_sky = 1.0 - 0.55 * _look_up(shape.hollow, surface)
    factor = light.strength * lambert * 1.1 + light.ambient * sky * open_sky
    half = lamp + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    bright = np.clip(normals @ half, 0, 1) ** 22 * np.float32(0.4 * shine * light.strength)
    bright *= np.clip(normals[..., 2] * 3.0 - 0.6, 0.0, 1.0)
    return factor.astype(np.float32), bright.astype(np.float32)


def _wrap(shape: HeadShape, skin: Easel, traits: Traits, expression: Expression) -> Colours:
    """Bring the painted face onto the head's directions and grow hair on it."""
    easel = paint_features(skin, traits, expression)
    column = (shape.x + np.float32(SPAN / 2)) * np.float32(SCALE) - np.float32(0.5)
    row = (shape.y + np.float32(SPAN / 2)) * np.float32(SCALE) - np.float32(0.5)
    face = cv2.remap(easel.paint, column, row, cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    plain = np.asarray(traits.skin.tone, np.float32) * np.float32(0.92)
    longitude, _ = directions()
    frontal = np.clip((1.25 - np.abs(longitude)) / 0.25, 0.0, 1.0)[..., None]
    face = plain + (face - plain) * frontal
    hair = _hair_colours(traits)
    return np.asarray(face + (hair - face) * shape.hair[..., None], np.float32)


def _hair_colours(traits: Traits) -> Colours:
    """Strands run from the crown downwards; a band of light lies around the crown."""
    rng = np.random.default_rng([traits.seed, 41])
    noise = rng.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32)
    strands = _even(cv2.GaussianBlur(noise, (0, 0), 1.0, sigmaY=7.0))
    locks = _even(cv2.GaussianBlur(noise, (0, 0), 6.0, sigmaY=20.0))
    _, latitude = directions()
    band = np.exp(-(((latitude + 0.95) / 0.22) ** 2))
    lift = 1.0 + 0.28 * strands + 0.22 * traits.hair.wave * locks + 0.35 * band
    colour = np.asarray(traits.hair.colour, np.float32)
    return np.asarray(np.clip(lift, 0.3, 2.2)[..., None] * colour + 0.02, np.float32)


def _even(noise: npt.ArrayLike) -> Plane:
    values = np.asarray(noise, np.float32)
    return values / np.float32(max(1e-6, float(values.std())))


def _sprite(picture: Colours, alpha: Plane) -> Sprite:
    toned = np.clip(picture, 0.0, 1.0) * (alpha * np.float32(255.0))[..., None]
    return np.dstack([toned, alpha * np.float32(255.0)]).round().astype(np.uint8)
