"""The way between the door and a seat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.synthetic.layout import Seat
from ingest.synthetic.script import WALK_S, Person

_DOWN = 0.42
_ALONG = 0.88
_STAND = 1.0


@dataclass(frozen=True, slots=True)
class Walker:
    """Someone on their feet: skull centre and sprite side in pixels, and the row they are level with."""

    cast: int
    x: float
    y: float
    size_px: int
    row: int
    yaw_step: int


def walkers_at(people: tuple[Person, ...], seats: tuple[Seat, ...], width: int, at_s: float) -> list[Walker]:
    """Everyone on the way in or out at a time, from the back of the room to the front."""
    found = []
    for person in people:
        for stay in person.stays:
            if stay.from_s - WALK_S <= at_s < stay.from_s and stay.from_s > 0:
                done = 1 - (stay.from_s - at_s) / WALK_S
                found.append(_on_way(person.cast, seats, stay.seat, width, done, inwards=True))
            elif stay.to_s <= at_s < stay.to_s + WALK_S:
                done = 1 - (at_s - stay.to_s) / WALK_S
                found.append(_on_way(person.cast, seats, stay.seat, width, done, inwards=False))
    return sorted(found, key=lambda walker: (walker.row, walker.cast))


def _on_way(
    cast: int, seats: tuple[Seat, ...], index: int, width: int, done: float, *, inwards: bool
) -> Walker:
    """``done``: 0 at the door, 1 in the seat."""
    seat, door = seats[index], seats[0]
    aisle = width * 0.955
    down, along = np.clip(done / _DOWN, 0, 1), np.clip((done - _DOWN) / (_ALONG - _DOWN), 0, 1)
    size = door.size_px + (seat.size_px - door.size_px) * float(down)
    lift = _STAND * (1 - float(np.clip((done - _ALONG) / (1 - _ALONG), 0, 1)))
    y = door.y + (seat.y - door.y) * float(down) - lift * seat.unit_px
    x = aisle + (seat.x - aisle) * float(along)
    y += 0.05 * seat.unit_px * float(np.sin(done * 22.0))
    facing = -9 if inwards else 9
    yaw = 0 if done > _ALONG else facing if done > _DOWN else facing // 3
    row = seat.row if done > _DOWN else round(seat.row * float(down))
    return Walker(cast, x, y, max(24, round(size / 4) * 4), row, yaw)
