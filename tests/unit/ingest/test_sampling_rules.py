"""Which pictures go to recognition: keyframes at the sampling period, decoded ones where those are rare."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.full_decode import InlineDecoder, JpegEncoder, ThreadedDecoder
from ingest.packets import StreamInfo
from ingest.sampling import FrameMaker, SampleSchedule, StreamSampler
from ingest.segmenter import TimedPacket
from models.errors import StreamLost
from models.frame import EncodedFrame
from tests.unit.ingest.conftest import Stage
from tests.unit.ingest.fakes import Clip, encode_clip, live_steps, packet_of, picture


def decode(frame: EncodedFrame) -> list[VideoFrame]:
    """As a recogniser does it: a decoder for the codec, the extradata, one packet."""
    context = av.CodecContext.create(frame.codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = frame.extradata or None
    return context.decode(av.Packet(frame.data)) + context.decode(None)


def timed(clip: Clip, index: int, base_s: float = 1000.0) -> TimedPacket:
    row = clip.packets[index]
    pts = row[1] or 0
    return TimedPacket(packet_of(row), pts, row[2] or 0, float(pts * clip.info.time_base), base_s, row[3])


def taken(schedule: SampleSchedule, times_s: list[float]) -> list[float]:
    return [time_s for time_s in times_s if schedule.take(time_s)]


def test_keyframes_every_two_seconds_are_all_taken_at_a_period_of_two() -> None:
    assert taken(SampleSchedule(2.0), [0, 2, 4, 6]) == [0, 2, 4, 6]


def test_keyframes_a_little_early_are_taken_all_the_same() -> None:
    assert taken(SampleSchedule(2.0), [0, 1.98, 3.96, 5.97]) == [0, 1.98, 3.96, 5.97]


def test_where_every_picture_is_a_keyframe_only_due_ones_are_taken() -> None:
    times = [n / 25 for n in range(250)]
    assert taken(SampleSchedule(2.0), times) == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.07)


def test_keyframes_that_do_not_divide_the_period_keep_its_mean() -> None:
    times = [n * 1.5 for n in range(41)]
    assert len(taken(SampleSchedule(2.0), times)) == pytest.approx(60 / 2, abs=2)


def test_keyframes_rarer_than_the_period_are_all_taken() -> None:
    assert taken(SampleSchedule(2.0), [0, 5, 10, 15]) == [0, 5, 10, 15]


def test_a_clock_set_back_does_not_silence_sampling() -> None:
    assert taken(SampleSchedule(2.0), [100, 102, 0, 2]) == [100, 102, 0, 2]


@settings(deadline=None)
@given(st.floats(0.2, 20), st.floats(0.02, 5), st.integers(2, 200))
def test_samples_are_never_closer_than_the_period_allows(every_s: float, step_s: float, count: int) -> None:
    times = taken(SampleSchedule(every_s), [n * step_s for n in range(count)])
    assert times[0] == 0
    length_s = (count - 1) * step_s
    assert len(times) <= length_s / every_s / 0.97 + 2
    assert len(times) >= length_s / max(every_s, step_s) / 2 - 1


class Recorded:
    """A sampler with what it published and how often it began to decode."""

    def __init__(
        self,
        clip: Clip,
        *,
        every_s: float = 2.0,
        max_interval_s: float = 10.0,
        at_once: bool = False,
        group_bytes: int = 1_000_000,
    ) -> None:
        self.frames: list[EncodedFrame] = []
        self.advice: list[float] = []
        self.decoders = 0
        schedule, maker = SampleSchedule(every_s), FrameMaker("L1", "c1")

        def start(info: StreamInfo) -> InlineDecoder:
            self.decoders += 1
            return InlineDecoder(info, maker, schedule, self.frames.append)

        self.sampler = StreamSampler(
            maker,
            schedule,
            self.frames.append,
            start,
            max_interval_s=max_interval_s,
            decode_at_once=at_once,
            on_long_interval=self.advice.append,
            group_bytes=group_bytes,
        )
        self.sampler.connect(clip.info)
        for index in range(len(clip.packets)):
            self.sampler.offer(timed(clip, index))
        self.sampler.close()


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mjpeg"])
def test_a_sample_is_one_decodable_picture_by_itself(codec: str) -> None:
    clip = encode_clip(codec=codec, seconds=6, gop=10)
    frames = Recorded(clip).frames
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 2, 4], abs=0.1)
    for frame in frames:
        pictures = decode(frame)
        assert [(one.width, one.height) for one in pictures] == [(frame.width, frame.height)]


def test_keyframes_near_enough_are_never_decoded(clip: Clip) -> None:
    recorded = Recorded(clip)
    assert recorded.decoders == 0
    assert {frame.codec for frame in recorded.frames} == {"h264"}


def test_keyframes_too_far_apart_make_every_picture_decoded_and_that_is_told(rare_keyframes: Clip) -> None:
    recorded = Recorded(rare_keyframes, max_interval_s=5.0)
    assert recorded.decoders == 1
    assert len(recorded.advice) == 1
    assert recorded.advice[0] == pytest.approx(5.2, abs=0.3)
    assert [frame.pts_s for frame in recorded.frames] == pytest.approx([n * 2.0 for n in range(15)], abs=0.21)
    assert [frame.codec for frame in recorded.frames][1:] == ["mjpeg"] * 14


def test_no_picture_is_lost_while_it_is_found_out_that_decoding_is_needed(rare_keyframes: Clip) -> None:
    frames = Recorded(rare_keyframes, max_interval_s=9.0).frames
    assert [frame.pts_s for frame in frames][:4] == pytest.approx([0, 2, 4, 6], abs=0.21)


def test_decoded_samples_carry_the_wall_time_of_their_picture(rare_keyframes: Clip) -> None:
    for frame in Recorded(rare_keyframes, max_interval_s=5.0).frames:
        assert frame.at.timestamp() == pytest.approx(1000.0 + frame.pts_s, abs=1e-3)


def test_decoding_at_once_begins_with_the_first_keyframe(rare_keyframes: Clip) -> None:
    recorded = Recorded(rare_keyframes, at_once=True)
    assert {frame.codec for frame in recorded.frames} == {"mjpeg"}
    assert recorded.frames[0].pts_s == 0
    assert not recorded.advice


def test_reordered_pictures_are_sampled_in_the_order_in_which_they_show() -> None:
    clip = encode_clip(seconds=8, rate=10, gop=80, b_frames=3)
    times = [frame.pts_s for frame in Recorded(clip, every_s=0.5, at_once=True).frames]
    assert times == sorted(times)
    assert len(times) == 16


def test_damaged_packets_are_passed_over(rare_keyframes: Clip) -> None:
    rows = list(rare_keyframes.packets)
    data, pts, dts, key = rows[40]
    rows[40] = (data[:4] + bytes(len(data) - 4), pts, dts, key)
    recorded = Recorded(replace(rare_keyframes, packets=tuple(rows)), at_once=True)
    assert len(recorded.frames) >= 14


def test_a_new_connection_forgets_the_last_one(clip: Clip, rare_keyframes: Clip) -> None:
    recorded = Recorded(rare_keyframes, max_interval_s=5.0)
    recorded.sampler.connect(clip.info)
    before = len(recorded.frames)
    for index in range(len(clip.packets)):
        recorded.sampler.offer(timed(clip, index))
    assert {frame.codec for frame in recorded.frames[before:]} == {"h264"}


def test_a_jpeg_sample_loses_hardly_anything() -> None:
    """As good as JPEG quality 95: recognition must not see worse pictures than the stream shows."""
    original = picture(3, 320, 240)
    jpeg = JpegEncoder().encode(original)
    context = av.CodecContext.create("mjpeg", "r")
    back = (context.decode(av.Packet(jpeg)) + context.decode(None))[0]
    error = original.to_ndarray(format="rgb24").astype(float) - back.to_ndarray(format="rgb24").astype(float)
    noise = 10 * np.log10(255**2 / np.mean(error**2))
    assert noise > 36


def test_a_jpeg_keeps_black_black_and_white_white() -> None:
    """The stream's range is limited, JPEG's is full: mixing them up lifts shadows and dulls light."""
    grey = VideoFrame.from_ndarray(np.full((64, 64, 3), 5, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    light = VideoFrame.from_ndarray(np.full((64, 64, 3), 250, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    encoder = JpegEncoder()
    for frame, value in ((grey, 5), (light, 250)):
        context = av.CodecContext.create("mjpeg", "r")
        back = (context.decode(av.Packet(encoder.encode(frame))) + context.decode(None))[0]
        assert float(back.to_ndarray(format="rgb24").mean()) == pytest.approx(value, abs=4)


def test_a_jpeg_encoder_follows_a_change_of_size() -> None:
    encoder = JpegEncoder()
    for size in ((64, 48), (128, 96), (63, 47)):
        context = av.CodecContext.create("mjpeg", "r")
        back = (context.decode(av.Packet(encoder.encode(picture(1, *size)))) + context.decode(None))[0]
        assert (back.width, back.height) == size


def test_a_decoder_that_falls_behind_passes_over_to_the_next_keyframe(clip: Clip) -> None:
    entered, go_on = threading.Event(), threading.Event()
    fed: list[TimedPacket] = []

    class Slow:
        def feed(self, timed: TimedPacket) -> None:
            fed.append(timed)
            entered.set()
            go_on.wait(5)

        def close(self) -> None:
            """Nothing held back."""

    decoder = ThreadedDecoder(Slow(), "slow", queued_packets=5)
    decoder.feed(timed(clip, 0))
    assert entered.wait(5)
    for index in range(1, 40):
        decoder.feed(timed(clip, index))
    assert decoder.passed_over == 34
    go_on.set()
    decoder.close()
    assert len(fed) == 6


def test_a_recorder_decodes_in_a_thread_of_its_own_and_tells(stage: Stage, rare_keyframes: Clip) -> None:
    stage.policy = replace(
        stage.policy, max_keyframe_interval=timedelta(seconds=5), segment=timedelta(seconds=60)
    )
    stage.play(stage.source(rare_keyframes, [*live_steps(rare_keyframes), StreamLost("end")]))
    assert [frame.pts_s for frame in stage.bus.frames] == pytest.approx(
        [n * 2.0 for n in range(15)], abs=0.21
    )
    assert [report.code for report in stage.sink.reports].count("long_keyframe_interval") == 1


def test_rotation_travels_with_every_sample(clip: Clip) -> None:
    turned = replace(clip, info=replace(clip.info, rotation_degrees=90))
    assert {frame.rotation_degrees for frame in Recorded(turned).frames} == {90}
    assert {frame.rotation_degrees for frame in Recorded(turned, at_once=True).frames} == {90}


def test_a_group_of_pictures_too_large_to_keep_is_let_go_not_kept(
    rare_keyframes: Clip,
) -> None:
    """Memory per camera is bounded; decoding then begins with the next keyframe."""
    recorded = Recorded(rare_keyframes, max_interval_s=5.0, group_bytes=1000)
    assert recorded.decoders == 1
    assert [frame.pts_s for frame in recorded.frames][:2] == pytest.approx([0, 15], abs=0.1)
    assert recorded.frames[-1].codec == "mjpeg"


def test_time_base_of_samples_is_the_streams_own() -> None:
    clip = encode_clip(seconds=4, rate=8, gop=8)
    coarse = replace(clip.info, time_base=Fraction(1, 90_000))
    assert [frame.pts_s for frame in Recorded(replace(clip, info=coarse)).frames] == [0.0, 2.0]
