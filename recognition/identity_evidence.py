"""What the frames of one track say together about who it is.

The mean of a track's embeddings is compared, not its single frames: noise of pose and light averages out,
while a look-alike stays as far as he is. Frames of a still head are nearly the same picture and count as
little more than one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from recognition.calibration import Calibration
from recognition.gallery import Gallery

WINDOW = 24
"""Frames that are kept: more no longer sharpen the mean, and a name must be able to fall."""

INDEPENDENT_AFTER = timedelta(seconds=1)
"""Frames nearer in time are one look; cameras give keyframes every second or two."""

STRANGER_SHARE = 0.05
"""Prior share of people in a room who are not on its roster."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One encoded face of a track. ``weight``: its quality, 0 to 1. ``embedding``: (128,) float32."""

    at: datetime
    embedding: npt.NDArray[np.float32]
    weight: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Standing of a track against the roster.

    ``best``: index of the most likely trainee, ``None`` for an empty roster. ``score``: evidence for it
    against *stranger*, less what a roster of this size makes likely by chance; ``margin``: against the
    second best trainee (nats). ``evidence``: (k,) all trainees against *stranger*.
    """

    best: int | None
    score: float
    margin: float
    evidence: npt.NDArray[np.float64]

    def reaches(self, needed: float) -> bool:
        """Whether the best trainee beats both *stranger* and the second best by so much."""
        return self.best is not None and self.score >= needed and self.margin >= needed


NOBODY = Identity(None, -math.inf, 0.0, np.empty(0))


def chance_penalty(trainees: int) -> float:
    """What chance near-hits cost in a roster of this size, nats.

    Prior odds of *stranger* against one given trainee, when every trainee is equally likely to sit in a
    given seat; never a bonus.
    """
    if trainees < 1:
        return 0.0
    return max(0.0, math.log(trainees * STRANGER_SHARE / (1.0 - STRANGER_SHARE)))


def identity_of(
    embedding: npt.NDArray[np.floating], gallery: Gallery, calibration: Calibration, frames: float = 1.0
) -> Identity:
    """Where one embedding, or the mean over ``frames`` independent frames, stands against the roster."""
    if gallery.size == 0:
        return NOBODY
    evidence = calibration.evidence(gallery.distances(embedding), gallery.shape, frames)
    order = np.argsort(-evidence)
    best = int(order[0])
    second = float(evidence[order[1]]) if len(order) > 1 else -calibration.bound
    return Identity(
        best=best,
        score=float(evidence[best]) - chance_penalty(gallery.size),
        margin=float(evidence[best]) - second,
        evidence=evidence,
    )


class TrackEvidence:
    """The last looks at one track and their mean. Time enters with the looks."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque(maxlen=WINDOW)
        self._summed: _Summed | None = None
        self._distinct = 0
        self._last_distinct: datetime | None = None
        self.since: datetime | None = None

    def add(self, look: Look) -> None:
        """Takes a look into account."""
        self._looks.append(look)
        self._summed = None
        self.since = self.since or look.at
        if self._last_distinct is None or look.at - self._last_distinct >= INDEPENDENT_AFTER:
            self._distinct += 1
            self._last_distinct = look.at

    @property
    def looks(self) -> int:
        """Looks that are far enough apart in time to be different ones."""
        return self._distinct

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Weighted mean embedding, (128,).

        Raises:
            ValueError: no look yet.
        """
        return self._sums().mean

    def independent_frames(self, calibration: Calibration) -> float:
        """How many independent frames the looks are worth, from 1.

        The scatter of a track's embeddings, against that of one person's unrelated photos, tells how much
        the frames have in common: a still head (or a photograph held up) repeats itself.
        """
        sums = self._sums()
        if sums.count < 1.5:
            return 1.0
        mean, sd = calibration.session.at(math.inf)
        unrelated = mean**2 + sd**2
        common = min(1.0, max(0.0, 1.0 - sums.scatter / unrelated))
        return sums.count / (1.0 + (sums.count - 1.0) * common)

    def identity(self, gallery: Gallery, calibration: Calibration) -> Identity:
        """Standing of the track as a whole."""
        if not self._looks:
            return NOBODY
        return identity_of(self.mean, gallery, calibration, self.independent_frames(calibration))

    def _sums(self) -> _Summed:
        if not self._looks:
            raise ValueError("no look at this track yet")
        if self._summed is None:
            weights = np.array([max(1e-3, look.weight) for look in self._looks])
            rows = np.stack([look.embedding for look in self._looks]).astype(np.float64)
            self._summed = _summed(weights, rows)
        return self._summed


@dataclass(frozen=True, slots=True, eq=False)
class _Summed:
    """A window of looks. ``mean``: (128,), by weight; ``count``: how many looks of equal weight it is worth;
    ``scatter``: mean squared distance from the mean, without bias."""

    mean: npt.NDArray[np.float64]
    count: float
    scatter: float


def _summed(weights: npt.NDArray[np.float64], rows: npt.NDArray[np.float64]) -> _Summed:
    count = float(weights.sum() ** 2 / (weights**2).sum())
    share = weights / weights.sum()
    mean = np.asarray(share @ rows, dtype=np.float64)
    bias = count / (count - 1.0) if count > 1.0 else 0.0
    return _Summed(mean, count, float(share @ ((rows - mean) ** 2).sum(1)) * bias)
