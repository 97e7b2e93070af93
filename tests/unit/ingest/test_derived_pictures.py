"""Footage turned into H.264: for recording what MP4 cannot hold, and for browsers that play nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from ingest.file_check import file_address
from ingest.packets import StreamInfo, VideoPacket
from ingest.source import open_source
from ingest.transcode import TranscodingSource
from ingest.viewing_copy import viewing_copy
from models.errors import VideoInvalid
from models.policy import RecordingPolicy
from tests.formats.clips import RATE, write_clip, write_sound
from tests.unit.ingest.fakes import Clip, FakeClock, ScriptedSource, encode_clip


@pytest.fixture(scope="module")
def old_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("old") / "old.avi", codec="mpeg4", seconds=3.0, size=(161, 121))


def transcoded(path: Path, every_s: float = 1.0) -> tuple[StreamInfo, list[VideoPacket]]:
    source = TranscodingSource(open_source(file_address(path), RecordingPolicy()), every_s)
    try:
        packets = list(iter(source.read, None))
    finally:
        source.close()
    return source.info, packets


def test_every_picture_comes_as_h264_with_even_sides(old_clip: Path) -> None:
    info, packets = transcoded(old_clip)
    assert (info.codec, info.width, info.height, info.template) == ("h264", 160, 120, None)
    assert len(packets) == 3 * RATE


def test_a_keyframe_stands_wherever_a_sample_is_due(old_clip: Path) -> None:
    for every_s, count in ((1.0, 3), (0.5, 6)):
        _, packets = transcoded(old_clip, every_s)
        keys = [float(p.pts * p.time_base) for p in packets if p.is_keyframe and p.pts is not None]
        assert len(keys) == count
        assert keys[0] == 0.0


def test_times_rise_from_zero_without_reordering(old_clip: Path) -> None:
    _, packets = transcoded(old_clip)
    times = [packet.pts for packet in packets]
    assert times == sorted(set(times))
    assert times[0] == 0
    assert all(packet.dts == packet.pts for packet in packets)


def test_after_the_end_there_is_nothing_more(old_clip: Path) -> None:
    source = TranscodingSource(open_source(file_address(old_clip), RecordingPolicy()), 1.0)
    while source.read() is not None:
        pass
    assert source.read() is None
    source.close()


def test_only_what_ffmpeg_opened_can_be_turned(street: Clip) -> None:
    with pytest.raises(ValueError, match="FFmpeg"):
        TranscodingSource(ScriptedSource(street.info, [], FakeClock()), 1.0)


@pytest.fixture(scope="module")
def street() -> Clip:
    return encode_clip(seconds=1)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4", codec="libx265", seconds=2.0).read_bytes()


def shown(content: bytes) -> Iterator[tuple[float, tuple[int, int]]]:
    with av.open(io.BytesIO(content)) as container:
        for frame in container.decode(video=0):
            yield round(frame.time or 0.0, 2), (frame.width, frame.height)


def test_a_viewing_copy_shows_the_same_pictures_at_the_same_times(film: bytes) -> None:
    copied = viewing_copy(film)
    assert [at for at, _ in shown(copied)] == [at for at, _ in shown(film)]
    with av.open(io.BytesIO(copied)) as container:
        assert container.streams.video[0].codec_context.name == "h264"


def test_the_recorded_bytes_stay_what_they_are(film: bytes) -> None:
    before = bytes(film)
    assert viewing_copy(film) != film
    assert film == before


@pytest.mark.parametrize(("lines", "size"), [(720, (160, 120)), (60, (80, 60)), (61, (80, 60)), (1, (2, 2))])
def test_a_copy_has_at_most_so_many_lines_and_the_same_shape(
    film: bytes, lines: int, size: tuple[int, int]
) -> None:
    assert {seen for _, seen in shown(viewing_copy(film, lines))} == {size}


def test_a_copy_of_a_torn_film_shows_what_can_be_shown(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    clip = write_clip(tmp_path / "f.mp4", seconds=3.0, container_options=options).read_bytes()
    torn = viewing_copy(clip[: len(clip) * 2 // 3])
    assert 0 < len(list(shown(torn))) < 3 * RATE


def wrong(kind: str, folder: Path) -> bytes:
    if kind == "sound":
        return write_sound(folder / "a.m4a").read_bytes()
    return {"nothing": b"", "text": b"no film" * 100, "head": bytes(8) + b"ftypisom" + bytes(90)}[kind]


@pytest.mark.parametrize("kind", ["nothing", "text", "head"])
def test_what_holds_no_picture_is_refused_with_a_next_step(tmp_path: Path, kind: str) -> None:
    with pytest.raises(VideoInvalid, match="no picture") as refused:
        viewing_copy(wrong(kind, tmp_path))
    assert "download" in refused.value.hint


def test_a_film_of_sound_alone_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(VideoInvalid):
        viewing_copy(wrong("sound", tmp_path))
