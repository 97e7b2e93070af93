"""One face under two names: what raises the flag *duplicate identity*."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognition.gallery import Template, pairwise_distances

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class DuplicateIdentity:
    """Two trainees whose templates show the same face; ``first`` < ``second`` in order of their codes.

    ``distance``: the smallest between their templates. ``first_source``, ``second_source``: those photos.
    """

    first: str
    second: str
    distance: float
    first_source: str
    second_source: str


def find_duplicates(
    new: Sequence[Template], existing: Sequence[Template], threshold: float
) -> tuple[DuplicateIdentity, ...]:
    """Pairs of different trainees closer than the threshold, closest first, each pair once.

    Args:
        new: templates being enrolled; compared with each other too.
        existing: templates already enrolled; only those of the same encoder can be compared.
        threshold: embedding distance below which two templates show one person, from the calibration.
    """
    closest: dict[tuple[str, str], DuplicateIdentity] = {}
    everyone = [*new, *existing]
    if not new:
        return ()
    for row, column, distance in _near(_matrix(new), _matrix(everyone), threshold):
        one, other = everyone[row], everyone[column]
        if one.trainee == other.trainee or one.fingerprint != other.fingerprint:
            continue
        pair = _pair(one, other, distance)
        known = closest.get((pair.first, pair.second))
        if known is None or pair.distance < known.distance:
            closest[pair.first, pair.second] = pair
    return tuple(sorted(closest.values(), key=lambda pair: (pair.distance, pair.first, pair.second)))


def _near(
    left: npt.NDArray[np.float32], right: npt.NDArray[np.float32], threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Places and distance of what lies closer than the threshold, some rows at a time: all distances of a
    roster of 10,000 would fill gigabytes."""
    for begin in range(0, len(left), _ROWS_AT_ONCE):
        distances = pairwise_distances(left[begin : begin + _ROWS_AT_ONCE], right)
        for row, column in np.argwhere(distances < threshold):
            yield begin + int(row), int(column), float(distances[row, column])


def _matrix(templates: Sequence[Template]) -> npt.NDArray[np.float32]:
    return np.asarray(np.stack([template.embedding for template in templates]), dtype=np.float32)


def _pair(one: Template, other: Template, distance: float) -> DuplicateIdentity:
    if one.trainee > other.trainee:
        one, other = other, one
    return DuplicateIdentity(one.trainee, other.trainee, distance, one.source, other.source)
