"""Face frames of a drawn class that a blurred copy covers: python -m tests.benchmarks.blurred_faces [SECONDS]

A face frame is a person's face in a frame, by the drawing's own truth (someone sits there, nothing hides the
face, the lens is free) or because the detector, run on that very frame, finds it. It counts as blurred when
nine tenths of its box differ from the original picture.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ingest.synthetic.classroom import ClassroomCamera
from ingest.synthetic.scenarios import small
from ingest.synthetic.truth import visible
from models.frame import Box
from models.ports import Detector, Picture
from recognition.detectors import best_detector
from recognition.face_blur import FaceBlur

_MATERIAL = Path(__file__).parents[2].parent / "shared" / "models"


def covered(before: Picture, after: Picture, box: Box) -> bool:
    """Whether nine tenths of the box were changed."""
    left, top = max(0, int(box.x)), max(0, int(box.y))
    part = (slice(top, int(box.y + box.height) + 1), slice(left, int(box.x + box.width) + 1))
    changed = np.any(before[part] != after[part], axis=2)
    return bool(changed.size == 0 or changed.mean() >= 0.9)


def measure(detector: Detector, seconds: float) -> dict[str, float | int | str]:
    """Shares of face frames that are blurred, by truth and by the detector's own word on every frame."""
    scenario = small()
    camera = ClassroomCamera(scenario)
    frames = min(scenario.frames, int(seconds * scenario.fps))
    originals: list[Picture] = []

    def drawn() -> Iterator[Picture]:
        for index in range(frames):
            originals.append(camera.frame(index))
            yield originals[-1]

    true_all = true_blurred = found_all = found_blurred = 0
    for index, after in enumerate(FaceBlur(detector).blurred(drawn())):
        before = originals[index]
        at_s = index / scenario.fps
        boxes = [
            camera.seats[stay.seat].face
            for person in scenario.people
            for stay in person.stays
            if stay.from_s <= at_s < stay.to_s and any(a <= at_s < b for a, b in visible(scenario, person))
        ]
        true_all += len(boxes)
        true_blurred += sum(covered(before, after, box) for box in boxes)
        found = [detection.box for detection in detector.detect(before)]
        found_all += len(found)
        found_blurred += sum(covered(before, after, box) for box in found)
        originals[index] = np.empty((0, 0, 3), np.uint8)
    return {
        "detector": detector.fingerprint,
        "frames": frames,
        "face_frames_true": true_all,
        "blurred_of_true": true_blurred / max(1, true_all),
        "face_frames_found": found_all,
        "blurred_of_found": found_blurred / max(1, found_all),
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    for choice in ("hog", "yunet") if (_MATERIAL / "yunet_n_dynamic.onnx").is_file() else ("hog",):
        print(json.dumps(measure(best_detector(_MATERIAL, choice=choice), seconds), indent=2))


if __name__ == "__main__":
    main()
