"""``python -m supervision_api.benches.camera_memory CLIP CAMERAS``: resident MiB of a recording process.

Each camera is a file read at its own pace, as a live stream comes; the figure is taken after ten seconds.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

from ingest.bus import InProcessBus
from ingest.camera import CameraConfig
from ingest.file_check import file_address
from ingest.packets import PacketSource, StreamInfo, VideoPacket
from ingest.recorder import Recorder
from ingest.source import open_source
from models.footage import CameraReport, Gap, Segment
from models.policy import RecordingPolicy
from supervision_api.clock import SystemClock

WATCH_S = 10.0


class PacedSource:
    """A file's packets at the time they are due."""

    def __init__(self, source: PacketSource, stop: threading.Event) -> None:
        self._source = source
        self._stop = stop
        self._began_s = time.monotonic()

    @property
    def info(self) -> StreamInfo:
        return self._source.info

    def read(self) -> VideoPacket | None:
        packet = self._source.read()
        if packet is not None and packet.dts is not None:
            due_s = self._began_s + float(packet.dts * self.info.time_base)
            self._stop.wait(max(0.0, due_s - time.monotonic()))
        return packet

    def close(self) -> None:
        self._source.close()


class _NoSink:
    def segment_closed(self, segment: Segment) -> None: ...

    def gap_declared(self, gap: Gap) -> None: ...

    def camera_changed(self, report: CameraReport) -> None: ...


def resident_mb() -> float:
    """Resident memory of this process, MiB (Linux: proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main(clip: Path, cameras: int) -> None:
    stop = threading.Event()
    bus = InProcessBus(2)
    policy = RecordingPolicy()

    def open_paced(_camera: CameraConfig) -> PacketSource:
        return PacedSource(open_source(file_address(clip), policy), stop)

    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as name:
        recorders = [
            Recorder(
                CameraConfig(f"camera-{number}", str(clip)),
                "bench",
                policy=policy,
                spool_dir=Path(name),
                sink=_NoSink(),
                bus=bus,
                clock=SystemClock(),
                source_factory=open_paced,
            )
            for number in range(cameras)
        ]
        threads = [threading.Thread(target=recorder.run, args=(stop,)) for recorder in recorders]
        for thread in threads:
            thread.start()
        stop.wait(WATCH_S)
        print(f"{resident_mb():.2f}")
        stop.set()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
