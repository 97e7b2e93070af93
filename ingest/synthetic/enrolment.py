"""Enrolment: portraits, made-up particulars, and a roster folder like one an institution hands in."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import cv2
import numpy as np

from ingest.synthetic.bodies import draw_body
from ingest.synthetic.cast import member, name_of
from ingest.synthetic.heads import FRAME, Head, Light, Pose
from ingest.synthetic.room import Picture
from ingest.synthetic.script import Person, Scenario
from ingest.synthetic.sprites import paste
from ingest.synthetic.traits import Traits
from models.identity import check_character
from models.roster import Trainee

PHOTO_POSES = (Pose(0.0, 0.02), Pose(-0.25, 0.0), Pose(0.25, 0.03))
PHOTO_LIGHT = Light(right=-0.2, up=0.45, strength=0.55, ambient=0.60)
_REGION = "371799"
"""A region code of Heze that is assigned to no county, so that no number here is anyone's."""
_WIDTH, _HEIGHT, _HEAD = 360, 480, 400
HEADER = ("编号", "姓名", "身份证号", "电话", "照片")


def portrait(traits: Traits, pose: Pose = PHOTO_POSES[0], light: Light = PHOTO_LIGHT) -> Picture:
    """An identity-photo-like portrait, ``(480, 360, 3) uint8`` BGR."""
    picture = np.full((_HEIGHT, _WIDTH, 3), (206, 190, 170), np.uint8)
    body, anchor = draw_body(traits, _HEAD / FRAME, length=2.2)
    centre = (_WIDTH // 2, int(_HEIGHT * 0.46))
    paste(picture, body, centre[0] - anchor[0], centre[1] - anchor[1])
    head = Head(traits).render(_HEAD, pose, light)[0]
    paste(picture, head, centre[0] - _HEAD // 2, centre[1] - _HEAD // 2)
    return picture


def particulars(person: Person) -> Trainee:
    """Name, identity number and phone: well-formed, and nobody's."""
    traits = member(person.cast)
    years = round(19 + 44 * traits.skin.age)
    born = date(2026, 1, 1) - timedelta(days=365 * years + 7 * person.cast)
    serial = 2 * (person.cast % 400) + (0 if traits.female else 1)
    digits = f"{_REGION}{born:%Y%m%d}{serial:03d}"
    return Trainee(
        code=person.code,
        name=name_of(person.cast),
        id_number=digits + check_character(digits),
        phone=f"1990000{person.cast:04d}",
        photos=tuple(f"photos/{person.code}-{n + 1}.jpg" for n in range(len(PHOTO_POSES))),
    )


def write_roster(folder: Path, scenario: Scenario, photos: int = 1) -> tuple[Trainee, ...]:
    """Write ``roster.csv`` and the trainees' portraits; returns the trainees in the order of the file.

    ``photos``: portraits per trainee, 1 (from the front) to 3 (half left and half right as well).
    """
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    trainees = []
    with (folder / "roster.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for person in sorted(scenario.trainees, key=lambda trainee: trainee.code):
            trainee = particulars(person)
            names = trainee.photos[:photos]
            for name, pose in zip(names, PHOTO_POSES, strict=False):
                _write_jpeg(folder / name, portrait(member(person.cast), pose))
            writer.writerow([trainee.code, trainee.name, trainee.id_number, trainee.phone, ";".join(names)])
            trainees.append(trainee)
    return tuple(trainees)


def _write_jpeg(path: Path, picture: Picture) -> None:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    path.write_bytes(data.tobytes())
