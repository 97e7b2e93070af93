"""Every kind of bad enrolment photo is refused with its reason, its place and the next step."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress

import cv2
import numpy as np
import pytest

from models.errors import PhotoRefused
from models.frame import Box, Detection
from models.ports import Picture
from recognition.enrolment import EnrolmentPolicy, ExaminedPhoto, examine_photo
from recognition.photos import MAX_BYTES, decode_photo, photo_header


class FacesAt:
    """A detector that finds what it is told, once the picture is large enough to hold it."""

    fingerprint = "told"

    def __init__(self, *boxes: Box) -> None:
        self._boxes = boxes
        self.seen: list[tuple[int, ...]] = []

    def detect(self, picture: Picture) -> Sequence[Detection]:
        self.seen.append(picture.shape)
        return tuple(Detection(box, 1.0) for box in self._boxes)


class Counting:
    """An encoder that gives zeros and counts."""

    fingerprint = "zeros"

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, picture: Picture, detections: Sequence[Detection]) -> np.ndarray:
        self.calls += 1
        return np.zeros((len(detections), 128), np.float32)


def textured(width: int = 320, height: int = 240) -> Picture:
    """A sharp picture: every place has detail and contrast."""
    return np.random.default_rng(3).integers(20, 235, (height, width, 3), dtype=np.uint8)


def encoded(picture: Picture, kind: str = ".png") -> bytes:
    return cv2.imencode(kind, picture)[1].tobytes()


def examined(data: bytes, *boxes: Box, policy: EnrolmentPolicy | None = None) -> ExaminedPhoto:
    return examine_photo(data, "photo", FacesAt(*boxes), Counting(), policy)


FACE = Box(80, 60, 120, 120)


def refused(data: bytes, *boxes: Box) -> PhotoRefused:
    with pytest.raises(PhotoRefused) as caught:
        examined(data, *boxes)
    assert caught.value.hint, "a refusal names the next step"
    assert caught.value.place == "photo"
    return caught.value


def test_a_sharp_single_face_serves() -> None:
    taken = examined(encoded(textured()), FACE)
    assert (taken.width, taken.height, taken.ignored_faces) == (320, 240, 0)
    assert taken.embedding.shape == (128,)


def test_no_face() -> None:
    error = refused(encoded(textured()))
    assert error.reason == "no_face"
    assert "looks into the camera" in error.hint


def test_two_faces_of_like_size() -> None:
    error = refused(encoded(textured()), FACE, Box(210, 60, 100, 100))
    assert error.reason == "several_faces"
    assert error.message.startswith("2 faces")


def test_a_small_face_in_the_background_is_passed_over_and_counted() -> None:
    assert examined(encoded(textured()), FACE, Box(260, 10, 30, 30)).ignored_faces == 1


@pytest.mark.parametrize(("width", "serves"), [(39, False), (40, True)])
def test_the_least_width_of_a_face(width: int, serves: bool) -> None:
    data = encoded(textured())
    box = Box(80, 60, width, width)
    if serves:
        assert round(examined(data, box).box.width) == 40
    else:
        error = refused(data, box)
        assert error.reason == "small"
        assert "39 pixels" in error.message


def test_blurred() -> None:
    ramp = np.linspace(20, 235, 320, dtype=np.float32)[None, :, None]
    smooth = np.broadcast_to(ramp, (240, 320, 3)).astype(np.uint8)
    assert refused(encoded(smooth), FACE).reason == "blurred"


def test_nearly_black() -> None:
    dark = np.random.default_rng(3).integers(0, 4, (240, 320, 3), dtype=np.uint8)
    assert refused(encoded(dark), FACE).reason in {"badly_lit", "low_contrast"}


def test_burnt_out() -> None:
    assert refused(encoded(np.full((240, 320, 3), 254, np.uint8)), FACE).reason


def test_a_refused_photo_is_never_encoded() -> None:
    encoder = Counting()
    with pytest.raises(PhotoRefused):
        examine_photo(encoded(textured()), "photo", FacesAt(), encoder)
    assert encoder.calls == 0


def _exif(orientation: int) -> bytes:
    body = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (0, 1)), (8, (1, 0))])
def test_exif_orientation_turns_the_picture(orientation: int, corner: tuple[int, int]) -> None:
    """The bright upper left corner of the stored picture ends where the camera says."""
    stored = np.full((64, 96, 3), 30, np.uint8)
    stored[:24, :24] = 240
    jpeg = encoded(stored, ".jpg")
    picture = decode_photo(jpeg[:2] + _exif(orientation) + jpeg[2:])
    assert picture.shape[:2] == ((96, 64) if orientation in (6, 8) else (64, 96))
    rows, columns = picture.shape[:2]
    row, column = corner
    assert picture[5 if row == 0 else rows - 6, 5 if column == 0 else columns - 6].mean() > 180


def test_sixteen_bits_a_channel_become_eight() -> None:
    deep = np.full((48, 64, 3), 40_000, np.uint16)
    picture = decode_photo(encoded(deep))
    assert picture.dtype == np.uint8
    assert abs(int(picture[0, 0, 0]) - 40_000 // 257) <= 1


def test_transparency_is_dropped_and_grey_becomes_colour() -> None:
    assert decode_photo(encoded(np.full((40, 40, 4), 90, np.uint8))).shape == (40, 40, 3)
    assert decode_photo(encoded(np.full((40, 40), 90, np.uint8))).shape == (40, 40, 3)


@pytest.mark.parametrize("kind", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_cut_file_is_corrupt_not_half_grey(kind: str, share: float) -> None:
    data = encoded(textured(), kind)
    assert refused(data[: int(len(data) * share)], FACE).reason == "corrupt"


def _png_claiming(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (64_000_001, 1)])
def test_a_decompression_bomb_is_refused_by_its_header(width: int, height: int) -> None:
    error = refused(_png_claiming(width, height), FACE)
    assert error.reason == "too_large"
    assert f"{width}" in error.message


def test_a_file_beyond_the_size_limit_is_refused_before_it_is_looked_at() -> None:
    assert refused(b"\xff\xd8\xff" + bytes(MAX_BYTES), FACE).reason == "too_large"


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
GIF = b"GIF89a\x10\0\x10\0\x80\0\0" + bytes(64)


@pytest.mark.parametrize(
    "data",
    [HEIC, GIF, b"%PDF-1.7" + bytes(64), b"II*\0" + bytes(64), b"", b"\0", b"<svg/>", bytes(200)],
    ids=["heic", "animated gif", "pdf", "tiff", "empty", "one byte", "svg", "zeros"],
)
def test_what_is_no_photo_we_read_says_to_save_it_as_jpeg_or_png(data: bytes) -> None:
    error = refused(data, FACE)
    assert error.reason == "not_an_image"
    assert "JPEG or PNG" in error.hint


def test_the_content_counts_not_the_name() -> None:
    taken = examine_photo(encoded(textured(), ".jpg"), "really.png", FacesAt(FACE), Counting())
    assert taken.name == "really.png"


@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "webp", "ppm", "pgm"])
def test_the_header_tells_the_size_that_decoding_gives(kind: str) -> None:
    picture = textured(66, 34) if kind != "pgm" else textured(66, 34)[:, :, 0]
    header = photo_header(encoded(picture, f".{kind}"))
    assert header is not None
    assert (header.width, header.height) == (66, 34)


@pytest.mark.parametrize("kind", ["jpg", "png", "bmp", "webp", "ppm"])
def test_no_prefix_of_a_photo_raises_anything_but_a_refusal(kind: str) -> None:
    data = encoded(textured(40, 40), f".{kind}")
    for length in range(0, min(len(data), 400), 3):
        photo_header(data[:length])
        with suppress(PhotoRefused):
            decode_photo(data[:length])


def test_a_large_photo_is_searched_reduced_and_encoded_at_full_size() -> None:
    detector = FacesAt(Box(200, 150, 300, 300))
    taken = examine_photo(encoded(textured(2560, 1440)), "photo", detector, Counting())
    assert detector.seen[0][:2] == (720, 1280)
    assert (round(taken.box.x), round(taken.box.width)) == (400, 600)


def test_a_tight_crop_is_bordered_and_enlarged_until_a_face_shows() -> None:
    detector = FacesAt()
    with pytest.raises(PhotoRefused):
        examine_photo(encoded(textured(100, 100)), "photo", detector, Counting())
    assert [shape[0] for shape in detector.seen] == [100, 260, 360, 600]
