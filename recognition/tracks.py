"""Faces followed from frame to frame by place and by looks.

Samples are seconds apart, so a place alone proves nothing: two people may have changed seats between two
frames. A track therefore goes on only while the embedding agrees; where it contradicts, a new track begins
at the same place, and the old one's name ends with the last frame that supported it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from models.frame import Box, Detection
from recognition.assignment import assign
from recognition.calibration import Calibration
from recognition.gallery import EMBEDDING_SIZE, Gallery
from recognition.identity_evidence import NOBODY, Identity, TrackEvidence

REMEMBERED = timedelta(minutes=3)
"""How long a track that is not seen may be taken up again; only by its looks, never by place alone."""

FAINT_FOR = timedelta(seconds=10)
"""How long a face too poor to encode keeps the name of the place it is in."""

_STAYS = 3.0
"""Gain of going on rather than starting anew, nats: people mostly stay."""

_CONTRADICTED = -3.0
"""Evidence below which a frame does not show the track's person (odds 1 to 20)."""

_OTHER_NAME = 6.9
"""A frame that speaks so much more for another trainee than for the track's ends it (odds 1,000)."""

_FAR = 6.0
"""Most that distance in space can cost; a walk across the room needs looks that outweigh it."""

_STEP_SHARE, _STEP_PER_S = 0.35, 0.06
"""Usual movement in face sizes: at once, and per second since the last frame."""

_FAINT_REACH = 0.5
"""Overlap by which a face too poor to encode is taken for the one that was there."""

Gains = npt.NDArray[np.float64]
"""Evidence less cost, nats."""


@dataclass(slots=True)
class Track:
    """One person's stay in the view of a camera, as far as frames connect.

    ``confirmed_at``: last frame whose picture supported that it is still the same person. ``identity``:
    standing of all looks together, against ``weighed``. ``trainee``: its present name, since ``named_at``.
    ``alone``: seen where nobody named had been a moment before, so it is no poor look at somebody known.
    """

    track_id: str
    box: Box
    first_at: datetime
    seen_at: datetime
    confirmed_at: datetime
    evidence: TrackEvidence = field(default_factory=TrackEvidence)
    identity: Identity = NOBODY
    weighed: Gallery | None = None
    trainee: str | None = None
    named_at: datetime | None = None
    unknown_person: str | None = None
    alone: bool = False
    encoded_at: datetime | None = None
    misses: int = 0

    @property
    def visible(self) -> bool:
        """Seen in the last judged frame that could have shown it."""
        return self.misses == 0

    def see(self, box: Box, at: datetime) -> None:
        """Takes a new place into account."""
        self.box = box
        self.seen_at = at
        self.misses = 0


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detection ready for association. ``embedding``: (128,) or ``None`` where it was not encoded."""

    detection: Detection
    quality: float
    embedding: npt.NDArray[np.float32] | None = None

    @property
    def box(self) -> Box:
        return self.detection.box


def movement_cost(before: Box, after: Box, elapsed: timedelta) -> float:
    """What a change of place and size speaks against one person, nats, at most ``_FAR``."""
    size = math.sqrt(max(1.0, before.area))
    reach = size * (_STEP_SHARE + _STEP_PER_S * min(20.0, elapsed.total_seconds()))
    (x0, y0), (x1, y1) = before.centre, after.centre
    steps = math.hypot(x1 - x0, y1 - y0) / reach
    growth = math.log(max(1.0, after.area) / max(1.0, before.area)) / 0.6
    return min(_FAR, 0.5 * steps**2 + 0.5 * growth**2)


def same_place(before: Box, after: Box) -> bool:
    """Whether two boxes cover so much of each other that one face fills both."""
    return before.overlap(after) >= _FAINT_REACH


class Associator:
    """Says which track each face of a frame belongs to."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration

    def match(
        self, faces: Sequence[Face], tracks: Sequence[Track], gallery: Gallery, at: datetime
    ) -> tuple[Track | None, ...]:
        """For each face its track, or ``None`` for a new one. No track gets two faces."""
        gains = np.full((len(faces), len(tracks)), -math.inf)
        encoded = [(row, face.embedding) for row, face in enumerate(faces) if face.embedding is not None]
        rows = [row for row, _ in encoded]
        probes = _Probes([embedding for _, embedding in encoded], gallery, self._calibration)
        for column, track in enumerate(tracks):
            costs = np.array([movement_cost(track.box, face.box, at - track.seen_at) for face in faces])
            if track.evidence.looks:
                gains[rows, column] = self._gains(track, costs[rows], probes)
                faint = [row for row, face in enumerate(faces) if face.embedding is None]
            else:
                faint = list(range(len(faces)))
            for row in faint:
                gains[row, column] = _faint_gain(faces[row], track, float(costs[row]), at)
        columns = assign(gains)
        return tuple(None if column is None else tracks[column] for column in columns)

    def _gains(self, track: Track, costs: Gains, probes: _Probes) -> Gains:
        """Gain of each encoded face on this track, ``-inf`` where it cannot be the same person."""
        agreement = self._agreement(track, probes)
        # Beyond a usual movement the looks alone must carry it, and strongly.
        too_far = (costs >= _FAR) & (agreement < _OTHER_NAME)
        gains = np.where((agreement < _CONTRADICTED) | too_far, -math.inf, _STAYS - costs + agreement)
        return np.asarray(gains, dtype=np.float64)

    def _agreement(self, track: Track, probes: _Probes) -> Gains:
        """Evidence that each face shows the person of a track, nats; ``-inf`` where another name fits."""
        if not probes.count:
            return np.empty(0)
        frames = track.evidence.independent_frames(self._calibration)
        distances = np.linalg.norm(probes.embeddings - track.evidence.mean, axis=1)
        agreement = self._calibration.same_people(distances, probes.stranger_distances, frames)
        if track.trainee is None or track.trainee not in probes.gallery.trainees:
            return agreement
        own = probes.evidence[:, probes.gallery.position(track.trainee)]
        other_name = probes.evidence.max(axis=1) - own >= _OTHER_NAME
        return np.asarray(np.where(other_name, -math.inf, agreement), dtype=np.float64)


class _Probes:
    """The encoded faces of one frame against the roster, worked out once for all tracks.

    ``embeddings``: (n, 128); ``evidence``: (n, k); ``stranger_distances``: (n,) what another person of this
    room would have to each face.
    """

    def __init__(
        self, embeddings: Sequence[npt.NDArray[np.float32]], gallery: Gallery, calibration: Calibration
    ) -> None:
        self.gallery = gallery
        self.count = len(embeddings)
        self.embeddings = np.array(embeddings, dtype=np.float64).reshape(self.count, EMBEDDING_SIZE)
        distances = [gallery.distances(embedding) for embedding in embeddings]
        self.evidence = np.array([calibration.evidence(row, gallery.shape) for row in distances])
        self.stranger_distances = np.array([calibration.stranger_distance(row) for row in distances])


def _faint_gain(face: Face, track: Track, cost: float, at: datetime) -> float:
    """Without an embedding on either side only an unbroken stay in one place connects."""
    fresh = at - track.confirmed_at <= FAINT_FOR or not track.evidence.looks
    if track.misses or not fresh or not same_place(track.box, face.box):
        return -math.inf
    return _STAYS - cost
