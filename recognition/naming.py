"""Gives, keeps and takes back the names of tracks, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from models.frame import TrackNaming
from models.policy import RecognitionPolicy
from recognition.assignment import assign
from recognition.calibration import Calibration
from recognition.camera_view import SeenFace
from recognition.gallery import Gallery
from recognition.identity_evidence import Identity
from recognition.tracks import Track
from recognition.unknown_people import MIN_LOOKS, UnknownPeople

_KEEP_SHARE = 0.5
"""A name once given is kept down to this share of the evidence it needed: no flicker at the border."""

_DOUBTFUL_LOOKS = 10
"""Looks after which even somebody who resembles a trainee counts as unknown."""

_BEFORE_FIRST_LOOK = timedelta(seconds=10)
"""A name reaches back over frames before the first encoded one no further than this."""


class FrameNaming:
    """Names the tracks seen in one frame together: nobody is in two places of one picture."""

    def __init__(self, calibration: Calibration, policy: RecognitionPolicy, unknown: UnknownPeople) -> None:
        self._calibration = calibration
        self._needed = math.log(policy.naming_odds)
        self._min_looks = policy.naming_frames
        self._unknown = unknown
        self._gallery: Gallery | None = None

    def name(self, faces: Sequence[SeenFace], gallery: Gallery) -> tuple[TrackNaming, ...]:
        """Changes of names that this frame brings."""
        tracks = [face.track for face in faces]
        changed, self._gallery = gallery is not self._gallery, gallery
        for face in faces:
            if changed or face.embedding is not None:
                face.track.identity = face.track.evidence.identity(gallery, self._calibration)
        columns = assign(self._gains(tracks, gallery)) if gallery.size else (None,) * len(tracks)
        names = [None if column is None else gallery.trainees[column] for column in columns]
        before = [(track.trainee, track.unknown_person) for track in tracks]
        for track, trainee in zip(tracks, names, strict=True):
            track.trainee = trainee
        self._mark_unknown(tracks)
        return tuple(
            _naming(track)
            for track, old in zip(tracks, before, strict=True)
            if (track.trainee, track.unknown_person) != old
        )

    def _gains(self, tracks: Sequence[Track], gallery: Gallery) -> npt.NDArray[np.float64]:
        gains = np.full((len(tracks), gallery.size), -math.inf)
        for row, track in enumerate(tracks):
            candidate = self._candidate(track, tracks, gallery)
            if candidate is not None:
                gains[row, candidate] = track.identity.score
        return gains

    def _candidate(self, track: Track, tracks: Sequence[Track], gallery: Gallery) -> int | None:
        """The trainee this track may be named, if any: its best, far enough ahead of all that remain."""
        identity = track.identity
        if identity.best is None or track.evidence.looks < self._min_looks:
            return None
        kept = gallery.trainees[identity.best] == track.trainee
        needed = self._needed * (_KEEP_SHARE if kept else 1.0)
        if identity.score < needed:
            return None
        margin = self._margin(identity, track, tracks, gallery)
        return identity.best if margin >= needed else None

    def _margin(self, identity: Identity, track: Track, tracks: Sequence[Track], gallery: Gallery) -> float:
        """Lead over the best other trainee who may still be this one.

        Somebody who is seen elsewhere in the same picture, on far better evidence, cannot be here.
        """
        evidence = identity.evidence.copy()
        for other in tracks:
            if other is track or other.trainee is None:
                continue
            held = gallery.position(other.trainee)
            if held != identity.best and other.identity.evidence[held] - evidence[held] >= self._needed:
                evidence[held] = -math.inf
        best = identity.best
        rest = np.delete(evidence, best if best is not None else 0)
        runner_up = max(float(rest.max()) if len(rest) else -math.inf, -self._calibration.bound)
        return identity.score - runner_up

    def _mark_unknown(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            if track.trainee is not None and track.unknown_person is not None:
                self._unknown.release(track.track_id)
                track.unknown_person = None
        taken = {track.unknown_person for track in tracks if track.unknown_person is not None}
        for track in tracks:
            if track.unknown_person is None and self._is_unknown(track):
                mean = track.evidence.mean
                frames = track.evidence.independent_frames(self._calibration)
                track.unknown_person = self._unknown.key_for(track.track_id, mean, frames, frozenset(taken))
                taken.add(track.unknown_person)

    def _is_unknown(self, track: Track) -> bool:
        if track.trainee is not None:
            return False
        looks = track.evidence.looks
        return looks >= (MIN_LOOKS if track.identity.score < 0.0 else _DOUBTFUL_LOOKS)


def _naming(track: Track) -> TrackNaming:
    first_look = track.evidence.since or track.first_at
    since = track.first_at if first_look - track.first_at <= _BEFORE_FIRST_LOOK else first_look
    score, margin = track.identity.score, track.identity.margin
    return TrackNaming(
        track_id=track.track_id,
        trainee=track.trainee,
        unknown_person=track.unknown_person,
        since=since,
        score=score if math.isfinite(score) else 0.0,
        margin=margin if math.isfinite(margin) else 0.0,
    )
