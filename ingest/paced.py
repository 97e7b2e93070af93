"""A recording played as a camera: its packets come when they are due, not as fast as a disk reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ingest.packets import PacketSource, StreamInfo, VideoPacket


class PacedSource:
    """Gives the packets of a file at their own pace, as a live stream."""

    def __init__(self, inner: PacketSource, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._monotonic_s = monotonic_s
        self._zero_s: float | None = None
        self._closed = threading.Event()
        self._info = replace(inner.info, live=True)

    @property
    def info(self) -> StreamInfo:
        return self._info

    def read(self) -> VideoPacket | None:
        packet = self._inner.read()
        if packet is not None and packet.dts is not None:
            self._wait_until(float(packet.dts * self._info.time_base))
        return packet

    def close(self) -> None:
        self._closed.set()
        self._inner.close()

    def _wait_until(self, media_s: float) -> None:
        now_s = self._monotonic_s()
        if self._zero_s is None:
            self._zero_s = now_s - media_s
        self._closed.wait(max(0.0, self._zero_s + media_s - now_s))
