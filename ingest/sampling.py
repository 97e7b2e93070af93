"""Which pictures of a stream go to recognition: keyframes, still encoded, at the sampling period.

Only where keyframes lie further apart than policy allows is the stream decoded, by a decoder of its own,
and its pictures travel as JPEG.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ingest.ledger import utc
from ingest.packets import StreamInfo
from ingest.segmenter import TimedPacket
from models.frame import EncodedFrame

Publish = Callable[[EncodedFrame], None]
OnLongInterval = Callable[[float], None]
"""Told how far apart a stream's keyframes lie, in seconds, when that makes decoding necessary."""

# A keyframe a little before its time is taken: cameras round their keyframe interval.
_EARLY_SHARE = 0.03
# Beyond so much a live stream's group of pictures is let go, and decoding begins with the next keyframe.
_GROUP_BYTES = 8 * 1024 * 1024


class SampleSchedule:
    """Says when a sample is due. ``every_s`` may be changed by another thread at any time."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self._due_s: float | None = None

    def take(self, pts_s: float) -> bool:
        """Whether this picture is a sample; if so the next is due one period later."""
        every_s = self.every_s
        if self._due_s is None or abs(pts_s - self._due_s) > 2 * every_s:
            # First picture, a long pause, or a clock set back: the rhythm starts here.
            self._due_s = pts_s
        if pts_s < self._due_s - every_s * _EARLY_SHARE:
            return False
        # Counting on from the due time keeps the mean period where keyframes do not divide it.
        self._due_s += every_s
        return True

    def reset(self) -> None:
        self._due_s = None


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One picture in a form that a decoder for ``codec`` with ``extradata`` reads; see EncodedFrame."""

    codec: str
    extradata: bytes
    data: bytes
    width: int
    height: int
    rotation_degrees: int


class FrameMaker:
    """Makes the EncodedFrames of one recorder's run, numbered from 1."""

    def __init__(self, lesson_id: str, camera_id: str) -> None:
        self._lesson_id = lesson_id
        self._camera_id = camera_id
        self._made = 0

    def make(self, picture: EncodedPicture, base_s: float, pts_s: float) -> EncodedFrame:
        """The picture as a frame at media time ``pts_s``; ``base_s``: wall time of media time zero."""
        self._made += 1
        return EncodedFrame(
            camera_id=self._camera_id,
            lesson_id=self._lesson_id,
            sequence=self._made,
            at=utc(base_s + pts_s),
            pts_s=pts_s,
            codec=picture.codec,
            extradata=picture.extradata,
            data=picture.data,
            width=picture.width,
            height=picture.height,
            rotation_degrees=picture.rotation_degrees,
        )


def packet_picture(timed: TimedPacket, info: StreamInfo) -> EncodedPicture:
    """A keyframe's packet, as the container gave it."""
    data = bytes(timed.packet)
    return EncodedPicture(info.codec, info.extradata, data, info.width, info.height, info.rotation_degrees)


class PictureDecoder(Protocol):
    """Decodes all packets in order and publishes the pictures that are due."""

    def feed(self, timed: TimedPacket) -> None: ...

    def close(self) -> None: ...


DecoderFactory = Callable[[StreamInfo], PictureDecoder]


class StreamSampler:
    """Takes every packet that was written to footage; publishes the samples among them.

    ``decode_at_once``: decode from the first packet (a file whose keyframes are known to be too far apart).
    ``on_long_interval``: told once per connection that the stream has to be decoded, and why.
    ``group_bytes``: so much of a group of pictures is kept in case it must be decoded from its keyframe on.
    """

    def __init__(
        self,
        frames: FrameMaker,
        schedule: SampleSchedule,
        publish: Publish,
        start_decoder: DecoderFactory,
        *,
        max_interval_s: float,
        decode_at_once: bool = False,
        on_long_interval: OnLongInterval | None = None,
        group_bytes: int = _GROUP_BYTES,
    ) -> None:
        self._frames = frames
        self._schedule = schedule
        self._publish = publish
        self._max_interval_s = max_interval_s
        self._start_decoder = start_decoder
        self._decode_at_once = decode_at_once
        self._on_long_interval = on_long_interval
        self._most_group_bytes = group_bytes
        self._info: StreamInfo | None = None
        self._decoder: PictureDecoder | None = None
        self._group: list[TimedPacket] = []
        self._group_began_s: float | None = None
        self._group_bytes = 0
        self._too_long = False

    def connect(self, info: StreamInfo) -> None:
        """A (new) stream begins."""
        self.close()
        self._info = info
        self._schedule.reset()
        self._too_long = self._decode_at_once

    def offer(self, timed: TimedPacket) -> None:
        """Look at one packet; may publish."""
        info = self._info
        if info is None:
            raise RuntimeError("connect comes before offer")
        if self._decoder is not None:
            self._decoder.feed(timed)
        elif timed.keyframe and self._too_long:
            self._decode_from([timed], info)
        elif timed.keyframe:
            self._begin_group(timed)
            if self._schedule.take(timed.pts_s):
                picture = packet_picture(timed, info)
                self._publish(self._frames.make(picture, timed.base_s, timed.pts_s))
        else:
            self._extend_group(timed, info)

    def close(self) -> None:
        """Publish what a decoder still holds, and let go of everything."""
        decoder, self._decoder = self._decoder, None
        self._group = []
        self._group_began_s = None
        if decoder is not None:
            decoder.close()

    def _begin_group(self, timed: TimedPacket) -> None:
        self._group = [timed]
        self._group_began_s = timed.pts_s
        self._group_bytes = timed.packet.size

    def _extend_group(self, timed: TimedPacket, info: StreamInfo) -> None:
        """Keep the packet in case its group must be decoded, and find out whether it must."""
        if self._too_long or self._group_began_s is None:
            return
        self._group_bytes += timed.packet.size
        if self._group_bytes > self._most_group_bytes:
            self._group = []
        elif self._group:
            self._group.append(timed)
        interval_s = timed.pts_s - self._group_began_s
        if interval_s <= self._max_interval_s:
            return
        self._too_long = True
        if self._on_long_interval is not None:
            self._on_long_interval(interval_s)
        if self._group:
            # The group's keyframe has been published already; the decoder needs it all the same.
            self._decode_from(self._group, info)

    def _decode_from(self, group: list[TimedPacket], info: StreamInfo) -> None:
        self._group = []
        self._decoder = self._start_decoder(info)
        for timed in group:
            self._decoder.feed(timed)
