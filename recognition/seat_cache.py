"""Which faces need not be encoded again: a still face in its seat is the face it was a moment ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from models.frame import Box
from models.policy import RecognitionPolicy
from recognition.attention import Patch, looks_the_same, patch_of
from recognition.tracks import Track, same_place

_EAGER_FOR = timedelta(seconds=60)
"""A track without a name is encoded in every frame for so long; after that it is one of the unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class _Remembered:
    box: Box
    patch: Patch | None


class SeatCache:
    """Remembers how each track's face looked when it was last encoded."""

    def __init__(self, policy: RecognitionPolicy) -> None:
        self._policy = policy
        self._remembered: dict[str, _Remembered] = {}

    def remember(self, track: Track, picture: npt.NDArray[np.uint8]) -> None:
        """To be called when the track's face was encoded in this picture."""
        self._remembered[track.track_id] = _Remembered(track.box, patch_of(picture, track.box))

    def forget(self, track_id: str) -> None:
        self._remembered.pop(track_id, None)

    def is_still(self, track: Track, picture: npt.NDArray[np.uint8]) -> bool:
        """Whether the pixels at the place where the track was encoded are unchanged."""
        known = self._remembered.get(track.track_id)
        return known is not None and looks_the_same(known.patch, patch_of(picture, known.box))

    def may_skip(self, track: Track, box: Box, picture: npt.NDArray[np.uint8], at: datetime) -> bool:
        """Whether a face found in the track's place can go without being encoded in this frame."""
        known = self._remembered.get(track.track_id)
        if known is None or track.misses or not same_place(known.box, box):
            return False
        return not self.is_due(track, at) and self.is_still(track, picture)

    def is_due(self, track: Track, at: datetime) -> bool:
        """Whether the track's face must be encoded again even if nothing moved."""
        if track.encoded_at is None:
            return True
        age = at - track.encoded_at
        if track.trainee is not None:
            return age >= self._policy.reencode_every
        if at - track.first_at <= _EAGER_FOR:
            return age > timedelta(0)
        return age >= self._policy.settled_every
