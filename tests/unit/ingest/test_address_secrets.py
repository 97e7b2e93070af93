"""Addresses: what is read, what is refused with advice, and that no secret is ever shown."""

from __future__ import annotations

import string
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.address import Scheme, Transport, parse_address, redact, with_login
from ingest.camera import CameraConfig
from models.errors import StreamUnsupported

SECRET = "Geheim-7x"


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("rtsp://cam/1", Scheme.RTSP),
        ("RTSPS://cam:322/1", Scheme.RTSPS),
        ("rtmp://host/app/stream", Scheme.RTMP),
        ("rtmps://host/app/stream", Scheme.RTMPS),
        ("http://host/live/index.m3u8", Scheme.HTTP),
        ("https://host/live/INDEX.M3U8?token=1", Scheme.HTTPS),
        ("lesson.mp4", Scheme.FILE),
        ("/videos/第3课.mkv", Scheme.FILE),
        ("file:///videos/a%20b.mp4", Scheme.FILE),
    ],
)
def test_every_kind_of_address_is_known_by_its_scheme(text: str, scheme: Scheme) -> None:
    address = parse_address(text)
    assert address.scheme is scheme
    assert address.live is (scheme is not Scheme.FILE)


def test_a_file_address_becomes_a_path() -> None:
    assert parse_address("file:///videos/a%20b.mp4").url == "/videos/a b.mp4"


@pytest.mark.parametrize("scheme", ["srt", "webrtc", "udp", "rtp"])
def test_what_mediamtx_can_turn_into_rtsp_is_refused_with_that_advice(scheme: str) -> None:
    with pytest.raises(StreamUnsupported, match="MediaMTX"):
        parse_address(f"{scheme}://cam:9000?passphrase={SECRET}")


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/a.mp4",
        "gopher://host/",
        "concat:a.mp4|b.mp4://x",
        "data://text/plain,x",
        "http://host/lesson.mp4",
        "rtsp:///no/host",
        "rtsp://host:not-a-port/",
        "rtsp://[broken/",
        "",
        "   ",
    ],
)
def test_any_other_address_is_refused_with_a_next_step(text: str) -> None:
    with pytest.raises(StreamUnsupported) as refusal:
        parse_address(text)
    assert refusal.value.hint


def test_tcp_unless_udp_is_asked_for() -> None:
    assert parse_address("rtsp://cam/1").transport is Transport.TCP
    assert parse_address("rtsp://cam/1#transport=udp").transport is Transport.UDP
    assert parse_address("rtsp://cam/1#transport=udp", Transport.TCP).transport is Transport.TCP


def test_the_transport_never_reaches_the_camera() -> None:
    assert parse_address("rtsp://cam/1?profile=2#transport=udp").url == "rtsp://cam/1?profile=2"


def test_an_unknown_transport_is_refused() -> None:
    with pytest.raises(StreamUnsupported, match="transport"):
        parse_address("rtsp://cam/1#transport=carrier-pigeon")


@pytest.mark.parametrize(
    "text",
    [
        f"rtsp://admin:{SECRET}@cam:554/1",
        f"rtsp://{SECRET}@cam/1",
        f"rtsp://cam/user=admin?password={SECRET}&channel=1",
        f"rtsp://cam/1?{SECRET}",
        f"https://cam/live.m3u8?token={SECRET}",
        f"rtsp://admin:{SECRET}@[fe80::1]:554/1",
        f"srt://cam:9000?passphrase={SECRET}",
        f"rtsp://admin:{SECRET}@cam:port/1",
        f"rtsp://admin:{SECRET}@[broken",
        f"ftp://admin:{SECRET}@cam/1",
        f"http://admin:{SECRET}@cam/1",
        f"rtsp://admin:{SECRET}@/1",
        f"rtsp://admin:{SECRET}@cam/1#transport={SECRET}x",
        f"rtsp://admin:12#{SECRET}@cam/1",
        f"rtsp://admin:12/{SECRET}@cam/1",
        f"rtsp://admin:12?{SECRET}@cam/1",
    ],
)
def test_no_secret_is_in_anything_that_is_shown(text: str) -> None:
    shown = [redact(text)]
    try:
        address = parse_address(text)
        shown += [repr(address), str(address), address.shown]
    except StreamUnsupported as refusal:
        shown += ["".join(traceback.format_exception(refusal)), repr(refusal), str(refusal.__context__)]
    shown.append(repr(CameraConfig("c1", text, "admin", SECRET)))
    assert not [line for line in shown if SECRET in line]


def test_what_is_not_secret_stays_readable() -> None:
    assert redact(f"rtsp://admin:{SECRET}@10.0.0.7:554/Streaming/101?ch=1&pw={SECRET}") == (
        "rtsp://***@10.0.0.7:554/Streaming/101?ch=***&pw=***"
    )


def test_a_password_with_an_unquoted_hash_is_not_taken_for_a_port() -> None:
    assert redact("rtsp://admin:12#34@cam/1") == "rtsp://***"


def test_a_file_is_shown_by_its_name_only() -> None:
    assert parse_address("/home/teacher/secret-folder/lesson.mp4").shown == "lesson.mp4"


_SECRETS = st.text(string.ascii_letters + string.digits + "!$%&*()_+-=~:@/?#[]|. 密", min_size=6)


@settings(deadline=None)
@given(_SECRETS)
def test_a_login_from_its_own_fields_is_quoted_and_never_shown(password: str) -> None:
    camera = CameraConfig("c1", "rtsp://10.0.0.7/1", "admin", password)
    address = camera.stream_address()
    assert address.shown == "rtsp://***@10.0.0.7/1"
    assert address.url.count("@") == 1
    assert address.url.endswith("@10.0.0.7/1")


def test_an_address_with_a_login_keeps_its_own() -> None:
    assert with_login("rtsp://a:b@cam/1", "c", "d") == "rtsp://a:b@cam/1"
    assert with_login("rtsp://cam/1", "", "d") == "rtsp://cam/1"
