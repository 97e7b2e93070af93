"""Files in one reading: what the head tells beforehand, what only the reading shows."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest

import ingest.file_check
import ingest.file_run
from ingest.file_check import file_address, look_at_head
from ingest.file_run import FileJob, FileProgress, record_file
from ingest.source import FFmpegSource, open_source
from ingest.wall_anchor import FileAnchor
from models.errors import VideoInvalid
from models.frame import EncodedFrame
from models.policy import RecordingPolicy
from tests.formats.clips import RATE, write_clip
from tests.unit.ingest.fakes import FakeSink

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
EVERY = timedelta(seconds=1)
STRICT = RecordingPolicy(max_keyframe_interval=timedelta(seconds=4))
EVEN = {"preset": "ultrafast", "bf": "0"}
SECONDS = 30
RARER_AT_S = 20
# A keyframe each second as ``write_clip`` makes them, and none in the last third.
RARER = EVEN | {"forced-idr": "1", "g": "1000", "keyint_min": "1000", "sc_threshold": "0"}


def recorded(clip: Path, spool: Path, frames: list[EncodedFrame]) -> list[FileProgress]:
    job = FileJob(clip, "L1", "c1", START, EVERY)
    steps = record_file(job, policy=STRICT, spool_dir=spool, sink=FakeSink(), on_frame=frames.append)
    return list(steps)


@pytest.fixture(scope="module")
def rarer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MP4 whose keyframes come each second for twenty seconds, then no more."""
    folder = tmp_path_factory.mktemp("rarer")
    often = write_clip(folder / "often.mp4", seconds=RARER_AT_S, options=EVEN)
    never = write_clip(folder / "never.mp4", seconds=SECONDS - RARER_AT_S, options=RARER)
    return joined(folder / "lesson.mp4", often, never)


def joined(target: Path, *clips: Path) -> Path:
    """Packets of several clips in one file, one after the other."""
    with av.open(str(target), "w") as output:
        written: Any = None
        base = 0
        for clip in clips:
            with av.open(str(clip)) as source:
                stream = source.streams.video[0]
                written = written or output.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += base
                    packet.dts += base
                    packet.stream = written
                    output.mux_one(packet)
                base += stream.duration or 0
    return target


def as_matroska(clip: Path, target: Path) -> Path:
    return joined(target, clip)


def test_a_long_file_is_not_read_to_its_end_to_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "lesson.mkv", seconds=SECONDS, options=EVEN)
    read = 0

    class Counted(FFmpegSource):
        def read(self) -> Any:
            nonlocal read
            read += 1
            return super().read()

    def open_counted(*given: Any) -> FFmpegSource:
        source = open_source(*given)
        source.__class__ = Counted
        return source

    monkeypatch.setattr(ingest.file_check, "open_source", open_counted)
    head = look_at_head(clip, STRICT)
    assert (head.keyframes, head.whole) == (12, False)
    assert read == 11 * RATE + 1
    monkeypatch.setattr(ingest.file_run, "open_source", open_counted)
    (*_, last) = recorded(clip, tmp_path / "spool", [])
    assert last.report is not None
    assert last.report.facts.pictures == SECONDS * RATE
    assert read == 2 * (11 * RATE + 1) + SECONDS * RATE + 1, "twice its head, once itself, once its end"


def test_a_short_file_is_whole_in_its_head(tmp_path: Path) -> None:
    head = look_at_head(write_clip(tmp_path / "lesson.mkv", seconds=3, options=EVEN), STRICT)
    assert (head.keyframes, head.whole) == (3, True)
    assert head.longest_interval_s == pytest.approx(1.0)


def test_an_index_tells_of_keyframes_that_the_head_does_not_reach(rarer: Path, tmp_path: Path) -> None:
    head = look_at_head(rarer, STRICT)
    assert head.indexed
    assert head.longest_interval_s == pytest.approx(SECONDS - RARER_AT_S, abs=1.2 / RATE)
    plain = look_at_head(as_matroska(rarer, tmp_path / "lesson.mkv"), STRICT)
    assert not plain.indexed
    assert plain.longest_interval_s == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["lesson.mp4", "lesson.mkv"])
def test_no_sample_is_missed_where_keyframes_become_rarer(rarer: Path, tmp_path: Path, name: str) -> None:
    clip = rarer if name == "lesson.mp4" else as_matroska(rarer, tmp_path / name)
    frames: list[EncodedFrame] = []
    (*_, last) = recorded(clip, tmp_path / "spool", frames)
    assert last.report is not None
    assert last.report.decoded
    at_s = sorted((frame.at - START).total_seconds() for frame in frames)
    assert at_s == pytest.approx(list(range(SECONDS)), abs=2 / RATE)
    assert frames[-1].codec == "mjpeg", "where there is no keyframe the picture is decoded"


def test_keyframes_alone_are_taken_until_they_become_rarer(rarer: Path, tmp_path: Path) -> None:
    """A file without an index shows it only then; one with an index is decoded from its start."""
    frames: list[EncodedFrame] = []
    recorded(as_matroska(rarer, tmp_path / "lesson.mkv"), tmp_path / "spool", frames)
    assert [frame.codec for frame in frames[: RARER_AT_S - 1]] == ["h264"] * (RARER_AT_S - 1)
    frames.clear()
    recorded(rarer, tmp_path / "other", frames)
    assert {frame.codec for frame in frames} == {"mjpeg"}


@pytest.mark.parametrize("name", ["lesson.mp4", "lesson.avi"])
def test_the_index_of_an_even_file_gives_its_interval(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    clip = write_clip(tmp_path / name, codec=codec, seconds=4, options=EVEN if codec == "libx264" else {})
    with closing(open_source(file_address(clip), STRICT)) as source:
        assert source.indexed_interval_s() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(
    ("name", "options"),
    [("lesson.mkv", {}), ("lesson.ts", {}), ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"})],
)
def test_a_container_without_an_index_of_all_pictures_says_so(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    clip = write_clip(tmp_path / name, seconds=4, options=EVEN, container_options=options)
    with closing(open_source(file_address(clip), STRICT)) as source:
        assert source.indexed_interval_s() is None


def test_progress_goes_by_bytes_where_a_file_states_no_length(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "lesson.h264", seconds=20, options=EVEN, container="h264")
    assert look_at_head(clip, STRICT).declared_s is None
    shares = [step.share for step in recorded(clip, tmp_path / "spool", [])]
    assert shares == sorted(shares)
    assert len(shares) > 5
    assert shares[len(shares) // 2] == pytest.approx(0.5, abs=0.2)
    assert shares[-1] == 1.0


def test_the_time_that_a_files_clock_skipped_is_counted() -> None:
    anchor = FileAnchor(1000.0)
    anchor.start(0.0, 0.0)
    assert anchor.jumped(5.0, 0.0, 12.0) == 12.0
    assert anchor.jumped(6.0, 0.0, -30.0) == 0.0
    assert anchor.skipped_s == 12.0
    assert anchor.wall_s(6.0) == 1018.0


def with_late_sound(path: Path, seconds: int) -> Path:
    """An FLV that speaks of no sound in its head and has some near its end (Adobe FLV 10.1, annex E)."""
    data = write_clip(path, seconds=seconds, options=EVEN, container="flv").read_bytes()
    starts, at = list[int](), 13
    while at + 11 <= len(data):
        starts.append(at)
        at += 11 + int.from_bytes(data[at + 1 : at + 4], "big") + 4
    cut = starts[-6]
    body = bytes([0x2F, 0xFF, 0xFB, 0x90, 0x00]) + bytes(100)
    tag = bytes([8]) + len(body).to_bytes(3, "big") + data[cut + 4 : cut + 8] + bytes(3) + body
    path.write_bytes(data[:cut] + tag + len(tag).to_bytes(4, "big") + data[cut:])
    return path


def test_a_film_whose_sound_begins_late_is_recorded_to_its_end(tmp_path: Path) -> None:
    clip = with_late_sound(tmp_path / "lesson.flv", 20)
    (*_, last) = recorded(clip, tmp_path / "spool", [])
    assert last.report is not None
    assert last.report.facts.pictures == 20 * RATE
    assert last.report.advice == ()


def test_a_file_whose_pictures_are_gone_after_its_head_was_seen_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "lesson.mp4", seconds=2, options=EVEN)
    head = look_at_head(clip, STRICT)
    monkeypatch.setattr(ingest.file_run, "look_at_head", lambda _path, _policy: head)
    monkeypatch.setattr(FFmpegSource, "_next_of_file", lambda _source: None)
    with pytest.raises(VideoInvalid, match=r"lesson\.mp4 gave no picture"):
        recorded(clip, tmp_path / "spool", [])
    assert not list((tmp_path / "spool").rglob("*.mp4"))
