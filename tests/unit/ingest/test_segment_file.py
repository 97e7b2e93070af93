"""One segment on disk: whole fragments of a second at most, durable one by one, hash known at the end."""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from ingest.packets import StreamInfo
from ingest.segment_file import (
    FragmentBuffer,
    SegmentFile,
    Sidecar,
    closed_path,
    container_carries,
    next_sequence,
    part_path,
    sidecar_path,
)
from models.errors import StreamLost
from tests.unit.ingest.fakes import Clip, decode_all, encode_clip, packet_of, read_back


def sidecar(clip: Clip, sequence: int = 1) -> Sidecar:
    return Sidecar(
        segment_id="a" * 32,
        lesson_id="L1",
        camera_id="c1",
        sequence=sequence,
        starts_at="2026-11-23T01:00:00+00:00",
        first_pts_s=0.0,
        codec=clip.info.codec,
        width=clip.info.width,
        height=clip.info.height,
        rotation=0,
        time_base="1/90000",
    )


def write(file: SegmentFile, clip: Clip, count: int | None = None) -> None:
    for row in clip.packets[:count]:
        packet = packet_of(row)
        file.write(packet, row[1] or 0, row[2] or 0)


def fragments(data: bytes) -> list[int]:
    """Offsets at which fragments begin (``moof`` boxes, ISO 14496-12, 8.8.4)."""
    offsets, at = [], 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"moof":
            offsets.append(at)
        at += size
    return offsets


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mjpeg"])
@pytest.mark.parametrize("rate", [5, 10, 25])
def test_a_fragment_is_never_longer_than_policy_says(tmp_path: Path, codec: str, rate: int) -> None:
    clip = encode_clip(codec=codec, seconds=4, rate=rate, gop=rate * 4, size=(128, 96))
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    sizes = []
    for row in clip.packets:
        file.write(packet_of(row), row[1] or 0, row[2] or 0)
        sizes.append(file.size_bytes)
    file.close()
    written_at = [index for index, size in enumerate(sizes) if index and size != sizes[index - 1]]
    pictures = [later - earlier for earlier, later in zip([0, *written_at], written_at, strict=False)]
    assert written_at, "fragments reach the disk while the segment is open"
    assert max(pictures) / rate <= 1.0


def test_every_prefix_that_ends_with_a_fragment_plays(tmp_path: Path, clip: Clip) -> None:
    """What a crash leaves behind is a video up to its last whole fragment."""
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    write(file, clip)
    closed = file.close()
    data = closed.path.read_bytes()
    ends = [*fragments(data)[1:], len(data)]
    played = []
    for end in ends:
        with av.open(io.BytesIO(data[:end])) as container:
            played.append(sum(1 for _ in container.decode(video=0)))
    assert played == sorted(played)
    assert played[0] > 0
    assert played[-1] == len(clip.packets)


def test_only_whole_fragments_are_on_disk_while_a_segment_is_open(tmp_path: Path, clip: Clip) -> None:
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    write(file, clip, 57)
    part = part_path(tmp_path, 1)
    assert part.stat().st_size == file.size_bytes
    assert 40 <= decode_all(part) <= 57
    file.close()


def test_each_fragment_is_synced_before_more_is_written(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr("ingest.segment_file.os.fsync", lambda fd: (synced.append(fd), real(fd))[1])
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    before = len(synced)
    assert before == 2, "the sidecar and its folder"
    write(file, clip)
    assert len(synced) - before >= 9
    file.close()


def test_without_sync_a_segment_is_made_durable_when_it_closes(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr("ingest.segment_file.os.fsync", lambda fd: (synced.append(fd), real(fd))[1])
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0, sync=False)
    write(file, clip)
    assert synced == [], "nor is the sidecar: whoever loses it records the file again"
    file.close()
    assert len(synced) == 2, "the file and its folder"


def test_the_sidecar_is_there_before_the_first_byte(tmp_path: Path, clip: Clip) -> None:
    SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    assert part_path(tmp_path, 1).stat().st_size == 0
    assert json.loads(sidecar_path(tmp_path, 1).read_text())["segment_id"] == "a" * 32


def test_the_hash_is_that_of_the_file(tmp_path: Path, clip: Clip) -> None:
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    write(file, clip)
    closed = file.close()
    assert closed.path == closed_path(tmp_path, 1)
    assert closed.sha256 == hashlib.sha256(closed.path.read_bytes()).hexdigest()
    assert closed.size_bytes == closed.path.stat().st_size
    assert not part_path(tmp_path, 1).exists()


def test_salvaging_keeps_whole_fragments_only(tmp_path: Path, clip: Clip) -> None:
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    write(file, clip, 57)
    with part_path(tmp_path, 1).open("ab") as torn:
        torn.write(b"half a fragment")
    closed = file.salvage()
    assert closed is not None
    assert closed.sha256 == hashlib.sha256(closed.path.read_bytes()).hexdigest()
    assert decode_all(closed.path) >= 40


def test_salvaging_nothing_leaves_nothing(tmp_path: Path, clip: Clip) -> None:
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    write(file, clip, 3)
    assert file.salvage() is None
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_is_taken_is_never_written_over(tmp_path: Path, clip: Clip) -> None:
    part_path(tmp_path, 1).write_bytes(b"the only copy")
    with pytest.raises(FileExistsError):
        SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    assert part_path(tmp_path, 1).read_bytes() == b"the only copy"


def test_packets_that_make_no_mp4_are_the_streams_fault(tmp_path: Path, clip: Clip) -> None:
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    write(file, clip, 5)
    with pytest.raises(StreamLost, match="cannot be kept"):
        file.write(packet_of(clip.packets[6]), 0, -900_000)
    assert file.salvage() is None


def test_reordered_pictures_start_at_zero(tmp_path: Path) -> None:
    clip = encode_clip(seconds=2, b_frames=2)
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    first = clip.packets[0]
    for row in clip.packets:
        file.write(packet_of(row), (row[1] or 0) - (first[1] or 0), (row[2] or 0) - (first[1] or 0))
    closed = file.close()
    shown = sorted(pts for pts, _, _ in read_back(closed.path))
    assert shown[0] == 0
    assert shown == pytest.approx([n / 10 for n in range(20)], abs=1e-3)


def test_a_source_with_a_template_keeps_its_headers(tmp_path: Path, clip: Clip) -> None:
    """From MP4 to MP4: length-prefixed packets and their parameter sets go through untouched."""
    first = SegmentFile(tmp_path, sidecar(clip, 1), clip.info, 1.0)
    write(first, clip)
    closed = first.close()
    with av.open(str(closed.path)) as container:
        stream = container.streams.video[0]
        info = replace(clip.info, template=stream, time_base=Fraction(stream.time_base or 1))
        second = SegmentFile(tmp_path, sidecar(clip, 2), info, 1.0)
        for packet in container.demux(stream):
            if packet.size:
                second.write(packet, packet.pts or 0, packet.dts or 0)
        copied = second.close()
    assert decode_all(copied.path) == len(clip.packets)


def test_numbers_go_on_after_everything_the_folder_has_seen(tmp_path: Path) -> None:
    assert next_sequence(tmp_path / "absent") == 1
    for name in ("000003.mp4", "000007.part.mp4", "000009.json", "notes.txt"):
        (tmp_path / name).touch()
    assert next_sequence(tmp_path) == 10


def test_what_mp4_carries_is_known() -> None:
    assert all(
        container_carries(codec) for codec in ("h264", "hevc", "mjpeg", "mpeg4", "av1", "vp9", "mpeg2video")
    )
    assert not any(
        container_carries(codec) for codec in ("gif", "vp8", "wmv2", "rawvideo", "msvideo1", "theora")
    )


def test_a_stream_without_a_rate_can_be_written(tmp_path: Path, clip: Clip) -> None:
    info: StreamInfo = replace(clip.info, average_rate=None)
    file = SegmentFile(tmp_path, sidecar(clip), info, 1.0)
    write(file, clip)
    assert decode_all(file.close().path) == len(clip.packets)


def test_a_write_tells_when_it_completed_a_fragment(tmp_path: Path, clip: Clip) -> None:
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    told = []
    for row in clip.packets:
        before = file.size_bytes
        completed = file.write(packet_of(row), row[1] or 0, row[2] or 0)
        assert completed is (file.size_bytes > before)
        assert part_path(tmp_path, 1).stat().st_size == file.size_bytes
        told.append(completed)
    assert not told[0], "the first fragment is not whole before a second of pictures"
    assert sum(told) >= 9
    file.close()


def test_a_fragment_in_one_piece_is_not_copied() -> None:
    buffer = FragmentBuffer()
    piece = bytes(range(256))
    assert buffer.write(piece) == 256
    assert buffer.take() is piece
    assert buffer.pieces == []
    assert buffer.take() == b""


def test_a_fragment_in_many_pieces_is_given_in_their_order() -> None:
    buffer = FragmentBuffer()
    for number in range(5):
        buffer.write(bytes([number]) * (number + 1))
    assert buffer.take() == b"\0\1\1\2\2\2\3\3\3\3\4\4\4\4\4"
    buffer.write(b"next")
    assert buffer.take() == b"next"


def test_a_fragment_larger_than_the_muxers_buffer_is_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a fragment on disk would be lost: a muxer's pieces are put together first."""
    written: list[int] = []
    real = os.write
    monkeypatch.setattr(
        "ingest.segment_file.os.write", lambda fd, data: (written.append(len(data)), real(fd, data))[1]
    )
    clip = encode_clip(codec="mjpeg", seconds=3, rate=10, size=(1920, 1080))
    file = SegmentFile(tmp_path, sidecar(clip), clip.info, 1.0)
    completed = sum(file.write(packet_of(row), row[1] or 0, row[2] or 0) for row in clip.packets)
    closed = file.close()
    data = closed.path.read_bytes()
    assert max(written) > 256 * 1024, "pictures must be large enough for this test"
    assert len(written) == completed + 1
    assert sum(written) == len(data) == closed.size_bytes
    assert closed.sha256 == hashlib.sha256(data).hexdigest()
    assert decode_all(closed.path) == len(clip.packets)
