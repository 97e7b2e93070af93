"""Decoding for streams whose keyframes are too rare: every picture is decoded, due ones leave as JPEG."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from fractions import Fraction

from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from ingest.ffmpeg_errors import FFMPEG_ERRORS
from ingest.packets import StreamInfo
from ingest.sampling import EncodedPicture, FrameMaker, PictureDecoder, Publish, SampleSchedule
from ingest.segmenter import TimedPacket

# libav's quality scale runs from 1 (best) to 31; 2 keeps what JPEG quality 95 keeps.
_JPEG_SCALE = 2
_QUEUED_PACKETS = 250
# FFmpeg's own decoder of this name only drives graphics cards.
_SOFTWARE = {"av1": "libdav1d"}


class JpegEncoder:
    """Encodes pictures as JPEG in their own size; one libav encoder per size, made when it changes."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._count = 0

    def encode(self, picture: VideoFrame) -> bytes:
        context = self._context_for(picture.width, picture.height)
        full_range = picture.reformat(format="yuvj420p", dst_color_range="JPEG")
        full_range.pts = self._count
        full_range.time_base = context.time_base
        self._count += 1
        return b"".join(bytes(packet) for packet in context.encode(full_range))

    def _context_for(self, width: int, height: int) -> VideoCodecContext:
        context = self._context
        if context is None or (context.width, context.height) != (width, height):
            context = CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
            context.time_base = Fraction(1, 25)
            context.thread_count = 1
            context.qmin = context.qmax = _JPEG_SCALE
            self._context = context
        return context


class InlineDecoder:
    """Decodes in the caller's thread: for files, where back-pressure is wanted."""

    def __init__(
        self, info: StreamInfo, frames: FrameMaker, schedule: SampleSchedule, publish: Publish
    ) -> None:
        self._info = info
        self._frames = frames
        self._schedule = schedule
        self._publish = publish
        self._jpeg = JpegEncoder()
        self._base_s = 0.0
        self._context = _decoder(info)

    def feed(self, timed: TimedPacket) -> None:
        """Decode one packet. Damaged ones are passed over: footage keeps them all the same."""
        self._base_s = timed.base_s
        packet: Packet[Stream] = Packet(bytes(timed.packet))
        packet.pts, packet.dts, packet.time_base = timed.pts, timed.dts, self._info.time_base
        self._decode(packet)

    def close(self) -> None:
        self._decode(None)

    def _decode(self, packet: Packet[Stream] | None) -> None:
        pictures: list[VideoFrame] = []
        with suppress(*FFMPEG_ERRORS):
            pictures = self._context.decode(packet)
        for picture in pictures:
            if picture.pts is None:
                continue
            pts_s = float(picture.pts * self._info.time_base)
            if self._schedule.take(pts_s):
                self._publish(self._frames.make(self._as_jpeg(picture), self._base_s, pts_s))

    def _as_jpeg(self, picture: VideoFrame) -> EncodedPicture:
        jpeg = self._jpeg.encode(picture)
        turn = self._info.rotation_degrees
        return EncodedPicture("mjpeg", b"", jpeg, picture.width, picture.height, turn)


class ThreadedDecoder:
    """Decodes in a thread of its own: for live streams, whose recording must never wait.

    When decoding falls behind, packets up to the next keyframe are passed over.
    """

    def __init__(self, inner: PictureDecoder, name: str, queued_packets: int = _QUEUED_PACKETS) -> None:
        self._inner = inner
        self._queue: queue.Queue[TimedPacket | None] = queue.Queue(queued_packets)
        self._behind = False
        self.passed_over = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def feed(self, timed: TimedPacket) -> None:
        if self._behind and not timed.keyframe:
            self.passed_over += 1
            return
        try:
            self._queue.put_nowait(timed)
            self._behind = False
        except queue.Full:
            self._behind = True
            self.passed_over += 1

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (timed := self._queue.get()) is not None:
            self._inner.feed(timed)
        self._inner.close()


def _decoder(info: StreamInfo) -> VideoCodecContext:
    context = CodecContext.create(_SOFTWARE.get(info.codec, info.codec), "r")
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{info.codec} is not a video codec")
    context.extradata = info.extradata or None
    # Some codecs (FFV1, raw video) leave the size of their pictures to the container.
    context.width, context.height = info.width, info.height
    context.thread_count = 1
    return context
