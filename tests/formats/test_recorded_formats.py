"""Any video that FFmpeg reads goes through the offline job's recorder: footage, samples and time hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.file_run import FileJob, FileReport, record_file
from models.frame import EncodedFrame
from models.policy import RecordingPolicy
from recognition.decode import decoded_picture
from tests.formats.clips import RATE, instants, turned, write_annex_b, write_clip
from tests.unit.ingest.fakes import FakeSink, decode_all, read_back

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
POLICY = RecordingPolicy()
FAST = {"preset": "ultrafast"}
H264: dict[str, Any] = {"options": FAST}
H265: dict[str, Any] = {"codec": "libx265", "options": FAST | {"x265-params": "log-level=none"}}
MPEG4: dict[str, Any] = {"codec": "mpeg4"}
MJPEG: dict[str, Any] = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
VP9: dict[str, Any] = {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}
VP8: dict[str, Any] = {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}}
AV1: dict[str, Any] = {"codec": "libsvtav1", "options": {"preset": "12"}}
GIF: dict[str, Any] = {"codec": "gif", "pix_fmt": "rgb8"}

KEPT = {
    "h264.mp4": (H264, "h264"),
    "h264.mov": (H264, "h264"),
    "h264.mkv": (H264, "h264"),
    "h264.ts": (H264, "h264"),
    "h264.flv": (H264, "h264"),
    "h265.mp4": (H265, "hevc"),
    "h265.mkv": (H265, "hevc"),
    "mpeg4.avi": (MPEG4, "mpeg4"),
    "mpeg4.mp4": (MPEG4, "mpeg4"),
    "mjpeg.avi": (MJPEG, "mjpeg"),
    "mjpeg.mkv": (MJPEG, "mjpeg"),
    "vp9.webm": (VP9, "vp9"),
    "av1.mp4": (AV1, "av1"),
    "av1.mkv": (AV1, "av1"),
    "ffv1.mkv": ({"codec": "ffv1"}, "ffv1"),
    "odd sides.mkv": ({"codec": "ffv1", "size": (161, 121)}, "ffv1"),
}
"""Codecs that MP4 carries: footage is a copy."""

DERIVED = {
    "vp8.webm": (VP8, "vp8"),
    "walk.gif": (GIF, "gif"),
    "odd sides.gif": (GIF | {"size": (161, 121)}, "gif"),
}
"""Codecs that MP4 cannot carry: footage is re-encoded and marked so."""


@dataclass
class Recorded:
    """What the job gave."""

    report: FileReport
    sink: FakeSink
    frames: list[EncodedFrame] = field(default_factory=list)


def record(path: Path, spool: Path, every_s: float = 0.5) -> Recorded:
    sink, frames, report = FakeSink(), list[EncodedFrame](), None
    job = FileJob(path, "L1", "c1", START, timedelta(seconds=every_s))
    for step in record_file(job, policy=POLICY, spool_dir=spool, sink=sink, on_frame=frames.append):
        assert 0 <= step.share <= 1
        report = step.report
    assert report is not None
    return Recorded(report, sink, frames)


def assert_sound(recorded: Recorded, pictures: int = 2 * RATE, seconds: float = 2.0) -> None:
    (segment,) = recorded.sink.segments
    assert segment.starts_at == START
    assert segment.duration_s == pytest.approx(seconds, abs=0.15)
    assert len(read_back(segment.path)) == pictures
    assert decode_all(segment.path) == pictures
    assert segment.sha256 == hashlib.sha256(Path(segment.path).read_bytes()).hexdigest()
    assert not recorded.sink.gaps
    assert len(recorded.frames) >= 2, "nobody is named on one frame"
    for frame in recorded.frames:
        assert decoded_picture(frame).shape == (frame.height, frame.width, 3)
        assert START <= frame.at <= START + timedelta(seconds=seconds)


@pytest.mark.parametrize("name", KEPT)
def test_what_mp4_carries_is_copied_bit_by_bit(tmp_path: Path, name: str) -> None:
    options, codec = KEPT[name]
    recorded = record(write_clip(tmp_path / name, **options), tmp_path / "spool")
    assert_sound(recorded)
    assert not recorded.report.derived
    assert recorded.sink.segments[0].codec == codec


@pytest.mark.parametrize("name", DERIVED)
def test_what_mp4_cannot_carry_is_re_encoded_and_says_so(tmp_path: Path, name: str) -> None:
    options, codec = DERIVED[name]
    recorded = record(write_clip(tmp_path / name, **options), tmp_path / "spool")
    assert_sound(recorded)
    assert recorded.report.derived
    assert recorded.report.facts.info.codec == codec
    segment = recorded.sink.segments[0]
    assert (segment.codec, segment.derived) == ("h264", True)
    assert (segment.width % 2, segment.height % 2) == (0, 0)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)])
def test_from_360_lines_to_4k(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", size=size, seconds=0.6, options=FAST)
    recorded = record(clip, tmp_path / "spool", every_s=0.2)
    segment = recorded.sink.segments[0]
    assert (segment.width, segment.height) == size
    assert {(frame.width, frame.height) for frame in recorded.frames} == {size}
    assert decode_all(segment.path) == 6


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_telephone_held_upright_says_how_to_turn_each_frame(tmp_path: Path, degrees: int) -> None:
    upright = write_clip(tmp_path / "upright.mp4", options=FAST)
    recorded = record(turned(upright, tmp_path / "turned.mp4", degrees), tmp_path / "spool")
    assert {frame.rotation_degrees for frame in recorded.frames} == {degrees}
    assert decode_all(recorded.sink.segments[0].path) == 2 * RATE


def uneven(seconds: float) -> Iterator[float]:
    """A telephone in a dark room: quick at first, then slow, then quick."""
    at_s = 0.0
    while at_s < seconds:
        yield at_s
        at_s += 0.2 if seconds / 3 < at_s < seconds * 2 / 3 else 0.05


def test_a_variable_rate_keeps_each_pictures_own_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", at=uneven, seconds=3, options=FAST | {"bf": "0"})
    recorded = record(clip, tmp_path / "spool")
    assert recorded.report.facts.variable_rate
    assert any("varies" in sentence for sentence in recorded.report.advice)
    shown = [pts for pts, _, _ in read_back(recorded.sink.segments[0].path)]
    assert shown == pytest.approx(list(uneven(3)), abs=0.01)


def test_bare_h264_without_any_timestamp_is_taken_at_its_usual_rate(tmp_path: Path) -> None:
    recorded = record(write_annex_b(tmp_path / "lesson.h264"), tmp_path / "spool", every_s=0.2)
    assert_sound(recorded, seconds=2 * RATE / 25)


def late(seconds: float) -> Iterator[float]:
    return (5 + at_s for at_s in instants(seconds))


@pytest.mark.parametrize("name", ["lesson.mkv", "lesson.ts"])
def test_a_file_whose_clock_does_not_begin_at_zero_begins_with_the_lesson(tmp_path: Path, name: str) -> None:
    recorded = record(write_clip(tmp_path / name, at=late, options=FAST), tmp_path / "spool")
    assert recorded.sink.segments[0].starts_at == START
    assert recorded.frames[0].at == START


def test_keyframes_that_lie_too_far_apart_make_every_picture_decoded(tmp_path: Path) -> None:
    options = FAST | {"g": "1000", "sc_threshold": "0"}
    clip = write_clip(tmp_path / "lesson.mp4", seconds=4, options=options)
    recorded = record(clip, tmp_path / "spool")
    assert recorded.report.decoded
    assert {frame.codec for frame in recorded.frames} == {"mjpeg"}
    assert len(recorded.frames) == 8


def with_rate_lie(path: Path) -> Path:
    """MPEG-4 in AVI whose header says twice the rate that is true: the rate is all an AVI has for a clock."""
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    rate_at = header + 24
    rate = int.from_bytes(data[rate_at : rate_at + 4], "little")
    data[rate_at : rate_at + 4] = (rate * 2).to_bytes(4, "little")
    path.write_bytes(data)
    return path


def test_the_timestamps_are_believed_against_a_header_that_lies_about_its_rate(tmp_path: Path) -> None:
    """A container with a clock of its own (MKV) under a stream that claims another rate."""

    def slow(seconds: float) -> Iterator[float]:
        return instants(seconds, rate=4)

    clip = write_clip(tmp_path / "lesson.mkv", at=slow, seconds=4, options=FAST | {"bf": "0"})
    recorded = record(clip, tmp_path / "spool")
    facts = recorded.report.facts
    assert facts.measured_rate == pytest.approx(4, rel=0.05)
    assert facts.duration_s == pytest.approx(4, abs=0.1)
    if facts.lying_rate:
        assert any("timestamps are believed" in sentence for sentence in recorded.report.advice)
    assert recorded.sink.segments[0].duration_s == pytest.approx(4, abs=0.25)


def test_an_avi_that_claims_twice_its_rate_is_half_as_long_and_nothing_breaks(tmp_path: Path) -> None:
    """Nothing in the file contradicts it: what the file says is what there is."""
    clip = with_rate_lie(write_clip(tmp_path / "lesson.avi", codec="mpeg4"))
    recorded = record(clip, tmp_path / "spool", 0.2)
    assert recorded.report.facts.pictures == 2 * RATE
    assert recorded.report.facts.duration_s == pytest.approx(1.0, abs=0.1)
    assert decode_all(recorded.sink.segments[0].path) == 2 * RATE


@pytest.mark.parametrize("name", ["lesson.mkv", "lesson.ts", "lesson.flv"])
def test_a_file_that_breaks_off_is_kept_up_to_there(tmp_path: Path, name: str) -> None:
    whole = write_clip(tmp_path / name, seconds=6, options=FAST | {"bf": "0"})
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    recorded = record(whole, tmp_path / "spool")
    (segment,) = recorded.sink.segments
    assert 1 < segment.duration_s < 5
    assert decode_all(segment.path) >= RATE
    if recorded.report.facts.missing_s > 1:
        assert recorded.sink.gaps[-1].detail.startswith("the file breaks off")
        assert any("breaks off" in sentence for sentence in recorded.report.advice)


def test_a_name_says_nothing_about_what_a_file_is(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mkv", options=FAST)
    assert_sound(record(clip.rename(tmp_path / "课程 #3 rtsp:..%41?.mp4"), tmp_path / "spool"))
