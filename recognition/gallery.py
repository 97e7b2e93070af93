"""The faces a lesson expects: templates of its roster, searched exactly.

A class has tens of trainees, so the search is one matrix product and misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.errors import InvalidInput

EMBEDDING_SIZE = 128

_SPREAD_FROM = 8
"""Trainees (28 pairs) from which the spread of a roster can be estimated."""

Vectors = npt.NDArray[np.float32]
"""(n, 128) float32, unit: none."""

Distances = npt.NDArray[np.float64]
"""Euclidean distances between embeddings, unit: none."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One enrolled photo of a trainee as an embedding.

    ``embedding``: (128,) float32. ``fingerprint``: the encoder that made it; only equal networks compare.
    ``quality``: 0 to 1. ``source``: name of the photo, for the record.
    """

    trainee: str
    embedding: npt.NDArray[np.float32]
    fingerprint: str
    quality: float = 1.0
    source: str = ""


def pairwise_distances(left: npt.NDArray[np.floating], right: npt.NDArray[np.floating]) -> Distances:
    """Euclidean distances, ``(len(left), len(right))``."""
    a = np.asarray(left, dtype=np.float64)
    b = np.asarray(right, dtype=np.float64)
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2.0 * (a @ b.T)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class RosterShape:
    """How close the faces of a roster lie to each other.

    ``affinity``: (k,) mean distance of each trainee to the others: a blurred enrolment photo lies close to
    everybody, and a near-hit on it means less. ``spread``: standard deviation of the distances between
    trainees once affinities are taken out. NaN where there are too few trainees to tell.
    """

    affinity: Distances
    spread: float

    @property
    def mean(self) -> float:
        """Mean distance between two trainees; NaN where there are none."""
        return float(self.affinity.mean()) if len(self.affinity) else float("nan")

    def without(self, position: int) -> RosterShape:
        """The shape with one trainee taken off (the others' means are left as they are)."""
        return RosterShape(np.delete(self.affinity, position), self.spread)


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Templates of one lesson.

    ``matrix``: (n, 128) float32, all templates. ``owner``: (n,) index into ``trainees``.
    """

    trainees: tuple[str, ...]
    matrix: Vectors
    owner: npt.NDArray[np.intp]
    fingerprint: str
    shape: RosterShape = field(repr=False)

    @property
    def size(self) -> int:
        """Number of trainees."""
        return len(self.trainees)

    def distances(self, probe: npt.NDArray[np.floating]) -> Distances:
        """Distance of one embedding to each trainee's nearest template, ``(k,)``."""
        if not self.trainees:
            return np.empty(0)
        nearest = _per_trainee(pairwise_distances(probe[None, :], self.matrix), self.owner, self.size)
        return np.asarray(nearest[0], dtype=np.float64)

    def position(self, trainee: str) -> int:
        """Index of a trainee in ``trainees``.

        Raises:
            ValueError: not in this gallery.
        """
        return self.trainees.index(trainee)

    def templates(self) -> tuple[Template, ...]:
        """The templates it was built from (without photo names and qualities)."""
        return tuple(
            Template(self.trainees[index], row, self.fingerprint)
            for row, index in zip(self.matrix, self.owner, strict=True)
        )


def build_gallery(templates: Iterable[Template], fingerprint: str) -> Gallery:
    """A gallery of the templates of one encoder, trainees in order of first mention.

    Raises:
        InvalidInput: a template of another encoder, of another shape, or with values that are no numbers.
    """
    rows: list[npt.NDArray[np.float32]] = []
    owners: list[int] = []
    index: dict[str, int] = {}
    for template in templates:
        _check(template, fingerprint)
        owners.append(index.setdefault(template.trainee, len(index)))
        rows.append(np.asarray(template.embedding, dtype=np.float32))
    matrix = np.stack(rows) if rows else np.empty((0, EMBEDDING_SIZE), dtype=np.float32)
    owner = np.array(owners, dtype=np.intp)
    return Gallery(tuple(index), matrix, owner, fingerprint, _roster_shape(matrix, owner, len(index)))


def with_template(gallery: Gallery, template: Template) -> Gallery:
    """The gallery and one more template, for a photo that arrives while the lesson runs."""
    return build_gallery((*gallery.templates(), template), gallery.fingerprint)


def _check(template: Template, fingerprint: str) -> None:
    if template.fingerprint != fingerprint:
        raise InvalidInput(
            f"the template was made by {template.fingerprint}, this lesson uses {fingerprint}",
            place=template.trainee,
            hint="enrol the photos again with the network in use",
        )
    shape = np.shape(template.embedding)
    if shape != (EMBEDDING_SIZE,) or not np.isfinite(template.embedding).all():
        raise InvalidInput(
            f"not an embedding: shape {shape} or values that are no numbers",
            place=template.trainee,
            hint="enrol this photo again",
        )


def _per_trainee(distances: Distances, owner: npt.NDArray[np.intp], size: int) -> Distances:
    """Nearest template per trainee: (m, n) to (m, k)."""
    nearest = np.full((size, len(distances)), np.inf)
    np.minimum.at(nearest, owner, distances.T)
    return np.asarray(nearest.T, dtype=np.float64)


def _roster_shape(matrix: Vectors, owner: npt.NDArray[np.intp], size: int) -> RosterShape:
    if size < 2:
        return RosterShape(np.full(size, np.nan), float("nan"))
    nearest = _per_trainee(pairwise_distances(matrix, matrix), owner, size)
    others = owner[:, None] != np.arange(size)[None, :]
    affinity = np.asarray(np.where(others, nearest, 0.0).sum(0) / others.sum(0), dtype=np.float64)
    if size < _SPREAD_FROM:
        return RosterShape(affinity, float("nan"))
    # A distance is the sum of both sides' closeness and a rest; the rest is what makes look-alikes.
    expected = affinity[owner][:, None] + affinity[None, :] - affinity.mean()
    return RosterShape(affinity, float((nearest - expected)[others].std()))
