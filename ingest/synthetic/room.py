"""The empty classroom: back wall, windows, door, floor and rows of desks."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.layout import Seat

Picture = npt.NDArray[np.uint8]
"""(height, width, 3) uint8 BGR."""

DESK_TOP = 1.95
DESK_FRONT = 2.10
DESK_END = 3.15
"""Heights of a desk's parts below the sitter's skull centre, head units."""


def draw_room(width: int, height: int, seats: tuple[Seat, ...], seed: int) -> Picture:
    """Background without people and desks."""
    rng = np.random.default_rng([seed, 61])
    back = [seat for seat in seats if seat.row == 0]
    floor_y = back[0].y + 1.5 * back[0].unit_px
    room = _wall(width, height, floor_y)
    _windows(room, back)
    _door(room, back, floor_y)
    _board(room, back, rng)
    grain = rng.normal(0, 1.6, (height, width, 1))
    return np.clip(room + grain, 0, 255).astype(np.uint8)


def _wall(width: int, height: int, floor_y: float) -> npt.NDArray[np.float32]:
    down = np.arange(height, dtype=np.float32)[:, None] / height
    across = np.abs(np.arange(width, dtype=np.float32)[None, :] / width - 0.35)
    light = 1.03 - 0.20 * across - 0.05 * down
    wall = light[..., None] * np.array([196, 207, 212], np.float32)
    floor = (0.86 - 0.25 * down)[..., None] * np.array([150, 166, 176], np.float32) * (light[..., None] * 0.9)
    edge = int(min(height, floor_y))
    wall[edge:] = floor[edge:]
    skirting = max(2, int(height * 0.008))
    wall[max(0, edge - skirting) : edge] = (120, 130, 136)
    return np.ascontiguousarray(wall)


def _windows(room: npt.NDArray[np.float32], back: list[Seat]) -> None:
    unit = back[0].unit_px
    bottom = int(back[0].y + 0.1 * unit)
    width = room.shape[1]
    for index in range(3):
        left = int(width * (0.02 + 0.135 * index))
        right = int(left + width * 0.115)
        rows = np.linspace(0.0, 1.0, max(1, bottom))[:, None, None]
        sky = (
            np.array([250, 240, 226], np.float32) * (1 - rows) + np.array([232, 236, 226], np.float32) * rows
        )
        room[0:bottom, left:right] = sky
        bar = max(2, int(width * 0.004))
        for x in (left, (left + right) // 2, right):
            cv2.line(room, (x, 0), (x, bottom), (176, 184, 188), bar)
        cv2.line(room, (left, bottom), (right, bottom), (150, 160, 166), bar * 2)


def _door(room: npt.NDArray[np.float32], back: list[Seat], floor_y: float) -> None:
    width = room.shape[1]
    unit = back[0].unit_px
    left, right = int(width * 0.90), int(width * 0.985)
    top = max(0, int(back[0].y - 2.1 * unit))
    bottom = int(floor_y)
    cv2.rectangle(room, (left, top), (right, bottom), (88, 112, 140), -1)
    cv2.rectangle(room, (left, top), (right, bottom), (60, 78, 100), max(2, width // 400))
    cv2.rectangle(
        room,
        (left + (right - left) // 4, top + 8),
        (right - (right - left) // 4, (top + bottom) // 2),
        (196, 200, 190),
        -1,
    )
    cv2.circle(room, (left + 8, (top + bottom) * 3 // 5), max(2, width // 320), (60, 190, 210), -1)


def _board(room: npt.NDArray[np.float32], back: list[Seat], rng: np.random.Generator) -> None:
    width = room.shape[1]
    unit = back[0].unit_px
    left, right = int(width * 0.46), int(width * 0.82)
    top, bottom = max(4, int(back[0].y - 2.0 * unit)), int(back[0].y + 0.2 * unit)
    if bottom - top < 20:
        return
    cv2.rectangle(room, (left, top), (right, bottom), (92, 112, 92), -1)
    cv2.rectangle(room, (left, top), (right, bottom), (110, 140, 168), max(2, width // 300))
    for _ in range(9):
        x, y = int(rng.uniform(left, right - width * 0.04)), int(rng.uniform(top, bottom))
        paper = tuple(float(c) for c in rng.uniform(170, 235, 3))
        size = int(width * rng.uniform(0.018, 0.035))
        cv2.rectangle(room, (x, y), (x + size, min(bottom - 3, y + int(size * 1.3))), paper, -1)


def draw_desks(room: Picture, row: list[Seat], seed: int) -> None:
    """Lay one row of desks over the sitters' laps, with books and cups on it."""
    rng = np.random.default_rng([seed, 71, row[0].row])
    unit = row[0].unit_px
    y, width = row[0].y, room.shape[1]
    tops = [int(y + part * unit) for part in (DESK_TOP, DESK_FRONT, DESK_END)]
    left, right = max(0, int(row[0].x - 1.9 * unit)), min(width, int(row[-1].x + 1.9 * unit))
    shadow = room[tops[2] : tops[2] + int(0.25 * unit), left:right]
    shadow[:] = (shadow * 0.72).astype(np.uint8)
    cv2.rectangle(room, (left, tops[0]), (right, tops[1]), (158, 192, 218), -1)
    cv2.rectangle(room, (left, tops[1]), (right, tops[2]), (126, 158, 184), -1)
    edge = max(1, int(0.03 * unit))
    cv2.line(room, (left, tops[1]), (right, tops[1]), (96, 124, 150), edge)
    for first, second in pairwise(row):
        x = int((first.x + second.x) / 2)
        cv2.line(room, (x, tops[0]), (x, tops[2]), (104, 134, 160), edge)
    for seat in row:
        _desk_things(room, seat, tops[0], rng)


def _desk_things(room: Picture, seat: Seat, top: int, rng: np.random.Generator) -> None:
    unit = seat.unit_px
    book = tuple(int(c) for c in rng.integers(90, 240, 3))
    x = int(seat.x + rng.uniform(-0.7, 0.1) * unit)
    cv2.rectangle(
        room, (x, top - int(0.03 * unit)), (x + int(0.75 * unit), top + int(0.10 * unit)), (236, 238, 240), -1
    )
    cv2.rectangle(room, (x, top + int(0.02 * unit)), (x + int(0.75 * unit), top + int(0.12 * unit)), book, -1)
    if rng.random() < 0.5:
        cup = tuple(int(c) for c in rng.integers(80, 240, 3))
        x = int(seat.x + rng.uniform(0.75, 1.15) * unit)
        cv2.rectangle(
            room, (x, top - int(0.34 * unit)), (x + int(0.2 * unit), top + int(0.04 * unit)), cup, -1
        )
