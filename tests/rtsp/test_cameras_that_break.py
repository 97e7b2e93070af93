"""Cameras that go wrong while they are recorded: the recorder notices, says why, and comes back by itself.

All of them are recorded at the same time, for the faults take real time to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from models.footage import CameraState, GapCause
from models.policy import RecordingPolicy
from tests.rtsp.faulty_server import Fault, FaultyServer
from tests.rtsp.live_stage import LiveStage
from tests.unit.ingest.fakes import decode_all, encode_clip

pytestmark = pytest.mark.xdist_group("cameras that break")
RATE = 25
POLICY = RecordingPolicy(
    segment=timedelta(seconds=1),
    open_timeout=timedelta(seconds=3),
    read_timeout=timedelta(seconds=2),
    stall_after=timedelta(seconds=2),
)
BREAKS = (Fault.DROP, Fault.RESET, Fault.STALL, Fault.CHATTER, Fault.GARBAGE)
PASSWORD = "geheim-37"

Run = tuple[LiveStage, FaultyServer]


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return [data for data, *_ in encode_clip(seconds=3, rate=RATE, gop=RATE // 2).packets]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, pictures: list[bytes]) -> Iterator[dict[Fault, Run]]:
    """Each camera plays a second, breaks in its own way, and is sound from the second connection on."""
    runs: dict[Fault, Run] = {}
    with ExitStack() as stack:
        for fault in BREAKS:
            server = stack.enter_context(FaultyServer((fault, Fault.LASTS), pictures, RATE, after=RATE))
            url = server.url(f"admin:{PASSWORD}@")
            stage = LiveStage(tmp_path_factory.mktemp("spool"), url, policy=POLICY)
            runs[fault] = (stack.enter_context(stage), server)
        for stage, _ in runs.values():
            stage.reach(CameraState.RECORDING, times=2)
            stage.record(1)
        for stage, _ in runs.values():
            stage.stop()
        yield runs


@pytest.fixture(params=BREAKS, ids=[fault.name.lower() for fault in BREAKS])
def run(request: pytest.FixtureRequest, broken: dict[Fault, Run]) -> tuple[Fault, LiveStage]:
    return request.param, broken[request.param][0]


def test_footage_and_declared_gaps_tile_the_run(run: tuple[Fault, LiveStage]) -> None:
    account = run[1].account()
    assert account.whole
    assert account.off_s == pytest.approx(0, abs=1.0)
    assert account.footage_s == pytest.approx(account.played_s, abs=1.0)


def test_it_is_noticed_and_the_camera_comes_back(run: tuple[Fault, LiveStage]) -> None:
    states = run[1].sink.states
    first = states.index(CameraState.RECORDING)
    assert states[first : first + 4] == [
        CameraState.RECORDING,
        CameraState.WAITING,
        CameraState.CONNECTING,
        CameraState.RECORDING,
    ]


def test_what_came_before_the_break_is_kept_and_plays(run: tuple[Fault, LiveStage]) -> None:
    fault, stage = run
    before = [one for one in stage.sink.segments if one.starts_at < _break_of(stage)]
    pictures = sum(decode_all(one.path) for one in before)
    # The last picture of a connection is known to be whole only when the next one begins.
    assert pictures >= RATE - 2, fault


def _break_of(stage: LiveStage) -> datetime:
    return next(report.at for report in stage.sink.reports if report.state is CameraState.WAITING)


def test_the_cause_is_told_apart(run: tuple[Fault, LiveStage]) -> None:
    fault, stage = run
    code = next(report.code for report in stage.sink.reports if report.state is CameraState.WAITING)
    causes = {gap.cause for gap in stage.sink.gaps}
    if fault in {Fault.STALL, Fault.CHATTER}:
        assert code == "stream_stalled"
        assert GapCause.STREAM_STALLED in causes
    elif fault is Fault.GARBAGE:
        assert code in {"stream_lost", "stream_stalled"}
    else:
        assert code == "stream_lost"
        assert GapCause.STREAM_LOST in causes


def test_no_report_and_no_gap_shows_the_password(run: tuple[Fault, LiveStage]) -> None:
    sink = run[1].sink
    assert PASSWORD not in f"{sink.reports} {sink.gaps} {sink.segments}"


def test_the_gap_of_a_silent_camera_begins_with_the_silence_not_with_its_notice(
    broken: dict[Fault, Run],
) -> None:
    for fault in (Fault.STALL, Fault.CHATTER):
        stage, _ = broken[fault]
        gap = next(one for one in stage.sink.gaps if one.cause is GapCause.STREAM_STALLED)
        assert gap.interval.duration >= POLICY.stall_after
        assert gap.starts_at < _break_of(stage)


def test_each_camera_was_opened_again_once(broken: dict[Fault, Run]) -> None:
    """No storm of connections: one that broke, one that serves."""
    assert {fault: server.connections for fault, (_, server) in broken.items()} == dict.fromkeys(BREAKS, 2)


def test_a_camera_that_never_lasts_is_tried_with_growing_jittered_waits(
    tmp_path_factory: pytest.TempPathFactory, pictures: list[bytes]
) -> None:
    spool = tmp_path_factory.mktemp("spool")
    with (
        FaultyServer(Fault.DROP, pictures, RATE, after=3) as server,
        LiveStage(spool, server.url(), policy=POLICY) as stage,
    ):
        stage.reach(CameraState.WAITING, times=6)
    waits_s = [report.retry_in_s for report in stage.sink.reports if report.retry_in_s is not None]
    assert 0.075 <= waits_s[0] <= 0.125, "a tenth of a second, give or take a quarter"
    assert max(waits_s) > 2 * waits_s[0]
    assert max(waits_s) <= 0.5 * 1.25
    assert len({round(wait_s, 4) for wait_s in waits_s}) == len(waits_s), "no two waits are alike"
    account = stage.account()
    assert account.whole
    assert account.off_s == pytest.approx(0, abs=1.0)
