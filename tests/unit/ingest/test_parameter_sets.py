"""A camera whose picture format is changed while it streams."""

from __future__ import annotations

import pytest

from ingest.parameter_sets import FormatWatch, sequence_set
from tests.unit.ingest.fakes import encode_clip


def keyframe(codec: str, size: tuple[int, int]) -> bytes:
    clip = encode_clip(codec=codec, seconds=0.5, size=size)
    return next(data for data, _, _, is_keyframe in clip.packets if is_keyframe)


@pytest.mark.parametrize(("encoder", "codec"), [("libx264", "h264"), ("libx265", "hevc")])
def test_another_picture_size_is_noticed(encoder: str, codec: str) -> None:
    watch = FormatWatch(codec)
    small, large = keyframe(encoder, (160, 120)), keyframe(encoder, (320, 240))
    assert not watch.changed(small)
    assert not watch.changed(small)
    assert watch.changed(large)


def test_a_keyframe_without_parameter_sets_changes_nothing() -> None:
    watch = FormatWatch("h264")
    assert not watch.changed(keyframe("libx264", (160, 120)))
    assert not watch.changed(b"\x00\x00\x00\x01\x65" + bytes(50))


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x01", b"\x00\x00\x01\x67", b"\xff\xd8jpeg", bytes(2000)])
def test_anything_else_is_no_parameter_set(data: bytes) -> None:
    assert sequence_set("h264", data) is None
    assert sequence_set("mjpeg", data) is None


def test_length_prefixed_packets_are_left_to_the_demuxer() -> None:
    assert sequence_set("h264", b"\x00\x00\x00\x05\x67\x01\x02\x03\x04" + b"\x00\x00\x01\x65") is None
