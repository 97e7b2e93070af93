"""Which faces need not be encoded again: a face that stays in its seat is the face it was a moment ago.

A still face (its pixels are unchanged) keeps its name for ``reencode_every``. A named face that moves, but is
found in the same place in every sample, is looked at again after ``settled_every``; should that look show
somebody else, the name is taken back for all sightings since the last look. An unnamed face is looked at in
every sample at first, then in doubling intervals: a look a second later tells next to nothing new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from models.frame import Box
from models.policy import RecognitionPolicy
from recognition.attention import Patch, looks_the_same, patch_of
from recognition.tracks import Track, same_place

EAGER_LOOKS = 20
"""Looks at an unnamed track that are taken as often as frames come. Most names are given after two; a head
held in a bad pose for half a minute needs the looks after it."""

_FIRST_PAUSE = timedelta(seconds=2)

UNBROKEN = timedelta(seconds=5)
"""Longest time between two sightings in one place in which nobody can have changed seats unseen."""


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
        if known is None or track.misses or not same_place(known.box, box) or self.is_due(track, at):
            return False
        return self.is_still(track, picture) or self._stays(track, at)

    def _stays(self, track: Track, at: datetime) -> bool:
        """Whether a face that moved in its place may wait for its next look."""
        if track.encoded_at is None or at - track.seen_at > UNBROKEN:
            return False
        return track.trainee is None or at - track.encoded_at < self._policy.settled_every

    def is_due(self, track: Track, at: datetime) -> bool:
        """Whether the track's face must be encoded again even if nothing moved."""
        if track.encoded_at is None:
            return True
        age = at - track.encoded_at
        if track.trainee is not None:
            return age >= self._policy.reencode_every
        later = track.evidence.looks - EAGER_LOOKS
        pause = timedelta(0) if later < 0 else _FIRST_PAUSE * 2 ** min(later, 16)
        return age > timedelta(0) and age >= min(pause, self._policy.settled_every)
