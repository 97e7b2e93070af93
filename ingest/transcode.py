"""A source whose codec MP4 cannot hold, turned into H.264. For files only: a camera's bytes are evidence and
are never re-encoded; a file's original is kept beside the derived footage."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import cast

from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from ingest.ffmpeg_errors import FFMPEG_ERRORS
from ingest.packets import PacketSource, StreamInfo, VideoPacket
from ingest.sampling import SampleSchedule

_TIME_BASE = Fraction(1, 90_000)
# Visually lossless: recognition works on these pictures.
_QUALITY = {"preset": "veryfast", "crf": "17", "bf": "0"}


class TranscodingSource:
    """Gives the pictures of another source as H.264, with a keyframe wherever a sample is due."""

    def __init__(self, inner: PacketSource, keyframe_every_s: float) -> None:
        template = inner.info.template
        if template is None:
            raise ValueError("only an FFmpeg source can be transcoded")
        self._inner = inner
        self._decoder = template.codec_context
        self._schedule = SampleSchedule(keyframe_every_s)
        self._encoder = _encoder(inner.info)
        self._ready: deque[VideoPacket] = deque()
        self._last_pts = -1
        self._zero_s: float | None = None
        self._ended = False
        self._info = replace(
            inner.info,
            codec="h264",
            extradata=b"",
            width=self._encoder.width,
            height=self._encoder.height,
            time_base=_TIME_BASE,
            template=None,
        )

    @property
    def info(self) -> StreamInfo:
        return self._info

    def read(self) -> VideoPacket | None:
        """Next H.264 packet; ``None`` at the end."""
        while not self._ready:
            if self._ended:
                return None
            packet = self._inner.read()
            self._ended = packet is None
            for picture in self._decode(packet):
                self._encode(picture)
            if self._ended:
                self._take(self._encoder.encode(None))
        return self._ready.popleft()

    def close(self) -> None:
        self._inner.close()

    def _decode(self, packet: VideoPacket | None) -> list[VideoFrame]:
        with suppress(*FFMPEG_ERRORS):
            return self._decoder.decode(packet)
        return []

    def _encode(self, picture: VideoFrame) -> None:
        if picture.pts is None or picture.time_base is None:
            return
        at_s = float(picture.pts * picture.time_base)
        self._zero_s = at_s if self._zero_s is None else self._zero_s
        pts = max(round((at_s - self._zero_s) / _TIME_BASE), self._last_pts + 1)
        self._last_pts = pts
        small = picture.reformat(self._encoder.width, self._encoder.height, format="yuv420p")
        small.pts, small.time_base = pts, _TIME_BASE
        due = self._schedule.take(float(pts * _TIME_BASE))
        small.pict_type = PictureType.I if due else PictureType.NONE
        self._take(self._encoder.encode(small))

    def _take(self, packets: Iterable[Packet[Stream]]) -> None:
        for packet in packets:
            packet.time_base = _TIME_BASE
            self._ready.append(cast("VideoPacket", packet))


def _encoder(info: StreamInfo) -> VideoCodecContext:
    context = CodecContext.create("libx264", "w")
    # H.264 in 4:2:0 has no odd sides: the last row or column is scaled away.
    context.width, context.height = max(2, info.width & ~1), max(2, info.height & ~1)
    context.pix_fmt = "yuv420p"
    context.time_base = _TIME_BASE
    if info.average_rate:
        context.framerate = info.average_rate
    context.options = _QUALITY
    return context
