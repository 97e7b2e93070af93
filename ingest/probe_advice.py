"""What to change on a camera, from the facts of its stream. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.policy import RecordingPolicy

# A classroom's last row at 720 lines: a face of 40 pixels where the picture spans 10 metres.
_LEAST_LINES = 720
_LEAST_RATE = 5.0
_DRIFT_S_PER_HOUR = 10.0
_HIGH_BIT_RATE = 8_000_000
_PLAYS_IN_BROWSERS = frozenset({"h264", "av1", "vp9"})


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """Facts of a stream: rates in pictures per second, ``bit_rate`` in bits per second.

    ``keyframe_interval_s``: longest seen; ``clock_drift_s_per_hour``: how much the stream's clock gains on
    the machine's; both ``None`` where the watching was too short to tell.
    """

    codec: str
    profile: str
    width: int
    height: int
    declared_rate: float | None
    measured_rate: float | None
    variable_rate: bool
    keyframe_interval_s: float | None
    bit_rate: int | None
    has_audio: bool
    clock_drift_s_per_hour: float | None


def advise(facts: StreamFacts, watched_s: float, policy: RecordingPolicy) -> Iterator[str]:
    """Sentences for the person at the camera's settings; none where all is well."""
    yield from _codec_advice(facts, policy)
    yield from _keyframe_advice(facts, watched_s, policy)
    yield from _picture_advice(facts)
    if facts.has_audio:
        yield "The stream carries sound. Rollcall does not record it; switch it off to save bandwidth."


def _codec_advice(facts: StreamFacts, policy: RecordingPolicy) -> Iterator[str]:
    if facts.codec == "hevc":
        yield (
            "H.265 is recorded as it is, but few browsers play it: viewing makes an H.264 copy first. "
            "Choose H.264 if the line has room for it."
        )
    elif facts.codec not in _PLAYS_IN_BROWSERS:
        yield f"{facts.codec} does not play in browsers: choose H.264 in the camera's settings."
    minute_bytes = (facts.bit_rate or 0) / 8 * policy.segment.total_seconds()
    if minute_bytes > policy.max_segment_bytes:
        yield "The bit rate is so high that segments are cut before their time: 2 to 4 Mbit/s are enough."
    elif facts.bit_rate and facts.bit_rate > _HIGH_BIT_RATE:
        yield f"{facts.bit_rate / 1e6:.0f} Mbit/s fill the store fast: 2 to 4 Mbit/s are enough."


def _keyframe_advice(facts: StreamFacts, watched_s: float, policy: RecordingPolicy) -> Iterator[str]:
    interval_s, limit_s = facts.keyframe_interval_s, policy.max_keyframe_interval.total_seconds()
    if interval_s is None:
        yield f"No keyframe came in {watched_s:.0f} s: set the camera's I-frame interval to 2 s."
    elif interval_s > limit_s:
        yield (
            f"Keyframes lie {interval_s:.0f} s apart, policy allows {limit_s:.0f} s: every picture has to be "
            "decoded. Set the I-frame interval to 2 s and switch smart coding (H.264+, H.265+) off."
        )
    elif interval_s > 4:
        yield f"Keyframes lie {interval_s:.0f} s apart: with 2 s people are named sooner."


def _picture_advice(facts: StreamFacts) -> Iterator[str]:
    lines = min(facts.width, facts.height)
    if lines < _LEAST_LINES:
        yield (
            f"{facts.width}×{facts.height} is too small to tell faces in the back rows: use the main stream, "
            "1080 lines or more."
        )
    rate = facts.measured_rate
    if rate is not None and rate < _LEAST_RATE:
        yield f"Only {rate:.1f} pictures a second came: check the line, or set 10 to 25."
    if facts.variable_rate:
        yield "The picture rate varies: switch variable rate off if footage looks jerky."
    drift = facts.clock_drift_s_per_hour
    if drift is not None and abs(drift) > _DRIFT_S_PER_HOUR:
        word = "fast" if drift > 0 else "slow"
        yield f"The camera's clock runs {abs(drift):.0f} s an hour {word}: give it an NTP server."
