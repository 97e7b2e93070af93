"""Coverage: when a camera of the room was watched, from the frames that recognition judged.

Only a clear frame speaks for its time. A picture that is covered or frozen shows nobody, and proves nobody's
absence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Protocol

from models.timeline import Interval, intersection, interval_or_none, union

CLEAR = "clear"
COVERED = "covered"
FROZEN = "frozen"
# Two keyframes dropped in a row are jitter; three are an outage.
TOLERANCE = 3.0


class Look(Protocol):
    """A judged frame: ``FrameJudgement`` and ``JudgedFrame`` are both one."""

    @property
    def camera_id(self) -> str: ...

    @property
    def at(self) -> datetime: ...

    @property
    def lens(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LensSpell:
    """A stretch in which one camera's picture looked alike: clear, covered or frozen."""

    camera_id: str
    lens: str
    interval: Interval


def lens_spells(
    looks: Iterable[Look], sampling: timedelta, tolerance: float = TOLERANCE
) -> tuple[LensSpell, ...]:
    """Spells by camera and time. A frame speaks for half a sampling period to either side; frames closer than
    ``tolerance`` × ``sampling`` share the time between them half and half."""
    ordered = sorted({(look.camera_id, look.at, look.lens) for look in looks})
    spells: list[LensSpell] = []
    for camera_id, of_camera in groupby(ordered, key=lambda look: look[0]):
        frames = [(at, lens) for _, at, lens in of_camera]
        for lens in sorted({lens for _, lens in frames}):
            pieces = _pieces(frames, lens, sampling, tolerance)
            spells += [LensSpell(camera_id, lens, piece) for piece in union(pieces)]
    return tuple(sorted(spells, key=lambda spell: (spell.camera_id, spell.interval, spell.lens)))


def _pieces(
    frames: Sequence[tuple[datetime, str]], lens: str, sampling: timedelta, tolerance: float
) -> list[Interval]:
    edges = _edges([at for at, _ in frames], sampling / 2, sampling * tolerance)
    pieces = [
        interval_or_none(begin, end)
        for (_, found), (begin, end) in zip(frames, edges, strict=True)
        if found == lens
    ]
    return [piece for piece in pieces if piece is not None]


def _edges(
    instants: Sequence[datetime], half: timedelta, bridge: timedelta
) -> list[tuple[datetime, datetime]]:
    """For each instant the stretch it speaks for."""
    begins, ends = [instants[0] - half], []
    for left, right in pairwise(instants):
        if right - left <= bridge:
            middle = left + (right - left) / 2
            ends.append(middle)
            begins.append(middle)
        else:
            ends.append(left + half)
            begins.append(right - half)
    ends.append(instants[-1] + half)
    return list(zip(begins, ends, strict=True))


def coverage_from_judgements(
    looks: Iterable[Look],
    sampling: timedelta,
    tolerance: float = TOLERANCE,
    recorded: Mapping[str, Sequence[Interval]] | None = None,
) -> tuple[Interval, ...]:
    """When any camera of the room was watched. With ``recorded`` (by camera), only while it also recorded."""
    clear = [spell for spell in lens_spells(looks, sampling, tolerance) if spell.lens == CLEAR]
    if recorded is None:
        return union(spell.interval for spell in clear)
    return union(
        piece
        for spell in clear
        for piece in intersection([spell.interval], recorded.get(spell.camera_id, ()))
    )
