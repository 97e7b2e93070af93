"""Gives, keeps and takes back the names of one camera's tracks, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from models.frame import TrackNaming
from models.policy import RecognitionPolicy
from recognition.assignment import assign
from recognition.calibration import Calibration
from recognition.gallery import Gallery
from recognition.identity_evidence import Identity
from recognition.tracks import Track, same_place
from recognition.unknown_people import MIN_LOOKS, Standing, UnknownPeople

_KEEP_SHARE = 0.5
"""A name once given is kept down to this share of the evidence it needed: no flicker at the border."""

_TAKEOVER_SHARE = 0.5
"""A name that another track holds goes over only to one that is ahead of it by this share of the evidence: a
photograph held up resembles the enrolment photo more than the person does."""

HELD_FOR = timedelta(seconds=10)
"""How long a track that is not seen keeps others from its name: heads turn away for so long."""

STANDS_IN_FOR = timedelta(seconds=30)
"""How long an unnamed face in the place of a named one may be a poor look at that one (glasses, a hand, a
turned head) before it counts as somebody else. A stranger's stay is longer."""

_DOUBTFUL_LOOKS = 10
"""Looks after which even somebody who resembles a trainee counts as unknown."""

_BEFORE_FIRST_LOOK = timedelta(seconds=10)
"""A name reaches back over frames before the first encoded one no further than this."""

_INSTANT = timedelta(microseconds=1)


class CameraNaming:
    """Names the tracks of one camera together: nobody is in two places of one picture."""

    def __init__(self, calibration: Calibration, policy: RecognitionPolicy, unknown: UnknownPeople) -> None:
        self._calibration = calibration
        self._needed = math.log(policy.naming_odds)
        self._min_looks = policy.naming_frames
        self._unknown = unknown
        self._seen_as: dict[str, dict[str, datetime]] = {}

    def name(
        self, seen: Sequence[Track], looked_at: frozenset[str], known: Sequence[Track], gallery: Gallery
    ) -> tuple[TrackNaming, ...]:
        """Changes of names that a frame brings.

        Args:
            seen: tracks with a face in this frame.
            looked_at: ids of those that were encoded in it.
            known: all tracks of the camera that may come back, the seen ones included.
            gallery: the roster as it is now.
        """
        before = {track.track_id: (track.trainee, track.unknown_person) for track in known}
        for track in seen:
            if track.weighed is not gallery or track.track_id in looked_at:
                track.identity = track.evidence.identity(gallery, self._calibration)
                track.weighed = gallery
        self._give_names(seen, known, gallery)
        self._mark_unknown(seen, known, gallery)
        changed = [t for t in known if (t.trainee, t.unknown_person) != before[t.track_id]]
        self._remember(seen, changed, {track_id: names[0] for track_id, names in before.items()})
        return tuple(self._naming(track) for track in changed)

    def _give_names(self, seen: Sequence[Track], known: Sequence[Track], gallery: Gallery) -> None:
        columns = assign(self._gains(seen, known, gallery)) if gallery.size else (None,) * len(seen)
        for track, column in zip(seen, columns, strict=True):
            trainee = None if column is None else gallery.trainees[column]
            if trainee != track.trainee:
                track.trainee = trainee
                track.named_at = track.seen_at if trainee is not None else None
        # Who was beaten while out of sight must not come back under the name.
        for track in seen:
            rivals = _others_named(track, known) if track.trainee is not None else ()
            for other in rivals:
                if track.seen_at - other.seen_at <= HELD_FOR and not other.visible:
                    other.trainee, other.named_at = None, None

    def _gains(
        self, seen: Sequence[Track], known: Sequence[Track], gallery: Gallery
    ) -> npt.NDArray[np.float64]:
        gains = np.full((len(seen), gallery.size), -math.inf)
        for row, track in enumerate(seen):
            candidate = self._candidate(track, seen, gallery)
            if candidate is not None and not self._held(track, candidate, known, gallery):
                gains[row, candidate] = track.identity.score
        return gains

    def _candidate(self, track: Track, seen: Sequence[Track], gallery: Gallery) -> int | None:
        """The trainee this track may be named, if any: its best, far enough ahead of all that remain."""
        identity = track.identity
        if identity.best is None or track.evidence.looks < self._min_looks:
            return None
        kept = gallery.trainees[identity.best] == track.trainee
        needed = self._needed * (_KEEP_SHARE if kept else 1.0)
        if identity.score < needed:
            return None
        margin = self._margin(identity, track, seen, gallery)
        return identity.best if margin >= needed else None

    def _held(self, track: Track, candidate: int, known: Sequence[Track], gallery: Gallery) -> bool:
        """Whether another track has had the name longer, is or was just seen, and is not clearly beaten."""
        trainee = gallery.trainees[candidate]
        since = track.named_at if track.trainee == trainee else None
        for other in known:
            if other is track or other.trainee != trainee or other.named_at is None:
                continue
            if track.seen_at - other.seen_at > HELD_FOR or (since is not None and since < other.named_at):
                continue
            if track.identity.score < other.identity.score + self._needed * _TAKEOVER_SHARE:
                return True
        return False

    def _margin(self, identity: Identity, track: Track, seen: Sequence[Track], gallery: Gallery) -> float:
        """Lead over the best other trainee who may still be this one.

        Somebody who is seen elsewhere in the same picture, on far better evidence, cannot be here.
        """
        evidence = identity.evidence.copy()
        for other in seen:
            if other is track or other.trainee is None or other.trainee not in gallery.trainees:
                continue
            held = gallery.position(other.trainee)
            if held != identity.best and other.identity.evidence[held] - evidence[held] >= self._needed:
                evidence[held] = -math.inf
        best = identity.best
        rest = np.delete(evidence, best if best is not None else 0)
        runner_up = max(float(rest.max()) if len(rest) else -math.inf, -self._calibration.bound)
        return identity.score - runner_up

    def _mark_unknown(self, seen: Sequence[Track], known: Sequence[Track], gallery: Gallery) -> None:
        for track in known:
            if track.trainee is not None and track.unknown_person is not None:
                self._unknown.release(track.track_id)
                track.unknown_person = None
        for track in seen:
            track.alone = track.alone or not _stands_in(track, known)
        unnamed = [track for track in seen if track.trainee is None]
        self._unknown.see_together([track.track_id for track in unnamed])
        for track in unnamed:
            if track.unknown_person is not None or self._is_unknown(track):
                self._unknown.see(track.track_id, self._standing(track, gallery))
        for track in known:
            if track.trainee is None:
                track.unknown_person = self._unknown.key_of(track.track_id)

    def _standing(self, track: Track, gallery: Gallery) -> Standing:
        mean = track.evidence.mean
        return Standing(
            mean=mean,
            frames=track.evidence.independent_frames(self._calibration),
            stranger_distance=self._calibration.stranger_distance(gallery.distances(mean)),
        )

    def _is_unknown(self, track: Track) -> bool:
        if not track.alone:
            return False
        looks = track.evidence.looks
        return looks >= (MIN_LOOKS if track.identity.score < 0.0 else _DOUBTFUL_LOOKS)

    def _remember(
        self, seen: Sequence[Track], changed: Sequence[Track], before: Mapping[str, str | None]
    ) -> None:
        """When each track was last seen under a name that it still has."""
        for track in changed:
            self._seen_as.get(before[track.track_id] or "", {}).pop(track.track_id, None)
        for track in seen:
            if track.trainee is not None:
                self._seen_as.setdefault(track.trainee, {})[track.track_id] = track.seen_at

    def _naming(self, track: Track) -> TrackNaming:
        first_look = track.evidence.since or track.first_at
        since = track.first_at if first_look - track.first_at <= _BEFORE_FIRST_LOOK else first_look
        if track.trainee is not None:
            since = max(since, self._free_since(track, track.trainee))
        score, margin = track.identity.score, track.identity.margin
        return TrackNaming(
            track_id=track.track_id,
            trainee=track.trainee,
            unknown_person=track.unknown_person,
            since=since,
            score=score if math.isfinite(score) else 0.0,
            margin=margin if math.isfinite(margin) else 0.0,
        )

    def _free_since(self, track: Track, trainee: str) -> datetime:
        """The first instant at which no other track was seen under the name."""
        others = [at for key, at in self._seen_as.get(trainee, {}).items() if key != track.track_id]
        return max(others) + _INSTANT if others else track.first_at


def _others_named(track: Track, known: Sequence[Track]) -> tuple[Track, ...]:
    return tuple(other for other in known if other is not track and other.trainee == track.trainee)


def _stands_in(track: Track, known: Sequence[Track]) -> bool:
    """Whether somebody named was in this very place a moment ago and is not seen now."""
    return any(
        other.trainee is not None
        and not other.visible
        and track.seen_at - other.seen_at <= STANDS_IN_FOR
        and same_place(other.box, track.box)
        for other in known
        if other is not track
    )
