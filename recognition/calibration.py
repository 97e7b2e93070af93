"""From embedding distances to evidence: a calibrated log-likelihood ratio.

A bare distance means different things for different pictures: a blurred face lies closer to everybody, and
some rosters (people of one age and origin, drawn faces) lie closer together than others. So a distance is
first set against what a *stranger* would have there, taken from the distances of the same face to all the
other trainees and of the trainee to the rest of the roster (adaptive symmetric score normalisation, after
Auckenthaler et al. 2000 and Kenny 2010). That contrast, in embedding distance, has nearly the same
impostor distribution in every condition measured; see docs/decisions on naming.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from recognition.gallery import Distances, RosterShape

_COHORT_PRIOR = 4.0
"""Weight of the calibration's own mean against the trainees of the gallery, in trainees."""

_AFFINITY_PRIOR = 8.0
_AFFINITY_SHARE = 0.5
"""How much of a trainee's closeness to the roster carries over to a new face; measured 0.4 to 0.6."""

_SPREAD_PRIOR = 20.0
"""Weight of the calibration's spread against the roster's own, in trainees."""

_NARROWEST, _WIDEST = 0.6, 1.5
"""A roster's own spread is believed within these shares of the calibration's."""

_DUPLICATE_SDS = 4.4

_BOUND_SHAPE = 4
"""Order of the soft bound: below half of the bound it takes less than 2 %."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of a quantity measured on ``n`` averaged frames.

    Both fall (or rise) with ``1/n``: ``mean + mean_slope / n``, ``sd + sd_slope / n``.
    """

    mean: float
    sd: float
    mean_slope: float = 0.0
    sd_slope: float = 0.0

    def at(self, frames: float) -> tuple[float, float]:
        """Mean and standard deviation for a mean over ``frames`` independent frames (1 or more)."""
        share = 1.0 / max(1.0, frames)
        return self.mean + self.mean_slope * share, max(1e-3, self.sd + self.sd_slope * share)


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Measured errors when everything at or above ``llr`` counts as a match.

    ``group``: the label of the people measured, ``"all"`` for everyone. ``frames``: frames averaged.
    """

    group: str
    frames: int
    llr: float
    false_match_rate: float
    false_non_match_rate: float
    genuine: int
    impostor: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """What distances of one encoder mean.

    ``genuine``, ``impostor``: contrast of the right trainee and of all others. ``stranger``: mean distance
    of a face to people it does not belong to. ``session``: distance of a frame to the mean of the same
    person's other frames. ``roster_spread``: ``RosterShape.spread`` of
    the people measured. ``bound``: no evidence exceeds it (nats), because nothing measured supports more.
    ``provenance``: which photos, how many people, in words.
    """

    encoder: str
    genuine: Spread
    impostor: Spread
    stranger: Spread
    session: Spread
    people: int
    photos: int
    provenance: str
    roster_spread: float = 0.0
    bound: float = 16.0
    rates: tuple[ErrorRates, ...] = field(default=(), repr=False)

    @property
    def fingerprint(self) -> str:
        """Short name for judgements and the record."""
        numbers = (self.genuine, self.impostor, self.stranger, self.session)
        text = ",".join(f"{s.mean:.4f}/{s.sd:.4f}/{s.mean_slope:.4f}/{s.sd_slope:.4f}" for s in numbers)
        return f"calibration[{self.people}x{self.photos};{text}]"

    def expected_stranger(self, distances: Distances, roster: RosterShape, frames: float) -> Distances:
        """Distance a stranger with this picture would have to each trainee, ``(k,)``."""
        prior, spread = self.stranger.at(frames)
        of_face = _without_own(distances, prior)
        # A picture far from everybody (not a face at all) must not make a far trainee look near.
        of_face = np.minimum(of_face, prior + spread)
        return np.asarray(of_face + _AFFINITY_SHARE * _centred(roster.affinity), dtype=np.float64)

    def evidence(self, distances: Distances, roster: RosterShape, frames: float = 1.0) -> Distances:
        """Log-likelihood ratio of each trainee against *stranger*, ``(k,)``, nats.

        Falls smoothly and monotonically with a trainee's distance; bounded by ``bound`` on both sides.

        Args:
            distances: ``(k,)`` distances of one face (or of the mean over a track) to each trainee.
            roster: of the gallery that gave the distances.
            frames: how many independent frames the embedding averages.
        """
        if not len(distances):
            return np.empty(0)
        contrast = distances - self.expected_stranger(distances, roster, frames)
        return self.contrast_evidence(contrast, frames, len(distances), roster.spread)

    def contrast_evidence(
        self, contrast: Distances, frames: float, trainees: int, roster_spread: float
    ) -> Distances:
        """Log-likelihood ratio of contrasts in a roster of so many trainees and such a spread, nats."""
        genuine = _upper_side(contrast, *self.genuine.at(frames))
        mean, sd = self.impostor.at(frames)
        sd *= self._roster_scale(trainees, roster_spread)
        # With few other trainees the stranger's expected distance is itself uncertain.
        cohort = max(0, trainees - 2)
        unsure = self.stranger.at(frames)[1] ** 2 / (1.0 + cohort / _COHORT_PRIOR)
        impostor = _lower_side(contrast, mean, math.sqrt(sd**2 + unsure))
        return self._bounded(genuine - impostor)

    def same_person(self, distance: float, stranger_distance: float, frames: float = 1.0) -> float:
        """Log-likelihood ratio that a frame shows the person of a track, nats.

        Args:
            distance: of the frame's embedding to the track's mean.
            stranger_distance: what another person of this room would have there.
            frames: how many independent frames the track's mean averages.
        """
        return float(self.same_people(np.array([distance]), np.array([stranger_distance]), frames)[0])

    def same_people(self, distances: Distances, stranger_distances: Distances, frames: float) -> Distances:
        """The same for several frames and one track, ``(n,)`` nats."""
        usual = self.stranger.at(frames)[0]
        other = np.minimum(stranger_distances, usual)
        # Where all people lie close together, one person's frames do as well.
        scale = other / usual
        mean, sd = self.session.at(frames)
        genuine = _upper_side(distances, mean * scale, sd * scale)
        impostor = _lower_side(distances, other, self.impostor.at(frames)[1] * scale)
        return self._bounded(genuine - impostor)

    @property
    def duplicate_threshold(self) -> float:
        """Distance below which two single photos of two roster entries show one person.

        So near lies about one pair of different people in 200,000 by the Gaussian tail, without the help
        of a cohort; genuine pairs of sharp photos lie below it in four of five cases.
        """
        mean, of_faces = self.stranger.at(1.0)
        return mean + self.impostor.mean - _DUPLICATE_SDS * math.hypot(of_faces, self.impostor.at(1.0)[1])

    def stranger_distance(self, distances: Distances) -> float:
        """What another person of this room would have: mean distance of one face to the roster, shrunk."""
        prior = self.stranger.at(1.0)[0]
        return float(_without_own(distances, prior).max()) if len(distances) else prior

    def _roster_scale(self, trainees: int, roster_spread: float) -> float:
        """Spread of this roster against that of the calibration, shrunk towards 1."""
        if not math.isfinite(roster_spread) or self.roster_spread <= 0.0:
            return 1.0
        measured = min(_WIDEST, max(_NARROWEST, roster_spread / self.roster_spread))
        return (measured * trainees + _SPREAD_PRIOR) / (trainees + _SPREAD_PRIOR)

    def _bounded(self, llr: Distances) -> Distances:
        squeezed = llr / (1.0 + (np.abs(llr) / self.bound) ** _BOUND_SHAPE) ** (1.0 / _BOUND_SHAPE)
        return np.asarray(squeezed, dtype=np.float64)


def _without_own(distances: Distances, prior: float) -> Distances:
    """Mean distance to the other trainees, for each trainee, shrunk towards ``prior``.

    The nearest of the others is left out: it may be the person's own name.
    """
    count = len(distances)
    if count < 3:
        return np.full(count, prior)
    order = np.argsort(distances)
    first, second = order[0], order[1]
    total = distances.sum()
    sums = np.full(count, total - distances[first]) - distances
    sums[first] = total - distances[first] - distances[second]
    return np.asarray((sums + _COHORT_PRIOR * prior) / (count - 2 + _COHORT_PRIOR), dtype=np.float64)


def _centred(affinity: Distances) -> Distances:
    count = len(affinity)
    if count < 3 or not np.isfinite(affinity).all():
        return np.zeros(count)
    return np.asarray((affinity - affinity.mean()) * (count / (count + _AFFINITY_PRIOR)), dtype=np.float64)


def _upper_side(values: Distances, mean: Distances | float, sd: Distances | float) -> Distances:
    """Gaussian log density, level below the mean: nearer than usual is no argument against a match."""
    excess = np.maximum(0.0, (values - mean) / sd)
    return np.asarray(-0.5 * excess**2 - np.log(sd), dtype=np.float64)


def _lower_side(values: Distances, mean: Distances | float, sd: Distances | float) -> Distances:
    """Gaussian log density, level above the mean: farther than usual is no argument for a match."""
    excess = np.minimum(0.0, (values - mean) / sd)
    return np.asarray(-0.5 * excess**2 - np.log(sd), dtype=np.float64)
