"""Whom of the roster the lesson's unknown people resemble, told as it changes.

Evidence too weak for a name is still evidence. It is kept so that the verdict on somebody who was never seen
can point at the footage. Nobody is resembled who is known to be somebody else: a trainee whose name a track
of the camera holds or held a moment ago, or who was once in the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.frame import Resemblance, TrackNaming
from recognition.calibration import Calibration
from recognition.gallery import Gallery
from recognition.identity_evidence import chance_penalty, identity_of
from recognition.naming import HELD_FOR
from recognition.tracks import Track
from recognition.unknown_people import Standing, UnknownPeople, together

_DECIMALS = 2
"""A hundredth of a nat is no news; without rounding each look at anybody would be a change to write down."""


class Resemblances:
    """One lesson's unknown people against its roster. Time enters with the tracks."""

    def __init__(self, calibration: Calibration, unknown: UnknownPeople) -> None:
        self._calibration = calibration
        self._unknown = unknown
        self._met: dict[str, set[str]] = {}
        self._told: dict[str, Resemblance] = {}
        self._gallery: Gallery | None = None

    def see(
        self,
        seen: Sequence[Track],
        known: Sequence[Track],
        words: Mapping[str, TrackNaming],
        gallery: Gallery,
        *,
        renamed: bool,
    ) -> tuple[Resemblance, ...]:
        """What a judged picture changes.

        Args:
            seen: tracks with a face in it, named as of now.
            known: all tracks of the camera, the seen ones included.
            words: the last word on each track of the lesson.
            gallery: the roster as it is now.
            renamed: whether the picture changed any name or key.
        """
        self._meet(seen)
        everybody = renamed or gallery is not self._gallery
        self._gallery = gallery
        held = _held(seen, known)
        here = {track.unknown_person for track in seen if track.unknown_person is not None}
        keys = self._unknown.keys()
        changed = [Resemblance(key, None) for key in self._told if key not in keys]
        for key in keys:
            if key in here or (everybody and key in self._told):
                changed.append(self._judged(key, held if key in here else frozenset(), words, gallery))
        return tuple(one for one in changed if self._is_news(one))

    def _meet(self, seen: Sequence[Track]) -> None:
        together_here = {track.track_id for track in seen}
        for track_id in together_here:
            self._met.setdefault(track_id, set()).update(together_here)

    def _judged(
        self, key: str, held: frozenset[str], words: Mapping[str, TrackNaming], gallery: Gallery
    ) -> Resemblance:
        tracks = self._unknown.tracks_of(key)
        met = {other for track in tracks for other in self._met.get(track, ()) if other in words}
        excluded = held | {name for other in met if (name := words[other].trainee) is not None}
        found = most_alike(together(tracks.values()), gallery, self._calibration, excluded)
        return Resemblance(key, *found) if found is not None else Resemblance(key, None)

    def _is_news(self, one: Resemblance) -> bool:
        before = self._told.get(one.unknown_person)
        if one.trainee is None:
            self._told.pop(one.unknown_person, None)
            return before is not None
        self._told[one.unknown_person] = one
        return one != before


def most_alike(
    standing: Standing, gallery: Gallery, calibration: Calibration, excluded: Iterable[str] = ()
) -> tuple[str, float, float] | None:
    """The trainee whom a person's looks resemble most, the evidence and its lead over the next one, nats.

    ``None`` where the evidence speaks for a stranger. ``excluded``: trainees who cannot be this person; they
    are neither the most alike nor the next.
    """
    identity = identity_of(standing.mean, gallery, calibration, standing.frames)
    evidence = identity.evidence.copy()
    evidence[[gallery.position(one) for one in excluded if one in gallery.trainees]] = -math.inf
    if not evidence.size or not np.isfinite(evidence).any():
        return None
    best = int(evidence.argmax())
    score = round(float(evidence[best]) - chance_penalty(gallery.size), _DECIMALS)
    rest = np.delete(evidence, best)
    following = max(float(rest.max()) if rest.size else -math.inf, -calibration.bound)
    lead = round(float(evidence[best]) - following, _DECIMALS)
    return (gallery.trainees[best], score, lead) if score > 0.0 else None


def _held(seen: Sequence[Track], known: Sequence[Track]) -> frozenset[str]:
    """Names that tracks of the camera hold, seen now or a moment ago."""
    if not seen:
        return frozenset()
    now = max(track.seen_at for track in seen)
    held = {track.trainee for track in known if now - track.seen_at <= HELD_FOR}
    return frozenset(name for name in held if name is not None)
