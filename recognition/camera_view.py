"""One camera's view of a lesson: finds faces, follows them, encodes those that need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from models.frame import Box, Detection
from models.policy import RecognitionPolicy
from models.ports import Detector, Encoder, Picture
from recognition.attention import Attention, ChangeWatch
from recognition.calibration import Calibration
from recognition.detectors import detect_in, detect_reduced, scale_for
from recognition.gallery import Gallery
from recognition.identity_evidence import Look
from recognition.lens import CLEAR, Glance, LensWatch, glance
from recognition.quality import assess
from recognition.seat_cache import SeatCache
from recognition.tracks import REMEMBERED, Associator, Face, Track, same_place

_INSTANT = timedelta(microseconds=1)

_SEEN_TWICE = 0.4
"""Overlap by which a face found in two regions is one face."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A face of this frame and its track. ``embedding``: ``None`` where it was not encoded now."""

    track: Track
    box: Box
    quality: float
    embedding: npt.NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one frame showed.

    ``search``: ``"full"``, ``"reduced"`` (the whole picture, made smaller) or ``"parts"``. ``doubted``:
    tracks in whose place somebody else turned out to be, and since when nothing vouches for their sightings.
    """

    lens: str
    faces: tuple[SeenFace, ...] = ()
    faces_found: int = 0
    search: str = ""
    encoded: int = 0
    reused: int = 0
    doubted: tuple[tuple[Track, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class Networks:
    """What a view works with."""

    detector: Detector
    encoder: Encoder
    calibration: Calibration


@dataclass(slots=True)
class _Sorted:
    """Detections by what must be done with them."""

    kept: list[tuple[Track, Face]] = field(default_factory=list)
    to_encode: list[Face] = field(default_factory=list)
    faint: list[Face] = field(default_factory=list)


class CameraView:
    """State of one camera in one lesson. Time enters with the frames."""

    def __init__(self, camera_id: str, networks: Networks, policy: RecognitionPolicy) -> None:
        self._camera_id = camera_id
        self._networks = networks
        self._policy = policy
        self._associator = Associator(networks.calibration)
        self._changes = ChangeWatch(policy.full_detect_every)
        self._seats = SeatCache(policy)
        self._lens = LensWatch()
        self._qualities: dict[str, float] = {}
        self._begun = 0
        self.tracks: list[Track] = []

    def look(self, picture: Picture, gallery: Gallery, at: datetime) -> View:
        """Judges one picture against the tracks so far."""
        small = glance(picture)
        lens = self._lens.judge(picture, small, at)
        if lens != CLEAR:
            return View(lens)
        attention = self._attend(picture, small, at)
        detections = self._detect(picture, attention)
        sorted_faces = self._sort(picture, detections, at)
        encoded = self._encode(picture, sorted_faces.to_encode)
        seen = [self._keep(track, face, picture, at) for track, face in sorted_faces.kept]
        busy = {id(face.track) for face in seen}
        free = [track for track in self.tracks if id(track) not in busy]
        assumed = [(t, t.box, t.confirmed_at) for t in free if t.visible and t.confirmed_at < t.seen_at]
        seen += self._associate([*encoded, *sorted_faces.faint], free, gallery, at)
        doubted = _doubted(assumed, seen)
        self._account(seen, picture, at)
        if doubted:
            self._look_at_everyone()
        still = self._still(attention, {id(face.track) for face in seen}, at)
        self._age({id(face.track) for face in (*seen, *still)}, at)
        return View(
            lens=lens,
            faces=(*seen, *still),
            faces_found=len(seen) + len(still),
            search=_search(attention),
            encoded=len(encoded),
            reused=len(sorted_faces.kept) + len(still),
            doubted=doubted,
        )

    def _attend(self, picture: Picture, small: Glance, at: datetime) -> Attention:
        attention = self._changes.plan(small, picture.shape[1], at)
        if attention.regions is None:
            return attention
        # A face without a name needs more looks, moved or not.
        due = [_widened(t.box) for t in self.tracks if t.visible and self._seats.is_due(t, at)]
        regions = (*attention.regions, *(b for b in due if not attention.covers(b)))
        return replace(attention, regions=regions)

    def _detect(self, picture: Picture, attention: Attention) -> list[Detection]:
        detector = self._networks.detector
        if attention.regions is None:
            return list(detect_reduced(detector, picture, 1.0 if attention.thorough else self._scale()))
        found = [d for region in attention.regions for d in detect_in(detector, picture, region)]
        kept: list[Detection] = []
        for detection in sorted(found, key=lambda d: -d.score):
            if all(detection.box.overlap(other.box) < _SEEN_TWICE for other in kept):
                kept.append(detection)
        return kept

    def _scale(self) -> float:
        """How far this picture may be reduced without losing a face that is followed in it."""
        widths = [track.box.width for track in self.tracks if track.visible]
        return scale_for(self._networks.detector, min(widths)) if widths else 1.0

    def _sort(self, picture: Picture, detections: Sequence[Detection], at: datetime) -> _Sorted:
        """Faces that are still need no encoding; poor ones would only mislead."""
        result = _Sorted()
        free = [track for track in self.tracks if track.visible]
        for detection in detections:
            face = Face(detection, assess(picture, detection).score)
            track = next((t for t in free if same_place(t.box, detection.box)), None)
            if track is not None and self._seats.may_skip(track, detection.box, picture, at):
                free.remove(track)
                result.kept.append((track, face))
            elif self._is_good(face):
                result.to_encode.append(face)
            else:
                result.faint.append(face)
        return result

    def _is_good(self, face: Face) -> bool:
        large = max(face.box.width, face.box.height) >= self._policy.min_face_px
        return large and face.quality >= self._policy.min_quality

    def _encode(self, picture: Picture, faces: Sequence[Face]) -> list[Face]:
        if not faces:
            return []
        rows = self._networks.encoder.encode(picture, [face.detection for face in faces])
        return [replace(face, embedding=row) for face, row in zip(faces, rows, strict=True)]

    def _keep(self, track: Track, face: Face, picture: Picture, at: datetime) -> SeenFace:
        track.see(face.box, at)
        if self._seats.is_still(track, picture):
            track.confirmed_at = at
        self._qualities[track.track_id] = face.quality
        return SeenFace(track, face.box, face.quality, None)

    def _associate(
        self, faces: Sequence[Face], free: Sequence[Track], gallery: Gallery, at: datetime
    ) -> list[SeenFace]:
        matched = self._associator.match(faces, free, gallery, at)
        seen: list[SeenFace] = []
        for face, known in zip(faces, matched, strict=True):
            track = known or self._begin(face, at)
            track.see(face.box, at)
            self._qualities[track.track_id] = face.quality
            seen.append(SeenFace(track, face.box, face.quality, face.embedding))
        return seen

    def _begin(self, face: Face, at: datetime) -> Track:
        self._begun += 1
        # The time keeps names apart when a worker is restarted within a lesson.
        track_id = f"{self._camera_id}/{at:%H%M%S}.{self._begun}"
        track = Track(track_id, face.box, first_at=at, seen_at=at, confirmed_at=at)
        self.tracks.append(track)
        return track

    def _account(self, seen: Sequence[SeenFace], picture: Picture, at: datetime) -> None:
        for face in seen:
            if face.embedding is not None:
                face.track.evidence.add(Look(at, face.embedding, face.quality))
                face.track.encoded_at = face.track.confirmed_at = at
                self._seats.remember(face.track, picture)

    def _look_at_everyone(self) -> None:
        """Somebody sits where another did: whoever moved since the last look may be somebody else too."""
        for track in self.tracks:
            if track.confirmed_at < track.seen_at:
                track.encoded_at = None

    def _still(self, attention: Attention, busy: set[int], at: datetime) -> list[SeenFace]:
        """Tracks in the part of the picture that did not change: they are where they were."""
        still = []
        for track in self.tracks:
            if track.visible and id(track) not in busy and not attention.covers(track.box):
                track.see(track.box, at)
                track.confirmed_at = at
                still.append(SeenFace(track, track.box, self._qualities.get(track.track_id, 0.0), None))
        return still

    def _age(self, seen: set[int], at: datetime) -> None:
        for track in self.tracks:
            if id(track) not in seen:
                track.misses += 1
        gone = [track for track in self.tracks if at - track.seen_at > REMEMBERED]
        for track in gone:
            self.tracks.remove(track)
            self._seats.forget(track.track_id)
            self._qualities.pop(track.track_id, None)


def _search(attention: Attention) -> str:
    if attention.regions is not None:
        return "parts"
    return "full" if attention.thorough else "reduced"


def _doubted(
    assumed: Sequence[tuple[Track, Box, datetime]], seen: Sequence[SeenFace]
) -> tuple[tuple[Track, datetime], ...]:
    """Tracks whose place a look gave to another, with the first instant that nothing vouches for.

    Between two looks a face that moves is taken for the one that was there; here it was not.
    """
    return tuple(
        (track, confirmed_at + _INSTANT)
        for track, box, confirmed_at in assumed
        if any(
            face.embedding is not None and face.track is not track and same_place(box, face.box)
            for face in seen
        )
    )


def _widened(box: Box) -> Box:
    """A face's box with a margin of a whole face, which detectors want."""
    return Box(box.x - box.width, box.y - box.height, 3 * box.width, 3 * box.height)


def settled(view: CameraView, at: datetime, calm_after: timedelta) -> bool:
    """Whether everyone in view has been decided upon and nobody left lately."""
    for track in view.tracks:
        decided = track.trainee is not None or track.unknown_person is not None
        if track.visible and not decided and at - track.first_at < calm_after:
            return False
        if not track.visible and track.trainee is not None and at - track.seen_at < calm_after:
            return False
    return True
