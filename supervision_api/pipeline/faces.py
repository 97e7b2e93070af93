"""Builds the parts of recognition from settings: detector, encoder, calibration. Used by every command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.ports import Detector
from recognition.calibration import Calibration
from recognition.calibration_store import default_calibration
from recognition.detectors import best_detector
from recognition.encoder import FaceRecognitionEncoder, open_encoder
from supervision_api.settings import Settings

DUPLICATE_DISTANCE = 0.38
"""Two enrolment photos closer than this are called one face: a flag to look at (twins exist), never a
refusal. `tests/benchmarks/real_people.py` prints how near different people come."""


@dataclass(frozen=True, slots=True)
class FaceSetup:
    """What a process needs to build recognition by itself: plain values that travel through a pipe."""

    weights_dirs: tuple[Path, ...]
    cache_dir: Path
    detector: str
    threads: int


@dataclass(frozen=True, slots=True)
class FaceParts:
    """Detector, encoder and the calibration that belongs to the encoder."""

    detector: Detector
    encoder: FaceRecognitionEncoder
    calibration: Calibration


def face_setup(settings: Settings) -> FaceSetup:
    """The setup that the settings describe: own weights first, then the extra folder."""
    folders = [settings.models_dir]
    if settings.weights_dir is not None:
        folders.append(settings.weights_dir)
    return FaceSetup(
        tuple(folders), settings.cache_dir / "networks", settings.detector, settings.recognition_threads
    )


def open_faces(setup: FaceSetup, calibration: Calibration | None = None) -> FaceParts:
    """Loads the networks; half a second, two when converted for the first time.

    Raises:
        WeightsUnusable: weights missing or altered.
        InvalidInput: the calibration belongs to another encoder.
    """
    encoder = open_encoder(setup.cache_dir, threads=setup.threads)
    detector = best_detector(*setup.weights_dirs, choice=setup.detector, threads=setup.threads)
    return FaceParts(detector, encoder, calibration or default_calibration(encoder.fingerprint))
