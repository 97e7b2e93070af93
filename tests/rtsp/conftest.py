"""Starts RTSP servers for tests and makes the clips they serve."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.unit.ingest.fakes import Clip, encode_clip

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("gst_server.py")


def long_clip(path: Path, clip: Clip, seconds: float) -> Path:
    """The clip's packets over and over in one MP4: a long stream that cost little to encode."""
    clip_s = len(clip.packets) / clip.rate
    codec = {"h264": "libx264", "hevc": "libx265"}[clip.info.codec]
    with av.open(str(path), "w", format="mp4") as container:
        width, height = clip.info.width, clip.info.height
        stream = container.add_mux_stream(codec, rate=clip.rate, width=width, height=height)
        stream.time_base = Fraction(1, 90_000)
        for turn in range(round(seconds / clip_s)):
            for data, pts, dts, keyframe in clip.packets:
                packet = av.Packet(data)
                packet.time_base = Fraction(1, 90_000)
                packet.pts = (pts or 0) + round(turn * clip_s * 90_000)
                packet.dts = (dts or 0) + round(turn * clip_s * 90_000)
                packet.is_keyframe = keyframe
                packet.stream = stream
                container.mux_one(packet)
    return path


class GstServer:
    """A running server; ``kill`` and start it again on the same port."""

    def __init__(self, clip: Path, *arguments: str) -> None:
        self._arguments = [SYSTEM_PYTHON, str(SERVER), str(clip), *arguments]
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def url(self, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/cam"

    def start(self) -> None:
        command = [*self._arguments, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready "), f"the RTSP server did not start: {line!r}"
        self.port = int(line.split()[1])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
        self._process = None


@pytest.fixture(scope="session")
def gst_available() -> None:
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    command = [SYSTEM_PYTHON, "-c", check]
    if (
        not Path(SYSTEM_PYTHON).exists()
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("no GStreamer RTSP server: install gir1.2-gst-rtsp-server-1.0 python3-gi and plugins")


@pytest.fixture(scope="session")
def street_clip() -> Clip:
    """Two seconds of H.264 at 15 pictures a second, a keyframe every second."""
    return encode_clip(seconds=2, rate=15, gop=15, size=(320, 240))


@pytest.fixture
def gst_server(gst_available: None, tmp_path: Path, street_clip: Clip) -> Iterator[Callable[..., GstServer]]:
    """Starts GStreamer's server with a ten-minute clip; killed after the test."""
    started: list[GstServer] = []

    def start(*arguments: str, clip: Clip | None = None) -> GstServer:
        path = long_clip(tmp_path / f"clip{len(started)}.mp4", clip or street_clip, 600)
        started.append(GstServer(path, *arguments))
        return started[-1]

    yield start
    for server in started:
        server.kill()
