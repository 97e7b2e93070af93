"""Examines enrolment photos: one face, large and sharp enough, becomes a template.

Which photo serves is a rule with reasons; a refused photo says what to do better.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import PhotoRefused
from models.frame import Box, Detection
from models.ports import Detector, Encoder, Picture
from recognition.photos import MAX_PIXELS, decode_photo
from recognition.quality import Quality, assess

_SEARCH_PX = 1280
"""Longest side in which faces are searched: a passport-like face is far larger than a detector needs."""
_BORDER_PX = 80
_ENLARGED_PX = 640
"""A tight crop is enlarged by doubling as long as its longest side stays within this."""

_HINTS = {
    "small": "use a photo on which the face is at least 80 pixels wide",
    "blurred": "use a sharp photo, not an enlarged or moved one",
    "low_contrast": "use a photo in good, even light",
    "badly_lit": "use a photo that is neither burnt out nor dark",
    "turned": "use a photo that looks into the camera",
    "cut_off": "use a photo that shows the whole face",
}


@dataclass(frozen=True, slots=True)
class EnrolmentPolicy:
    """Which photo may become a template.

    ``min_face_px``: width of the face in the photo as it was given. ``min_quality``: see ``quality``.
    ``dominant_ratio``: of several faces one is taken only when its area is this many times that of the
    next, as with a portrait on the wall behind; the others are then counted, not used.
    """

    min_face_px: int = 40
    min_quality: float = 0.4
    dominant_ratio: float = 6.0
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True, eq=False)
class ExaminedPhoto:
    """A photo that serves.

    ``embedding``: ``(128,) float32``. ``box``: in pixels of the photo, the right way up. ``sha256``: of the
    file. ``ignored_faces``: others on the photo, much smaller. ``warnings``: what is weak about it, in the
    words of ``Quality.reasons``. ``detector``, ``encoder``: fingerprints.
    """

    name: str
    sha256: str
    width: int
    height: int
    box: Box
    embedding: npt.NDArray[np.float32] = field(repr=False)
    quality: Quality
    ignored_faces: int
    warnings: tuple[str, ...]
    detector: str
    encoder: str


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A photo as searched: reduced, or enlarged by ``scale`` and with a ``border`` of so many pixels."""

    picture: Picture
    scale: float
    border: int

    def in_photo(self, detection: Detection) -> Detection:
        """The detection in coordinates of the photo."""
        box, landmarks = detection.box, detection.landmarks
        if landmarks is not None:
            landmarks = tuple(
                ((x - self.border) / self.scale, (y - self.border) / self.scale) for x, y in landmarks
            )
        return Detection(
            Box(
                (box.x - self.border) / self.scale,
                (box.y - self.border) / self.scale,
                box.width / self.scale,
                box.height / self.scale,
            ),
            detection.score,
            landmarks,
        )


def examine_photo(
    image: bytes,
    name: str,
    detector: Detector,
    encoder: Encoder,
    policy: EnrolmentPolicy | None = None,
) -> ExaminedPhoto:
    """The template in an enrolment photo.

    Args:
        image: the file's content: JPEG, PNG, BMP, WebP or PNM; EXIF orientation is honoured.
        name: what to call the photo in results and errors.
        detector: finds the face.
        encoder: makes the embedding.
        policy: which photo may serve.

    Raises:
        PhotoRefused: with ``reason`` not_an_image, corrupt, too_large, no_face, several_faces, or the name of
            the weakest quality factor (small, blurred, low_contrast, badly_lit, turned, cut_off).
    """
    policy = policy or EnrolmentPolicy()
    photo = decode_photo(image, place=name, max_pixels=policy.max_pixels)
    view, found = _search(photo, detector)
    chosen = _single_face(found, name, policy)
    in_photo = view.in_photo(chosen)
    quality = assess(photo, in_photo)
    _refuse_poor(in_photo.box, quality, name, policy)
    # A reduced view has lost detail that the encoder could use; an enlarged one has lost none.
    embedding = (
        encoder.encode(photo, [in_photo]) if view.scale < 1 else encoder.encode(view.picture, [chosen])
    )
    return ExaminedPhoto(
        name=name,
        sha256=hashlib.sha256(image).hexdigest(),
        width=photo.shape[1],
        height=photo.shape[0],
        box=in_photo.box,
        embedding=embedding[0],
        quality=quality,
        ignored_faces=len(found) - 1,
        warnings=quality.reasons,
        detector=detector.fingerprint,
        encoder=encoder.fingerprint,
    )


def _search(photo: Picture, detector: Detector) -> tuple[_View, Sequence[Detection]]:
    """Faces in the first view that shows any."""
    view = None
    for view in _views(photo):
        found = detector.detect(view.picture)
        if found:
            return view, found
    return view or _View(photo, 1.0, 0), ()


def _views(photo: Picture) -> Iterator[_View]:
    """The photo itself, then bordered and enlarged: detectors miss faces that fill the picture."""
    longest = max(photo.shape[:2])
    scale = min(1.0, _SEARCH_PX / longest)
    yield _View(_scaled(photo, scale), scale, 0)
    yield _bordered(photo, scale)
    while 2 * scale * longest <= _ENLARGED_PX:
        scale *= 2
        yield _bordered(photo, scale)


def _bordered(photo: Picture, scale: float) -> _View:
    border = max(_BORDER_PX, round(0.25 * scale * max(photo.shape[:2])))
    picture = cv2.copyMakeBorder(_scaled(photo, scale), *(border,) * 4, cv2.BORDER_REPLICATE)
    return _View(np.asarray(picture, dtype=np.uint8), scale, border)


def _scaled(photo: Picture, scale: float) -> Picture:
    if scale == 1.0:
        return photo
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=way), dtype=np.uint8)


def _single_face(found: Sequence[Detection], name: str, policy: EnrolmentPolicy) -> Detection:
    """The only face, or the one that is much larger than all others."""
    if not found:
        raise PhotoRefused(
            "no face was found",
            reason="no_face",
            place=name,
            hint="use a photo that looks into the camera, the whole face, in good light",
        )
    by_size = sorted(found, key=lambda detection: -detection.box.area)
    if len(by_size) > 1 and by_size[0].box.area < policy.dominant_ratio * by_size[1].box.area:
        raise PhotoRefused(
            f"{len(by_size)} faces were found, and none is clearly the one meant",
            reason="several_faces",
            place=name,
            hint="cut the photo so that it shows this person alone",
        )
    return by_size[0]


def _refuse_poor(box: Box, quality: Quality, name: str, policy: EnrolmentPolicy) -> None:
    if round(box.width) < policy.min_face_px:
        raise PhotoRefused(
            f"the face is {box.width:.0f} pixels wide, at least {policy.min_face_px} are needed",
            reason="small",
            place=name,
            hint=_HINTS["small"],
        )
    if quality.score < policy.min_quality:
        weakest = quality.factors[0][0]
        raise PhotoRefused(
            f"the face is {weakest.replace('_', ' ')}: quality {quality.score:.2f}, "
            f"at least {policy.min_quality:.2f} is needed",
            reason=weakest,
            place=name,
            hint=_HINTS[weakest],
        )
