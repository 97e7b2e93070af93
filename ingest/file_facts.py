"""What a video file turned out to hold, told from the times of its pictures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.packets import StreamInfo

_RATE_LIE = 0.05


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was read of a file. Seconds of media time; rates in pictures per second.

    ``info``: with the true rotation and size of the first picture. ``duration_s``: from the first to the end
    of the last picture; ``declared_s``: what the header claims, ``None`` where it claims nothing.
    ``longest_interval_s``: longest time without a keyframe, up to the end. Where footage had to be
    re-encoded, ``keyframes`` and ``longest_interval_s`` are those of the new stream.
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


class PictureTally:
    """When the pictures of a file are shown, and which are keyframes. ``add`` every packet once, in order."""

    def __init__(self) -> None:
        self._shown_s: list[float] = []
        self._keyframes_s: list[float] = []

    @property
    def empty(self) -> bool:
        return not self._shown_s

    @property
    def keyframes(self) -> int:
        return len(self._keyframes_s)

    def add(self, shown_s: float, keyframe: bool) -> None:
        """``shown_s``: seconds from the file's first picture, jumps of its clock forward counted in."""
        self._shown_s.append(shown_s)
        if keyframe:
            self._keyframes_s.append(shown_s)

    def since_keyframe_s(self) -> float:
        """From the latest keyframe to the latest packet."""
        return self._shown_s[-1] - self._keyframes_s[-1] if self._keyframes_s else 0.0

    def facts(self, info: StreamInfo, declared_s: float | None) -> FileFacts:
        """Sum of what was added; at least one picture must have been."""
        shown_s = np.sort(self._shown_s)
        steps_s = np.diff(shown_s)
        usual_s = float(np.median(steps_s)) if len(steps_s) else _interval_s(info)
        duration_s = float(shown_s[-1] - shown_s[0]) + usual_s
        return FileFacts(
            info=info,
            pictures=len(shown_s),
            keyframes=len(self._keyframes_s),
            duration_s=duration_s,
            declared_s=declared_s,
            longest_interval_s=_longest_interval(self._keyframes_s, duration_s),
            measured_rate=1 / usual_s if usual_s > 0 else None,
            variable_rate=rate_varies(steps_s),
        )


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


def rate_varies(steps_s: npt.NDArray[np.float64]) -> bool:
    """Whether more than one interval between pictures in twenty is a fifth off the usual one."""
    if len(steps_s) < 3:
        return False
    usual_s = float(np.median(steps_s))
    return float(np.mean(np.abs(steps_s - usual_s) > usual_s / 5)) > 0.05


def _interval_s(info: StreamInfo) -> float:
    """How long the only picture of a file is shown."""
    return float(1 / info.average_rate) if info.average_rate else 0.04


def _longest_interval(keyframes_s: Sequence[float], duration_s: float) -> float:
    return float(max(np.diff((*keyframes_s, duration_s)), default=duration_s)) if keyframes_s else duration_s
