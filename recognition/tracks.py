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
from recognition.gallery import Gallery
from recognition.identity_evidence import NOBODY, Identity, TrackEvidence, identity_of

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


@dataclass(slots=True)
class Track:
    """One person's stay in the view of a camera, as far as frames connect.

    ``confirmed_at``: last frame whose picture supported that it is still the same person. ``identity``:
    standing of all looks together. ``trainee``: its present name.
    """

    track_id: str
    box: Box
    first_at: datetime
    seen_at: datetime
    confirmed_at: datetime
    evidence: TrackEvidence = field(default_factory=TrackEvidence)
    identity: Identity = NOBODY
    trainee: str | None = None
    unknown_person: str | None = None
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
        for row, face in enumerate(faces):
            for column, track in enumerate(tracks):
                gains[row, column] = self._gain(face, track, gallery, at)
        columns = assign(gains)
        return tuple(None if column is None else tracks[column] for column in columns)

    def _gain(self, face: Face, track: Track, gallery: Gallery, at: datetime) -> float:
        cost = movement_cost(track.box, face.box, at - track.seen_at)
        if face.embedding is None or not track.evidence.looks:
            return _faint_gain(face, track, cost, at)
        agreement = self.agreement(face.embedding, track, gallery)
        if agreement < _CONTRADICTED:
            return -math.inf
        # Beyond a usual movement the looks alone must carry it, and strongly.
        if cost >= _FAR and agreement < _OTHER_NAME:
            return -math.inf
        return _STAYS - cost + agreement

    def agreement(self, embedding: npt.NDArray[np.float32], track: Track, gallery: Gallery) -> float:
        """Evidence that an embedding shows the person of a track, nats; ``-inf`` where another name fits."""
        calibration = self._calibration
        mean = track.evidence.mean
        distances = gallery.distances(embedding)
        frames = track.evidence.independent_frames(calibration)
        distance = float(np.linalg.norm(embedding - mean))
        agreement = calibration.same_person(distance, calibration.stranger_distance(distances), frames)
        if track.trainee is None or track.trainee not in gallery.trainees:
            return agreement
        seen = identity_of(embedding, gallery, calibration)
        own = float(seen.evidence[gallery.position(track.trainee)])
        if seen.best is not None and float(seen.evidence[seen.best]) - own >= _OTHER_NAME:
            return -math.inf
        return agreement


def _faint_gain(face: Face, track: Track, cost: float, at: datetime) -> float:
    """Without an embedding on either side only an unbroken stay in one place connects."""
    fresh = at - track.confirmed_at <= FAINT_FOR or not track.evidence.looks
    if track.misses or not fresh or not same_place(track.box, face.box):
        return -math.inf
    return _STAYS - cost
