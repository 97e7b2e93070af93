"""Clips, made once, and a stage on which a recorder plays against a script."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.camera import CameraConfig
from ingest.packets import PacketSource
from ingest.recorder import Recorder
from ingest.recorder_options import RecorderOptions
from models.errors import StreamError
from models.policy import RecordingPolicy
from tests.unit.ingest.fakes import (
    EPOCH,
    Clip,
    FakeBus,
    FakeClock,
    FakeSink,
    ScriptedCamera,
    ScriptedSource,
    Step,
    encode_clip,
    wait_on,
)


@pytest.fixture(scope="session")
def clip() -> Clip:
    """Ten seconds of H.264 at 10 pictures a second, a keyframe every second."""
    return encode_clip(seconds=10)


@pytest.fixture(scope="session")
def rare_keyframes() -> Clip:
    """Thirty seconds of H.264 at 5 pictures a second, a keyframe every fifteen seconds."""
    return encode_clip(seconds=30, rate=5, gop=75)


@dataclass
class Stage:
    """A recorder with fakes around it. ``play`` runs it over a list of connections, then stops it."""

    spool: Path
    policy: RecordingPolicy = field(default_factory=lambda: RecordingPolicy(segment=timedelta(seconds=4)))
    clock: FakeClock = field(default_factory=FakeClock)
    sink: FakeSink = field(default_factory=FakeSink)
    bus: FakeBus = field(default_factory=FakeBus)
    stop: threading.Event = field(default_factory=threading.Event)
    options: dict[str, object] = field(default_factory=dict)
    camera: ScriptedCamera | None = None

    def source(self, clip: Clip, steps: Iterable[Step]) -> ScriptedSource:
        return ScriptedSource(clip.info, steps, self.clock)

    def recorder(self, entries: Iterable[PacketSource | StreamError]) -> Recorder:
        self.camera = ScriptedCamera(entries, self.stop)
        values: dict[str, object] = {"wait": wait_on(self.clock), "reserve_bytes": 0, "rng": random.Random(7)}
        options = RecorderOptions(**(values | self.options))  # type: ignore[arg-type]
        return Recorder(
            CameraConfig("c1", "rtsp://admin:geheim@cam/1"),
            "L1",
            policy=self.policy,
            spool_dir=self.spool,
            sink=self.sink,
            bus=self.bus,
            clock=self.clock,
            options=options,
            source_factory=self.camera,
        )

    def play(self, *entries: PacketSource | StreamError) -> Recorder:
        recorder = self.recorder(entries)
        recorder.run(self.stop)
        return recorder

    @property
    def elapsed_s(self) -> float:
        return (self.clock.now() - EPOCH).total_seconds()

    def assert_accounted(self, within_s: float = 1.0) -> None:
        """The invariant: footage and gaps tile the run, without hole and without overlap."""
        if self.elapsed_s < within_s:
            return
        assert self.sink.without_hole()
        assert self.sink.accounted_s() == pytest.approx(self.elapsed_s, abs=within_s)
        assert self.sink.summed_s() == pytest.approx(self.elapsed_s, abs=within_s)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def make_stage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Stage]:
    """For tests that need many stages (properties)."""
    return lambda: Stage(tmp_path_factory.mktemp("spool"))
