"""A lesson without networks: people are points, faces are painted squares that carry their person's number.

A painted face holds two marked pixels (person, size), which the detector finds in the whole picture or in any
part of it; the encoder gives the person's point with a little noise. Everything between is the real thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from models.frame import Box, Detection, EncodedFrame, FrameJudgement, Sighting
from models.ports import Picture
from recognition.gallery import Gallery, Template, build_gallery
from recognition.lesson_room import LessonRoom

STARTS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
FINGERPRINT = "painted"
FACE_PX = 60
WIDTH, HEIGHT = 960, 360

Vector = npt.NDArray[np.float32]


def point(person: int) -> Vector:
    """Where a person lies: about 0.73 from everybody else, as real people do."""
    direction = np.random.default_rng([person, 5]).normal(size=128)
    return np.asarray(0.52 * direction / np.linalg.norm(direction), dtype=np.float32)


def off(point_: Vector, distance: float, seed: int) -> Vector:
    """A point at that distance in a direction of its own."""
    direction = np.random.default_rng([seed, 17]).normal(size=128)
    return np.asarray(point_ + distance * direction / np.linalg.norm(direction), dtype=np.float32)


def code(person: int) -> str:
    return f"T{person:03d}"


def seat(number: int) -> tuple[int, int]:
    """Top left corner of the face in a seat; eight seats in two rows."""
    return 40 + (number % 8) * 115, 60 + (number // 8) * 150


@dataclass(frozen=True, slots=True)
class Shown:
    """A face in a picture: who, how the head is held (another pose, other pixels), and how clear it is."""

    person: int
    pose: int = 0
    flat: bool = False


class PaintedDetector:
    """Finds marked pixels."""

    fingerprint = "painted-detector"

    def __init__(self) -> None:
        self.searched: list[tuple[int, int]] = []

    def detect(self, picture: Picture) -> Sequence[Detection]:
        self.searched.append(picture.shape[:2])
        ys, xs = np.nonzero((picture[..., 0] == 255) & (picture[..., 1] == 0))
        found = []
        for y, x in zip(ys.tolist(), xs.tolist(), strict=True):
            if x + 1 < picture.shape[1] and picture[y, x + 1, 0] == 255:
                side = float(picture[y, x + 1, 2])
                found.append(Detection(Box(float(x), float(y), side, side), 1.0))
        return tuple(found)


class PaintedEncoder:
    """The person's point, a little off in another direction each time."""

    fingerprint = FINGERPRINT

    def __init__(self, noise: float = 0.22) -> None:
        self.noise = noise
        self.encoded = 0
        self.twins: dict[int, Vector] = {}

    def encode(self, picture: Picture, detections: Sequence[Detection]) -> Vector:
        rows = []
        for detection in detections:
            self.encoded += 1
            person = int(picture[int(detection.box.y), int(detection.box.x), 2])
            rows.append(off(self.of(person), self.noise, self.encoded))
        return np.stack(rows) if rows else np.empty((0, 128), np.float32)

    def of(self, person: int) -> Vector:
        return self.twins.get(person, point(person))


def painted(faces: Mapping[tuple[int, int], Shown], *, noise_seed: int = 0) -> Picture:
    """A picture with faces at their corners; the wall behind is the same in every picture but for noise."""
    wall = np.random.default_rng(3).integers(60, 200, (HEIGHT // 20, WIDTH // 20, 3))
    picture = np.repeat(np.repeat(wall, 20, axis=0), 20, axis=1).astype(np.int16)
    picture += np.random.default_rng(noise_seed).integers(-1, 2, picture.shape, dtype=np.int16)
    for (x, y), shown in faces.items():
        random = np.random.default_rng([shown.person, shown.pose])
        coarse = random.integers(20, 230, (FACE_PX // 10, FACE_PX // 10, 3))
        skin = np.repeat(np.repeat(coarse, 10, axis=0), 10, axis=1)
        picture[y : y + FACE_PX, x : x + FACE_PX] = 120 if shown.flat else skin
    result = np.clip(picture, 1, 240).astype(np.uint8)
    for (x, y), shown in faces.items():
        result[y, x] = (255, 0, shown.person)
        result[y, x + 1] = (255, 1, FACE_PX)
    return result


@dataclass(slots=True)
class Lesson:
    """Runs a lesson room over painted pictures and keeps what a database would hold of it."""

    room: LessonRoom
    encoder: PaintedEncoder
    detector: PaintedDetector
    sightings: list[Sighting] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    unknown: list[str | None] = field(default_factory=list)
    sequence: int = 0

    def show(
        self, at_s: float, faces: Mapping[int | tuple[int, int], Shown | int], camera: str = "front"
    ) -> FrameJudgement:
        """Judges one picture: faces by seat number or corner, people by number."""
        self.sequence += 1
        places = {
            seat(place) if isinstance(place, int) else place: Shown(who) if isinstance(who, int) else who
            for place, who in faces.items()
        }
        return self.judge(at_s, painted(places, noise_seed=self.sequence), camera)

    def judge(self, at_s: float, picture: Picture, camera: str = "front") -> FrameJudgement:
        at = STARTS + timedelta(seconds=at_s)
        frame = EncodedFrame(camera, "lesson", self.sequence, at, at_s, "raw", b"", b"", WIDTH, HEIGHT)
        judgement = self.room.judge(frame, picture, "model")
        for sighting in judgement.sightings:
            self.sightings.append(sighting)
            self.names.append(sighting.trainee)
            self.unknown.append(sighting.unknown_person)
        for naming in judgement.namings:
            for index, sighting in enumerate(self.sightings):
                if sighting.track_id == naming.track_id and naming.since <= sighting.at <= at:
                    self.names[index], self.unknown[index] = naming.trainee, naming.unknown_person
        return judgement

    def run(
        self,
        from_s: float,
        to_s: float,
        faces: Mapping[int | tuple[int, int], Shown | int],
        step_s: float = 2.0,
    ) -> None:
        """The same people in the same seats from one time to another, every one with a new pose each time."""
        at_s = from_s
        while at_s < to_s:
            moving = {
                place: Shown(who, pose=self.sequence) if isinstance(who, int) else who
                for place, who in faces.items()
            }
            self.show(at_s, moving)
            at_s += step_s

    def named_at(self, place: int, camera: str = "front") -> dict[float, str | None]:
        """Names at a seat by second, as known in the end."""
        return self._at(place, self.names, camera)

    def unknown_at(self, place: int, camera: str = "front") -> dict[float, str | None]:
        return self._at(place, self.unknown, camera)

    def _at(self, place: int, values: Sequence[str | None], camera: str) -> dict[float, str | None]:
        return {
            s.frame_pts_s: value
            for s, value in zip(self.sightings, values, strict=True)
            if s.camera_id == camera and (s.box.x, s.box.y) == seat(place)
        }

    def keys(self) -> set[str]:
        """Keys of unknown people that still hold a sighting."""
        return {key for key in self.unknown if key is not None}

    def twice_named(self) -> list[tuple[str, float, str]]:
        """Names that one picture holds more than once."""
        seen: set[tuple[str, float, str]] = set()
        twice = []
        for sighting, name in zip(self.sightings, self.names, strict=True):
            if name is None:
                continue
            entry = (sighting.camera_id, sighting.frame_pts_s, name)
            if entry in seen:
                twice.append(entry)
            seen.add(entry)
        return twice


def template(person: int, *, distance: float = 0.15) -> Template:
    """An enrolled photo: a little off the person's point."""
    return Template(code(person), off(point(person), distance, 1000 + person), FINGERPRINT)


def gallery_of(*people: int) -> Gallery:
    return build_gallery([template(person) for person in people], FINGERPRINT)
