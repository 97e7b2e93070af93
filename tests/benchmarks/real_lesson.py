"""A lesson of real people as files: video, roster, lesson file and ground truth. Never to be kept.

Photos of ``faces/orl`` are pasted into a room: each person shows one photo after another, moves a little,
the light drifts, the sensor is noisy, H.264 loses the rest. One photo of each trainee goes into the roster
and never into the room. Strangers sit among them, two on the seats of people who have left; people come late,
leave early, go out for a while, look in for half a minute, swap seats, or stay away.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import av
import cv2
import numpy as np

from models.identity import check_character
from models.ports import Picture

STARTS_AT = datetime.fromisoformat("2026-03-02T09:00:00+08:00")
LESSON_S = 480.0
POLICY = {
    "late_after": "1m",
    "early_before": "1m",
    "presence_gap": "90s",
    "min_stretch": "1m",
    "stranger_after": "2m",
}
"""Eight minutes under rules shortened in the same proportion; recognition keeps its defaults."""

KEYFRAME_S = 2.0
CLASS = "REAL-1"
_REGION = "371799"
_ENROLMENT_PX = 112
"""Height that a small copy of the material is enlarged to for the roster."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Role:
    """What a person does: spans in the room, seconds, and what a just judge says of a trainee who does so."""

    name: str
    spans: tuple[Span, ...]
    status: str
    marks: tuple[str, ...] = ()


ON_TIME = Role("on time", ((0, 480),), "PRESENT")
SWAPS = Role("swaps seats", ((0, 250), (252, 480)), "PRESENT")
TRAINEE_ROLES = (
    *(Role("late", ((80, 480),), "PRESENT", ("late",)),) * 3,
    *(Role("leaves early", ((0, 400),), "PRESENT", ("left_early",)),) * 2,
    *(Role("goes out", ((0, 170), (300, 480)), "PARTIAL", ("absent_in_middle",)),) * 2,
    *(Role("first half", ((0, 210),), "PARTIAL", ("left_early",)),) * 2,
    Role("looks in", ((200, 230),), "ABSENT"),
    *(Role("stays away", (), "ABSENT"),) * 3,
    *(SWAPS,) * 2,
)
STRANGER = Role("stranger", ((0, 480),), "")
LATE_STRANGER = Role("late stranger", ((240, 480),), "")
SEAT_TAKER = Role("takes a left seat", ((412, 480),), "")


@dataclass(frozen=True, slots=True)
class Room:
    """How hard the room is. ``smallest``, ``largest``: width of a pasted photo in the last and first row."""

    width: int = 1920
    height: int = 1080
    fps: int = 3
    smallest: float = 55.0
    largest: float = 130.0
    trainees: int = 30
    strangers: int = 10
    photo_s: float = 12.0
    move_s: float = 4.0
    noise: float = 3.0
    light: float = 0.12
    crf: int = 26


@dataclass(slots=True)
class Sitter:
    """One person. ``code``: on the roster, else empty. ``seats``: one per span, ``(x, y, width)``."""

    person: str
    code: str
    role: Role
    seats: list[tuple[float, float, float]]
    probes: list[Picture] = field(repr=False)
    enrolled: Path | None = None


def write_lesson(
    folder: Path,
    material: Path,
    seed: int,
    room: Room,
    progress: Callable[[float], None] = lambda _: None,
    floor: float | None = None,
) -> Path:
    """``lesson.mp4``, ``roster/``, ``lesson.toml`` and ``truth.json`` in ``folder``, which is given back.

    ``floor``: the policy's ``resemblance_floor`` where it is not the usual one.
    """
    random = np.random.default_rng(seed)
    sitters = cast_roles(photos_of(material / "faces" / "orl"), room, random)
    place(sitters, room, random)
    folder.mkdir(parents=True, exist_ok=True)
    _write_roster(folder / "roster", sitters)
    (folder / "lesson.toml").write_text(lesson_toml(floor), "utf-8")
    (folder / "truth.json").write_text(json.dumps(truth_of(sitters), indent=1), "utf-8")
    _write_video(folder / "lesson.mp4", sitters, room, random, progress)
    return folder


def photos_of(folder: Path) -> dict[str, list[Path]]:
    """Photos by person."""
    people = sorted((p for p in folder.iterdir() if p.is_dir()), key=lambda p: (len(p.name), p.name))
    return {person.name: sorted(person.glob("*.pgm")) for person in people}


def cast_roles(by_person: dict[str, list[Path]], room: Room, random: np.random.Generator) -> list[Sitter]:
    """Who is a trainee, who a stranger, and what each does; the enrolled photo is drawn, not chosen."""
    names = [str(name) for name in random.permutation(sorted(by_person))]
    roles = [*TRAINEE_ROLES[: room.trainees], *(ON_TIME,) * max(0, room.trainees - len(TRAINEE_ROLES))]
    odd = [SEAT_TAKER, SEAT_TAKER, LATE_STRANGER, LATE_STRANGER]
    roles += [*odd, *(STRANGER,) * room.strangers][: room.strangers]
    sitters = []
    for number, (name, role) in enumerate(zip(names, roles, strict=False), start=1):
        photos = [by_person[name][i] for i in random.permutation(len(by_person[name]))]
        trainee = number <= room.trainees
        shown = photos[1:] if trainee else photos
        probes = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8) for path in shown]
        code = f"T{number:02d}" if trainee else ""
        sitters.append(Sitter(name, code, role, [], probes, photos[0] if trainee else None))
    return sitters


def place(sitters: Sequence[Sitter], room: Room, random: np.random.Generator) -> None:
    """Gives out the seats; who takes a left seat or swaps sits accordingly."""
    needing = [s for s in sitters if s.role is not SEAT_TAKER]
    free = [seats(room, len(needing))[i] for i in random.permutation(len(needing))]
    for sitter, seat in zip(needing, free, strict=True):
        sitter.seats = [seat] * len(sitter.role.spans)
    left = [s for s in sitters if s.role.name == "leaves early"]
    for taker, leaver in zip((s for s in sitters if s.role is SEAT_TAKER), left, strict=False):
        taker.seats = list(leaver.seats)
    swapping = [s for s in sitters if s.role is SWAPS]
    for one, other in zip(swapping[::2], swapping[1::2], strict=False):
        one.seats[1], other.seats[1] = other.seats[0], one.seats[0]


def seats(room: Room, count: int) -> list[tuple[float, float, float]]:
    """Centre and width of the pasted photo for each seat."""
    columns = max(1, math.ceil(math.sqrt(count * room.width / room.height / 1.35)))
    rows = math.ceil(count / columns)
    sizes = [room.smallest + (room.largest - room.smallest) * row / max(1, rows - 1) for row in range(rows)]
    heights = np.array([size * 1.22 for size in sizes])
    space = (room.height - heights.sum()) / (rows + 1)
    tops = space * (1 + np.arange(rows)) + np.concatenate([[0.0], np.cumsum(heights)[:-1]])
    return [
        (
            room.width * (index % columns + 0.5) / columns,
            float(tops[index // columns] + heights[index // columns] / 2),
            sizes[index // columns],
        )
        for index in range(count)
    ]


def lesson_toml(floor: float | None = None) -> str:
    """The lesson file."""
    ends_at = STARTS_AT + timedelta(seconds=LESSON_S)
    policy = "\n".join(f'{key} = "{value}"' for key, value in POLICY.items())
    if floor is not None:
        policy += f"\nresemblance_floor = {floor}"
    return (
        f'class_code = "{CLASS}"\ntitle = "Real people"\nstarts_at = {STARTS_AT.isoformat()}\n'
        f"ends_at = {ends_at.isoformat()}\n\n[policy]\n{policy}\n"
    )


def truth_of(sitters: Sequence[Sitter]) -> list[dict[str, object]]:
    """Who was where when, and what must be said of the trainees."""
    return [
        {
            "person": s.person,
            "code": s.code or None,
            "role": s.role.name,
            "status": s.role.status,
            "marks": sorted(s.role.marks),
            "stays": [
                {"from_s": span[0], "to_s": span[1], "x": seat[0], "y": seat[1], "px": seat[2]}
                for span, seat in zip(s.role.spans, s.seats, strict=True)
            ],
        }
        for s in sitters
    ]


def _write_roster(folder: Path, sitters: Sequence[Sitter]) -> None:
    (folder / "photos").mkdir(parents=True)
    with (folder / "roster.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["编号", "姓名", "身份证号", "电话", "照片"])
        for number, sitter in enumerate((s for s in sitters if s.enrolled is not None), start=1):
            digits = f"{_REGION}19800101{number:03d}"
            name = f"photos/{sitter.code}.png"
            cv2.imwrite(str(folder / name), enrolment_picture(sitter.enrolled))
            person_no = f"{digits}{check_character(digits)}"
            writer.writerow([sitter.code, f"受试者{sitter.person}", person_no, f"1990000{number:04d}", name])


def enrolment_picture(path: Path) -> Picture:
    """The photo as it is; a reduced copy of the material is enlarged to the size of the original."""
    picture = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
    factor = math.ceil(_ENROLMENT_PX / picture.shape[0])
    if factor == 1:
        return picture
    larger = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger, np.uint8)


class _Actor:
    """A sitter's looks over time: which photo, and how far from the middle of the seat."""

    def __init__(self, sitter: Sitter, room: Room, random: np.random.Generator) -> None:
        self._sitter = sitter
        self._photo_at = _instants(random, room.photo_s)
        self._photos = random.integers(len(sitter.probes), size=len(self._photo_at) + 1)
        self._move_at = _instants(random, room.move_s)
        self._moves = random.normal(0, 0.04, size=(len(self._move_at) + 1, 2))
        self._scales = random.uniform(0.97, 1.03, size=len(self._move_at) + 1)
        self._patches: dict[tuple[int, int], tuple[Picture, np.ndarray]] = {}

    def paste(self, picture: np.ndarray, at_s: float) -> None:
        for span, (x, y, px) in zip(self._sitter.role.spans, self._sitter.seats, strict=True):
            if span[0] <= at_s < span[1]:
                move = int(np.searchsorted(self._move_at, at_s))
                photo = int(self._photos[np.searchsorted(self._photo_at, at_s)])
                face, soft = self._patch(photo, round(px * self._scales[move]))
                dx, dy = self._moves[move] * px
                _blend(picture, face, soft, round(x + dx), round(y + dy))

    def _patch(self, photo: int, width: int) -> tuple[Picture, np.ndarray]:
        if (photo, width) not in self._patches:
            original = self._sitter.probes[photo]
            size = (width, round(width * original.shape[0] / original.shape[1]))
            way = cv2.INTER_AREA if width < original.shape[1] else cv2.INTER_CUBIC
            self._patches[photo, width] = (cv2.resize(original, size, interpolation=way), _soft_edge(size))
        return self._patches[photo, width]


def _instants(random: np.random.Generator, mean_s: float) -> np.ndarray:
    return np.cumsum(random.exponential(mean_s, size=math.ceil(3 * LESSON_S / mean_s)))


def _soft_edge(size: tuple[int, int]) -> np.ndarray:
    """Opacity, 0 at the rim: no face in a room has a sharp frame around it."""
    rim = max(2, round(0.05 * size[0]))
    mask = np.zeros((size[1], size[0]), np.float32)
    mask[rim:-rim, rim:-rim] = 1.0
    return cv2.GaussianBlur(mask, (0, 0), rim / 2)


def _blend(picture: np.ndarray, face: Picture, soft: np.ndarray, x: int, y: int) -> None:
    height, width = face.shape
    left, top = x - width // 2, y - height // 2
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(picture.shape[1], left + width), min(picture.shape[0], top + height)
    part, opacity = picture[y0:y1, x0:x1], soft[y0 - top : y1 - top, x0 - left : x1 - left]
    part += opacity * (face[y0 - top : y1 - top, x0 - left : x1 - left] - part)


def _write_video(
    path: Path,
    sitters: Sequence[Sitter],
    room: Room,
    random: np.random.Generator,
    progress: Callable[[float], None],
) -> None:
    actors = [_Actor(sitter, room, random) for sitter in sitters]
    ramp = np.linspace(70, 130, room.width)[None, :] * np.linspace(1.1, 0.8, room.height)[:, None]
    wall = cv2.GaussianBlur(ramp + random.normal(0, 25, ramp.shape), (0, 0), 6).astype(np.float32)
    noises = [random.normal(0, room.noise, wall.shape).astype(np.float32) for _ in range(5)]
    frames = round(LESSON_S * room.fps)
    options = {"preset": "veryfast", "crf": str(room.crf), "maxrate": "2M", "bufsize": "4M"}
    options |= {"sc_threshold": "0", "bf": "0", "forced-idr": "1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=room.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = room.width, room.height, "yuv420p"
        stream.codec_context.gop_size = round(KEYFRAME_S * room.fps)
        stream.codec_context.thread_count = 1
        for index in range(frames):
            at_s = index / room.fps
            picture = wall.copy()
            for actor in actors:
                actor.paste(picture, at_s)
            picture *= 1.0 + room.light * math.sin(at_s / 37.0)
            picture += noises[index % len(noises)]
            container.mux(stream.encode(_frame(picture, index)))
            progress((index + 1) / frames)
        container.mux(stream.encode(None))


def _frame(grey: np.ndarray, index: int) -> av.VideoFrame:
    luma = np.clip(grey, 0, 255).astype(np.uint8)
    colour = np.full((luma.shape[0] // 2, luma.shape[1]), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.concatenate([luma, colour]), format="yuv420p")
    frame.pts = index
    return frame
