"""Choose people that an encoder tells apart: farthest-first over measured distances.

Only arrays come in, so that no encoder is needed here; ``tests/benchmarks/choose_cast.py`` measures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.synthetic.heads import Light, Pose

Embeddings = npt.NDArray[np.float32]
"""(people, 1 + views, 128) float32; a picture in which no face was found is NaN. The first is the enrolment
portrait."""

VIEWS: tuple[tuple[Pose, Light], ...] = (
    (Pose(), Light()),
    (Pose(yaw=-0.4), Light()),
    (Pose(yaw=0.4, pitch=0.05), Light()),
    (Pose(yaw=-0.2, pitch=0.08, roll=-0.06), Light()),
    (Pose(yaw=0.2, pitch=-0.1, roll=0.06), Light()),
    (Pose(yaw=0.1, pitch=0.13), Light()),
    (Pose(yaw=0.05), Light(right=0.7, up=0.5, strength=0.75, ambient=0.45)),
    (Pose(yaw=-0.15, pitch=-0.05), Light(right=-0.2, up=0.9, strength=0.5, ambient=0.4)),
)
"""Straight, turned, nodding, tilted, and other light: what a lesson shows of a person."""


def genuine_distances(embeddings: Embeddings) -> npt.NDArray[np.float32]:
    """Largest distance of a person's views from the own portrait, ``(people,)``; infinite where a picture
    has no face."""
    apart = np.linalg.norm(embeddings[:, 1:] - embeddings[:, :1], axis=-1)
    return np.asarray(np.where(np.isnan(apart).any(axis=1), np.inf, apart.max(axis=1)), np.float32)


def contrasts(embeddings: Embeddings) -> npt.NDArray[np.float32]:
    """How much nearer a person's mean view lies to the own portrait than to the others', ``(people,)``.

    Naming rests on this, not on the bare distance: who resembles everybody is hard to name.
    """
    means = embeddings[:, 1:].mean(axis=1)
    apart = np.linalg.norm(means[:, None] - embeddings[None, :, 0], axis=-1)
    own = np.diagonal(apart)
    others = (apart.sum(axis=1) - own) / max(1, len(apart) - 1)
    return np.asarray(others - own, np.float32)


def impostor_distances(embeddings: Embeddings) -> npt.NDArray[np.float32]:
    """Smallest distance of any picture of one person from the portrait of the other, ``(people, people)``,
    symmetric, infinite on the diagonal."""
    people = len(embeddings)
    nearest = np.full((people, people), np.inf, np.float32)
    for view in range(embeddings.shape[1]):
        apart = np.linalg.norm(embeddings[:, view][:, None] - embeddings[None, :, 0], axis=-1)
        nearest = np.fmin(nearest, apart.astype(np.float32))
    nearest = np.minimum(nearest, nearest.T)
    np.fill_diagonal(nearest, np.inf)
    return nearest


def farthest_first(distances: npt.NDArray[np.float32], count: int) -> tuple[int, ...]:
    """Indices chosen so that each is as far as possible from all before it; starts with the best pair."""
    away = np.where(np.isinf(distances), -1.0, distances)
    first = int(np.argmax(away.max(axis=1)))
    chosen = [first]
    nearest = away[first].copy()
    nearest[first] = -np.inf
    while len(chosen) < min(count, len(distances)):
        following = int(np.argmax(nearest))
        chosen.append(following)
        nearest = np.minimum(nearest, away[following])
        nearest[chosen] = -np.inf
    return tuple(chosen)
