"""Starts RTSP servers for tests and makes the clips they serve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rtsp.certificates import Authority
from tests.rtsp.gst_process import GstServer, gst_missing, long_clip
from tests.unit.ingest.fakes import Clip, encode_clip


@pytest.fixture(scope="session")
def gst_available() -> None:
    missing = gst_missing()
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="session")
def street_clip() -> Clip:
    """Two seconds of H.264 at 15 pictures a second, a keyframe every second."""
    return encode_clip(seconds=2, rate=15, gop=15, size=(320, 240))


@pytest.fixture(scope="session")
def camera_clips(street_clip: Clip) -> dict[str, Clip]:
    """What cameras send, by the name the server knows the codec by."""
    like_street: dict[str, Any] = {"seconds": 2, "rate": 15, "gop": 15, "size": (320, 240)}
    return {
        "h264": street_clip,
        "h265": encode_clip(codec="libx265", **like_street),
        "mjpeg": encode_clip(codec="mjpeg", **like_street),
    }


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An institution's own certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"), "test authority")


@pytest.fixture
def gst_server(gst_available: None, tmp_path: Path, street_clip: Clip) -> Iterator[Callable[..., GstServer]]:
    """Starts GStreamer's server with a ten-minute clip; killed after the test."""
    started: list[GstServer] = []

    def start(*arguments: str, clip: Clip | None = None, seconds: float = 600) -> GstServer:
        path = long_clip(tmp_path / f"clip{len(started)}.mp4", clip or street_clip, seconds)
        started.append(GstServer(path, *arguments))
        return started[-1]

    yield start
    for server in started:
        server.kill()
