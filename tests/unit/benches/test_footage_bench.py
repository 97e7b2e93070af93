"""The footage bench measures copying video, the same video on both sides."""

from __future__ import annotations

import itertools
import mmap
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ingest.file_check import file_address
from ingest.source import open_source
from models.policy import RecordingPolicy
from supervision_api.benches import camera_memory, footage

RATE = 10
SECONDS = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"g": str(RATE), "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(RATE * SECONDS):
            picture = np.full((90, 160, 3), 5 * number % 255, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def decode_times(path: Path) -> list[float]:
    with av.open(str(path)) as source:
        packets = source.demux(source.streams.video[0])
        return [float(packet.dts * packet.time_base) for packet in packets if packet.dts is not None]


def test_the_long_clip_is_the_clip_so_many_times_in_one_rising_line(clip: Path, tmp_path: Path) -> None:
    long_clip = tmp_path / "long.mp4"
    footage._write_loops(clip, long_clip, 3)
    once, often = decode_times(clip), decode_times(long_clip)
    assert len(often) == 3 * len(once)
    assert all(later > earlier for earlier, later in itertools.pairwise(often))
    assert often[-1] - often[0] == pytest.approx(3 * SECONDS, abs=0.2)


def test_a_recorded_clip_is_whole_before_its_seconds_count(clip: Path, tmp_path: Path) -> None:
    spent_s = footage._recorded_s(clip, tmp_path / "spool")
    segments = sorted((tmp_path / "spool").rglob("*.mp4"))
    assert spent_s > 0
    assert sum(len(decode_times(segment)) for segment in segments) == RATE * SECONDS


def test_without_ffmpeg_the_bench_says_that_there_is_nothing_to_compare_with(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage.shutil, "which", lambda _name: None)
    monkeypatch.setattr(footage, "REPEATS", 1)
    monkeypatch.setattr(footage, "LOOPS", 2)
    monkeypatch.setattr(footage, "FEW_LOOPS", 1)
    monkeypatch.setattr(footage, "write_video", lambda path, _scenario, progress: path.hardlink_to(clip))
    monkeypatch.setattr(footage, "_memory_per_camera_mb", lambda _clip, _cameras: 1.5)
    figures = footage.bench_footage(SECONDS, 2, lambda _share, _what: None)
    assert figures["ratio"] is None
    assert figures["ratio_beyond_start"] is None
    assert "ffmpeg is not installed" in str(figures["note"])
    assert figures["memory_per_camera_mb"] == 1.5
    assert figures["clip_seconds"] == 2 * SECONDS


@pytest.mark.parametrize(
    ("whole_s", "part_s", "ratio"), [(3.0, 1.0, 2.0), (1.0, 1.0, None), (0.9, 1.0, None), (None, None, None)]
)
def test_what_a_longer_film_costs_is_told_without_the_start(
    whole_s: float | None, part_s: float | None, ratio: float | None
) -> None:
    assert footage._beyond(4.0, whole_s, part_s) == ratio


def test_ffmpeg_and_the_recorder_take_turns(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []
    ours: Iterator[float] = iter([5.0, 2.0, 4.0])
    theirs: Iterator[float] = iter([3.0, 6.0, 1.0])

    def recorded(_clip: Path, spool: Path) -> float:
        spool.mkdir()
        turns.append("ours")
        return next(ours)

    def copied(_ffmpeg: str, _clip: Path, _folder: Path) -> float:
        turns.append("ffmpeg")
        return next(theirs)

    monkeypatch.setattr(footage, "REPEATS", 3)
    monkeypatch.setattr(footage.shutil, "which", lambda _name: "ffmpeg")
    monkeypatch.setattr(footage, "_recorded_s", recorded)
    monkeypatch.setattr(footage, "_ffmpeg_s", copied)
    assert footage._side_by_side_s(clip, tmp_path) == (2.0, 1.0)
    assert turns == ["ours", "ffmpeg"] * 3
    assert list(tmp_path.iterdir()) == []


class WaitsNoted(threading.Event):
    """An event that notes how long it was waited for instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        return False


def test_a_paced_file_comes_when_its_packets_are_due(clip: Path) -> None:
    stop = WaitsNoted()
    source = camera_memory.PacedSource(open_source(file_address(clip), RecordingPolicy()), stop)
    try:
        read = 0
        while source.read() is not None:
            read += 1
    finally:
        source.close()
    assert read == RATE * SECONDS
    # Nothing was really waited for, so each packet was due later than the one before.
    assert stop.waits_s[-1] > 0.75 * SECONDS
    assert source.info.codec == "h264"


def test_resident_memory_is_the_operating_system_s_figure() -> None:
    before_mb = camera_memory.resident_mb()
    # A mapping of its own: the heap of a long test run may have had so much room already.
    with mmap.mmap(-1, 64 * 2**20) as block:
        block[::4096] = b"\x01" * (len(block) // 4096)
        assert camera_memory.resident_mb() - before_mb > 48
