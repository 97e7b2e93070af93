"""Makes a calibration from a folder of labelled photos: ``python -m recognition.calibration_photos``.

Enrolment photos are sharp, faces in a classroom are not. So every photo also serves as a probe made as small
as faces are on a classroom's camera and compressed as hard; the calibration holds for all of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.errors import PhotoRefused
from models.frame import Box, Detection
from models.ports import Detector, Encoder, Picture
from recognition.calibration import Calibration
from recognition.calibration_fit import ENROLMENT, LabelledFace, calibrate_faces
from recognition.calibration_store import save_calibration
from recognition.detectors import best_detector
from recognition.encoder import open_encoder
from recognition.enrolment import EnrolmentPolicy, ExaminedPhoto, examine_photo
from recognition.labelled_photos import LabelledPhoto, labelled_photos
from recognition.photos import decode_photo

_ANY_PHOTO = EnrolmentPolicy(min_face_px=1, min_quality=0.0, dominant_ratio=1.0)


@dataclass(frozen=True, slots=True)
class Rendition:
    """How a photo is made to look like a classroom's picture: face width in pixels, JPEG quality."""

    face_px: int
    jpeg: int

    @property
    def name(self) -> str:
        return f"{self.face_px}px-jpeg{self.jpeg}"


CLASSROOM = (Rendition(28, 70), Rendition(36, 50), Rendition(48, 60), Rendition(70, 70))
"""Widths a detector reports for faces that are 40 to 100 px over all."""

_ENLARGED_AT_MOST = 1.15
"""A rendition larger than the photo itself would only repeat the photo."""


def calibrate_photos(
    photos: Sequence[LabelledPhoto],
    detector: Detector,
    encoder: Encoder,
    *,
    provenance: str,
    renditions: Sequence[Rendition] = CLASSROOM,
) -> tuple[Calibration, tuple[Path, ...]]:
    """The calibration, and the photos in which no face was found.

    Raises:
        InvalidInput: fewer than 10 people with two usable photos or more.
    """
    faces: list[LabelledFace] = []
    unusable: list[Path] = []
    for photo in photos:
        found = list(_faces_of(photo, detector, encoder, renditions))
        faces.extend(found)
        if not found:
            unusable.append(photo.path)
    made = calibrate_faces(faces, encoder=encoder.fingerprint, provenance=provenance)
    return made, tuple(unusable)


def _faces_of(
    photo: LabelledPhoto, detector: Detector, encoder: Encoder, renditions: Sequence[Rendition]
) -> Iterator[LabelledFace]:
    data = photo.path.read_bytes()
    try:
        picture = decode_photo(data, place=photo.path.name)
        enrolled = examine_photo(data, photo.path.name, detector, encoder, _ANY_PHOTO)
    except PhotoRefused:
        return
    yield LabelledFace(photo.person, photo.path.name, ENROLMENT, enrolled.embedding, photo.group)
    for rendition in renditions:
        if rendition.face_px > _ENLARGED_AT_MOST * enrolled.box.width:
            continue
        small, box = rendered(picture, enrolled, rendition)
        detection = _face_at(detector.detect(small), box)
        if detection is not None:
            embedding = encoder.encode(small, [detection])[0]
            yield LabelledFace(photo.person, photo.path.name, rendition.name, embedding, photo.group)


def rendered(picture: Picture, enrolled: ExaminedPhoto, rendition: Rendition) -> tuple[Picture, Box]:
    """The photo as a classroom camera would show it, and where its face is."""
    scale = rendition.face_px / enrolled.box.width
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way)
    border = 2 * rendition.face_px
    framed = cv2.copyMakeBorder(small, *(border,) * 4, cv2.BORDER_REPLICATE)
    _, data = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, rendition.jpeg])
    lossy = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    box = enrolled.box
    place = Box(box.x * scale + border, box.y * scale + border, box.width * scale, box.height * scale)
    return lossy, place


def _face_at(found: Sequence[Detection], place: Box) -> Detection | None:
    """The detection at the place, if it covers it."""
    best = max(found, key=lambda detection: detection.box.overlap(place), default=None)
    return best if best is not None and best.box.overlap(place) > 0.3 else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry of ``python -m recognition.calibration_photos PHOTOS OUT``."""
    parser = argparse.ArgumentParser(description="Make a calibration from photos in FOLDER/person/photo.jpg")
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--provenance", required=True, help="whose photos, with what right, in words")
    parser.add_argument("--weights", type=Path, help="folder with YuNet's weights; without it HOG is used")
    parser.add_argument("--cache", type=Path, default=Path(".cache/networks"))
    given = parser.parse_args(arguments)
    made, unusable = calibrate_photos(
        labelled_photos(given.photos),
        best_detector(given.weights),
        open_encoder(given.cache),
        provenance=given.provenance,
    )
    save_calibration(made, given.out)
    print(f"{made.people} people, {made.photos} photos, {len(unusable)} without a face")
    for rate in made.rates:
        print(
            f"{rate.group} mean of {rate.frames}: at {rate.llr:g} nats false match "
            f"{rate.false_match_rate:.1e}, false non-match {rate.false_non_match_rate:.3f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
