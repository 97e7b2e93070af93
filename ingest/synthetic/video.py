"""Encode a scenario: to a file, or packet by packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ingest.packets import VideoPacket
from ingest.synthetic.classroom import ClassroomCamera
from ingest.synthetic.script import Scenario

KEYFRAME_S = 2.0
"""Time between keyframes; recognition samples keyframes only."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pictures are packed. ``quality``: constant rate factor, lower is better and larger."""

    codec: str = "libx264"
    preset: str = "veryfast"
    quality: int = 27
    keyframe_s: float = KEYFRAME_S
    threads: int = 1

    def options(self) -> dict[str, str]:
        if self.codec == "mjpeg":
            return {}
        if self.codec == "libx265":
            return {"preset": self.preset, "crf": str(self.quality), "x265-params": "log-level=none:pools=1"}
        # Fixed keyframes keep the sampling even; no B-frames, as in most cameras.
        options = {"preset": self.preset, "crf": str(self.quality), "sc_threshold": "0", "bf": "0"}
        return options | {"forced-idr": "1", "maxrate": "4M", "bufsize": "8M"}


def write_video(
    path: Path,
    scenario: Scenario,
    encoding: Encoding | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Render a scenario to a video file; the container follows the file's suffix.

    ``progress`` is told frames done and frames in all.
    """
    encoding = encoding or Encoding()
    camera = ClassroomCamera(scenario)
    with av.open(str(path), "w") as container:
        stream = _add_stream(container, scenario, encoding)
        for index in range(scenario.frames):
            container.mux(stream.encode(_av_frame(camera, index, encoding)))
            if progress is not None:
                progress(index + 1, scenario.frames)
        container.mux(stream.encode(None))


def encode_frame(
    encoder: VideoCodecContext, camera: ClassroomCamera, index: int, encoding: Encoding
) -> list[VideoPacket]:
    """Draw one frame and hand it to an encoder from ``open_encoder``; the packets it gives in return."""
    frame = _av_frame(camera, index, encoding)
    frame.time_base = Fraction(1, camera.scenario.fps)
    return cast("list[VideoPacket]", encoder.encode(frame))


def flush(encoder: VideoCodecContext) -> list[VideoPacket]:
    """What the encoder still holds; it takes no frame afterwards."""
    return cast("list[VideoPacket]", encoder.encode(None))


def open_encoder(scenario: Scenario, encoding: Encoding) -> VideoCodecContext:
    """An encoder that repeats its parameter sets in each keyframe (Annex B), for use without a container."""
    encoder = cast("VideoCodecContext", av.CodecContext.create(encoding.codec, "w"))
    _configure(encoder, scenario, encoding)
    encoder.time_base = Fraction(1, scenario.fps)
    encoder.options = encoding.options()
    encoder.open()
    return encoder


def _add_stream(container: OutputContainer, scenario: Scenario, encoding: Encoding) -> VideoStream:
    stream = cast(
        "VideoStream", container.add_stream(encoding.codec, rate=scenario.fps, options=encoding.options())
    )
    _configure(stream.codec_context, scenario, encoding)
    return stream


def _configure(context: VideoCodecContext, scenario: Scenario, encoding: Encoding) -> None:
    context.width, context.height = scenario.width, scenario.height
    context.pix_fmt = "yuvj420p" if encoding.codec == "mjpeg" else "yuv420p"
    context.framerate = Fraction(scenario.fps)
    context.gop_size = max(1, round(encoding.keyframe_s * scenario.fps))
    context.thread_count = encoding.threads


def _av_frame(camera: ClassroomCamera, index: int, encoding: Encoding) -> av.VideoFrame:
    picture = camera.frame(index)
    if encoding.codec == "mjpeg":
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuvj420p")
    else:
        # OpenCV converts three times faster than FFmpeg's scaler does here
        planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts = index
    return frame
