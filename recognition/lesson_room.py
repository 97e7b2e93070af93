"""Recognition's memory of one lesson: its cameras, names, unknown people and counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.attendance import EvidenceLink
from models.frame import EncodedFrame, FrameJudgement, Sighting, TrackNaming
from models.policy import RecognitionPolicy
from models.ports import Picture
from models.timeline import Interval, interval_or_none, union
from recognition.camera_view import CameraView, Networks, SeenFace, View, settled
from recognition.gallery import Gallery, Template, with_template
from recognition.naming import CameraNaming
from recognition.resemblance import Resemblances
from recognition.tracks import Track
from recognition.unknown_people import UnknownPeople

_CALM_AFTER = timedelta(seconds=60)
_STAY_GAP = timedelta(minutes=1)
"""Sightings of one unknown person nearer than this are one stay."""


@dataclass(frozen=True, slots=True)
class UnknownStay:
    """An unnamed person's presence: when, and the instant that shows the face best."""

    key: str
    intervals: tuple[Interval, ...]
    best: EvidenceLink


@dataclass(frozen=True, slots=True)
class LessonSummary:
    """What recognition has to say at the end of a lesson.

    ``namings``: the last word on each track, in order of time. ``unknown_people``: longest stay first.
    ``best``: for each named trainee the instant that shows the face best. ``counts``: what was done, see
    docs/guides/recognition.md.
    """

    lesson_id: str
    namings: tuple[TrackNaming, ...]
    unknown_people: tuple[UnknownStay, ...]
    best: dict[str, EvidenceLink]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Instant:
    at: datetime
    camera_id: str
    quality: float


class LessonRoom:
    """State of one lesson. Not shared between threads."""

    def __init__(
        self,
        lesson_id: str,
        gallery: Gallery,
        networks: Networks,
        policy: RecognitionPolicy,
        unknown_given: int = 0,
    ) -> None:
        self.lesson_id = lesson_id
        self.gallery = gallery
        self._networks = networks
        self._policy = policy
        self._unknown = UnknownPeople(networks.calibration, unknown_given)
        self._resemblances = Resemblances(networks.calibration, self._unknown)
        self._views: dict[str, CameraView] = {}
        self._naming: dict[str, CameraNaming] = {}
        self._last_words: dict[str, TrackNaming] = {}
        self._camera_of: dict[str, str] = {}
        self._instants: dict[str, list[_Instant]] = {}
        self._best: dict[str, tuple[float, _Instant]] = {}
        self.counts: Counter[str] = Counter()

    def add_template(self, template: Template) -> None:
        """Takes one more template into the running lesson; tracks are weighed anew in the next frame."""
        self.gallery = with_template(self.gallery, template)

    def judge(self, frame: EncodedFrame, picture: Picture, model: str) -> FrameJudgement:
        """Judges a decoded frame."""
        view = self._view(frame.camera_id)
        seen = view.look(picture, self.gallery, frame.at)
        self._count(seen)
        namings = self._name(frame.camera_id, seen.faces, view.tracks) if seen.faces else ()
        self._note(frame, seen.faces, namings)
        resemblances = self._resemblances.see(
            [face.track for face in seen.faces],
            view.tracks,
            self._last_words,
            self.gallery,
            renamed=bool(namings),
        )
        namings = (*_taken_back(seen, frame.at), *namings)
        sightings = tuple(self._sighting(frame, face) for face in seen.faces)
        height, width = picture.shape[:2]
        return FrameJudgement(
            camera_id=frame.camera_id,
            lesson_id=self.lesson_id,
            sequence=frame.sequence,
            at=frame.at,
            pts_s=frame.pts_s,
            width=width,
            height=height,
            lens=seen.lens,
            faces_found=seen.faces_found,
            sightings=sightings,
            namings=namings,
            model=model,
            resemblances=resemblances,
        )

    def desired_sampling(self, camera_id: str, at: datetime) -> timedelta:
        """How often this camera should be sampled now: seldom once everyone in view is decided upon."""
        view = self._views.get(camera_id)
        if view is None or not settled(view, at, _CALM_AFTER):
            return self._policy.sample_every
        return self._policy.settled_every

    def summary(self) -> LessonSummary:
        """The lesson as far as it went."""
        stays = [self._stay(key) for key in self._unknown_keys()]
        stays.sort(key=lambda stay: (-sum(i.duration.total_seconds() for i in stay.intervals), stay.key))
        return LessonSummary(
            lesson_id=self.lesson_id,
            namings=tuple(sorted(self._last_words.values(), key=lambda n: (n.since, n.track_id))),
            unknown_people=tuple(stays),
            best=self._best_of_trainees(),
            counts=dict(self.counts),
        )

    def _view(self, camera_id: str) -> CameraView:
        if camera_id not in self._views:
            self._views[camera_id] = CameraView(camera_id, self._networks, self._policy)
            self._naming[camera_id] = CameraNaming(self._networks.calibration, self._policy, self._unknown)
        return self._views[camera_id]

    def _name(
        self, camera_id: str, faces: Sequence[SeenFace], known: Sequence[Track]
    ) -> tuple[TrackNaming, ...]:
        """Names that this frame changes, and keys of unknown people that it shows to be others."""
        looked_at = frozenset(face.track.track_id for face in faces if face.embedding is not None)
        seen = [face.track for face in faces]
        namings = self._naming[camera_id].name(seen, looked_at, known, self.gallery)
        told = {naming.track_id for naming in namings}
        # Tracks long out of sight follow when their person is merged, split or explained.
        late = tuple(
            replace(word, unknown_person=self._unknown.key_of(track_id))
            for track_id, word in self._last_words.items()
            if track_id not in told
            and self._camera_of[track_id] == camera_id
            and word.trainee is None
            and word.unknown_person != self._unknown.key_of(track_id)
        )
        return namings + late

    def _count(self, view: View) -> None:
        self.counts["frames"] += 1
        self.counts[f"frames_{view.lens}"] += 1
        self.counts[f"searches_{view.search or 'none'}"] += 1
        self.counts["faces"] += view.faces_found
        self.counts["faces_encoded"] += view.encoded
        self.counts["faces_reused"] += view.reused

    def _note(self, frame: EncodedFrame, faces: Sequence[SeenFace], namings: Sequence[TrackNaming]) -> None:
        for naming in namings:
            before = self._last_words.get(naming.track_id)
            self.counts["namings"] += naming.trainee is not None
            self.counts["withdrawals"] += before is not None and before.trainee not in (None, naming.trainee)
            self._last_words[naming.track_id] = naming
            self._camera_of[naming.track_id] = frame.camera_id
        for face in faces:
            instant = _Instant(frame.at, frame.camera_id, face.quality)
            self._instants.setdefault(face.track.track_id, []).append(instant)
            if face.embedding is not None:
                self._note_best(face, instant)

    def _note_best(self, face: SeenFace, instant: _Instant) -> None:
        best = self._best.get(face.track.track_id)
        if best is None or face.quality > best[0]:
            self._best[face.track.track_id] = (face.quality, instant)

    def _sighting(self, frame: EncodedFrame, face: SeenFace) -> Sighting:
        track = face.track
        identity = track.identity
        distance = None
        if face.embedding is not None and identity.best is not None:
            distance = float(self.gallery.distances(face.embedding)[identity.best])
        return Sighting(
            at=frame.at,
            camera_id=frame.camera_id,
            frame_pts_s=frame.pts_s,
            box=face.box,
            track_id=track.track_id,
            trainee=track.trainee,
            score=_finite(identity.score),
            margin=_finite(identity.margin),
            quality=face.quality,
            unknown_person=track.unknown_person,
            distance=distance,
        )

    def _unknown_keys(self) -> list[str]:
        return sorted({n.unknown_person for n in self._last_words.values() if n.unknown_person})

    def _stay(self, key: str) -> UnknownStay:
        tracks = [n for n in self._last_words.values() if n.unknown_person == key]
        instants = [i for n in tracks for i in self._instants.get(n.track_id, ())]
        best = max(instants, key=lambda i: (i.quality, i.at))
        stays = _stays(sorted(i.at for i in instants))
        return UnknownStay(key, stays, EvidenceLink("unknown_person", best.at, best.camera_id, best.quality))

    def _best_of_trainees(self) -> dict[str, EvidenceLink]:
        links: dict[str, tuple[float, EvidenceLink]] = {}
        for naming in self._last_words.values():
            found = self._best.get(naming.track_id)
            if naming.trainee is None or found is None:
                continue
            quality, instant = found
            link = EvidenceLink("recognised", instant.at, instant.camera_id, naming.score)
            if naming.trainee not in links or quality > links[naming.trainee][0]:
                links[naming.trainee] = (quality, link)
        return {trainee: link for trainee, (_, link) in sorted(links.items())}


def _taken_back(view: View, at: datetime) -> Iterator[TrackNaming]:
    """Sightings that were under the name of a track while another sat there have no name."""
    for track, since in view.doubted:
        score = _finite(track.identity.score)
        yield TrackNaming(track.track_id, None, None, since, score, 0.0)
        if track.visible:
            margin = _finite(track.identity.margin)
            yield TrackNaming(track.track_id, track.trainee, track.unknown_person, at, score, margin)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _stays(instants: Sequence[datetime]) -> tuple[Interval, ...]:
    """Instants joined into stays; a single sighting is a stay of one second."""
    second = timedelta(seconds=1)
    pieces = []
    for number, at in enumerate(instants):
        following = instants[number + 1] if number + 1 < len(instants) else None
        joined = following is not None and following - at <= _STAY_GAP
        pieces.append(interval_or_none(at, following if following is not None and joined else at + second))
    return union(piece for piece in pieces if piece is not None)
