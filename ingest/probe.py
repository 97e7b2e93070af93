"""Watches a stream for some seconds and measures what a person who connects cameras should know."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ingest.camera import CameraConfig
from ingest.file_facts import rate_varies
from ingest.packets import PacketSource
from ingest.probe_advice import StreamFacts, advise
from ingest.source import FFmpegSource, open_source
from ingest.timestamps import TimestampRules
from models.policy import RecordingPolicy
from models.ports import Clock

# Less watching tells delivery jitter, not drift.
_LEAST_DRIFT_WATCH_S = 5.0

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a stream is: facts measured, and advice in sentences. ``address``: without secrets."""

    address: str
    facts: StreamFacts
    open_s: float
    watched_s: float
    pictures: int
    advice: tuple[str, ...] = ()

    def document(self) -> dict[str, str | int | float | bool | list[str] | None]:
        """The report as one flat JSON object."""
        return {
            "address": self.address,
            **asdict(self.facts),
            "open_s": round(self.open_s, 3),
            "watched_s": round(self.watched_s, 3),
            "pictures": self.pictures,
            "advice": list(self.advice),
        }


@dataclass(slots=True)
class _Watch:
    """What came while watching: media time and arrival of each picture (seconds), sizes (bytes)."""

    media_s: list[float] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    keyframes_s: list[float] = field(default_factory=list)
    size_bytes: int = 0


def probe(
    camera: CameraConfig,
    clock: Clock,
    *,
    seconds: float = 10.0,
    policy: RecordingPolicy | None = None,
    progress: Progress | None = None,
) -> ProbeReport:
    """Open a camera and watch it for ``seconds`` (a file: of its media time).

    ``progress`` is told the share done, 0 to 1.

    Raises:
        StreamError: it cannot be opened, or breaks while it is watched; see ``open_source``.
    """
    policy = policy or RecordingPolicy()
    begun_s = clock.monotonic_s()
    with closing(open_source(camera.stream_address(), policy, with_audio=True)) as source:
        open_s = clock.monotonic_s() - begun_s
        watch = _watch(source, seconds, policy, clock, progress)
        facts = _facts(source, watch)
    watched_s = _span(watch.media_s)
    report = ProbeReport(source.shown, facts, open_s, watched_s, len(watch.media_s))
    return replace(report, advice=tuple(advise(facts, watched_s, policy)))


def _watch(
    source: PacketSource, seconds: float, policy: RecordingPolicy, clock: Clock, progress: Progress | None
) -> _Watch:
    info = source.info
    rules = TimestampRules(info.time_base, info.average_rate, policy.jump_close.total_seconds())
    watch = _Watch()
    begun_s = clock.monotonic_s()
    while (packet := source.read()) is not None:
        now_s = clock.monotonic_s()
        times = rules.place(packet.pts, packet.dts)
        watch.media_s.append(float(times.pts * info.time_base))
        watch.arrived_s.append(now_s)
        watch.size_bytes += packet.size
        if packet.is_keyframe:
            watch.keyframes_s.append(watch.media_s[-1])
        elapsed_s = now_s - begun_s if info.live else watch.media_s[-1]
        if progress is not None:
            progress(min(elapsed_s / seconds, 1.0))
        if elapsed_s >= seconds:
            break
    return watch


def _facts(source: FFmpegSource, watch: _Watch) -> StreamFacts:
    info = source.info
    watched_s = _span(watch.media_s)
    steps_s = np.diff(np.sort(np.array(watch.media_s)))
    bit_rate = watch.size_bytes * 8 / watched_s if watched_s else None
    return StreamFacts(
        codec=info.codec,
        profile=source.profile,
        width=info.width,
        height=info.height,
        declared_rate=round(float(info.average_rate), 3) if info.average_rate else None,
        measured_rate=round(len(steps_s) / watched_s, 3) if watched_s else None,
        variable_rate=rate_varies(steps_s),
        keyframe_interval_s=_keyframe_interval(watch),
        bit_rate=round(bit_rate) if bit_rate else None,
        has_audio=info.has_audio,
        clock_drift_s_per_hour=_drift(watch) if info.live else None,
    )


def _span(media_s: list[float]) -> float:
    return max(media_s) - min(media_s) if media_s else 0.0


def _keyframe_interval(watch: _Watch) -> float | None:
    """Longest seen; while no second keyframe came, at least so long as was watched since the first."""
    if not watch.keyframes_s:
        return None
    marks = watch.keyframes_s if len(watch.keyframes_s) > 1 else [watch.keyframes_s[0], max(watch.media_s)]
    return round(float(np.max(np.diff(marks))), 3) or None


def _drift(watch: _Watch) -> float | None:
    """Seconds per hour by which the stream's clock gains on this machine's.

    Delays only ever add, so the least delay of each second is nearest to the truth; the drift is the slope
    of a straight line through them.
    """
    if _span(watch.media_s) < _LEAST_DRIFT_WATCH_S:
        return None
    media_s, arrived_s = np.array(watch.media_s), np.array(watch.arrived_s)
    seconds = (arrived_s - arrived_s[0]).astype(np.int64)
    # The first second holds what the server had in store; the last may be too short to hold a quick picture.
    least = [_least_delay(media_s, arrived_s, seconds == second) for second in range(1, int(seconds[-1]))]
    points = np.array([point for point in least if point is not None])
    if len(points) < 3:
        return None
    slope = np.polyfit(points[:, 0], points[:, 1], 1)[0]
    return round(float(-slope) * 3600, 2)


def _least_delay(
    media_s: npt.NDArray[np.float64], arrived_s: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]
) -> tuple[float, float] | None:
    """(arrival, delay) of the picture with the least delay among the chosen; ``None`` for none."""
    if not chosen.any():
        return None
    delays_s = arrived_s[chosen] - media_s[chosen]
    least = int(np.argmin(delays_s))
    return float(arrived_s[chosen][least]), float(delays_s[least])
