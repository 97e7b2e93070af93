"""FFmpeg's errors become ours: a cause in plain words, a next step, and nothing of the foreign message."""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av.error
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.address import Scheme, parse_address
from ingest.ffmpeg_errors import file_failure, open_failure, read_failure, stalled
from ingest.source_options import file_formats, open_options
from models.errors import StreamDenied, StreamLost, StreamStalled, StreamUnreachable, StreamUnsupported
from models.policy import RecordingPolicy

URL = "rtsp://admin:geheim-37@cam.example/1?token=geheim-38"
ADDRESS = parse_address(URL)
POLICY = RecordingPolicy()


def foreign(kind: type[Exception], number: int) -> Exception:
    """An error as PyAV makes it: the whole address in its text."""
    return kind(number, "what FFmpeg says", URL)


OPENING = [
    (foreign(av.error.HTTPUnauthorizedError, 401), StreamDenied, "refused the login"),
    (foreign(av.error.HTTPForbiddenError, 403), StreamDenied, "refused the login"),
    (foreign(av.error.HTTPNotFoundError, 404), StreamUnreachable, "no such stream"),
    (foreign(av.error.ProtocolNotFoundError, 1), StreamUnsupported, "cannot be read"),
    (foreign(av.error.DecoderNotFoundError, 1), StreamUnsupported, "cannot be read"),
    (foreign(av.error.PatchWelcomeError, 1), StreamUnsupported, "cannot be read"),
    (foreign(av.error.ExitError, 1), StreamUnreachable, "no stream within 10 s"),
    (foreign(OSError, errno.ETIMEDOUT), StreamUnreachable, "no stream within 10 s"),
    (foreign(OSError, errno.ECONNREFUSED), StreamUnreachable, "connection refused"),
    (foreign(OSError, errno.ENETUNREACH), StreamUnreachable, "network is unreachable"),
    (foreign(av.error.InvalidDataError, 1), StreamUnreachable, "not a video in any known form"),
    (EOFError(URL), StreamUnreachable, "ends before any video"),
    (ValueError(URL), StreamUnreachable, "ValueError"),
    (foreign(OSError, -1_414_092_869), StreamUnreachable, "OSError"),
]


@pytest.mark.parametrize(("error", "kind", "words"), OPENING)
def test_why_a_stream_could_not_be_opened(error: Exception, kind: type[Exception], words: str) -> None:
    failure = open_failure(error, ADDRESS, 10.0)
    assert type(failure) is kind
    assert words in failure.message
    assert failure.hint
    assert "geheim" not in f"{failure} {failure!r}"
    assert "FFmpeg says" not in str(failure)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (foreign(av.error.ExitError, 1), StreamStalled),
        (foreign(OSError, errno.ETIMEDOUT), StreamStalled),
        (foreign(OSError, errno.EAGAIN), StreamStalled),
        (EOFError(URL), StreamLost),
        (foreign(OSError, errno.ECONNRESET), StreamLost),
        (foreign(av.error.InvalidDataError, 1), StreamLost),
    ],
)
def test_why_an_open_stream_gave_no_more(error: Exception, kind: type[Exception]) -> None:
    failure = read_failure(error, ADDRESS, 8.0)
    assert type(failure) is kind
    assert failure.hint
    assert "geheim" not in f"{failure} {failure!r}"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "x"), "no such file"),
        (IsADirectoryError(errno.EISDIR, "x"), "is a folder"),
        (PermissionError(errno.EACCES, "x"), "may not be read"),
        (foreign(av.error.InvalidDataError, 1), "not a video that can be read"),
        (foreign(OSError, errno.EINVAL), "not a video in any known form"),
        (foreign(OSError, errno.EIO), "input/output error"),
    ],
)
def test_why_a_file_is_no_video(error: Exception, words: str) -> None:
    failure = file_failure(error, parse_address("/srv/private/lesson.mp4"))
    assert words in failure.message
    assert "lesson.mp4" in failure.message
    assert "/srv/private" not in str(failure)
    assert failure.hint


def test_an_open_that_took_all_its_time_timed_out_whatever_ffmpeg_calls_it() -> None:
    error = foreign(av.error.InvalidDataError, 1)
    failure = open_failure(error, ADDRESS, 10.0, timed_out=True)
    assert "no stream within 10 s" in failure.message
    denied = open_failure(foreign(av.error.HTTPUnauthorizedError, 401), ADDRESS, 10.0, timed_out=True)
    assert isinstance(denied, StreamDenied), "a refusal that came late is a refusal"


def test_an_untrusted_certificate_is_hinted_at_only_where_one_was_asked_for() -> None:
    broken = foreign(OSError, errno.EIO)
    secure = replace(parse_address("rtsps://cam/1"), ca_file=Path("/etc/cameras.pem"))
    assert "CA file" in open_failure(broken, secure, 10.0).hint
    assert "CA file" not in open_failure(broken, replace(secure, ca_file=None), 10.0).hint
    assert "CA file" not in open_failure(broken, ADDRESS, 10.0).hint


@given(st.floats(0.001, 100))
def test_a_stall_says_how_long_nothing_came(seconds: float) -> None:
    assert f"{seconds:.3g} s" in stalled(ADDRESS, seconds).message


LIVE = {
    Scheme.RTSP: "rtsp://cam/1",
    Scheme.RTSPS: "rtsps://cam/1",
    Scheme.RTMP: "rtmp://cam/1",
    Scheme.RTMPS: "rtmps://cam/1",
    Scheme.HTTP: "http://cam/1.m3u8",
    Scheme.HTTPS: "https://cam/1.m3u8",
}


@pytest.mark.parametrize("scheme", LIVE)
def test_no_stream_may_open_a_file_of_this_machine(scheme: Scheme) -> None:
    options = open_options(parse_address(LIVE[scheme]), POLICY)
    assert "file" not in options["protocol_whitelist"].split(",")


@pytest.mark.parametrize("scheme", [Scheme.RTSPS, Scheme.RTMPS, Scheme.HTTPS])
def test_an_authority_is_asked_for_over_tls_only(scheme: Scheme) -> None:
    authority = Path("/etc/cameras.pem")
    secure = replace(parse_address(LIVE[scheme]), ca_file=authority)
    options = open_options(secure, POLICY)
    assert (options["ca_file"], options["tls_verify"]) == (str(authority), "1")
    assert "tls_verify" not in open_options(replace(secure, ca_file=None), POLICY)
    assert "tls_verify" not in open_options(replace(ADDRESS, ca_file=authority), POLICY)


def test_a_local_file_may_not_reach_the_network_nor_name_other_files() -> None:
    options = open_options(parse_address("lesson.mp4"), POLICY)
    assert options["protocol_whitelist"] == "file"
    forms = set(file_formats().split(","))
    assert forms >= {"mov", "mp4", "matroska", "avi", "mpegts", "gif", "flv"}
    assert not forms & {"hls", "dash", "concat", "sdp", "lavfi", "image2", "rtsp", "data"}
    assert not [form for form in forms if form.endswith("_pipe")]


def test_sound_is_not_even_asked_for_unless_a_probe_wants_to_see_it() -> None:
    assert open_options(ADDRESS, POLICY)["allowed_media_types"] == "video"
    assert "allowed_media_types" not in open_options(ADDRESS, POLICY, with_audio=True)


def test_the_sockets_own_time_out_never_comes_before_ours() -> None:
    """FFmpeg calls its own time-out invalid data; ours has a name."""
    for open_s, read_s in ((10, 8), (3, 20), (1, 1)):
        policy = replace(
            POLICY, open_timeout=timedelta(seconds=open_s), read_timeout=timedelta(seconds=read_s)
        )
        assert int(open_options(ADDRESS, policy)["timeout"]) > max(open_s, read_s) * 1_000_000


def test_a_stall_is_noticed_in_less_than_ten_seconds_by_the_ordinary_policy() -> None:
    assert min(POLICY.read_timeout, POLICY.stall_after) < timedelta(seconds=10)


def test_the_transport_chosen_is_the_transport_used() -> None:
    assert open_options(ADDRESS, POLICY)["rtsp_transport"] == "tcp"
    assert open_options(parse_address("rtsp://cam/1#transport=udp"), POLICY)["rtsp_transport"] == "udp"
