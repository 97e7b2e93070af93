"""Frames, faces in them, and what a judged frame says.

Picture coordinates are pixels of the upright frame (after the stream's rotation), origin top left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned rectangle, pixels; may reach over the picture's edge."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x + self.width / 2, self.y + self.height / 2)

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        if right <= left or bottom <= top:
            return 0.0
        shared = (right - left) * (bottom - top)
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One decodable sample of a stream, still encoded, as it travels on the frame bus.

    ``data`` is the keyframe's packet as the container gave it (length-prefixed or Annex B for H.264 and
    H.265, whatever ``extradata`` says; a JPEG for ``mjpeg``). A decoder opened for ``codec`` with
    ``extradata`` turns it into exactly one picture (after flushing it).

    ``width``, ``height``: pixels of the picture as decoded. ``rotation_degrees``: clockwise turn (0, 90,
    180 or 270) that then makes it upright. ``at``: recorder's clock, UTC; ``pts_s``: media time.
    ``sequence``: counts the samples of one recorder's run.
    """

    camera_id: str
    lesson_id: str
    sequence: int
    at: datetime
    pts_s: float
    codec: str
    extradata: bytes
    data: bytes
    width: int
    height: int
    rotation_degrees: int = 0


@dataclass(frozen=True, slots=True)
class Detection:
    """A face found in a picture.

    ``landmarks``: five (x, y) points in pixels (eyes, nose, mouth corners as YuNet orders them) or
    ``None`` where the detector gives none. ``score``: detector's own confidence.
    """

    box: Box
    score: float
    landmarks: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face in one judged frame.

    ``trainee``: roster code, or ``None`` while unknown. ``unknown_person``: stable key of an unnamed
    person inside the lesson (``None`` where the face was too poor to tell). ``score``: accumulated
    log-likelihood ratio of the best trainee against *stranger* (nats); ``margin``: the same against
    the second best trainee. ``quality``: 0 to 1. ``distance``: Euclidean embedding distance to the best
    trainee's nearest template, or ``None`` when the face was not encoded in this frame.
    """

    at: datetime
    camera_id: str
    frame_pts_s: float
    box: Box
    track_id: str
    trainee: str | None
    score: float
    margin: float
    quality: float
    unknown_person: str | None = None
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class TrackNaming:
    """A track's name was decided, changed or withdrawn; holds for all its sightings since ``since``.

    Naming needs at least two frames, so the first sightings of a track leave the recogniser unnamed and
    are named here afterwards.
    """

    track_id: str
    trainee: str | None
    unknown_person: str | None
    since: datetime
    score: float
    margin: float


@dataclass(frozen=True, slots=True)
class Resemblance:
    """Whom of the roster an unknown person's looks resemble most, over all their tracks.

    ``trainee``: ``None`` when they resemble nobody, or nobody any more. ``evidence``: positive, nats, for
    this trainee against *stranger*, less what a roster of this size makes likely by chance; ``lead``: over
    the next trainee, nats. No name follows from it.
    """

    unknown_person: str
    trainee: str | None
    evidence: float = 0.0
    lead: float = 0.0


@dataclass(frozen=True, slots=True)
class FrameJudgement:
    """All that recognition says about one frame.

    ``lens``: what the picture as a whole looks like: ``"clear"``, ``"covered"`` (dark or uniform) or
    ``"frozen"`` (identical to the frames before). Only clear frames count as coverage.
    ``model``: fingerprint of detector, encoder and calibration together. ``resemblances``: those that this
    frame changed.
    """

    camera_id: str
    lesson_id: str
    sequence: int
    at: datetime
    pts_s: float
    width: int
    height: int
    lens: str
    faces_found: int
    sightings: tuple[Sighting, ...]
    namings: tuple[TrackNaming, ...]
    model: str
    resemblances: tuple[Resemblance, ...] = ()
