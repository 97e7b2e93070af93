"""The simulated camera as a live stream: packets of an encoded scenario, at the pace of a clock."""

from __future__ import annotations

import threading
from collections import deque
from fractions import Fraction

from ingest.packets import StreamInfo, VideoPacket
from ingest.synthetic.classroom import ClassroomCamera
from ingest.synthetic.script import Scenario
from ingest.synthetic.video import Encoding, encode_frame, flush, open_encoder
from models.errors import StreamLost
from models.ports import Clock

_LAG_S = 1.0
"""A reader or machine that is later than this loses frames, as with a camera, instead of falling behind."""
_CODEC_NAMES = {"libx264": "h264", "libx265": "hevc"}


class SyntheticSource:
    """A packet source over a scenario (``ingest.packets.PacketSource``). Read by one thread.

    With a ``clock`` each packet is due at its media time, counted from ``starts_monotonic_s`` on the
    monotonic clock (default: now); who joins late starts with the frame that is due then. Without a clock
    packets come as fast as they are drawn.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock | None = None,
        starts_monotonic_s: float | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        encoding = encoding or Encoding()
        self._clock = clock
        self._starts_s = starts_monotonic_s if starts_monotonic_s is not None else self._now_s()
        self._encoding = encoding
        self._encoder = open_encoder(scenario, encoding)
        self._camera = ClassroomCamera(scenario)
        self._closed = threading.Event()
        self._fps = scenario.fps
        self._ready: deque[VideoPacket] = deque()
        self._next = self._due_frame()
        self._flushed = False
        self._info = StreamInfo(
            codec=_CODEC_NAMES.get(encoding.codec, encoding.codec),
            extradata=b"",
            width=scenario.width,
            height=scenario.height,
            time_base=Fraction(1, scenario.fps),
            average_rate=Fraction(scenario.fps),
            live=clock is not None,
        )

    @property
    def info(self) -> StreamInfo:
        return self._info

    def read(self) -> VideoPacket | None:
        """The next packet when it is due; ``None`` after the last.

        Raises:
            StreamLost: the source was closed, perhaps by another thread while this one waited.
        """
        while not self._ready and not self._flushed:
            self._draw_next()
        packet = self._ready.popleft() if self._ready else None
        if packet is not None:
            self._wait_for(packet)
        if self._closed.is_set():
            raise StreamLost("the simulated camera was closed")
        return packet

    def close(self) -> None:
        self._closed.set()

    def _draw_next(self) -> None:
        scenario = self._camera.scenario
        if self._clock is not None and self._due_frame() - self._next > _LAG_S * scenario.fps:
            self._next = self._due_frame()
        if self._next >= scenario.frames:
            self._ready.extend(flush(self._encoder))
            self._flushed = True
            return
        self._ready.extend(encode_frame(self._encoder, self._camera, self._next, self._encoding))
        self._next += 1

    def _wait_for(self, packet: VideoPacket) -> None:
        due_s = self._starts_s + float((packet.pts or 0) * self._info.time_base)
        if self._clock is not None and due_s > self._now_s():
            self._closed.wait(due_s - self._now_s())

    def _now_s(self) -> float:
        return self._clock.monotonic_s() if self._clock is not None else 0.0

    def _due_frame(self) -> int:
        return max(0, int((self._now_s() - self._starts_s) * self._fps))
