"""Stand-ins for the ports a recorder meets, and clips that real encoders make."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.video.frame import VideoFrame

from ingest.packets import PacketSource, StreamInfo, VideoPacket
from models.errors import StreamError
from models.footage import CameraReport, CameraState, Gap, Segment
from models.frame import EncodedFrame
from models.timeline import Interval, total, union

EPOCH = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


class FakeClock:
    """Time that moves only when told; ``step`` sets the machine's clock without time passing."""

    def __init__(self, at: datetime = EPOCH) -> None:
        self._at = at
        self._monotonic_s = 1000.0

    def now(self) -> datetime:
        return self._at

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)
        self._monotonic_s += seconds

    def step(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


@dataclass
class FakeSink:
    """Keeps everything a recorder says."""

    segments: list[Segment] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    reports: list[CameraReport] = field(default_factory=list)

    def segment_closed(self, segment: Segment) -> None:
        self.segments.append(segment)

    def gap_declared(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def camera_changed(self, report: CameraReport) -> None:
        self.reports.append(report)

    @property
    def states(self) -> list[CameraState]:
        return [report.state for report in self.reports]

    def intervals(self) -> list[Interval]:
        footage = [segment.interval for segment in self.segments if segment.ends_at > segment.starts_at]
        return footage + [gap.interval for gap in self.gaps]

    def accounted_s(self) -> float:
        return total(self.intervals()).total_seconds()

    def summed_s(self) -> float:
        return sum(interval.duration.total_seconds() for interval in self.intervals())

    def without_hole(self) -> bool:
        return len(union(self.intervals())) == 1


@dataclass
class FakeBus:
    frames: list[EncodedFrame] = field(default_factory=list)
    on_publish: Callable[[EncodedFrame], None] | None = None

    def publish(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        if self.on_publish is not None:
            self.on_publish(frame)

    def take(self, timeout_s: float) -> EncodedFrame | None:
        return self.frames.pop(0) if self.frames else None

    def dropped(self, camera_id: str) -> int:
        return 0

    def close(self) -> None:
        """Nothing to close."""


@dataclass(frozen=True)
class Clip:
    """Encoded pictures: what an encoder without a container gives."""

    info: StreamInfo
    packets: tuple[tuple[bytes, int | None, int | None, bool], ...] = field(repr=False)
    rate: int


def picture(index: int, width: int, height: int) -> VideoFrame:
    """A picture that differs from its neighbours: a bright bar wanders over a grey ramp."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = np.linspace(20, 120, width, dtype=np.uint8)[None, :, None]
    left = (index * 4) % width
    pixels[:, left : left + max(4, width // 10)] = (230, 200, index % 255)
    return VideoFrame.from_ndarray(pixels, format="rgb24")


def encode_clip(
    *,
    codec: str = "libx264",
    seconds: float = 4,
    rate: int = 10,
    gop: int = 10,
    size: tuple[int, int] = (160, 120),
    b_frames: int = 0,
) -> Clip:
    """A clip in Annex B with parameter sets in the stream, as a camera sends it."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = size
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    context.time_base = Fraction(1, 90_000)
    context.framerate = Fraction(rate)
    context.gop_size = gop
    context.thread_count = 1
    if codec == "libx264":
        context.options = {"preset": "ultrafast", "bf": str(b_frames), "sc_threshold": "0"}
    if codec == "libx265":
        context.options = {
            "preset": "ultrafast",
            "x265-params": f"log-level=none:keyint={gop}:bframes={b_frames}",
        }
    if codec == "mjpeg":
        # RTP carries no Huffman tables (RFC 2435): cameras use the standard's own.
        context.options = {"huffman": "default"}
    packets = []
    for index in range(round(seconds * rate)):
        frame = picture(index, *size)
        frame.pts, frame.time_base = index * 90_000 // rate, Fraction(1, 90_000)
        packets += context.encode(frame)
    packets += context.encode(None)
    rows = tuple((bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets)
    name = {"libx264": "h264", "libx265": "hevc"}.get(codec, codec)
    info = StreamInfo(name, b"", *size, time_base=Fraction(1, 90_000), average_rate=Fraction(rate))
    return Clip(info, rows, rate)


def packet_of(row: tuple[bytes, int | None, int | None, bool], shift: int = 0) -> VideoPacket:
    data, pts, dts, keyframe = row
    packet: VideoPacket = av.Packet(data)
    packet.time_base = Fraction(1, 90_000)
    packet.pts = None if pts is None else pts + shift
    packet.dts = None if dts is None else dts + shift
    packet.is_keyframe = keyframe
    return packet


Step: TypeAlias = "VideoPacket | StreamError | Callable[[], None] | float | None"
"""One step of a script: a packet, an error, something to do, seconds that pass, or the end."""


class ScriptedSource:
    """Plays steps; time passes on the fake clock. When the script is over it raises ``finally_raise``."""

    def __init__(self, info: StreamInfo, steps: Iterable[Step], clock: FakeClock) -> None:
        self._info = info
        self._steps = iter(steps)
        self._clock = clock
        self.closed = False

    @property
    def info(self) -> StreamInfo:
        return self._info

    def read(self) -> VideoPacket | None:
        for step in self._steps:
            if isinstance(step, float):
                self._clock.advance(step)
            elif isinstance(step, StreamError):
                raise step
            elif callable(step):
                step()
            else:
                return step
        return None

    def close(self) -> None:
        self.closed = True


def live_steps(clip: Clip, *, shift: int = 0, start: int = 0, end: int | None = None) -> list[Step]:
    """The clip as a live camera sends it: one picture each frame interval."""
    steps: list[Step] = []
    for row in clip.packets[start:end]:
        steps += [packet_of(row, shift), 1 / clip.rate]
    return steps


class ScriptedCamera:
    """A SourceFactory: each connection takes the next entry, an error or a script; then ``stop`` is set."""

    def __init__(self, entries: Iterable[PacketSource | StreamError], stop: threading.Event) -> None:
        self._entries = iter(entries)
        self._stop = stop
        self.opened = 0

    def __call__(self, camera: object) -> PacketSource:
        self.opened += 1
        entry = next(self._entries, None)
        if entry is None:
            self._stop.set()
            raise StreamError("the script is over")
        if isinstance(entry, StreamError):
            raise entry
        return entry


def wait_on(clock: FakeClock) -> Callable[[threading.Event, float], bool]:
    """A wait that takes no real time."""

    def wait(stop: threading.Event, seconds: float) -> bool:
        if not stop.is_set():
            clock.advance(seconds)
        return stop.is_set()

    return wait


def read_back(path: Path | str) -> list[tuple[float, float, bool]]:
    """(pts, dts, keyframe) of each packet of a file, in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (float(packet.pts * packet.time_base), float(packet.dts * packet.time_base), packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.dts is not None
        ]


def decode_all(path: Path | str) -> int:
    """How many pictures a decoder makes of the file."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
