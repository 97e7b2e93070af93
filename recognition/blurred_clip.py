"""A copy of a clip with faces blurred, encoded as H.264, marked as derived in picture and metadata."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np

from models.errors import VideoInvalid
from models.ports import Detector, Picture
from recognition.face_blur import FaceBlur

MARK: Final = "DERIVED COPY - FACES BLURRED - NOT THE ORIGINAL"
_OPTIONS: Final = {"preset": "veryfast", "crf": "23", "threads": "1"}


def write_blurred_clip(source: Path, target: Path, detector: Detector, original_sha256: str) -> int:
    """Writes the copy and returns its number of frames. The original's hash stands in the metadata.

    Raises:
        VideoInvalid: the clip cannot be decoded.
    """
    try:
        with av.open(str(source)) as clip, av.open(str(target), "w", format="mp4") as out:
            out.metadata["title"] = MARK
            out.metadata["comment"] = f"derived from sha256 {original_sha256}"
            return _copy(clip, out, detector)
    except av.error.FFmpegError as error:
        reason = error.strerror
    raise VideoInvalid(
        f"the footage cannot be decoded ({reason})",
        place=source.name,
        hint="take the bundle without --blur-faces",
    )


def _copy(clip: av.container.InputContainer, out: av.container.OutputContainer, detector: Detector) -> int:
    stream = clip.streams.video[0]
    stream.thread_type = "AUTO"
    encoder = out.add_stream("libx264", rate=stream.average_rate or Fraction(15), options=dict(_OPTIONS))
    # H.264 in 4:2:0 knows even sizes only.
    encoder.width, encoder.height = stream.width & ~1, stream.height & ~1
    encoder.pix_fmt = "yuv420p"
    # The source's own time base: footage has holes, and by the mean rate two frames would share a time.
    encoder.codec_context.time_base = stream.time_base or Fraction(1, 90_000)
    times: list[tuple[int | None, Fraction | None]] = []

    def pictures() -> Iterator[Picture]:
        for frame in clip.decode(stream):
            times.append((frame.pts, frame.time_base))
            yield np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)

    count = 0
    for picture in FaceBlur(detector).blurred(pictures()):
        frame = av.VideoFrame.from_ndarray(_marked(picture), format="bgr24")
        frame.pts, time_base = times[count]
        if time_base is not None:
            frame.time_base = time_base
        out.mux(encoder.encode(frame))
        count += 1
    out.mux(encoder.encode(None))
    return count


def _marked(picture: Picture) -> Picture:
    """The picture with its mark along the lower edge; even in width and height."""
    height, width = picture.shape[0] & ~1, picture.shape[1] & ~1
    out = np.ascontiguousarray(picture[:height, :width])
    scale = max(0.35, width / 1600)
    band = int(30 * scale) + 6
    out[height - band :, :] //= 3
    cv2.putText(
        out, MARK, (8, height - band // 3), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA
    )
    return out
