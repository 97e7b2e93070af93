"""Enrolment photos as files: what they are, how large, and their picture, the right way up.

Size is read from the header before anything is decoded, because a few kilobytes can claim gigabytes of
picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from models.errors import PhotoRefused
from models.ports import Picture

MAX_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 64_000_000
"""Above the largest common phone cameras (50 million); 192 MB as a picture."""

_JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers (ITU-T T.81, table B.1), without the tables that share their range."""
_JPEG_SCAN = 0xDA
_JPEG_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_NEXT_STEP = "save it as JPEG or PNG with a common program and try again"


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """``kind``: jpeg, png, bmp, webp or pnm; ``width``, ``height``: pixels as stored, before any turn."""

    kind: str
    width: int
    height: int


def decode_photo(data: bytes, *, place: str = "", max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture, ``(height, width, 3) uint8`` BGR, turned as its EXIF orientation says.

    Raises:
        PhotoRefused: not a photo, too large, or damaged; ``reason`` is ``not_an_image``, ``too_large`` or
            ``corrupt``.
    """
    if len(data) > MAX_BYTES:
        raise PhotoRefused(
            f"the file is larger than {MAX_BYTES // 2**20} MB",
            reason="too_large",
            place=place,
            hint="save it smaller; 1,000 pixels across is plenty",
        )
    header = photo_header(data)
    if header is None:
        raise PhotoRefused(
            "not a photo that can be read", reason="not_an_image", place=place, hint=_NEXT_STEP
        )
    if header.width * header.height > max_pixels:
        raise PhotoRefused(
            f"{header.width} × {header.height} pixels are more than {max_pixels:,}",
            reason="too_large",
            place=place,
            hint="save it smaller; 1,000 pixels across is plenty",
        )
    picture = _decoded(data) if _is_whole(data, header.kind) else None
    if picture is None:
        raise PhotoRefused(
            "the photo is damaged or cut short", reason="corrupt", place=place, hint=_NEXT_STEP
        )
    return picture


def photo_header(data: bytes) -> PhotoHeader | None:
    """Kind and size, from the first bytes alone; ``None`` where it is no photo of a kind that is taken."""
    readers = {
        b"\xff\xd8\xff": _jpeg_header,
        b"\x89PNG\r\n\x1a\n": _png_header,
        b"BM": _bmp_header,
        b"RIFF": _webp_header,
        b"P": _pnm_header,
    }
    for magic, reader in readers.items():
        if data.startswith(magic):
            try:
                header = reader(data)
            except (struct.error, ValueError, IndexError):
                return None
            return header if header is not None and header.width > 0 and header.height > 0 else None
    return None


def _decoded(data: bytes) -> Picture | None:
    try:
        picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, dtype=np.uint8)


def _is_whole(data: bytes, kind: str) -> bool:
    """Decoders fill what is missing with grey and say nothing, so the end mark is looked for here."""
    if kind == "jpeg":
        # Only after the scan has begun: a preview inside the EXIF part has an end mark of its own.
        return data.rfind(b"\xff\xd9") > _jpeg_scan_start(data)
    if kind == "png":
        return b"IEND" in data[-64:]
    return True


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and position of each segment up to the first scan (ITU-T T.81, annex B)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_BARE_MARKERS:
            at += 2
        else:
            yield marker, at
            if marker == _JPEG_SCAN:
                return
            at += 2 + max(2, struct.unpack_from(">H", data, at + 2)[0])


def _jpeg_header(data: bytes) -> PhotoHeader | None:
    for marker, at in _jpeg_segments(data):
        if marker in _JPEG_FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return PhotoHeader("jpeg", width, height)
    return None


def _jpeg_scan_start(data: bytes) -> int:
    return next((at for marker, at in _jpeg_segments(data) if marker == _JPEG_SCAN), len(data))


def _png_header(data: bytes) -> PhotoHeader | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return PhotoHeader("png", width, height)


def _bmp_header(data: bytes) -> PhotoHeader | None:
    header_size = struct.unpack_from("<I", data, 14)[0]
    if header_size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    # A negative height means rows from the top.
    return PhotoHeader("bmp", width, abs(height))


def _webp_header(data: bytes) -> PhotoHeader | None:
    if data[8:12] != b"WEBP":
        return None
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return PhotoHeader("webp", width, height)
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return PhotoHeader("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PhotoHeader("webp", width & 0x3FFF, height & 0x3FFF)
    return None


def _pnm_header(data: bytes) -> PhotoHeader | None:
    if data[1:2] not in b"123456" or not data[2:3].isspace():
        return None
    lines = (line.split(b"#", 1)[0] for line in data[2:4096].split(b"\n"))
    fields = b" ".join(lines).split()
    return PhotoHeader("pnm", int(fields[0]), int(fields[1]))
