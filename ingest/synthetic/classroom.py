"""A simulated classroom camera: draws the picture of any instant of a scenario."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ingest.synthetic.bodies import draw_body, draw_hand, draw_photo
from ingest.synthetic.enrolment import portrait
from ingest.synthetic.features import Expression
from ingest.synthetic.heads import Light, Sprite
from ingest.synthetic.layout import Seat, lay_out
from ingest.synthetic.motion import Demeanour
from ingest.synthetic.room import Picture, draw_desks, draw_room
from ingest.synthetic.script import Event, EventKind, Scenario
from ingest.synthetic.sprites import Wardrobe, paste
from ingest.synthetic.walking import Walker, walkers_at

ROOM_LIGHT = Light()
_DIM = 0.55
_COVERED = (9, 11, 13)
_PASSER_SIZE = 1.75

Seated = tuple[tuple[int, int], ...]
"""(seat, cast) pairs in the order of the seats."""


@dataclass(frozen=True, slots=True)
class _Plate:
    """The room with everyone's bodies but no heads; ``in_front[r]`` marks what hides a walker in row r."""

    seated: Seated
    picture: Picture
    in_front: tuple[npt.NDArray[np.uint8], ...]


class ClassroomCamera:
    """Draws frames of a scenario. Equal scenarios give equal bytes, in whatever order frames are asked."""

    def __init__(self, scenario: Scenario, light: Light = ROOM_LIGHT) -> None:
        self.scenario = scenario
        self.seats = lay_out(scenario.width, scenario.height, scenario.rows, scenario.columns)
        self._wardrobe = Wardrobe(light)
        self._room = draw_room(scenario.width, scenario.height, self.seats, scenario.seed)
        self._bodies: dict[tuple[int, int], tuple[Sprite, tuple[int, int]]] = {}
        self._plate: _Plate | None = None
        self._demeanours = {
            person.cast: Demeanour(
                scenario.seed * 1000 + person.cast, scenario.duration_s, person.cast % 7 == 3
            )
            for person in scenario.people
        }

    def frame(self, index: int) -> Picture:
        """Frame ``index`` from 0, ``(height, width, 3) uint8`` BGR."""
        at_s = index / self.scenario.fps
        frozen = self._event(EventKind.CAMERA_FROZEN, at_s)
        if frozen is not None:
            at_s = frozen.from_s
        if self._event(EventKind.LENS_COVERED, at_s) is not None:
            return self._covered()
        picture = self._compose(at_s)
        if self._event(EventKind.LIGHTS_DIM, at_s) is not None:
            picture = np.asarray(cv2.convertScaleAbs(picture, alpha=_DIM), np.uint8)
        return picture

    def _event(self, kind: EventKind, at_s: float) -> Event | None:
        return next((e for e in self.scenario.events if e.kind is kind and e.active(at_s)), None)

    def _covered(self) -> Picture:
        picture = np.empty((self.scenario.height, self.scenario.width, 3), np.uint8)
        picture[:] = _COVERED
        return picture

    def seated_at(self, at_s: float) -> Seated:
        """Who sits where."""
        pairs = [
            (stay.seat, person.cast)
            for person in self.scenario.people
            for stay in person.stays
            if stay.from_s <= at_s < stay.to_s
        ]
        return tuple(sorted(pairs))

    def _compose(self, at_s: float) -> Picture:
        plate = self._plate_for(self.seated_at(at_s))
        canvas = plate.picture.copy()
        walkers = walkers_at(self.scenario.people, self.seats, self.scenario.width, at_s)
        for row in range(self.scenario.rows):
            for walker in walkers:
                if walker.row == row:
                    self._draw_walker(canvas, plate, walker)
            for seat, cast in plate.seated:
                if self.seats[seat].row == row:
                    self._draw_head(canvas, self.seats[seat], cast, at_s)
                    self._draw_props(canvas, self.seats[seat], cast, at_s)
        passer = self._event(EventKind.PASSER_BY, at_s)
        if passer is not None:
            self._draw_passer(canvas, passer, at_s)
        return canvas

    def _draw_head(self, canvas: Picture, seat: Seat, cast: int, at_s: float) -> None:
        bearing = self._demeanours[cast].at(at_s)
        x = seat.x + bearing.dx * seat.unit_px - seat.size_px / 2
        y = seat.y + bearing.dy * seat.unit_px - seat.size_px / 2
        left, top = int(np.floor(x)), int(np.floor(y))
        paste(canvas, self._wardrobe.posed(cast, seat.size_px, bearing, (x - left, y - top)), left, top)

    def _draw_props(self, canvas: Picture, seat: Seat, cast: int, at_s: float) -> None:
        """Hands before faces and held-up photographs."""
        for event in self.scenario.events:
            if event.seat != seat.index or not event.active(at_s):
                continue
            jitter = 0.05 * seat.unit_px * np.array([np.sin(1.7 * at_s), np.cos(1.1 * at_s)])
            if event.kind is EventKind.HAND:
                hand = draw_hand(self._wardrobe.traits(cast), seat.unit_px)
                at = np.array([seat.x - hand.shape[1] / 2, seat.y - 0.05 * seat.unit_px]) + jitter
                paste(canvas, hand, int(at[0]), int(at[1]))
            elif event.kind is EventKind.PHOTO and event.cast is not None:
                photo = draw_photo(portrait(self._wardrobe.traits(event.cast)), seat.unit_px)
                at = np.array([seat.x - photo.shape[1] / 2, seat.y - photo.shape[0] * 0.45]) + jitter
                paste(canvas, photo, int(at[0]), int(at[1]))

    def _body(self, cast: int, size_px: int, unit_px: float) -> tuple[Sprite, tuple[int, int]]:
        key = (cast, size_px)
        if key not in self._bodies:
            self._bodies[key] = draw_body(self._wardrobe.traits(cast), unit_px, length=3.0)
        return self._bodies[key]

    def _draw_figure(
        self, canvas: Picture, cast: int, centre: tuple[float, float], size_px: int, yaw_step: int
    ) -> tuple[int, int, int, int]:
        """A standing person; returns left, top, right, bottom of what was painted."""
        unit = size_px / self.seats[0].size_px * self.seats[0].unit_px
        body, anchor = self._body(cast, size_px, unit)
        left, top = int(centre[0]) - anchor[0], int(centre[1]) - anchor[1]
        paste(canvas, body, left, top)
        head = self._wardrobe.sprite(cast, size_px, yaw_step, 0, Expression())
        head_left, head_top = int(centre[0] - size_px / 2), int(centre[1] - size_px / 2)
        paste(canvas, head, head_left, head_top)
        right, bottom = left + body.shape[1], top + body.shape[0]
        return min(left, head_left), min(top, head_top), max(right, head_left + size_px), bottom

    def _draw_walker(self, canvas: Picture, plate: _Plate, walker: Walker) -> None:
        """Behind the row's desks and sitters: their pixels are put back over the walker."""
        size = (walker.x, walker.y)
        left, top, right, bottom = self._draw_figure(
            canvas, walker.cast, size, walker.size_px, walker.yaw_step
        )
        rows, columns = slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right))
        hides = plate.in_front[walker.row][rows, columns]
        if hides.size:
            area = canvas[rows, columns]
            np.copyto(area, plate.picture[rows, columns], where=hides[..., None] > 0)

    def _draw_passer(self, canvas: Picture, event: Event, at_s: float) -> None:
        """Someone walks by close to the camera, seen from behind."""
        share = (at_s - event.from_s) / (event.to_s - event.from_s)
        front = self.seats[-1]
        size = round(front.size_px * _PASSER_SIZE / 4) * 4
        x = -size * 0.5 + share * (self.scenario.width + size)
        y = self.scenario.height - 0.62 * size + 0.02 * size * np.sin(at_s * 7)
        self._draw_figure(canvas, event.cast or 0, (x, float(y)), size, 27)

    def _plate_for(self, seated: Seated) -> _Plate:
        if self._plate is None or self._plate.seated != seated:
            self._plate = self._build_plate(seated)
        return self._plate

    def _build_plate(self, seated: Seated) -> _Plate:
        picture = self._room.copy()
        stages = []
        for row in range(self.scenario.rows):
            stages.append(picture.copy())
            for index, cast in seated:
                seat = self.seats[index]
                if seat.row == row:
                    body, anchor = self._body(cast, seat.size_px, seat.unit_px)
                    paste(picture, body, int(seat.x) - anchor[0], int(seat.y) - anchor[1])
            draw_desks(picture, [seat for seat in self.seats if seat.row == row], self.scenario.seed)
        in_front = tuple(np.any(stage != picture, axis=2).astype(np.uint8) for stage in stages)
        return _Plate(seated, picture, in_front)
