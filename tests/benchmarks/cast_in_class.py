"""The cast as a classroom camera shows it: ``python -m tests.benchmarks.cast_in_class --cache DIR``.

Seats the cast in the acceptance lesson's room, a different part of it at each sitting, and prints for each
person how the mean of some looks stands under the calibration that comes with Rollcall. Who scores low there
in several seats belongs among the spare people at the end of ``ingest/synthetic/cast.py``.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np

from ingest.synthetic import scenarios
from ingest.synthetic.cast import CAST_SEEDS, member
from ingest.synthetic.classroom import ClassroomCamera
from ingest.synthetic.enrolment import portrait
from ingest.synthetic.script import Person, Scenario, Stay
from models.frame import Detection
from models.policy import RecognitionPolicy
from models.ports import Detector, Encoder, Picture
from recognition.calibration_store import default_calibration
from recognition.detectors import best_detector
from recognition.encoder import open_encoder
from recognition.gallery import Gallery, Template, build_gallery
from recognition.identity_evidence import Look, TrackEvidence
from recognition.quality import assess

LOOK_EVERY_S = 7.3
JPEG_QUALITY = 70


@dataclass(slots=True)
class Sitting:
    """One person in one seat: the looks at them and the distances to the own portrait."""

    cast: int
    evidence: TrackEvidence = field(default_factory=TrackEvidence)
    own: list[float] = field(default_factory=list)


def sitting(scenario: Scenario, shift: int) -> Scenario:
    """The room with the cast moved on by ``shift`` places; nothing happens in it."""
    seats = scenario.rows * scenario.columns
    people = tuple(
        Person((seat + shift) % len(CAST_SEEDS), f"X{seat:03d}", stays=(Stay(0, scenario.duration_s, seat),))
        for seat in range(seats)
    )
    return replace(scenario, people=people, events=())


def watch(
    scenario: Scenario, looks: int, detector: Detector, encoder: Encoder, gallery: Gallery
) -> dict[int, Sitting]:
    """What some looks at the room tell, by seat."""
    camera = ClassroomCamera(scenario)
    found = {seat: Sitting(person.cast) for seat, person in enumerate(scenario.people)}
    for number in range(looks):
        at_s = 3.0 + number * LOOK_EVERY_S
        picture = _through_codec(camera.frame(int(at_s * scenario.fps)))
        detections = list(detector.detect(picture))
        for detection, embedding in zip(detections, encoder.encode(picture, detections), strict=True):
            seat = _seat(camera, detection)
            if seat is None:
                continue
            sitter = found[seat]
            at = scenario.starts_at + timedelta(seconds=at_s)
            sitter.evidence.add(Look(at, embedding, assess(picture, detection).score))
            sitter.own.append(float(gallery.distances(embedding)[gallery.position(str(sitter.cast))]))
    return found


def _through_codec(picture: Picture) -> Picture:
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _seat(camera: ClassroomCamera, detection: Detection) -> int | None:
    centre = detection.box.centre
    nearest = min(camera.seats, key=lambda seat: math.dist(seat.face.centre, centre))
    return nearest.index if math.dist(nearest.face.centre, centre) < nearest.face.width / 2 else None


def portraits(detector: Detector, encoder: Encoder) -> Gallery:
    """The whole cast, enrolled."""
    templates = []
    for number in range(len(CAST_SEEDS)):
        picture = portrait(member(number))
        embedding = encoder.encode(picture, detector.detect(picture)[:1])[0]
        templates.append(Template(str(number), embedding, encoder.fingerprint))
    return build_gallery(templates, encoder.fingerprint)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the converted encoder")
    parser.add_argument("--weights", type=Path, default=Path("../shared/models"))
    parser.add_argument("--detector", choices=("yunet", "hog"), default="yunet")
    parser.add_argument("--sittings", type=int, default=3)
    parser.add_argument("--looks", type=int, default=12)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    detector = best_detector(options.weights, choice=options.detector)
    encoder = open_encoder(options.cache)
    gallery = portraits(detector, encoder)
    sittings: dict[int, list[Sitting]] = defaultdict(list)
    for number in range(options.sittings):
        room = sitting(scenarios.acceptance(), number * 17)
        for one in watch(room, options.looks, detector, encoder, gallery).values():
            sittings[one.cast].append(one)
    report(sittings, gallery)
    return 0


def report(sittings: dict[int, list[Sitting]], gallery: Gallery) -> None:
    """One line a person, the worst of their seats."""
    calibration = default_calibration()
    needed = math.log(RecognitionPolicy().naming_odds)
    print(f"a name needs {needed:.1f} nats of score and of margin")
    for cast, seats in sorted(sittings.items()):
        standings = [one.evidence.identity(gallery, calibration) for one in seats if one.own]
        right = all(identity.best == gallery.position(str(cast)) for identity in standings)
        score = min(identity.score for identity in standings)
        margin = min(identity.margin for identity in standings)
        own = [distance for one in seats for distance in one.own]
        verdict = "" if right and min(score, margin) >= needed else "  <-- weak"
        print(
            f"{cast:3d}: looks {len(own):3d}, own portrait {np.mean(own):.2f} (at most {max(own):.2f}), "
            f"score {score:5.1f}, margin {margin:5.1f}{verdict}"
        )


if __name__ == "__main__":
    sys.exit(main())
