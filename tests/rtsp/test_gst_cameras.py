"""GStreamer's RTSP server recorded for real: every codec and transport, log-in, TLS with an own authority."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.camera import CameraConfig
from ingest.probe import probe
from ingest.source import open_camera
from models.errors import StreamDenied, StreamUnreachable
from models.policy import RecordingPolicy
from supervision_api.clock import SystemClock
from tests.rtsp.certificates import Authority
from tests.rtsp.gst_process import GstServer
from tests.rtsp.live_stage import QUICK, LiveStage
from tests.unit.ingest.fakes import Clip, decode_all

pytestmark = pytest.mark.service
StartServer = Callable[..., GstServer]


def record_and_check(stage: LiveStage, codec: str, rate: int = 15) -> None:
    with stage:
        stage.record(2)
    account = stage.account()
    assert account.whole
    assert account.off_s == pytest.approx(0, abs=0.1)
    assert account.footage_s == pytest.approx(account.played_s, abs=1.0)
    assert {segment.codec for segment in stage.sink.segments} == {codec}
    assert [one.sequence for one in stage.sink.segments] == list(range(1, len(stage.sink.segments) + 1))
    for segment in stage.sink.segments[:2]:
        assert decode_all(segment.path) == pytest.approx(segment.duration_s * rate, abs=2)
    assert {frame.codec for frame in stage.bus.frames} == {codec}


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(("codec", "name"), [("h264", "h264"), ("h265", "hevc"), ("mjpeg", "mjpeg")])
def test_what_cameras_send_is_recorded_as_it_is(
    gst_server: StartServer,
    camera_clips: dict[str, Clip],
    tmp_path: Path,
    codec: str,
    name: str,
    transport: str,
) -> None:
    server = gst_server("--codec", codec, clip=camera_clips[codec])
    record_and_check(LiveStage(tmp_path / "spool", server.url(transport=transport)), name)


@pytest.fixture
def tls_server(gst_server: StartServer, authority: Authority) -> Callable[..., GstServer]:
    def start(*arguments: str, expired: bool = False) -> GstServer:
        signed = authority.sign("expired" if expired else "camera", expired=expired)
        return gst_server("--certificate", str(signed.certificate), "--key", str(signed.key), *arguments)

    return start


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_over_tls_that_the_own_authority_vouches_for_is_recorded(
    tls_server: StartServer, authority: Authority, tmp_path: Path, transport: str
) -> None:
    url = tls_server().url(transport=transport)
    assert url.startswith("rtsps://")
    record_and_check(LiveStage(tmp_path / "spool", url, ca_file=authority.certificate), "h264")


def test_a_camera_that_signed_its_own_certificate_is_recorded_where_no_authority_is_asked_for(
    tls_server: StartServer,
) -> None:
    source = open_camera(CameraConfig("c1", tls_server().url()), QUICK)
    source.close()


@pytest.mark.parametrize("expired", [False, True])
def test_a_certificate_of_another_authority_or_an_expired_one_is_refused_with_the_next_step(
    tls_server: StartServer, authority: Authority, tmp_path: Path, expired: bool
) -> None:
    """Somebody between camera and recorder would get the password and could send any picture."""
    trusted = authority if expired else Authority(tmp_path, "another authority")
    url = tls_server("--user", "admin", "--password", "geheim-37", expired=expired).url("admin:geheim-37@")
    with pytest.raises(StreamUnreachable) as refusal:
        open_camera(CameraConfig("c1", url, ca_file=trusted.certificate), QUICK)
    assert "signed by an authority in the CA file" in refusal.value.hint
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_right_login_opens_and_a_wrong_one_is_denied_without_showing_it(
    gst_server: StartServer, transport: str
) -> None:
    server = gst_server("--user", "admin", "--password", "geheim-37")
    open_camera(CameraConfig("c1", server.url(transport=transport), "admin", "geheim-37"), QUICK).close()
    with pytest.raises(StreamDenied) as refusal:
        open_camera(CameraConfig("c1", server.url("admin:falsch-99@", transport)), QUICK)
    assert "falsch" not in f"{refusal.value} {refusal.value!r}"
    assert "check user name and password" in refusal.value.hint
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None


def test_a_path_that_the_server_does_not_know_says_so(gst_server: StartServer) -> None:
    url = gst_server().url("admin:geheim@").replace("/cam", "/other")
    with pytest.raises(StreamUnreachable, match="no such stream") as refusal:
        open_camera(CameraConfig("c1", url), QUICK)
    assert "geheim" not in str(refusal.value)
    assert "path" in refusal.value.hint


@pytest.mark.parametrize(
    ("codec", "name", "word"),
    [("h264", "h264", "too small"), ("h265", "hevc", "H.265"), ("mjpeg", "mjpeg", "H.264")],
)
def test_the_probe_tells_what_a_camera_sends_and_what_to_change(
    gst_server: StartServer, camera_clips: dict[str, Clip], codec: str, name: str, word: str
) -> None:
    server = gst_server("--codec", codec, clip=camera_clips[codec])
    shares: list[float] = []
    report = probe(
        CameraConfig("c1", server.url()),
        SystemClock(),
        seconds=3,
        policy=RecordingPolicy(),
        progress=shares.append,
    )
    assert (report.facts.codec, report.facts.width, report.facts.height) == (name, 320, 240)
    assert report.facts.measured_rate == pytest.approx(15, rel=0.1)
    keyframe_s = report.facts.keyframe_interval_s
    assert keyframe_s == pytest.approx(1 / 15 if codec == "mjpeg" else 1.0, abs=0.05)
    assert any(word in sentence for sentence in report.advice)
    assert shares[-1] == 1.0
