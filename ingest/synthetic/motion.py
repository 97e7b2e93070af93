"""How a seated person moves: looks around, writes, nods, blinks, speaks. A pure function of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.synthetic.features import Expression

YAW_STEP = 0.1
PITCH_STEP = 0.13
_TURN_S = 0.45
_BLINK_S = 0.16


@dataclass(frozen=True, slots=True)
class Bearing:
    """Head at an instant. ``yaw_step``, ``pitch_step``: place in the grid of rendered poses; ``roll``
    radians; ``dx``, ``dy`` sway in head units."""

    yaw_step: int
    pitch_step: int
    roll: float
    dx: float
    dy: float
    expression: Expression


class Demeanour:
    """One person's movements over a lesson, drawn once from a seed."""

    def __init__(self, seed: int, duration_s: float, talkative: bool = False) -> None:
        rng = np.random.default_rng([seed, 91])
        times = [0.0]
        while times[-1] < duration_s + 10:
            times.append(times[-1] + float(rng.gamma(4.0, 1.6)) + 1.2)
        self._times = np.array(times)
        self._yaw, self._pitch = _glances(rng, len(times))
        self._roll = np.clip(rng.normal(0, 0.045, len(times)), -0.11, 0.11)
        self._blinks = np.cumsum(rng.gamma(3.0, 1.5, int(duration_s / 3) + 12))
        self._phase = rng.uniform(0, 2 * np.pi, 4)
        self._talks = _speech(rng, duration_s) if talkative else ()

    def at(self, at_s: float) -> Bearing:
        """Bearing at a time in seconds."""
        index = max(0, int(np.searchsorted(self._times, at_s, side="right")) - 1)
        before = max(0, index - 1)
        t = min(1.0, (at_s - float(self._times[index])) / _TURN_S) if index else 1.0
        ease = t * t * (3 - 2 * t)

        def between(track: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
            return float(track[before] + (track[index] - track[before]) * ease)

        p = self._phase
        sway = np.sin(0.9 * at_s + p[0]) * 0.014 + np.sin(2.3 * at_s + p[1]) * 0.006
        bob = np.sin(1.3 * at_s + p[2]) * 0.010 + np.sin(0.5 * at_s + p[3]) * 0.008
        return Bearing(
            yaw_step=round(between(self._yaw) / YAW_STEP),
            pitch_step=round(between(self._pitch) / PITCH_STEP),
            roll=between(self._roll) + 0.012 * float(np.sin(0.7 * at_s + p[1])),
            dx=float(sway),
            dy=float(bob),
            expression=self._expression(at_s),
        )

    def _expression(self, at_s: float) -> Expression:
        index = int(np.searchsorted(self._blinks, at_s, side="right")) - 1
        blinking = index >= 0 and at_s - float(self._blinks[index]) < _BLINK_S
        speaking = any(start <= at_s < end for start, end in self._talks)
        mouth = int(1.5 + 1.49 * np.sin(11.0 * at_s + self._phase[0]) * np.sin(3.1 * at_s)) if speaking else 0
        return Expression(2, 0) if blinking and not mouth else Expression(0, min(2, mouth))


def _glances(
    rng: np.random.Generator, count: int
) -> tuple[
    np.ndarray[tuple[int, ...], np.dtype[np.float64]], np.ndarray[tuple[int, ...], np.dtype[np.float64]]
]:
    """Mostly to the teacher; now and then to a neighbour, the window or the desk."""
    yaw = np.clip(rng.normal(0, 0.13, count), -0.3, 0.3)
    pitch = np.clip(rng.normal(0.02, 0.05, count), -0.13, 0.13)
    kind = rng.random(count)
    aside = kind < 0.16
    yaw[aside] = np.sign(rng.normal(0, 1, int(aside.sum()))) * rng.uniform(0.3, 0.42, int(aside.sum()))
    writes = (kind > 0.16) & (kind < 0.28)
    pitch[writes] = rng.uniform(0.20, 0.30, int(writes.sum()))
    return yaw, pitch


def _speech(rng: np.random.Generator, duration_s: float) -> tuple[tuple[float, float], ...]:
    starts = np.cumsum(rng.gamma(3.0, 6.0, int(duration_s / 10) + 2))
    return tuple((float(start), float(start + rng.uniform(2.0, 6.0))) for start in starts)
