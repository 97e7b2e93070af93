"""Photos as a classroom's camera would show them: small and compressed.

An enrolment photo is sharp; a face at the back of a room is 30 pixels wide. The network sees the two
differently, and all small faces a little alike. A template that leans towards how the photo would look from
the back of the room loses nothing near the camera and finds twice as many of the people far from it
(docs/decisions on naming, table "templates").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.frame import Box, Detection
from models.ports import Encoder, Picture


@dataclass(frozen=True, slots=True)
class Rendition:
    """Width of the face's box in pixels, and JPEG quality."""

    face_px: int
    jpeg: int

    @property
    def name(self) -> str:
        return f"{self.face_px}px-jpeg{self.jpeg}"


SEEN_FROM_AFAR = (Rendition(24, 70), Rendition(28, 70), Rendition(36, 60), Rendition(48, 60))
"""What a template leans towards."""

_LEANING = 0.4
"""Weight of the renditions in a template; 0.3 to 0.5 measured alike, more costs near the camera."""

_BORDER_FACES = 2
"""Border around a rendition, in face widths: detectors and aligners want more than the face."""


def render(picture: Picture, box: Box, rendition: Rendition) -> tuple[Picture, Box]:
    """The picture with its face at the rendition's size and loss, and where the face is in it.

    Args:
        picture: ``(height, width, 3) uint8`` BGR.
        box: of the face, pixels.
    """
    scale = rendition.face_px / box.width
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way)
    border = _BORDER_FACES * rendition.face_px
    framed = cv2.copyMakeBorder(small, *(border,) * 4, cv2.BORDER_REPLICATE)
    _, data = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, rendition.jpeg])
    lossy = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    place = Box(box.x * scale + border, box.y * scale + border, box.width * scale, box.height * scale)
    return lossy, place


def leaning_template(
    embedding: npt.NDArray[np.float32], picture: Picture, box: Box, encoder: Encoder
) -> npt.NDArray[np.float32]:
    """The embedding of an enrolment photo, leant towards how the face looks from afar, ``(128,)``.

    Args:
        embedding: of the photo as it is.
        picture: the photo.
        box: of its face, pixels of the photo.
    """
    seen = [encoder.encode(small, [Detection(place, 1.0)])[0] for small, place in _renditions(picture, box)]
    if not seen:
        return embedding
    afar = np.stack(seen).mean(0)
    return np.asarray((1.0 - _LEANING) * embedding + _LEANING * afar, dtype=np.float32)


def _renditions(picture: Picture, box: Box) -> Iterator[tuple[Picture, Box]]:
    """Only reductions: a photo that is small itself shows no less than it does."""
    for rendition in SEEN_FROM_AFAR:
        if rendition.face_px < box.width:
            yield render(picture, box, rendition)
