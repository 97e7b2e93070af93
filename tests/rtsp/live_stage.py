"""A real recorder on a real stream in real time, and the account of what became of every second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ingest.camera import CameraConfig
from ingest.ledger import LEAST_GAP_S
from ingest.recorder import Recorder
from ingest.recorder_options import RecorderOptions
from ingest.retry import RetryWaits
from models.footage import CameraReport, CameraState, Gap, GapCause, Segment
from models.policy import RecordingPolicy
from models.timeline import close_holes
from supervision_api.clock import SystemClock
from tests.unit.ingest.fakes import FakeBus, FakeSink, read_back

LEAST_GAP = timedelta(seconds=LEAST_GAP_S)
"""Holes that are rounding between two clocks; see FootageLedger."""

QUICK = RecordingPolicy(
    segment=timedelta(seconds=2),
    open_timeout=timedelta(seconds=5),
    read_timeout=timedelta(seconds=2),
    stall_after=timedelta(seconds=2),
)
"""Short segments and short patience, so that a test needs seconds."""

QUICK_WAITS = RetryWaits(first_s=0.1, cap_s=0.5, denied_s=0.2, denied_cap_s=0.4)


@dataclass
class WatchedSink(FakeSink):
    """A sink whose news can be awaited."""

    _news: threading.Condition = field(default_factory=threading.Condition)

    def segment_closed(self, segment: Segment) -> None:
        with self._news:
            super().segment_closed(segment)
            self._news.notify_all()

    def gap_declared(self, gap: Gap) -> None:
        with self._news:
            super().gap_declared(gap)
            self._news.notify_all()

    def camera_changed(self, report: CameraReport) -> None:
        with self._news:
            super().camera_changed(report)
            self._news.notify_all()

    def wait_for(self, condition: Callable[[WatchedSink], bool], timeout_s: float = 30.0) -> None:
        with self._news:
            came = self._news.wait_for(lambda: condition(self), timeout_s)
        assert came, f"awaited in vain; the camera's reports: {self.told()}"

    def told(self) -> list[str]:
        return [f"{report.state} {report.code} {report.message}".strip() for report in self.reports]

    def codes(self) -> list[str]:
        return [report.code for report in self.reports if report.code]


@dataclass
class Account:
    """Seconds of a run: wall time, footage as declared, footage as played back, gaps by cause."""

    wall_s: float
    footage_s: float
    played_s: float
    gaps_s: dict[GapCause, float]
    whole: bool

    @property
    def off_s(self) -> float:
        """How far footage and declared gaps are from wall time."""
        return self.footage_s + sum(self.gaps_s.values()) - self.wall_s


class LiveStage:
    """One recorder in a thread of its own. ``start``, wait on ``sink``, ``stop``, then ``account``."""

    def __init__(
        self,
        spool: Path,
        url: str,
        *,
        policy: RecordingPolicy = QUICK,
        waits: RetryWaits = QUICK_WAITS,
        ca_file: Path | None = None,
        first_sequence: int = 1,
        missing_since: datetime | None = None,
    ) -> None:
        self.sink = WatchedSink()
        self.bus = FakeBus()
        self._clock = SystemClock()
        self._stop = threading.Event()
        options = RecorderOptions(
            sample_every=timedelta(seconds=1),
            reserve_bytes=0,
            waits=waits,
            first_sequence=first_sequence,
            missing_since=missing_since,
        )
        self.recorder = Recorder(
            CameraConfig("c1", url, ca_file=ca_file),
            "L1",
            policy=policy,
            spool_dir=spool,
            sink=self.sink,
            bus=self.bus,
            clock=self._clock,
            options=options,
        )
        self._thread = threading.Thread(target=self.recorder.run, args=(self._stop,), name="live stage")
        self.began_at = self.ended_at = self._clock.now()

    def start(self) -> LiveStage:
        self.began_at = self._clock.now()
        self._thread.start()
        return self

    def __enter__(self) -> LiveStage:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a recorder ends within a read time-out of being told"
        self.ended_at = self._clock.now()

    def record(self, segments: int, timeout_s: float = 40.0) -> None:
        """Let it record until so many segments are closed, counted from now."""
        wanted = len(self.sink.segments) + segments
        self.sink.wait_for(lambda sink: len(sink.segments) >= wanted, timeout_s)

    def reach(self, state: CameraState, times: int = 1, timeout_s: float = 30.0) -> None:
        self.sink.wait_for(lambda sink: sink.states.count(state) >= times, timeout_s)

    def account(self) -> Account:
        gaps_s: dict[GapCause, float] = {}
        for gap in self.sink.gaps:
            gaps_s[gap.cause] = gaps_s.get(gap.cause, 0.0) + gap.interval.duration.total_seconds()
        return Account(
            wall_s=(self.ended_at - self.began_at).total_seconds(),
            footage_s=sum(one.interval.duration.total_seconds() for one in self.sink.segments),
            played_s=sum(played_s(Path(one.path)) for one in self.sink.segments),
            gaps_s=gaps_s,
            whole=len(close_holes(self.sink.intervals(), LEAST_GAP)) == 1,
        )


def played_s(path: Path) -> float:
    """How long a file plays, from its packets."""
    shown = sorted(pts for pts, _, _ in read_back(path))
    usual_s = (shown[-1] - shown[0]) / max(1, len(shown) - 1)
    return shown[-1] - shown[0] + usual_s
