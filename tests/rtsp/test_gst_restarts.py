"""A real RTSP server that dies and comes back: footage plus declared gaps equals wall time, and nobody is
absent because of the gap. The long version is ``python -m tests.drills.rtsp_restart``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from models.attendance import Status
from models.footage import CameraState, GapCause
from models.policy import RecordingPolicy
from tests.rtsp.gst_process import GstServer
from tests.rtsp.judged_run import gap_intervals, lesson_of, minutes_as_seconds, verdict_on
from tests.rtsp.live_stage import LiveStage

pytestmark = pytest.mark.service
StartServer = Callable[..., GstServer]


def cut_and_restart(server: GstServer, stage: LiveStage) -> None:
    """Killed, unreachable for a while, started again on the same port."""
    failed = stage.sink.states.count(CameraState.WAITING)
    server.kill()
    stage.reach(CameraState.WAITING, failed + 6)
    server.start()
    stage.record(2)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_footage_and_declared_gaps_are_wall_time_within_a_second(
    gst_server: StartServer, tmp_path: Path, transport: str
) -> None:
    server = gst_server()
    with LiveStage(tmp_path / "spool", server.url(transport=transport)) as stage:
        stage.record(2)
        for _ in range(2):
            cut_and_restart(server, stage)
    account = stage.account()
    assert account.whole, "no second lies in nothing"
    assert account.off_s == pytest.approx(0, abs=1.0)
    assert account.footage_s == pytest.approx(account.played_s, abs=1.0), "what is declared can be played"
    assert {GapCause.STREAM_UNREACHABLE} <= set(account.gaps_s)
    assert {GapCause.STREAM_LOST, GapCause.STREAM_STALLED} & set(account.gaps_s)


def test_a_frozen_camera_is_a_stall_that_ends_in_a_new_connection(
    gst_server: StartServer, tmp_path: Path
) -> None:
    server = gst_server()
    with LiveStage(tmp_path / "spool", server.url()) as stage:
        stage.record(1)
        server.freeze()
        stage.sink.wait_for(lambda sink: "stream_stalled" in sink.codes())
        server.thaw()
        stage.record(1)
    account = stage.account()
    assert account.whole
    assert account.off_s == pytest.approx(0, abs=1.0)
    assert account.gaps_s[GapCause.STREAM_STALLED] >= 2.0, "the silence that proved the stall is part of it"


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_with_the_ordinary_policy_a_stall_is_noticed_in_less_than_ten_seconds(
    gst_server: StartServer, tmp_path: Path, transport: str
) -> None:
    """Over UDP FFmpeg lets go of a last picture when the wait is over: that is no sign of life."""
    server = gst_server()
    url = server.url(transport=transport)
    with LiveStage(tmp_path / "spool", url, policy=RecordingPolicy()) as stage:
        stage.reach(CameraState.RECORDING)
        frozen_at = datetime.now(UTC)
        server.freeze()
        stage.sink.wait_for(lambda sink: "stream_stalled" in sink.codes())
    noticed_at = next(report.at for report in stage.sink.reports if report.code == "stream_stalled")
    assert noticed_at - frozen_at < timedelta(seconds=10)


@pytest.fixture
def run_with_outage(gst_server: StartServer, tmp_path: Path) -> LiveStage:
    server = gst_server()
    stage = LiveStage(tmp_path / "spool", server.url())
    with stage:
        stage.record(2)
        cut_and_restart(server, stage)
        stage.record(1)
    return stage


def test_no_trainee_is_absent_because_of_the_gap(run_with_outage: LiveStage) -> None:
    policy = minutes_as_seconds()
    seated = verdict_on(run_with_outage, lambda _at: True, policy)
    assert (seated.status, seated.marks) == (Status.PRESENT, ())
    (outage, *_) = gap_intervals(run_with_outage)
    arrived = verdict_on(run_with_outage, lambda at: at >= outage.ends_at, policy)
    assert arrived.status is not Status.ABSENT, "who is seen from the gap's end on may have come in it"
    never = verdict_on(run_with_outage, lambda _at: False, policy)
    watched = lesson_of(run_with_outage).interval.duration - outage.duration
    assert never.observable_minutes == pytest.approx(watched / timedelta(minutes=1), abs=0.05)


def test_a_restarted_recorder_declares_the_time_between_and_goes_on_with_the_next_number(
    gst_server: StartServer, tmp_path: Path
) -> None:
    """Two runs over one spool, as two processes leave them: the second knows where the first one ended."""
    server = gst_server()
    with LiveStage(tmp_path / "spool", server.url()) as first:
        first.record(1)
    server.kill()
    server.start()
    # A server that sends ahead of time leaves footage that ends a moment after its recorder does.
    covered_until = first.recorder.covered_until
    assert covered_until is not None
    threading.Event().wait(max(0.0, (covered_until - datetime.now(UTC)).total_seconds()))
    with LiveStage(
        tmp_path / "spool",
        server.url(),
        first_sequence=first.recorder.next_sequence,
        missing_since=first.recorder.covered_until,
    ) as second:
        second.record(1)
    gap = second.sink.gaps[0]
    assert gap.cause is GapCause.PROCESS_RESTARTED
    assert gap.starts_at == first.recorder.covered_until
    assert second.sink.segments[0].sequence == first.sink.segments[-1].sequence + 1
    both = [*first.sink.intervals(), *second.sink.intervals()]
    accounted_s = sum(one.duration.total_seconds() for one in both)
    assert accounted_s == pytest.approx((second.ended_at - first.began_at).total_seconds(), abs=1.0)
