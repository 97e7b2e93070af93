"""What a probe measures from packets and arrivals, and the advice that follows from the facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import ingest.probe
from ingest.camera import CameraConfig
from ingest.packets import StreamInfo, VideoPacket
from ingest.probe import ProbeReport, probe
from ingest.probe_advice import StreamFacts, advise
from models.errors import StreamLost, VideoInvalid
from models.policy import RecordingPolicy
from tests.unit.ingest.fakes import Clip, FakeClock, encode_clip, packet_of

POLICY = RecordingPolicy()
GOOD = StreamFacts(
    codec="h264",
    profile="Main",
    width=1920,
    height=1080,
    declared_rate=25.0,
    measured_rate=25.0,
    variable_rate=False,
    keyframe_interval_s=2.0,
    bit_rate=3_000_000,
    has_audio=False,
    clock_drift_s_per_hour=0.4,
)


def advice_on(**changes: object) -> list[str]:
    return list(advise(replace(GOOD, **changes), 10.0, POLICY))  # type: ignore[arg-type]


def test_a_good_camera_gets_no_advice() -> None:
    assert advice_on() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codec": "hevc"}, "few browsers"),
        ({"codec": "mjpeg"}, "mjpeg does not play in browsers"),
        ({"bit_rate": 8_900_000}, "9 Mbit/s fill the store"),
        ({"bit_rate": 12_000_000}, "segments are cut before their time"),
        ({"keyframe_interval_s": None}, "No keyframe came in 10 s"),
        ({"keyframe_interval_s": 11.0}, "policy allows 10 s"),
        ({"keyframe_interval_s": 5.0}, "named sooner"),
        ({"width": 640, "height": 360}, "640×360 is too small"),
        ({"width": 720, "height": 1280, "has_audio": True}, "does not record it"),
        ({"measured_rate": 3.2}, "Only 3.2 pictures a second"),
        ({"variable_rate": True}, "rate varies"),
        ({"clock_drift_s_per_hour": 12.4}, "12 s an hour fast"),
        ({"clock_drift_s_per_hour": -30.0}, "30 s an hour slow"),
    ],
)
def test_each_weakness_gets_one_sentence_with_the_next_step(changes: dict[str, object], words: str) -> None:
    (sentence,) = advice_on(**changes)
    assert words in sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"bit_rate": 8_000_000},
        {"bit_rate": None},
        {"keyframe_interval_s": 4.0},
        {"width": 1280, "height": 720},
        {"measured_rate": 5.0},
        {"measured_rate": None},
        {"clock_drift_s_per_hour": 10.0},
        {"clock_drift_s_per_hour": None},
        {"codec": "av1"},
    ],
)
def test_what_lies_on_the_border_or_is_unknown_is_let_be(changes: dict[str, object]) -> None:
    assert advice_on(**changes) == []


class TimedSource:
    """Packets that arrive at chosen times on a fake clock."""

    def __init__(
        self,
        info: StreamInfo,
        arrivals: Iterator[tuple[float, VideoPacket]],
        clock: FakeClock,
        *,
        lost: bool = False,
    ) -> None:
        self.info = info
        self.shown = "rtsp://***@cam/1"
        self.profile = "Baseline"
        self._arrivals = arrivals
        self._clock = clock
        self._lost = lost
        self._begun_s = clock.monotonic_s()
        self.closed = False

    def read(self) -> VideoPacket | None:
        for at_s, packet in self._arrivals:
            self._clock.advance(max(0.0, self._begun_s + at_s - self._clock.monotonic_s()))
            return packet
        if self._lost:
            raise StreamLost("the cable is out")
        return None

    def close(self) -> None:
        self.closed = True


def arrivals(clip: Clip, *, speed: float = 1.0, jitter_s: float = 0.0) -> Iterator[tuple[float, VideoPacket]]:
    """``speed``: media seconds per second of the machine's clock."""
    for index, row in enumerate(clip.packets):
        yield index / clip.rate / speed + (jitter_s if index % 3 else 0.0), packet_of(row)


def probed(
    monkeypatch: pytest.MonkeyPatch, source: TimedSource, clock: FakeClock, seconds: float = 8.0
) -> ProbeReport:
    monkeypatch.setattr(ingest.probe, "open_source", lambda *_args, **_options: source)
    return probe(CameraConfig("c1", "rtsp://admin:geheim@cam/1"), clock, seconds=seconds)


def test_rate_keyframes_and_bits_are_measured_not_believed(
    monkeypatch: pytest.MonkeyPatch, clip: Clip
) -> None:
    clock = FakeClock()
    source = TimedSource(clip.info, arrivals(clip), clock)
    report = probed(monkeypatch, source, clock)
    sizes = sum(len(row[0]) for row in clip.packets[:81])
    assert report.facts.measured_rate == pytest.approx(10, rel=0.01)
    assert report.facts.keyframe_interval_s == pytest.approx(1.0)
    assert report.facts.bit_rate == pytest.approx(sizes * 8 / 8, rel=0.05)
    assert report.watched_s == pytest.approx(8, abs=0.2)
    assert source.closed


@pytest.mark.parametrize(("speed", "drift"), [(1.0, 0.0), (1.01, 36.0), (0.98, -72.0)])
def test_a_camera_clock_that_runs_fast_or_slow_is_measured_through_the_jitter_of_the_line(
    monkeypatch: pytest.MonkeyPatch, clip: Clip, speed: float, drift: float
) -> None:
    clock = FakeClock()
    source = TimedSource(clip.info, arrivals(clip, speed=speed, jitter_s=0.05), clock)
    report = probed(monkeypatch, source, clock, seconds=9)
    assert report.facts.clock_drift_s_per_hour == pytest.approx(drift, abs=1.5)


def test_a_short_look_tells_nothing_of_drift(monkeypatch: pytest.MonkeyPatch, clip: Clip) -> None:
    clock = FakeClock()
    report = probed(monkeypatch, TimedSource(clip.info, arrivals(clip), clock), clock, seconds=3)
    assert report.facts.clock_drift_s_per_hour is None


def test_while_no_second_keyframe_came_the_interval_is_at_least_what_was_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rare = encode_clip(seconds=5, rate=10, gop=500)
    clock = FakeClock()
    report = probed(monkeypatch, TimedSource(rare.info, arrivals(rare), clock), clock, seconds=4)
    assert report.facts.keyframe_interval_s == pytest.approx(4, abs=0.2)


def test_a_stream_that_breaks_while_it_is_watched_is_an_error_and_is_closed(
    monkeypatch: pytest.MonkeyPatch, clip: Clip
) -> None:
    clock = FakeClock()
    source = TimedSource(clip.info, arrivals(encode_clip(seconds=1)), clock, lost=True)
    with pytest.raises(StreamLost):
        probed(monkeypatch, source, clock)
    assert source.closed


def test_the_document_is_flat_json_without_secrets(monkeypatch: pytest.MonkeyPatch, clip: Clip) -> None:
    clock = FakeClock()
    document = probed(monkeypatch, TimedSource(clip.info, arrivals(clip), clock), clock).document()
    text = json.dumps(document)
    assert "geheim" not in text
    assert document["address"] == "rtsp://***@cam/1"
    assert all(not isinstance(value, dict) for value in document.values())
    assert isinstance(document["advice"], list)


def test_a_file_is_watched_for_its_media_time_at_once(tmp_path: Path) -> None:
    from tests.formats.clips import write_clip

    clip = write_clip(tmp_path / "lesson.mp4", seconds=4, options={"preset": "ultrafast"})
    report = probe(CameraConfig("c1", str(clip)), FakeClock(), seconds=2)
    assert report.watched_s == pytest.approx(2, abs=0.15)
    assert report.facts.clock_drift_s_per_hour is None, "a file has no clock of its own"
    assert report.address == "lesson.mp4"


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VideoInvalid, match="no such file"):
        probe(CameraConfig("c1", str(tmp_path / "none.mp4")), FakeClock(), seconds=1)


def test_the_policy_of_the_programme_decides_what_is_too_far_apart() -> None:
    strict = replace(POLICY, max_keyframe_interval=timedelta(seconds=1))
    (sentence,) = advise(GOOD, 10.0, strict)
    assert "policy allows 1 s" in sentence
