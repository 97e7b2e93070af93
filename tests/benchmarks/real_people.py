"""Real people in a simulated lesson: who is named, how soon, and who is named falsely.

Photos of ``faces/orl`` (one enrolment photo each, the others as probes) are pasted at classroom sizes into
scenes with movement, changing light, sensor noise and codec loss; some of the people are not on the roster.

    python tests/benchmarks/real_people.py [--material ../shared] [--seeds 4] [--detector yunet] [--json]

Nothing here is asserted: it prints what was measured. Figures and their reading: docs/decisions on naming.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from models.errors import PhotoRefused
from models.frame import Box, EncodedFrame, FrameJudgement
from models.policy import RecognitionPolicy
from models.ports import Detector, Encoder, Picture
from recognition.calibration import Calibration
from recognition.calibration_store import default_calibration, load_calibration
from recognition.decode import encode_jpeg
from recognition.detectors import best_detector
from recognition.encoder import open_encoder
from recognition.enrolment import EnrolmentPolicy, examine_photo
from recognition.gallery import Template, pairwise_distances
from recognition.worker import RecognitionWorker

STARTS = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SAMPLE_S = 2.0
LESSON = "lesson"


@dataclass(frozen=True, slots=True)
class Setting:
    """How hard the room is. ``new_photo``: share of samples in which a person shows another photo."""

    enrolled: int = 30
    strangers: int = 10
    samples: int = 30
    width: int = 1920
    height: int = 1080
    smallest: float = 40.0
    largest: float = 110.0
    new_photo: float = 0.3
    jpeg: int = 60
    noise: float = 3.0
    light: float = 0.15


@dataclass(slots=True)
class Sitter:
    """A person on a seat. ``face_px``: width of the pasted photo."""

    name: str
    on_roster: bool
    centre: tuple[float, float]
    face_px: float
    probes: list[Picture]
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened to one sitter. ``named_after_s``: first right name, ``None`` if never."""

    name: str
    on_roster: bool
    face_px: float
    named_after_s: float | None
    false_sightings: int
    sightings: int
    unknown_keys: frozenset[str]


def photos_of(folder: Path) -> dict[str, list[Path]]:
    """Photos by person."""
    people = sorted(p for p in folder.iterdir() if p.is_dir())
    return {person.name: sorted(person.glob("*.pgm")) for person in people}


def enrol(
    person: str, photos: Sequence[Path], detector: Detector, encoder: Encoder
) -> tuple[Template, Path] | None:
    """The first photo that enrolment takes; small copies of the material are taken as they are."""
    for policy in (EnrolmentPolicy(), EnrolmentPolicy(min_face_px=12, min_quality=0.0)):
        for path in photos:
            try:
                taken = examine_photo(path.read_bytes(), path.name, detector, encoder, policy)
            except PhotoRefused:
                continue
            return Template(person, taken.embedding, taken.encoder, taken.quality.score, path.name), path
    return None


def seat(people: Sequence[tuple[str, bool, list[Picture]]], setting: Setting) -> list[Sitter]:
    """Rows from the back (small faces, above) to the front (large, below)."""
    columns = math.ceil(math.sqrt(len(people) * setting.width / setting.height))
    rows = math.ceil(len(people) / columns)
    sitters = []
    for index, (name, on_roster, probes) in enumerate(people):
        row, column = divmod(index, columns)
        share = row / max(1, rows - 1)
        face_px = setting.smallest + (setting.largest - setting.smallest) * share
        x = setting.width * (column + 0.5) / columns
        y = setting.height * (row + 0.5) / rows
        sitters.append(Sitter(name, on_roster, (x, y), face_px, probes))
    return sitters


def scenes(sitters: Sequence[Sitter], setting: Setting, random: np.random.Generator) -> Iterator[Picture]:
    """The room, sample by sample, BGR."""
    ramp = np.linspace(70, 130, setting.width)[None, :] * np.linspace(1.1, 0.8, setting.height)[:, None]
    room = cv2.GaussianBlur(ramp + random.normal(0, 25, ramp.shape), (0, 0), 6)
    for _ in range(setting.samples):
        picture = room.copy()
        for sitter in sitters:
            _paste(picture, sitter, setting, random)
        picture *= 1.0 + random.normal(0, setting.light)
        picture += random.normal(0, setting.noise, picture.shape)
        grey = np.clip(picture, 0, 255).astype(np.uint8)
        yield np.repeat(grey[:, :, None], 3, axis=2)


def _paste(picture: np.ndarray, sitter: Sitter, setting: Setting, random: np.random.Generator) -> None:
    if random.random() < setting.new_photo:
        sitter.shown = int(random.integers(len(sitter.probes)))
    photo = sitter.probes[sitter.shown].astype(np.float64)
    width = sitter.face_px * random.uniform(0.97, 1.03)
    size = (round(width), round(width * photo.shape[0] / photo.shape[1]))
    way = cv2.INTER_AREA if size[0] < photo.shape[1] else cv2.INTER_CUBIC
    face = cv2.resize(photo, size, interpolation=way)
    x = round(sitter.centre[0] + random.normal(0, 0.04 * width) - size[0] / 2)
    y = round(sitter.centre[1] + random.normal(0, 0.04 * width) - size[1] / 2)
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(picture.shape[1], x + size[0]), min(picture.shape[0], y + size[1])
    picture[y0:y1, x0:x1] = face[y0 - y : y1 - y, x0 - x : x1 - x]


def run(
    seed: int, setting: Setting, material: Path, networks: tuple[Detector, Encoder, Calibration]
) -> tuple[list[Outcome], dict[str, float]]:
    """One lesson."""
    detector, encoder, calibration = networks
    random = np.random.default_rng(seed)
    by_person = photos_of(material / "faces" / "orl")
    names = [str(name) for name in random.permutation(sorted(by_person))]
    templates, people = [], []
    for name in names[: setting.enrolled + setting.strangers]:
        photos = [by_person[name][i] for i in random.permutation(len(by_person[name]))]
        enrolled = enrol(name, photos, detector, encoder)
        on_roster = len(templates) < setting.enrolled and enrolled is not None
        if on_roster and enrolled is not None:
            templates.append(enrolled[0])
            photos.remove(enrolled[1])
        people.append((name, on_roster, [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in photos]))
    order = [people[i] for i in random.permutation(len(people))]
    sitters = seat(order, setting)
    worker = RecognitionWorker(detector, encoder, calibration, RecognitionPolicy(min_face_px=24))
    worker.open_lesson(LESSON, templates)
    judgements = [
        worker.judge(_frame(number, picture, setting))
        for number, picture in enumerate(scenes(sitters, setting, random))
    ]
    counts = {k: float(v) for k, v in worker.close_lesson(LESSON).counts.items()}
    rows = np.stack([template.embedding for template in templates])
    between = pairwise_distances(rows, rows)[~np.eye(len(rows), dtype=bool)]
    counts["nearest_two_on_roster"] = float(between.min())
    return outcomes(sitters, judgements), counts


def _frame(number: int, picture: Picture, setting: Setting) -> EncodedFrame:
    at = STARTS + timedelta(seconds=SAMPLE_S * number)
    data = encode_jpeg(picture, quality=setting.jpeg)
    height, width = picture.shape[:2]
    return EncodedFrame("camera", LESSON, number, at, SAMPLE_S * number, "mjpeg", b"", data, width, height)


def outcomes(sitters: Sequence[Sitter], judgements: Sequence[FrameJudgement]) -> list[Outcome]:
    """Sightings by seat, under the names that tracks got afterwards."""
    named_at: dict[tuple[str, str], datetime] = {}
    final: dict[str, tuple[str | None, datetime]] = {}
    for judgement in judgements:
        for naming in judgement.namings:
            final[naming.track_id] = (naming.trainee, naming.since)
            if naming.trainee is not None:
                named_at.setdefault((naming.track_id, naming.trainee), judgement.at)
    by_seat: dict[str, list] = {sitter.name: [] for sitter in sitters}
    for judgement in judgements:
        for sighting in judgement.sightings:
            sitter = min(sitters, key=lambda s: math.dist(s.centre, sighting.box.centre))
            if _covers(sighting.box, sitter):
                by_seat[sitter.name].append(sighting)
    return [_outcome(sitter, by_seat[sitter.name], final, named_at) for sitter in sitters]


def _covers(box: Box, sitter: Sitter) -> bool:
    return math.dist(box.centre, sitter.centre) < sitter.face_px


def _outcome(sitter: Sitter, seen: list, final: dict, named_at: dict) -> Outcome:
    right, false = [], 0
    for sighting in seen:
        trainee, since = final.get(sighting.track_id, (None, STARTS))
        later = trainee if sighting.at >= since else None
        wrong = {sighting.trainee, later} - {None, sitter.name if sitter.on_roster else None}
        false += bool(wrong)
        if later == sitter.name:
            right.append((named_at[sighting.track_id, sitter.name] - STARTS).total_seconds())
    keys = frozenset(s.unknown_person for s in seen if s.unknown_person is not None)
    first = min(right, default=None)
    return Outcome(sitter.name, sitter.on_roster, sitter.face_px, first, false, len(seen), keys)


def summarise(results: Sequence[Outcome]) -> dict[str, float | int | None]:
    """Shares over all lessons."""
    trainees = [r for r in results if r.on_roster]
    strangers = [r for r in results if not r.on_roster]
    times = sorted(r.named_after_s for r in trainees if r.named_after_s is not None)
    figures: dict[str, float | int | None] = {
        "trainees": len(trainees),
        "named_rightly": len(times) / len(trainees),
        "named_within_30_s": sum(t <= 30 for t in times) / len(trainees),
        "median_s_until_named": times[len(times) // 2] if times else None,
        "trainees_ever_named_falsely": sum(r.false_sightings > 0 for r in trainees),
        "strangers": len(strangers),
        "strangers_ever_named": sum(r.false_sightings > 0 for r in strangers),
        "strangers_with_one_key": sum(len(r.unknown_keys) == 1 for r in strangers) / max(1, len(strangers)),
        "false_sightings": sum(r.false_sightings for r in results),
        "sightings": sum(r.sightings for r in results),
    }
    for size in sorted({round(r.face_px) for r in trainees}):
        row = [r for r in trainees if round(r.face_px) == size]
        done = sum(r.named_after_s is not None and r.named_after_s <= 30 for r in row)
        figures[f"within_30_s_at_{size}_px"] = done / len(row)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints figures for all seeds together."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--material", type=Path, default=Path(os.environ.get("ROLLCALL_TEST_DATA", beside)))
    parser.add_argument("--cache", type=Path, default=Path(".cache/networks"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--detector", choices=("auto", "yunet", "hog"), default="auto")
    parser.add_argument("--hog-upsample", type=int, default=1)
    parser.add_argument("--calibration", type=Path)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--people", type=int, nargs=2, default=(30, 10), metavar=("ENROLLED", "STRANGERS"))
    parser.add_argument("--new-photo", type=float, default=0.3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if not (given.material / "faces" / "orl").is_dir():
        parser.exit(0, f"no material at {given.material}: nothing measured\n")
    detector = best_detector(
        given.material / "models", choice=given.detector, hog_upsample=given.hog_upsample
    )
    encoder = open_encoder(given.cache)
    calibration = load_calibration(given.calibration) if given.calibration else default_calibration()
    setting = Setting(*given.people, samples=given.samples, new_photo=given.new_photo)
    results: list[Outcome] = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        found, counts = run(seed, setting, given.material, (detector, encoder, calibration))
        results += found
        if not given.json:
            print(f"seed {seed}: {counts}")
            print(*[f"  {r}" for r in found if r.false_sightings], sep="\n")
    figures = summarise(results)
    print(json.dumps(figures) if given.json else "\n".join(f"{k:32} {v}" for k, v in figures.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
