"""Where seats lie in the picture: a room that rises to the back, seen from the front wall."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.synthetic.heads import FRAME
from models.frame import Box

BACK_SHARE = 0.70
"""Size of a head in the last row against one in the first."""
_PITCH = 0.84
_CROWN = 0.50
_BELOW = 0.60
_AISLE = 1.03


@dataclass(frozen=True, slots=True)
class Seat:
    """A place: the centre of the sitter's skull, pixels, and the side of the head's sprite, pixels."""

    index: int
    row: int
    column: int
    x: float
    y: float
    size_px: int

    @property
    def unit_px(self) -> float:
        """Pixels per head unit."""
        return self.size_px / FRAME

    @property
    def face(self) -> Box:
        """Where the face is expected: brow to chin, ear to ear."""
        return Box(
            self.x - 0.80 * self.unit_px,
            self.y - 0.60 * self.unit_px,
            1.6 * self.unit_px,
            1.65 * self.unit_px,
        )


def lay_out(width: int, height: int, rows: int, columns: int) -> tuple[Seat, ...]:
    """Seats from the last row to the first, the largest that fit without hiding a face."""
    shares = [BACK_SHARE + (1 - BACK_SHARE) * (row / max(1, rows - 1)) for row in range(rows)]
    if rows == 1:
        shares = [1.0]
    tall = _CROWN * shares[0] + _PITCH * sum(shares[1:]) + _BELOW * shares[-1]
    front = min(height * 0.97 / tall, width * 0.97 / columns / _AISLE)
    spare = height - tall * front
    seats: list[Seat] = []
    y = min(spare * 0.8, height * 0.22) + _CROWN * shares[0] * front
    stretch = 1.0 + max(0.0, height - y - front * (tall - _CROWN * shares[0])) / max(front * tall, 1.0) * 0.9
    for row, share in enumerate(shares):
        size = front * share
        if row:
            y += _PITCH * size * stretch
        for column in range(columns):
            x = width / 2 + (column - (columns - 1) / 2) * size * _AISLE
            seats.append(Seat(len(seats), row, column, x, y, max(24, round(size))))
    return tuple(seats)
