"""Looks a video file over before it is recorded: is it one, what is in it, does its header tell the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from ingest.address import Scheme, StreamAddress
from ingest.ffmpeg_errors import FFMPEG_ERRORS
from ingest.packets import StreamInfo, VideoPacket
from ingest.source import FFmpegSource, open_source
from ingest.timestamps import TimestampRules
from models.errors import StreamError, VideoInvalid
from models.policy import RecordingPolicy

# A picture must decode within so many packets, or the file is not worth recording.
_PACKETS_TO_FIRST_PICTURE = 600
_RATE_LIE = 0.05
_SHORT_SAMPLES = 12
_HINT = "play it in a video player to see if it is whole; export it again as MP4 (H.264) if not"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a pass over the packets shows. Seconds of media time; rates in pictures per second.

    ``info``: with the true rotation and size of the first picture. ``duration_s``: from the first to the end
    of the last picture; ``declared_s``: what the header claims, ``None`` where it claims nothing.
    ``longest_interval_s``: longest time without a keyframe, up to the end.
    """

    info: StreamInfo
    pictures: int
    keyframes: int
    duration_s: float
    declared_s: float | None
    longest_interval_s: float
    measured_rate: float | None
    variable_rate: bool

    @property
    def missing_s(self) -> float:
        """How much the file lacks at its end."""
        return max(0.0, (self.declared_s or 0.0) - self.duration_s)

    @property
    def lying_rate(self) -> bool:
        """Whether the header's rate contradicts the timestamps."""
        declared, measured = self.info.average_rate, self.measured_rate
        if not declared or measured is None or self.variable_rate:
            return False
        return abs(float(declared) / measured - 1) > _RATE_LIE


def file_address(path: Path) -> StreamAddress:
    """The address of a local file, whatever its name looks like."""
    return StreamAddress(Scheme.FILE, str(path), path.name)


def check_file(path: Path, policy: RecordingPolicy) -> FileFacts:
    """Facts of a video file.

    Raises:
        VideoInvalid: absent, empty, text, a picture, only sound, cut at its head, encrypted or undecodable.
    """
    _require_content(path)
    with closing(open_source(file_address(path), policy)) as source:
        tally = _Tally(source.info, policy)
        first = _first_picture(path, source, tally)
        for packet in _packets(source):
            tally.add(packet)
        info = replace(
            source.info,
            template=None,
            width=first.width,
            height=first.height,
            rotation_degrees=clockwise_turn(first.rotation),
        )
        return tally.facts(info, source)


def clockwise_turn(counterclockwise_degrees: int) -> int:
    """Turn that makes a picture upright, to the nearest of 0, 90, 180, 270 degrees clockwise.

    The display matrix (ISO 14496-12, 8.3.2) may hold any angle; cameras and telephones use right angles.
    """
    return round(-counterclockwise_degrees / 90) % 4 * 90


def needs_decoding(facts: FileFacts, every: timedelta, policy: RecordingPolicy) -> bool:
    """Whether keyframes alone are too few: too far apart, or too few in a short file.

    A short file is decoded cheaply, and with a keyframe every ten seconds it would give a recogniser hardly
    the two pictures that it takes to name anybody.
    """
    if facts.longest_interval_s > policy.max_keyframe_interval.total_seconds():
        return True
    return facts.keyframes < _SHORT_SAMPLES and facts.longest_interval_s > 1.5 * every.total_seconds()


def advice_on(facts: FileFacts) -> Iterator[str]:
    """What the person who gave the file should know."""
    if facts.lying_rate:
        declared = float(facts.info.average_rate or 0)
        yield (
            f"the header says {declared:.4g} pictures a second, the timestamps {facts.measured_rate:.4g}: "
            "the timestamps are believed"
        )
    if facts.variable_rate:
        yield "the picture rate varies: times are taken from each picture's own timestamp"
    if facts.missing_s > 1:
        yield f"the file breaks off {facts.missing_s:.0f} s before the end its header states"


def _require_content(path: Path) -> None:
    if path.is_file() and path.stat().st_size == 0:
        raise VideoInvalid(f"{path.name} is empty", hint="copy or export it again")


def _first_picture(path: Path, source: FFmpegSource, tally: _Tally) -> VideoFrame:
    """The first picture that decodes; what is read on the way to it is counted."""
    template = source.info.template
    if template is not None:
        # One picture is not worth starting threads for.
        template.codec_context.thread_count = 1
    for packet in chain(islice(_packets(source), _PACKETS_TO_FIRST_PICTURE), (None,)):
        if packet is not None:
            if packet.has_sidedata("encryption_info"):
                # Decoded without the key, cipher text now and then gives a "picture": refused before that.
                raise VideoInvalid(
                    f"{path.name} is encrypted (ISO 23001-7)", hint="export it again without copy protection"
                )
            tally.add(packet)
        # Damaged packets before the first whole picture are common in cut recordings.
        with suppress(*FFMPEG_ERRORS):
            pictures = template.codec_context.decode(packet) if template is not None else []
            if pictures:
                return pictures[0]
    raise VideoInvalid(f"{path.name} holds no picture that can be decoded", hint=_HINT)


def _packets(source: FFmpegSource) -> Iterator[VideoPacket]:
    """Packets up to the end or to where the file breaks."""
    with suppress(StreamError):
        while (packet := source.read()) is not None:
            if not packet.is_corrupt:
                yield packet


class _Tally:
    """When the pictures of a file are shown, and which are keyframes. Fed every packet once, in order."""

    def __init__(self, info: StreamInfo, policy: RecordingPolicy) -> None:
        self._rules = TimestampRules(info.time_base, info.average_rate, policy.jump_close.total_seconds())
        self._tick_s = float(info.time_base)
        self._shown_s: list[float] = []
        self._keyframes_s: list[float] = []
        self._jumped_s = 0.0

    def add(self, packet: VideoPacket) -> None:
        times = self._rules.place(packet.pts, packet.dts)
        if times.jump_s is not None:
            self._jumped_s += max(0.0, times.jump_s)
        shown_s = times.pts * self._tick_s + self._jumped_s
        self._shown_s.append(shown_s)
        if packet.is_keyframe:
            self._keyframes_s.append(shown_s)

    def facts(self, info: StreamInfo, source: FFmpegSource) -> FileFacts:
        if not self._shown_s:
            raise VideoInvalid(f"{source.shown} holds no pictures", hint=_HINT)
        shown_s = np.sort(self._shown_s)
        steps_s = np.diff(shown_s)
        usual_s = float(np.median(steps_s)) if len(steps_s) else float(self._rules.interval * self._tick_s)
        duration_s = float(shown_s[-1] - shown_s[0]) + usual_s
        return FileFacts(
            info=info,
            pictures=len(shown_s),
            keyframes=len(self._keyframes_s),
            duration_s=duration_s,
            declared_s=source.declared_s,
            longest_interval_s=_longest_interval(self._keyframes_s, duration_s),
            measured_rate=1 / usual_s if usual_s > 0 else None,
            variable_rate=rate_varies(steps_s),
        )


def _longest_interval(keyframes_s: Sequence[float], duration_s: float) -> float:
    return float(max(np.diff((*keyframes_s, duration_s)), default=duration_s)) if keyframes_s else duration_s


def rate_varies(steps_s: npt.NDArray[np.float64]) -> bool:
    """Whether more than one interval between pictures in twenty is a fifth off the usual one."""
    if len(steps_s) < 3:
        return False
    usual_s = float(np.median(steps_s))
    return float(np.mean(np.abs(steps_s - usual_s) > usual_s / 5)) > 0.05
