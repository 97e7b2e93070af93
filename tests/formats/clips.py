"""Tiny video files of every kind, made by PyAV while the tests run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.unit.ingest.fakes import picture

RATE = 10


def instants(seconds: float, rate: int = RATE) -> Iterator[float]:
    for index in range(round(seconds * rate)):
        yield index / rate


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (160, 120),
    seconds: float = 2.0,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    at: Callable[[float], Iterator[float]] = instants,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A bar that wanders over a ramp. ``at``: the instants of the pictures, in seconds."""
    with av.open(str(path), "w", format=container, container_options=container_options or {}) as output:
        stream = cast("VideoStream", output.add_stream(codec, rate=RATE, options=options or {}))
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = RATE
        stream.codec_context.thread_count = 1
        if codec == "gif":
            stream.codec_context.time_base = Fraction(1, 100)
        if codec in {"mpeg4", "mpeg2video"}:
            stream.codec_context.time_base = Fraction(1, RATE)
        for index, at_s in enumerate(at(seconds)):
            frame = picture(index, *size)
            frame.pts, frame.time_base = round(at_s * 1000), Fraction(1, 1000)
            if codec in {"mpeg4", "mpeg2video", "gif"}:
                base = stream.codec_context.time_base
                frame.pts, frame.time_base = round(Fraction(at_s).limit_denominator(1000) / base), base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """Two seconds of a hum, no picture."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        for start in range(0, 32_000, 1024):
            wave = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)[None, :]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_annex_b(path: Path) -> Path:
    """Bare H.264: no container, no timestamps."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 160, 120, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, RATE), Fraction(RATE), RATE
    context.options = {"preset": "ultrafast", "bf": "0"}
    with path.open("wb") as file:
        for index in range(2 * RATE):
            frame = picture(index, 160, 120)
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            file.writelines(bytes(packet) for packet in context.encode(frame))
        file.writelines(bytes(packet) for packet in context.encode(None))
    return path


def turned(source: Path, target: Path, degrees: int) -> Path:
    """The same MP4 with a display matrix (ISO 14496-12, 8.5.2) that asks for a turn patched in."""
    matrices = {
        90: (0, 1, 0, -1, 0, 0),
        180: (-1, 0, 0, 0, -1, 0),
        270: (0, -1, 0, 1, 0, 0),
    }
    data = bytearray(source.read_bytes())
    header = data.index(b"tkhd")
    # version 0: 4 kind, 4 flags, 20 times and identity, 8 reserved, 8 layer, group, volume, then the matrix.
    start = header + 4 + 4 + 20 + 8 + 8
    a, b, u, c, d, v = matrices[degrees]
    values = [a << 16, b << 16, u, c << 16, d << 16, v, 0, 0, 1 << 30]
    data[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
    target.write_bytes(data)
    return target


def grey_frame(size: tuple[int, int]) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 128, np.uint8), format="rgb24")
