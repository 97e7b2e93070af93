"""Streams that are not RTSP: HLS from a web server on loopback, RTMP from FFmpeg, and what is refused."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import pytest

from ingest.camera import CameraConfig
from ingest.source import open_camera
from models.errors import StreamError, StreamLost, StreamUnreachable, StreamUnsupported
from models.footage import CameraState
from tests.rtsp.gst_process import long_clip
from tests.rtsp.live_stage import QUICK, LiveStage
from tests.unit.ingest.fakes import Clip, encode_clip

RATE = 15


@pytest.fixture(scope="session")
def film_clip() -> Clip:
    return encode_clip(seconds=2, rate=RATE, gop=RATE, size=(320, 240))


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and keeps no log."""

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at."""
    folder = tmp_path / "web"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def write_playlist(folder: Path, clip: Clip, *, ended: bool = True) -> None:
    """Three pieces of two seconds and their playlist."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"]
    whole = long_clip(folder / "whole.mp4", clip, 6)
    for number in range(3):
        _piece(whole, folder / f"piece{number}.ts", number * 2.0, number * 2.0 + 2)
        lines += ["#EXTINF:2.0,", f"piece{number}.ts"]
    lines += ["#EXT-X-ENDLIST"] if ended else []
    (folder / "live.m3u8").write_text("\n".join(lines) + "\n")


def _piece(source: Path, target: Path, begin_s: float, end_s: float) -> None:
    with av.open(str(source)) as film, av.open(str(target), "w", format="mpegts") as output:
        stream = film.streams.video[0]
        assert stream.time_base is not None
        copied = output.add_stream_from_template(stream)
        for packet in film.demux(stream):
            if packet.pts is not None and begin_s <= float(packet.pts * stream.time_base) < end_s - 0.001:
                packet.stream = copied
                output.mux(packet)


def count_until_end(url: str) -> tuple[int, StreamError]:
    source = open_camera(CameraConfig("c1", url), QUICK)
    pictures = 0
    try:
        while source.read() is not None:
            pictures += 1
    except StreamError as failure:
        return pictures, failure
    finally:
        source.close()
    raise AssertionError("a live stream ends with an error, for a lesson goes on")


def test_a_playlist_is_read_from_its_newest_piece(web: tuple[Path, str], film_clip: Clip) -> None:
    """What was filmed before the recorder was asked to record belongs to no lesson."""
    folder, address = web
    write_playlist(folder, film_clip, ended=False)
    pictures, failure = count_until_end(f"{address}/live.m3u8")
    # The last pictures of a piece are known to be whole only when the next piece comes.
    assert 2 * RATE - 2 <= pictures <= 2 * RATE
    assert isinstance(failure, StreamLost)


def test_a_playlist_that_is_not_there_is_unreachable(web: tuple[Path, str]) -> None:
    with pytest.raises(StreamUnreachable, match="no such stream"):
        open_camera(CameraConfig("c1", f"{web[1]}/none.m3u8"), QUICK)


def test_a_playlist_cannot_make_the_recorder_read_this_machines_files(
    web: tuple[Path, str], film_clip: Clip, tmp_path: Path
) -> None:
    folder, address = web
    secret = long_clip(tmp_path / "secret.mp4", film_clip, 2)
    for entry in (f"file://{secret}", str(secret), f"concat:{secret}", f"subfile,,start,0,end,0,,:{secret}"):
        (folder / "live.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{entry}\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(StreamError):
            open_camera(CameraConfig("c1", f"{address}/live.m3u8"), QUICK)


def test_a_web_page_in_a_playlists_place_is_refused(web: tuple[Path, str]) -> None:
    (web[0] / "live.m3u8").write_text("<html><body>log in first</body></html>")
    with pytest.raises(StreamUnreachable) as refusal:
        open_camera(CameraConfig("c1", f"{web[1]}/live.m3u8"), QUICK)
    assert "web page" in refusal.value.hint


def test_an_address_that_is_no_playlist_is_refused_before_anything_is_asked(web: tuple[Path, str]) -> None:
    with pytest.raises(StreamUnsupported, match="only HLS playlists"):
        open_camera(CameraConfig("c1", f"{web[1]}/video.mp4?token=geheim"), QUICK)


def test_srt_is_refused_with_advice_and_without_its_passphrase() -> None:
    with pytest.raises(StreamUnsupported) as refusal:
        open_camera(CameraConfig("c1", "srt://user:geheim-37@127.0.0.1:9000?passphrase=geheim-38"), QUICK)
    assert "MediaMTX" in refusal.value.hint
    assert "geheim" not in str(refusal.value)


@pytest.fixture
def rtmp(tmp_path: Path, film_clip: Clip) -> Iterator[Callable[[float], str]]:
    """FFmpeg as an RTMP server for one client: streams a clip in real time."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("no ffmpeg: run tests/services/install.sh")
    started: list[subprocess.Popen[bytes]] = []

    def start(seconds: float) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        film = long_clip(tmp_path / "film.mp4", film_clip, seconds)
        url = f"rtmp://127.0.0.1:{port}/live/cam"
        command = [program, "-loglevel", "error", "-re", "-i", str(film), "-c", "copy", "-f", "flv"]
        started.append(subprocess.Popen([*command, "-listen", "1", url], stderr=subprocess.DEVNULL))
        return url

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.service
def test_an_rtmp_stream_is_recorded_and_its_end_is_a_gap(
    rtmp: Callable[[float], str], tmp_path: Path
) -> None:
    """The recorder finds the server as soon as it listens: refused connections are tried again."""
    with LiveStage(tmp_path / "spool", rtmp(8)) as stage:
        stage.record(2)
        stage.sink.wait_for(lambda sink: sink.states[-1] is CameraState.WAITING)
    account = stage.account()
    assert account.whole
    assert account.off_s == pytest.approx(0, abs=1.0)
    assert account.played_s == pytest.approx(account.footage_s, abs=1.0)
    assert {segment.codec for segment in stage.sink.segments} == {"h264"}
    assert "stream_lost" in stage.sink.codes()
