"""Single pictures of a film, and many of them side by side: posters and strips for people to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import cv2
import numpy as np

from models.errors import FrameDamaged
from models.ports import Picture
from recognition.decode import MAX_PIXELS, encode_jpeg, upright

_EMPTY, _MARK = 236, 200  # grey levels of a tile without a picture


def first_picture(film: bytes) -> Picture:
    """The first picture of a film, upright, ``(height, width, 3) uint8`` BGR.

    Raises:
        FrameDamaged: none can be decoded.
        StreamUnsupported: its rotation is no quarter turn.
    """
    picture, turn = None, 0
    try:
        with av.open(io.BytesIO(film), "r", options={"max_pixels": str(MAX_PIXELS)}) as container:
            frame = next(container.decode(video=0), None)
            if frame is not None:
                picture, turn = frame.to_ndarray(format="bgr24"), int(frame.rotation)
    except (av.error.FFmpegError, MemoryError, IndexError):
        picture = None
    if picture is None:
        raise FrameDamaged("this picture cannot be decoded", hint="choose an instant nearby")
    # FFmpeg counts turns against the clock.
    return upright(np.asarray(picture, dtype=np.uint8), -turn)


def contact_sheet(pictures: Sequence[Picture | None], tile: tuple[int, int]) -> bytes:
    """The pictures side by side as one JPEG, each fitted into ``tile`` (width, height) pixels.

    ``None``: nothing was recorded then; the tile is hatched.
    """
    return encode_jpeg(np.hstack([_tile(picture, tile) for picture in pictures]), quality=72)


def _tile(picture: Picture | None, tile: tuple[int, int]) -> Picture:
    width, height = tile
    if picture is None:
        return _hatched(width, height)
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    framed = np.full((height, width, 3), 20, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    framed[top : top + size[1], left : left + size[0]] = small
    return framed


def _hatched(width: int, height: int) -> Picture:
    rows, columns = np.mgrid[0:height, 0:width]
    grey = np.where((rows + columns) % 16 < 3, _MARK, _EMPTY).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
