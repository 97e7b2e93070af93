"""Files as footage: which stream is taken, what a disk that fails leaves, playing one as a camera."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Discard
from hypothesis import given, settings
from hypothesis import strategies as st

import ingest.file_check
import ingest.segment_file
from ingest.address import StreamAddress, parse_address
from ingest.camera import CameraConfig
from ingest.file_check import FileHead, clockwise_turn, file_address, look_at_head, needs_decoding
from ingest.file_facts import FileFacts, advice_on, rate_varies
from ingest.file_run import FileJob, FileReport, OnFrame, record_file
from ingest.paced import PacedSource
from ingest.packets import StreamInfo, VideoPacket
from ingest.source import FFmpegSource, lesson_stream, open_camera, open_source
from models.errors import DiskFull, StorageError, StreamLost, StreamStalled, VideoInvalid
from models.footage import GapCause
from models.policy import RecordingPolicy
from tests.formats.clips import RATE, instants, write_clip
from tests.unit.ingest.fakes import FakeSink, decode_all, packet_of

POLICY = RecordingPolicy(segment=timedelta(seconds=1))
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
FAST = {"preset": "ultrafast", "bf": "0"}
INFO = StreamInfo("h264", b"", 640, 360, Fraction(1, 90_000), Fraction(25), live=False)
FACTS = FileFacts(INFO, 1000, 20, 40.0, 40.0, 2.0, 25.0, variable_rate=False)
HEAD = FileHead(INFO, 40.0, 100_000, 12, 2.0, indexed=False, whole=False)
TWO_S = timedelta(seconds=2)


def job(path: Path, **changes: Any) -> FileJob:
    fields: dict[str, Any] = {"lesson_id": "L1", "camera_id": "c1", "starts_at": START}
    return FileJob(path, **(fields | changes))


def run(one: FileJob, spool: Path, sink: FakeSink) -> list[float]:
    steps = record_file(one, policy=POLICY, spool_dir=spool, sink=sink, on_frame=lambda _frame: None)
    return [step.share for step in steps]


def report_of(clip: Path, spool: Path, on_frame: OnFrame = lambda _frame: None) -> FileReport:
    """Records the clip and gives what became of it."""
    steps = list(record_file(job(clip), policy=POLICY, spool_dir=spool, sink=FakeSink(), on_frame=on_frame))
    report = steps[-1].report
    assert report is not None
    return report


def test_segments_tile_a_file_without_hole_and_number_on(tmp_path: Path) -> None:
    sink = FakeSink()
    clip = write_clip(tmp_path / "lesson.mp4", seconds=4, options=FAST)
    shares = run(job(clip, first_sequence=7), tmp_path / "spool", sink)
    assert [segment.sequence for segment in sink.segments] == [7, 8, 9, 10]
    assert sink.without_hole()
    assert sink.accounted_s() == pytest.approx(4.0, abs=0.05)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_lesson_of_years_ago_or_of_tomorrow_keeps_its_own_time(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=1, options=FAST)
    for number, at in enumerate((datetime(1999, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))):
        sink = FakeSink()
        run(job(clip, starts_at=at), tmp_path / f"spool{number}", sink)
        assert sink.segments[0].starts_at == at


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, DiskFull, "make room"),
        (errno.EDQUOT, DiskFull, "make room"),
        (errno.EIO, StorageError, "disk"),
    ],
)
def test_a_disk_that_fails_is_told_and_what_is_whole_is_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], words: str
) -> None:
    written = 0

    def fills_up(descriptor: int, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > 9000:
            raise OSError(number, os.strerror(number))
        os.write(descriptor, data)

    monkeypatch.setattr(ingest.segment_file, "write_all", fills_up)
    clip = write_clip(tmp_path / "lesson.mp4", seconds=4, options=FAST)
    sink = FakeSink()
    with pytest.raises(kind) as refusal:
        run(job(clip), tmp_path / "spool", sink)
    assert type(refusal.value) is kind
    assert "lesson.mp4" in str(refusal.value)
    assert words in refusal.value.hint  # type: ignore[attr-defined]
    for segment in sink.segments:
        assert decode_all(segment.path) > 0
        assert segment.size_bytes == Path(segment.path).stat().st_size
    assert not list((tmp_path / "spool").rglob("*.part.mp4"))


def test_a_torn_end_is_a_gap_of_its_length(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mkv", seconds=8, options=FAST)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    facts = report_of(clip, tmp_path / "once").facts
    sink = FakeSink()
    run(job(clip), tmp_path / "spool", sink)
    assert facts.missing_s > 1, "the header of a Matroska file states its length"
    gap = sink.gaps[-1]
    assert gap.cause is GapCause.SOURCE_ENDED
    assert gap.interval.duration.total_seconds() == pytest.approx(facts.missing_s, abs=0.2)
    assert sink.accounted_s() == pytest.approx(8.0, abs=0.3)


def with_cover(path: Path) -> Path:
    """A film after a picture of its cover, as telephones and players store it."""
    with av.open(str(path), "w", format="mp4") as output:
        cover: Any = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        film: Any = output.add_stream("libx264", rate=RATE, options=FAST)
        film.width, film.height, film.pix_fmt = 160, 120, "yuv420p"
        still = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        still.pts = 0
        output.mux(cover.encode(still))
        for index, _ in enumerate(instants(1)):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), index * 9, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            output.mux(film.encode(frame))
        output.mux(film.encode(None))
    return path


def test_the_cover_of_a_film_is_not_the_lesson(tmp_path: Path) -> None:
    source = open_source(str(with_cover(tmp_path / "lesson.mp4")), POLICY)
    try:
        assert (source.info.codec, source.info.width) == ("h264", 160)
    finally:
        source.close()


def test_what_a_header_claims_is_told_apart_from_what_is_there() -> None:
    torn = replace(FACTS, duration_s=30.0)
    assert torn.missing_s == 10
    assert replace(FACTS, declared_s=None).missing_s == 0
    assert replace(FACTS, duration_s=45.0).missing_s == 0
    assert any("10 s before the end" in sentence for sentence in advice_on(torn))
    assert not list(advice_on(FACTS))


@pytest.mark.parametrize(
    ("measured", "variable", "lies"),
    [
        (25.0, False, False),
        (24.0, False, False),
        (20.0, False, True),
        (50.0, False, True),
        (20.0, True, False),
        (None, False, False),
    ],
)
def test_a_rate_lies_when_the_timestamps_contradict_it_steadily(
    measured: float | None, variable: bool, lies: bool
) -> None:
    facts = replace(FACTS, measured_rate=measured, variable_rate=variable)
    assert facts.lying_rate is lies
    assert any("timestamps are believed" in sentence for sentence in advice_on(facts)) is lies


@pytest.mark.parametrize(
    ("keyframes", "longest_s", "whole", "decoded"),
    [
        (12, 2.0, False, False),
        (12, 10.0, False, False),
        (12, 10.5, False, True),
        (4, 10.5, False, True),
        (4, 9.0, False, False),
        (4, 3.0, True, False),
        (4, 3.5, True, True),
        (12, 9.0, True, False),
    ],
)
def test_pictures_are_decoded_where_keyframes_are_too_rare_or_too_few(
    keyframes: int, longest_s: float, whole: bool, decoded: bool
) -> None:
    head = replace(HEAD, keyframes=keyframes, longest_interval_s=longest_s, whole=whole)
    assert needs_decoding(head, TWO_S, POLICY) is decoded


@given(st.integers(-3600, 3600))
def test_any_angle_becomes_a_quarter_turn(degrees: int) -> None:
    turn = clockwise_turn(degrees)
    assert turn in {0, 90, 180, 270}
    off = (turn + degrees) % 360
    assert min(off, 360 - off) <= 45


@settings(deadline=None)
@given(st.floats(0.01, 1), st.integers(3, 200))
def test_an_even_rate_does_not_vary(step_s: float, count: int) -> None:
    assert not rate_varies(np.full(count, step_s))


def test_one_hiccup_in_a_long_file_is_no_variable_rate() -> None:
    steps_s = np.full(100, 0.04)
    steps_s[50] = 1.0
    assert not rate_varies(steps_s)
    steps_s[::4] = 0.1
    assert rate_varies(steps_s)


class Rows:
    """A source of packets with given dts; time passes only on the clock that is handed in."""

    def __init__(self, dts_s: list[float | None]) -> None:
        self.info = replace(INFO)
        self._rows: Iterator[float | None] = iter(dts_s)
        self.closed = False

    def read(self) -> VideoPacket | None:
        for dts_s in self._rows:
            ticks = None if dts_s is None else round(dts_s * 90_000)
            return packet_of((b"x", ticks, ticks, True))
        return None

    def close(self) -> None:
        self.closed = True


def test_a_file_played_as_a_camera_is_live_and_closes_what_it_plays() -> None:
    inner = Rows([])
    paced = PacedSource(inner)
    assert paced.info.live
    assert paced.read() is None
    paced.close()
    assert inner.closed


def test_packets_of_a_played_file_wait_until_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, waited_s = 100.0, list[float]()
    paced = PacedSource(Rows([5.0, 5.5, None, 7.0]), lambda: now_s)
    monkeypatch.setattr(paced._closed, "wait", waited_s.append)
    assert paced.read() is not None
    now_s = 100.2
    assert paced.read() is not None
    assert paced.read() is not None, "a packet without a time waits for nothing"
    now_s = 103.0
    assert paced.read() is not None
    assert waited_s == pytest.approx([0.0, 0.3, 0.0])


def test_a_file_configured_as_a_camera_is_paced_a_stream_is_not(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=1, options=FAST)
    source = open_camera(CameraConfig("c1", str(clip)), POLICY)
    assert isinstance(source, PacedSource)
    source.close()


@pytest.mark.parametrize("text", ["/none/at/all.mp4", "file:///none/at/all.mp4"])
def test_a_camera_whose_file_is_gone_says_so(text: str) -> None:
    with pytest.raises(VideoInvalid, match=r"no such file: all\.mp4"):
        open_camera(CameraConfig("c1", text), POLICY)


def with_damaged_head(path: Path, damaged: int) -> Path:
    """A film whose first packets hold nothing that decodes, as after a careless cut."""
    source = write_clip(path.with_name("whole.mp4"), seconds=4, options=FAST)
    with av.open(str(source)) as whole, av.open(str(path), "w") as cut:
        stream = whole.streams.video[0]
        target = cut.add_stream_from_template(stream)
        for number, packet in enumerate(whole.demux(stream)):
            if packet.dts is None or packet.pts is None:
                continue
            copy = av.Packet(bytes(packet.size) if number < damaged else bytes(packet))
            copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
            copy.time_base, copy.is_keyframe, copy.stream = packet.time_base, packet.is_keyframe, target
            cut.mux(copy)
    return path


@pytest.mark.parametrize(("damaged", "keyframes"), [(0, 4), (1, 3), (12, 2)])
def test_what_is_read_before_the_first_whole_picture_counts_as_well(
    tmp_path: Path, damaged: int, keyframes: int
) -> None:
    clip = with_damaged_head(tmp_path / "lesson.mp4", damaged)
    facts = report_of(clip, tmp_path / "spool").facts
    assert look_at_head(clip, POLICY).keyframes == keyframes
    assert facts.pictures == 4 * RATE
    assert facts.keyframes == keyframes, "a picture that does not decode is no keyframe"
    assert facts.duration_s == pytest.approx(4.0)
    assert facts.longest_interval_s == pytest.approx(1.0)
    assert (facts.info.width, facts.info.height) == (160, 120)


def test_a_file_without_one_whole_picture_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoInvalid, match="holds no picture that can be decoded"):
        look_at_head(with_damaged_head(tmp_path / "lesson.mp4", 1000), POLICY)


def test_a_file_is_closed_when_its_head_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=2, options=FAST)
    opened: list[FFmpegSource] = []

    def counted(*given: Any) -> FFmpegSource:
        opened.append(open_source(*given))
        return opened[-1]

    monkeypatch.setattr(ingest.file_check, "open_source", counted)
    assert look_at_head(clip, POLICY).whole
    assert len(opened) == 1
    with pytest.raises(AssertionError, match="not open"):
        opened[0]._container.demux().__next__()


class Hurrying:
    """A clock on which every look costs ``look_s``."""

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += self._look_s
        return self._now_s


def source_on(clip: Path, address: StreamAddress, look_s: float) -> FFmpegSource:
    container = av.open(str(clip))
    stream = lesson_stream(container)
    assert stream is not None
    return FFmpegSource(container, stream, address, 8.0, Hurrying(look_s))


def read_all(source: FFmpegSource) -> int:
    count = 0
    with closing(source):
        while source.read() is not None:
            count += 1
    return count


def test_a_file_never_stalls_however_slow_the_disk(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=2, options=FAST)
    assert read_all(source_on(clip, file_address(clip), 100.0)) == 2 * RATE


def test_a_stream_that_waits_for_its_picture_too_long_has_stalled(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=2, options=FAST)
    camera = parse_address("rtsp://admin:geheim@cam/1")
    with pytest.raises(StreamStalled, match="no video for 9 s") as told:
        read_all(source_on(clip, camera, 9.0))
    assert "geheim" not in str(told.value)


def test_a_stream_that_ends_is_lost_where_a_file_is_over(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=2, options=FAST)
    source = source_on(clip, parse_address("rtsp://cam/1"), 0.0)
    for _ in range(2 * RATE):
        assert source.read() is not None
    with closing(source), pytest.raises(StreamLost, match="ended the stream"):
        source.read()


def test_a_stream_of_sound_alone_has_stalled(tmp_path: Path) -> None:
    """Packets come, and none is a picture: each of them is a reason to look at the clock."""
    clip = with_cover(tmp_path / "lesson.mp4")
    container = av.open(str(clip))
    cover = container.streams.video[0]
    source = FFmpegSource(container, cover, parse_address("rtsp://cam/1"), 8.0, Hurrying(5.0))
    container.streams.video[1].discard = Discard.none
    with closing(source), pytest.raises(StreamStalled):
        read_all(source)
