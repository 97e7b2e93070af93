"""Reading fragmented MP4: whole fragments, torn tails, lies in boxes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import VideoInvalid
from storage.fragments import FragmentedVideo, drop_index, read_fragments

Film = Callable[..., Path]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Fragmented MP4 as a recorder writes it: 4 s at 25 pictures a second unless told otherwise."""

    def make(codec: str = "libx264", rate: int = 25, pictures: int = 100, **options: str) -> Path:
        path = tmp_path_factory.mktemp("film") / "segment.mp4"
        flags = {"movflags": "delay_moov+default_base_moof", "frag_duration": "960000"}
        with av.open(str(path), "w", format="mp4", container_options=flags) as container:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.options = {"g": "25"} | options
            for number in range(pictures):
                picture = np.full((48, 64, 3), (number * 7) % 255, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture(scope="module")
def whole(film: Film) -> bytes:
    return film().read_bytes()


def facts_by_pyav(path: Path) -> tuple[int, float]:
    """Keyframes and seconds as FFmpeg counts them."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        base = float(container.streams.video[0].time_base or 0)
    seconds = (packets[-1].dts + packets[-1].duration - packets[0].dts) * base
    return sum(1 for packet in packets if packet.is_keyframe), seconds


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {}),
        ("libx264", {"bf": "0"}),
        ("libx264", {"bf": "3", "g": "12"}),
        ("libx265", {"x265-params": "log-level=none"}),
        ("mpeg4", {}),
    ],
)
def test_it_counts_as_ffmpeg_does(film: Film, codec: str, options: dict[str, str]) -> None:
    path = film(codec, **options)
    video = read_fragments(path)
    keyframes, seconds = facts_by_pyav(path)
    assert video.keyframes == keyframes
    assert video.duration_s == pytest.approx(seconds, abs=1e-6)
    assert video.whole_bytes == path.stat().st_size
    assert video.fragments >= 4


def test_a_single_fragment_is_footage(film: Film) -> None:
    assert read_fragments(film(pictures=10)).duration_s == pytest.approx(0.4)


@given(data=st.data())
def test_a_file_cut_anywhere_keeps_its_whole_fragments(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path_factory.mktemp("cut") / "cut.mp4"
    path.write_bytes(whole[:cut])
    try:
        video = read_fragments(path)
    except VideoInvalid:
        video = FragmentedVideo(0, 0, 0.0, 0)
    assert video.whole_bytes <= cut
    if video.fragments:
        path.write_bytes(whole[: video.whole_bytes])
        assert read_fragments(path) == video  # cutting twice changes nothing
        assert facts_by_pyav(path)[0] == video.keyframes


def test_a_longer_cut_never_holds_less(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    durations = []
    for cut in range(2400, len(whole) + 1, 200):
        path.write_bytes(whole[:cut])
        durations.append(read_fragments(path).duration_s)
    assert durations == sorted(durations)


def test_zeros_behind_the_last_fragment_are_not_footage(whole: bytes, tmp_path: Path) -> None:
    """After a power cut some file systems show a longer file whose tail is zeros."""
    path = tmp_path / "zeros.mp4"
    path.write_bytes(whole[:4100] + bytes(5000))
    assert read_fragments(path).whole_bytes <= 4100


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"RIFF" * 100,
        bytes(4096),
        struct.pack(">I4s", 8, b"ftyp"),
        struct.pack(">I4s", 1, b"moov"),
        struct.pack(">I4sQ", 1, b"moov", 2**63),
        struct.pack(">I4s", 8, b"moov") + struct.pack(">I4s", 8, b"moof") + struct.pack(">I4s", 8, b"mdat"),
        struct.pack(">I4s", 8, b"moof") + struct.pack(">I4s", 8, b"mdat"),
    ],
)
def test_what_holds_no_footage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "000001.part.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoInvalid) as caught:
        read_fragments(path)
    assert caught.value.hint


@given(data=st.data())
def test_damaged_boxes_are_refused_or_measured_and_never_crash(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "damaged.mp4"
    path.write_bytes(damaged)
    try:
        video = read_fragments(path)
    except VideoInvalid:
        return
    assert 0 <= video.whole_bytes <= len(damaged)


def test_an_ordinary_mp4_is_no_recorders_file(tmp_path: Path) -> None:
    path = tmp_path / "plain.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(VideoInvalid):
        read_fragments(path)


def test_a_copy_without_its_index_holds_the_same_footage(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "copy.mp4"
    path.write_bytes(whole)
    before = read_fragments(path)
    assert whole[-12:-8] == b"mfro"
    drop_index(path)
    index_bytes = int.from_bytes(whole[-4:], "big")
    assert path.read_bytes() == whole[:-index_bytes]
    after = read_fragments(path)
    assert (after.fragments, after.duration_s) == (before.fragments, before.duration_s)


@pytest.mark.parametrize("behind", [b"", b"\0" * 20])
def test_what_does_not_end_with_an_index_stays_as_it_is(whole: bytes, tmp_path: Path, behind: bytes) -> None:
    path = tmp_path / "copy.mp4"
    kept = whole[: -int.from_bytes(whole[-4:], "big")] + behind
    path.write_bytes(kept)
    drop_index(path)
    assert path.read_bytes() == kept
