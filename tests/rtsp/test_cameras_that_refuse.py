"""Cameras that do not let themselves be opened: each gets a cause, a next step, and shows no password."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.camera import CameraConfig
from ingest.source import open_camera
from models.errors import StreamDenied, StreamError, StreamUnreachable, StreamUnsupported
from models.policy import RecordingPolicy
from tests.rtsp.faulty_server import Fault, FaultyServer

PASSWORD = "geheim-37"
IMPATIENT = RecordingPolicy(
    open_timeout=timedelta(seconds=0.5),
    read_timeout=timedelta(seconds=0.5),
    stall_after=timedelta(seconds=0.5),
)


def refusal_of(url: str, policy: RecordingPolicy = IMPATIENT) -> StreamError:
    with pytest.raises(StreamError) as refusal:
        open_camera(CameraConfig("c1", url), policy)
    error = refusal.value
    told = f"{error} {error!r} {error.args} {error.__cause__!r} {error.__context__!r}"
    assert PASSWORD not in told, "a password may not be shown anywhere"
    assert error.hint, "an error names the next step"
    return error


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (Fault.DENIED, StreamDenied, "refused the login"),
        (Fault.FORBIDDEN, StreamDenied, "refused the login"),
        (Fault.ABSENT, StreamUnreachable, "no such stream"),
        (Fault.WEB_PAGE, StreamUnreachable, "no stream within 0.5 s"),
        (Fault.SILENT, StreamUnreachable, "no stream within 0.5 s"),
        (Fault.MUTE, StreamUnreachable, "no stream within 0.5 s"),
    ],
)
def test_a_camera_that_refuses_says_why_and_never_the_password(
    fault: Fault, kind: type[StreamError], message: str
) -> None:
    with FaultyServer(fault) as server:
        error = refusal_of(server.url(f"admin:{PASSWORD}@"))
        assert f"***@127.0.0.1:{server.port}/cam" in error.message
    assert type(error) is kind
    assert message in error.message


def test_a_wrong_password_is_tried_with_what_was_configured_and_no_more_than_once() -> None:
    """Cameras lock an account after a few failures: one try to open is one try to log in."""
    with FaultyServer(Fault.DENIED) as server:
        refusal_of(server.url(f"admin:{PASSWORD}@"))
        assert server.requests.count("DESCRIBE") <= 2, "one without login, as the protocol asks, and one with"
        assert server.connections == 1


def test_a_machine_where_nothing_listens_is_told_from_one_that_is_silent() -> None:
    with FaultyServer(Fault.SILENT) as server:
        url = server.url(f"admin:{PASSWORD}@")
    error = refusal_of(url)
    assert "refused" in error.message
    assert "nothing listens" in error.hint


def test_a_name_that_no_server_knows_is_unreachable() -> None:
    error = refusal_of(
        f"rtsp://admin:{PASSWORD}@camera.invalid/cam", replace(IMPATIENT, open_timeout=timedelta(5))
    )
    assert type(error) is StreamUnreachable


def test_a_camera_that_sends_no_video_is_told_to_choose_another_stream() -> None:
    """An SDP without pictures' parameters and a stream without pictures."""
    with FaultyServer(Fault.HOLD) as server:
        error = refusal_of(server.url(f"admin:{PASSWORD}@"))
    assert isinstance(error, StreamUnreachable | StreamUnsupported)
