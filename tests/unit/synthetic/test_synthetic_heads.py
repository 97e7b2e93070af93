"""Heads as pictures: solid, turnable, and alive in the right places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.synthetic.features import Expression
from ingest.synthetic.geometry import COLUMNS, ROWS, shape_head
from ingest.synthetic.heads import FRAME, Head, Light, Pose, rotation
from ingest.synthetic.traits import Glasses, HairStyle, traits_from_seed

SIZE = 96
angles = st.floats(min_value=-1.2, max_value=1.2)


@pytest.fixture(scope="module")
def head() -> Head:
    seed = next(s for s in range(99) if traits_from_seed(s).glasses is Glasses.NONE)
    return Head(traits_from_seed(seed))


def test_a_sprite_carries_colour_multiplied_by_its_cover(head: Head) -> None:
    (sprite,) = head.render(SIZE, Pose(), Light())
    assert sprite.shape == (SIZE, SIZE, 4)
    assert sprite.dtype == np.uint8
    assert (sprite[..., :3].max(axis=2) <= sprite[..., 3].astype(int) + 1).all()


def test_the_middle_is_solid_and_the_corners_are_empty(head: Head) -> None:
    (sprite,) = head.render(SIZE, Pose(), Light())
    assert sprite[SIZE // 2, SIZE // 2, 3] == 255
    assert sprite[[0, 0, -1, -1], [0, -1, 0, -1], 3].max() == 0


def test_rendering_twice_gives_equal_bytes(head: Head) -> None:
    again = Head(head.traits)
    first = head.render(SIZE, Pose(0.2, 0.1), Light())[0]
    assert first.tobytes() == again.render(SIZE, Pose(0.2, 0.1), Light())[0].tobytes()


def test_turning_the_head_moves_the_face_to_that_side() -> None:
    """On a lower face without a beard the mouth is the reddest: where it lies shows where the face looks."""
    head = Head(traits_from_seed(14))

    def mouth_x(yaw: float) -> float:
        sprite = head.render(192, Pose(yaw=yaw), Light(right=0.0))[0].astype(float)
        row = 96 + round(head.traits.mouth.level / FRAME * 192)
        band = sprite[row - 4 : row + 5]
        darkness = np.where(band[..., 3] > 250, 255 - band[..., 1], 0).clip(min=0) ** 4
        columns = np.arange(192)
        return float((darkness.sum(axis=0) * columns).sum() / darkness.sum())

    assert mouth_x(-0.4) < mouth_x(0.0) - 3
    assert mouth_x(0.4) > mouth_x(0.0) + 3


def test_a_blink_changes_the_eyes_and_nothing_else(head: Head) -> None:
    awake, asleep = head.render(SIZE, Pose(), Light(), (Expression(0, 0), Expression(2, 0)))
    rows = np.flatnonzero((awake != asleep).any(axis=(1, 2)))
    level = SIZE / 2 + head.traits.eyes.level / FRAME * SIZE
    assert len(rows) > 2
    assert abs(rows.mean() - level) < SIZE * 0.06
    assert rows.max() < SIZE / 2 + 0.25 / FRAME * SIZE


def test_speaking_changes_the_mouth_and_nothing_else(head: Head) -> None:
    silent, speaking = head.render(SIZE, Pose(), Light(), (Expression(0, 0), Expression(0, 2)))
    rows = np.flatnonzero((silent != speaking).any(axis=(1, 2)))
    assert rows.min() > SIZE / 2 + 0.3 / FRAME * SIZE


def test_light_from_one_side_makes_that_side_brighter(head: Head) -> None:
    for side in (-1, 1):
        sprite = head.render(SIZE, Pose(), Light(right=side * 1.1, up=0.2))[0].astype(float)
        halves = sprite[:, : SIZE // 2, :3].sum(), sprite[:, SIZE // 2 :, :3].sum()
        assert (halves[1] > halves[0]) == (side > 0)


def test_stronger_light_is_brighter(head: Head) -> None:
    dim = head.render(SIZE, Pose(), Light(strength=0.3, ambient=0.3))[0].astype(int).sum()
    assert dim < head.render(SIZE, Pose(), Light(strength=0.7, ambient=0.6))[0].astype(int).sum()


@given(angles, angles, angles)
def test_a_pose_turns_without_stretching(yaw: float, pitch: float, roll: float) -> None:
    matrix = rotation(Pose(yaw, pitch, roll))
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(matrix), 1.0)


@pytest.mark.parametrize("seed", range(12))
def test_every_shape_is_a_closed_surface_of_plausible_size(seed: int) -> None:
    shape = shape_head(traits_from_seed(seed))
    assert shape.radius.shape == (ROWS, COLUMNS)
    assert 0.4 < shape.radius.min() <= shape.radius.max() < FRAME / 2
    assert np.abs(shape.radius[:, 0] - shape.radius[:, -1]).max() < 0.05
    assert np.allclose(np.linalg.norm(shape.normals, axis=-1), 1.0, atol=1e-3)


def test_bald_people_have_no_hair_on_the_forehead() -> None:
    seed = next(s for s in range(999) if traits_from_seed(s).hair.style is HairStyle.BALD)
    shape = shape_head(traits_from_seed(seed))
    assert shape.hair[: ROWS // 3, COLUMNS // 2 - 20 : COLUMNS // 2 + 20].max() < 0.05


def test_glasses_are_drawn_over_the_eyes() -> None:
    traits = traits_from_seed(next(s for s in range(99) if traits_from_seed(s).glasses is Glasses.SQUARE))
    with_rims = Head(traits).render(192, Pose(), Light())[0].astype(int)
    outer = 96 + (traits.eyes.spacing + 0.255) / FRAME * 192
    level = 96 + (traits.eyes.level + 0.03) / FRAME * 192
    rim = with_rims[int(level), int(outer) - 3 : int(outer) + 4, :3]
    frame = np.asarray(traits.glasses_colour) * 255
    assert np.abs(rim - frame).sum(axis=1).min() < 60
