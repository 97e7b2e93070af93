"""RTP timestamps as bad cameras send them: wrapped, jumping, stepping back, from 1970. Footage stays tied to
the recorder's clock, and no second is lost or invented."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest

from models.footage import GapCause
from models.policy import RecordingPolicy
from tests.rtsp.faulty_server import Fault, FaultyServer, steady
from tests.rtsp.live_stage import LiveStage
from tests.unit.ingest.fakes import encode_clip, read_back

pytestmark = pytest.mark.xdist_group("camera clocks")
RATE = 25
TURN = 1 << 32
POLICY = RecordingPolicy(
    segment=timedelta(seconds=1),
    open_timeout=timedelta(seconds=3),
    read_timeout=timedelta(seconds=2),
    stall_after=timedelta(seconds=2),
)


@dataclass(frozen=True)
class Trick:
    """What a camera does with its clocks; see FaultyServer."""

    stamp: Callable[[int], float] = steady
    first_stamp: int = 0
    camera_clock: Callable[[int], float] | None = None


def _hour_ahead(index: int) -> float:
    return index + (3600 * RATE if index >= 2 * RATE else 0)


def _hour_back(index: int) -> float:
    return index + (0 if index >= 2 * RATE else 3600 * RATE)


def _two_seconds_back(index: int) -> float:
    return index - (2 * RATE if index >= 2 * RATE else 0)


def _always_the_same(_index: int) -> float:
    return 7.0


def _set_by_ntp(index: int) -> float:
    return 86_400.0 if index < 2 * RATE else 1_800_000_000.0


TRICKS = {
    "wraps": Trick(first_stamp=TURN - 2 * 90_000),
    "jumps an hour ahead": Trick(stamp=_hour_ahead),
    "jumps an hour back": Trick(stamp=_hour_back),
    "steps two seconds back": Trick(stamp=_two_seconds_back),
    "stands still": Trick(stamp=_always_the_same),
    "believes it is 1970": Trick(camera_clock=lambda index: index / RATE),
    "is set from 1970 to today": Trick(camera_clock=_set_by_ntp),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LiveStage]]:
    pictures = [data for data, *_ in encode_clip(seconds=5, rate=RATE, gop=RATE // 2).packets]
    stages: dict[str, LiveStage] = {}
    with ExitStack() as stack:
        for name, trick in TRICKS.items():
            server = stack.enter_context(
                FaultyServer(
                    Fault.HOLD,
                    pictures,
                    RATE,
                    stamp=trick.stamp,
                    first_stamp=trick.first_stamp,
                    camera_clock=trick.camera_clock,
                )
            )
            stage = LiveStage(tmp_path_factory.mktemp("spool"), server.url(), policy=POLICY)
            stages[name] = stack.enter_context(stage)
        for stage in stages.values():
            stage.sink.wait_for(lambda sink: "stream_stalled" in sink.codes())
        for stage in stages.values():
            stage.stop()
        yield stages


@pytest.fixture(params=TRICKS)
def run(request: pytest.FixtureRequest, runs: dict[str, LiveStage]) -> LiveStage:
    return runs[request.param]


def test_every_second_is_footage_or_a_gap(run: LiveStage) -> None:
    account = run.account()
    assert account.whole
    assert account.off_s == pytest.approx(0, abs=1.0)


def test_footage_lies_in_the_time_of_the_run_whatever_the_camera_believes(run: LiveStage) -> None:
    second = timedelta(seconds=1)
    for segment in run.sink.segments:
        assert run.began_at - second <= segment.starts_at <= segment.ends_at <= run.ended_at + second


def test_no_picture_is_lost(run: LiveStage) -> None:
    pictures = sum(len(read_back(segment.path)) for segment in run.sink.segments)
    assert pictures >= 5 * RATE - 2


def test_times_in_each_file_rise(run: LiveStage) -> None:
    for segment in run.sink.segments:
        decoded_at_s = [dts for _, dts, _ in read_back(segment.path)]
        assert decoded_at_s == sorted(set(decoded_at_s))


@pytest.mark.parametrize("name", [name for name in TRICKS if name != "stands still"])
def test_samples_carry_the_recorders_time_in_order(runs: dict[str, LiveStage], name: str) -> None:
    run = runs[name]
    taken_at = [frame.at for frame in run.bus.frames]
    assert len(taken_at) >= 3
    assert all(run.began_at <= at <= run.ended_at for at in taken_at)
    assert taken_at == sorted(taken_at)


@pytest.mark.parametrize("name", ["wraps", "believes it is 1970", "is set from 1970 to today"])
def test_a_clock_that_only_looks_wrong_costs_nothing(runs: dict[str, LiveStage], name: str) -> None:
    """Nothing is missing but the time to connect and the silence at the end."""
    causes = {gap.cause for gap in runs[name].sink.gaps if gap.interval.duration > timedelta(seconds=0.5)}
    assert causes <= {GapCause.CONNECTING, GapCause.STREAM_STALLED}


def test_a_clock_that_stands_still_makes_no_time_watched(runs: dict[str, LiveStage]) -> None:
    """The pictures are kept, but nobody can say when they were taken: the time is missing, not proven."""
    account = runs["stands still"].account()
    assert account.footage_s < 0.5
    assert sum(account.gaps_s.values()) == pytest.approx(account.wall_s, abs=1.0)
