"""The simulated camera as a live stream: packets of an encoded scenario, at the pace of a clock."""

from __future__ import annotations

import threading
from fractions import Fraction

from ingest.packets import StreamInfo, VideoPacket
from ingest.synthetic.classroom import ClassroomCamera
from ingest.synthetic.script import Scenario
from ingest.synthetic.video import Encoding, encoded, open_encoder
from models.errors import StreamLost
from models.ports import Clock


class SyntheticSource:
    """A packet source over a scenario.

    With a ``clock`` each packet is due at its media time, counted from ``starts_at`` on the monotonic clock
    (default: from the first read); a reader that joins late starts with the frame that is due now, as with
    a camera. Without a clock packets come as fast as they are drawn.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock | None = None,
        starts_monotonic_s: float | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        self._scenario = scenario
        self._clock = clock
        self._encoding = encoding or Encoding()
        self._closed = threading.Event()
        now = clock.monotonic_s() if clock else 0.0
        self._starts_s = now if starts_monotonic_s is None else starts_monotonic_s
        first = max(0, int((now - self._starts_s) * scenario.fps)) if clock else 0
        encoder = open_encoder(scenario, self._encoding)
        self._info = StreamInfo(
            codec={"libx264": "h264", "libx265": "hevc"}.get(self._encoding.codec, self._encoding.codec),
            extradata=b"",
            width=scenario.width,
            height=scenario.height,
            time_base=Fraction(1, scenario.fps),
            average_rate=Fraction(scenario.fps),
            live=clock is not None,
        )
        self._packets = encoded(ClassroomCamera(scenario), encoder, first, self._encoding)

    @property
    def info(self) -> StreamInfo:
        return self._info

    def read(self) -> VideoPacket | None:
        """The next packet when it is due; ``None`` after the last.

        Raises:
            StreamLost: closed by another thread while waiting.
        """
        packet = next(self._packets, None)
        if packet is not None and self._clock is not None:
            due_s = self._starts_s + float((packet.pts or 0) * self._info.time_base)
            ahead_s = due_s - self._clock.monotonic_s()
            if ahead_s > 0:
                self._closed.wait(ahead_s)
        if self._closed.is_set():
            raise StreamLost("the simulated camera was closed")
        return packet

    def close(self) -> None:
        self._closed.set()
