"""GStreamer's RTSP server as a process that can be killed, frozen and started again, and its long clips."""

from __future__ import annotations

import signal
import subprocess
from fractions import Fraction
from pathlib import Path

import av

from tests.unit.ingest.fakes import Clip

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).with_name("gst_server.py")


def gst_missing() -> str:
    """Why GStreamer's server cannot run here; empty when it can."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if Path(SYSTEM_PYTHON).exists():
        done = subprocess.run([SYSTEM_PYTHON, "-c", check], check=False, capture_output=True)
        if done.returncode == 0:
            return ""
    return "no GStreamer RTSP server: run tests/services/install.sh"


def long_clip(path: Path, clip: Clip, seconds: float) -> Path:
    """The clip's packets over and over in one MP4: a long stream that cost little to encode."""
    clip_s = len(clip.packets) / clip.rate
    codec = {"h264": "libx264", "hevc": "libx265", "mjpeg": "mjpeg"}[clip.info.codec]
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

    def url(self, login: str = "", transport: str = "tcp") -> str:
        scheme = "rtsps" if "--certificate" in self._arguments else "rtsp"
        return f"{scheme}://{login}127.0.0.1:{self.port}/cam#transport={transport}"

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

    def freeze(self) -> None:
        """The process stops in its tracks; its connections stay open and silent."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
