"""A recorder against cameras that fail: whatever happens, footage and gaps tile the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.packets import PacketSource
from models.errors import (
    DatabaseBusy,
    StreamDenied,
    StreamError,
    StreamLost,
    StreamStalled,
    StreamUnreachable,
)
from models.footage import CameraState, GapCause, Segment
from tests.unit.ingest.conftest import Stage
from tests.unit.ingest.fakes import (
    EPOCH,
    Clip,
    FakeSink,
    decode_all,
    encode_clip,
    live_steps,
    packet_of,
    read_back,
)

LOST = StreamLost("the cable is out")


def test_a_steady_stream_becomes_segments_of_the_policys_length_cut_at_keyframes(
    stage: Stage, clip: Clip
) -> None:
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert [round(segment.duration_s, 3) for segment in stage.sink.segments] == [4, 4, 2]
    assert [segment.sequence for segment in stage.sink.segments] == [1, 2, 3]
    for segment in stage.sink.segments:
        assert read_back(segment.path)[0][2], "a segment begins with a keyframe"
        assert read_back(segment.path)[0][0] == 0, "and at zero of its own time"
    stage.assert_accounted()


def test_every_packet_is_kept_and_every_picture_decodes(stage: Stage, clip: Clip) -> None:
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert sum(len(read_back(segment.path)) for segment in stage.sink.segments) == 100
    assert sum(decode_all(segment.path) for segment in stage.sink.segments) == 100


def test_one_segment_ends_in_the_instant_in_which_the_next_begins(stage: Stage, clip: Clip) -> None:
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    first, second, third = stage.sink.segments
    assert (first.ends_at, second.ends_at) == (second.starts_at, third.starts_at)


def test_a_segment_tells_the_truth_about_its_file(stage: Stage, clip: Clip) -> None:
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    for segment in stage.sink.segments:
        data = Path(segment.path).read_bytes()
        assert segment.sha256 == hashlib.sha256(data).hexdigest()
        assert segment.size_bytes == len(data)
        assert (segment.codec, segment.width, segment.height) == ("h264", 160, 120)
        assert segment.keyframes == sum(key for _, _, key in read_back(segment.path))
        assert not segment.derived
        assert not segment.repaired


def test_a_segment_lies_where_the_spool_expects_it_with_its_sidecar(stage: Stage, clip: Clip) -> None:
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    folder = stage.spool / "L1" / "c1"
    assert sorted(entry.name for entry in folder.iterdir()) == [
        *("000001.json", "000001.mp4", "000002.json", "000002.mp4", "000003.json", "000003.mp4")
    ]
    sidecar = json.loads((folder / "000002.json").read_text())
    segment = stage.sink.segments[1]
    assert sidecar["segment_id"] == segment.segment_id
    assert sidecar["starts_at"] == segment.starts_at.isoformat()
    assert sidecar["first_pts_s"] == segment.first_pts_s == 4.0
    assert sidecar["time_base"] == "1/90000"


def test_a_lost_stream_is_opened_again_and_the_time_between_is_a_gap(stage: Stage, clip: Clip) -> None:
    stage.play(
        stage.source(clip, [*live_steps(clip, end=30), LOST]),
        StreamUnreachable("refused"),
        StreamUnreachable("refused"),
        stage.source(clip, [*live_steps(clip), LOST]),
    )
    causes = [gap.cause for gap in stage.sink.gaps]
    assert causes == [GapCause.STREAM_LOST, GapCause.STREAM_UNREACHABLE, GapCause.STREAM_LOST]
    assert stage.sink.gaps[0].detail == "the cable is out"
    assert [segment.sequence for segment in stage.sink.segments] == [1, 2, 3, 4]
    stage.assert_accounted(within_s=0.1)


def test_a_stall_is_blamed_from_the_last_picture_on(stage: Stage, clip: Clip) -> None:
    stage.play(
        stage.source(clip, [*live_steps(clip, end=50), 8.0, StreamStalled("nothing came")]),
        stage.source(clip, [*live_steps(clip), LOST]),
    )
    stall = stage.sink.gaps[0]
    assert stall.cause is GapCause.STREAM_STALLED
    assert stall.starts_at == EPOCH + timedelta(seconds=5)
    assert stall.interval.duration >= timedelta(seconds=8)
    stage.assert_accounted(within_s=0.1)


def test_a_camera_that_is_never_reached_is_one_gap(stage: Stage) -> None:
    stage.play(*[StreamUnreachable("refused") for _ in range(12)])
    assert [gap.cause for gap in stage.sink.gaps] == [GapCause.STREAM_UNREACHABLE]
    assert stage.elapsed_s > 60, "waits must have grown"
    stage.assert_accounted(within_s=0.1)


def test_a_wrong_password_is_reported_and_tried_rarely(stage: Stage, clip: Clip) -> None:
    stage.play(
        StreamDenied("wrong", hint="check the password"), stage.source(clip, [*live_steps(clip), LOST])
    )
    report = next(report for report in stage.sink.reports if report.code == "stream_denied")
    assert report.state is CameraState.WAITING
    assert report.retry_in_s is not None
    assert report.retry_in_s >= 45
    assert stage.sink.gaps[0].cause is GapCause.STREAM_DENIED


def test_the_states_of_a_camera_are_told_in_order(stage: Stage, clip: Clip) -> None:
    stage.play(StreamUnreachable("refused"), stage.source(clip, [*live_steps(clip), LOST]))
    assert stage.sink.states == [
        *(CameraState.CONNECTING, CameraState.WAITING, CameraState.CONNECTING, CameraState.RECORDING),
        *(CameraState.WAITING, CameraState.CONNECTING, CameraState.STOPPED),
    ]


def test_waits_start_anew_after_a_connection_that_held(stage: Stage) -> None:
    long = encode_clip(seconds=40, rate=2, gop=4)
    stage.play(
        *[StreamUnreachable("refused") for _ in range(6)],
        stage.source(long, [*live_steps(long), LOST]),
    )
    waits = [report.retry_in_s or 0 for report in stage.sink.reports if report.state is CameraState.WAITING]
    assert waits[5] > 10
    assert waits[6] < 1


def test_footage_waits_for_a_keyframe_and_the_wait_is_a_gap(stage: Stage, clip: Clip) -> None:
    stage.play(stage.source(clip, [*live_steps(clip, start=5), LOST]))
    assert stage.sink.gaps[0].interval.duration == timedelta(seconds=0.5)
    assert sum(len(read_back(segment.path)) for segment in stage.sink.segments) == 90
    stage.assert_accounted()


def test_sequence_numbers_and_time_go_on_where_a_broken_run_ended(stage: Stage, clip: Clip) -> None:
    stage.options = {"first_sequence": 7, "missing_since": EPOCH - timedelta(seconds=20)}
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert [segment.sequence for segment in stage.sink.segments] == [7, 8, 9]
    assert stage.sink.gaps[0].cause is GapCause.PROCESS_RESTARTED
    assert stage.sink.gaps[0].starts_at == EPOCH - timedelta(seconds=20)


def test_what_a_crash_left_on_disk_is_never_written_over(stage: Stage, clip: Clip) -> None:
    folder = stage.spool / "L1" / "c1"
    folder.mkdir(parents=True)
    (folder / "000002.part.mp4").write_bytes(b"the only copy")
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert [segment.sequence for segment in stage.sink.segments] == [3, 4, 5]
    assert (folder / "000002.part.mp4").read_bytes() == b"the only copy"


def test_a_defect_leaves_whole_footage_and_says_where_it_ended(stage: Stage, clip: Clip) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a defect")

    recorder = stage.recorder([stage.source(clip, [*live_steps(clip, end=55), broken])])
    with pytest.raises(ZeroDivisionError):
        recorder.run(stage.stop)
    assert sum(len(read_back(segment.path)) for segment in stage.sink.segments) == 55
    assert stage.sink.states[-1] is CameraState.STOPPED
    assert recorder.next_sequence == 3
    stage.assert_accounted(within_s=0.2)


def test_run_again_after_a_defect_it_goes_on_and_declares_the_time_between(stage: Stage, clip: Clip) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a defect")

    recorder = stage.recorder(
        [stage.source(clip, [*live_steps(clip), broken]), stage.source(clip, [*live_steps(clip), LOST])]
    )
    with pytest.raises(ZeroDivisionError):
        recorder.run(stage.stop)
    stage.clock.advance(3)
    recorder.run(stage.stop)
    assert [segment.sequence for segment in stage.sink.segments] == [1, 2, 3, 4, 5, 6]
    assert GapCause.RECORDER_FAILED in [gap.cause for gap in stage.sink.gaps]
    stage.assert_accounted(within_s=0.2)


def test_the_end_of_a_recording_played_as_a_camera_is_no_reason_to_play_it_again(
    stage: Stage, clip: Clip
) -> None:
    waited: list[float] = []

    def wait(stop: object, seconds: float) -> bool:
        waited.append(seconds)
        stage.clock.advance(60)
        stage.stop.set()
        return True

    recorder = stage.recorder([stage.source(clip, live_steps(clip))])
    object.__setattr__(recorder._options, "wait", wait)
    recorder.run(stage.stop)
    assert stage.sink.gaps[-1].cause is GapCause.SOURCE_ENDED
    assert stage.camera is not None
    assert stage.camera.opened == 1
    stage.assert_accounted(within_s=0.2)


def test_a_machines_clock_that_steps_neither_tears_nor_doubles_footage(stage: Stage, clip: Clip) -> None:
    stage.play(
        stage.source(clip, [*live_steps(clip, end=50), lambda: stage.clock.step(-3600), LOST]),
        stage.source(clip, [*live_steps(clip), LOST]),
    )
    starts = [segment.starts_at for segment in stage.sink.segments]
    assert starts == sorted(starts)
    assert stage.sink.without_hole()
    assert "clock_stepped" in [report.code for report in stage.sink.reports]


def test_a_jump_of_the_cameras_clock_alone_misses_nothing(stage: Stage, clip: Clip) -> None:
    hour = 3600 * 90_000
    stage.play(stage.source(clip, [*live_steps(clip, end=45), *live_steps(clip, shift=hour, start=45), LOST]))
    assert sum(len(read_back(segment.path)) for segment in stage.sink.segments) == 100
    assert [gap.cause for gap in stage.sink.gaps] == [GapCause.STREAM_LOST]
    stage.assert_accounted(within_s=0.2)


def test_a_jump_with_silence_closes_the_segment_and_misses_its_true_length(stage: Stage, clip: Clip) -> None:
    """Seven seconds nothing came; the camera's clock says it was an hour."""
    hour = 3600 * 90_000
    steps = [*live_steps(clip, end=45), 7.0, *live_steps(clip, shift=hour, start=50), LOST]
    stage.play(stage.source(clip, steps))
    jump = next(gap for gap in stage.sink.gaps if gap.cause is GapCause.CLOCK_JUMP)
    assert jump.interval.duration.total_seconds() == pytest.approx(7, abs=0.2)
    stage.assert_accounted(within_s=0.3)


def test_a_slow_camera_clock_is_re_anchored_and_the_difference_declared(stage: Stage) -> None:
    """The camera films 120 seconds and calls them 114."""
    slow = encode_clip(seconds=114, rate=5, gop=10, size=(64, 64))
    steps = []
    for row in slow.packets:
        steps += [packet_of(row), 120 / 114 / 5]
    stage.policy = type(stage.policy)(segment=timedelta(seconds=20))
    stage.play(stage.source(slow, [*steps, LOST]))
    declared = [gap for gap in stage.sink.gaps if gap.cause is GapCause.CLOCK_JUMP]
    assert declared
    assert all("re-anchored" in gap.detail for gap in declared)
    assert stage.sink.accounted_s() == pytest.approx(stage.elapsed_s, abs=1.0)
    assert stage.sink.without_hole()


class LockedOnce(FakeSink):
    refusals = 0

    def segment_closed(self, segment: Segment) -> None:
        if self.refusals < 1:
            self.refusals += 1
            raise DatabaseBusy("locked")
        super().segment_closed(segment)


def test_a_locked_database_stops_no_recording_and_loses_no_segment(stage: Stage, clip: Clip) -> None:
    stage.sink = LockedOnce()
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert [segment.sequence for segment in stage.sink.segments] == [1, 2, 3]
    assert "database_busy" in [report.code for report in stage.sink.reports]


def test_no_report_and_no_gap_shows_the_password(stage: Stage, clip: Clip) -> None:
    stage.play(StreamDenied("x"), stage.source(clip, [*live_steps(clip), LOST]))
    assert "geheim" not in repr((stage.sink.reports, stage.sink.gaps, stage.sink.segments))


def test_a_codec_that_footage_cannot_carry_is_refused_with_advice(stage: Stage, clip: Clip) -> None:
    vp8 = Clip(replace(clip.info, codec="vp8"), clip.packets, clip.rate)
    stage.play(stage.source(vp8, live_steps(vp8)))
    report = next(report for report in stage.sink.reports if report.code == "stream_unsupported")
    assert "H.264" in report.message
    assert not stage.sink.segments


def test_a_segment_never_grows_beyond_the_limit_of_one_object(stage: Stage, clip: Clip) -> None:
    limit = 6000
    stage.policy = type(stage.policy)(max_segment_bytes=limit)
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert len(stage.sink.segments) > 2
    # Headers come on top of the pictures' bytes.
    assert all(segment.size_bytes < limit + 3000 for segment in stage.sink.segments)
    assert sum(len(read_back(segment.path)) for segment in stage.sink.segments) == 100
    stage.assert_accounted(within_s=0.2)


def test_the_sampling_period_can_be_changed_while_recording(stage: Stage, clip: Clip) -> None:
    recorder = stage.recorder([])
    steps = [
        *live_steps(clip, end=50),
        lambda: recorder.set_sampling(timedelta(seconds=4)),
        *live_steps(clip, start=50),
    ]
    assert stage.camera is not None
    stage.camera._entries = iter([stage.source(clip, [*steps, LOST])])
    recorder.run(stage.stop)
    assert [frame.pts_s for frame in stage.bus.frames] == [0, 2, 4, 6]


def test_samples_are_stamped_with_the_recorders_clock(stage: Stage, clip: Clip) -> None:
    stage.play(stage.source(clip, [*live_steps(clip), LOST]))
    assert [(frame.at - EPOCH).total_seconds() for frame in stage.bus.frames] == [0, 2, 4, 6, 8]
    assert [frame.sequence for frame in stage.bus.frames] == [1, 2, 3, 4, 5]


_BLOW = st.sampled_from(
    [StreamUnreachable("refused"), StreamDenied("denied"), StreamError("odd"), StreamLost("at once")]
)
_PIECE = st.tuples(
    st.integers(0, 99), st.integers(1, 100), st.sampled_from([0.0, 0.5, 3.0, 8.0, 30.0]), st.booleans()
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(_BLOW, _PIECE), max_size=6))
def test_whatever_a_camera_does_every_second_is_accounted_for(
    make_stage: Callable[[], Stage], clip: Clip, history: list[StreamError | tuple[int, int, float, bool]]
) -> None:
    """Footage + gaps = wall time within a second, without overlap, and sequence numbers have no hole."""
    stage = make_stage()
    entries: list[PacketSource | StreamError] = []
    for event in history:
        if isinstance(event, StreamError):
            entries.append(event)
            continue
        start, length, silence_s, stalls = event
        failure = StreamStalled("stalled") if stalls else LOST
        steps = [*live_steps(clip, start=start, end=start + length), silence_s, failure]
        entries.append(stage.source(clip, steps))
    stage.play(*entries)
    stage.assert_accounted()
    assert [segment.sequence for segment in stage.sink.segments] == list(
        range(1, len(stage.sink.segments) + 1)
    )
    assert all(earlier.ends_at <= later.starts_at for earlier, later in pairwise(stage.sink.segments))
