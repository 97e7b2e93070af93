"""A copy for viewing: footage that browsers do not play, as H.264. Derived, made on demand, never evidence.

The recorded bytes stay what they are (``ingest.transcode`` serves recording; this serves eyes): smaller, fast
to make, and free of whatever the camera signed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from ingest.ffmpeg_errors import FFMPEG_ERRORS
from models.errors import VideoInvalid

MOST_LINES: Final = 720
_TIME_BASE: Final = Fraction(1, 90_000)
# One look at a lesson, not a master: speed counts, for somebody waits.
_OPTIONS: Final = {"preset": "superfast", "crf": "23", "bf": "0", "g": "600", "threads": "2"}
_MUXING: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def viewing_copy(film: bytes, most_lines: int = MOST_LINES) -> bytes:
    """A film's pictures as H.264 in fragmented MP4, times from the film's beginning, ticks of 1/90000 s.

    Raises:
        VideoInvalid: not one picture of it can be decoded.
    """
    copied = b""
    try:
        copied = _copied(film, most_lines)
    except FFMPEG_ERRORS:
        copied = b""
    if not copied:
        raise VideoInvalid("no picture of this footage can be decoded", hint="download it as it was recorded")
    return copied


def _copied(film: bytes, most_lines: int) -> bytes:
    out = io.BytesIO()
    with av.open(io.BytesIO(film), "r") as source, av.open(out, "w", format="mp4", options=_MUXING) as target:
        stream: VideoStream | None = None
        for number, picture in enumerate(_pictures(source)):
            stream = stream or _stream(target, picture, most_lines)
            small = picture.reformat(stream.width, stream.height, format="yuv420p")
            small.pts, small.time_base = round((picture.time or 0.0) / _TIME_BASE), _TIME_BASE
            small.pict_type = PictureType.NONE if number else PictureType.I
            target.mux(stream.encode(small))
        if stream is None:
            return b""
        target.mux(stream.encode(None))
    return out.getvalue()


def _pictures(source: av.container.InputContainer) -> Iterator[VideoFrame]:
    """Pictures in order of showing; what cannot be decoded is passed over."""
    stream = next(iter(source.streams.video), None)
    if stream is None:
        return
    stream.thread_type = "AUTO"
    last = -1.0
    for packet in source.demux(stream):
        try:
            decoded = packet.decode()
        except FFMPEG_ERRORS:
            continue
        for frame in decoded:
            if frame.time is not None and frame.time > last:
                last = frame.time
                yield frame


def _stream(target: av.container.OutputContainer, picture: VideoFrame, most_lines: int) -> VideoStream:
    stream = target.add_stream("libx264", options=_OPTIONS)
    lines = min(picture.height, most_lines)
    # H.264 in 4:2:0 has no odd sides.
    stream.height = max(2, lines & ~1)
    stream.width = max(2, round(picture.width * lines / picture.height) & ~1)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = _TIME_BASE
    return stream
