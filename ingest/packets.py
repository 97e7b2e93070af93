"""What every source of packets looks like: a stream's facts and its packets, nothing decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol, TypeAlias

from av.packet import Packet
from av.video.stream import VideoStream

from ingest.camera import CameraConfig

VideoPacket: TypeAlias = "Packet[VideoStream]"
"""An encoded picture: ``pts`` and ``dts`` in ``time_base`` units, ``is_keyframe``, ``bytes(packet)``."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Facts of an opened video stream.

    ``codec``: FFmpeg's codec name (``h264``, ``hevc``, ``mjpeg`` …). ``rotation_degrees``: clockwise turn
    that makes a decoded picture upright. ``live``: packets arrive in real time, so arrival anchors the wall
    clock; ``False``: media time is all there is. ``template``: the demuxer's stream, from which a container
    copies its parameters; ``None`` for a source without a demuxer (then H.264 and H.265 must be Annex B with
    parameter sets in the keyframes, as an encoder without global headers makes them).
    """

    codec: str
    extradata: bytes = field(repr=False)
    width: int
    height: int
    time_base: Fraction
    average_rate: Fraction | None = None
    rotation_degrees: int = 0
    live: bool = True
    has_audio: bool = False
    template: VideoStream | None = field(default=None, repr=False)


class PacketSource(Protocol):
    """An opened stream. ``read`` gives the next video packet, or ``None`` at the end.

    ``read`` raises StreamStalled when no video came for the policy's time, StreamLost when it broke.
    """

    @property
    def info(self) -> StreamInfo: ...

    def read(self) -> VideoPacket | None: ...

    def close(self) -> None: ...


SourceFactory = Callable[[CameraConfig], PacketSource]
"""Opens a configured camera; raises StreamError. Tests and the demo inject their own."""
