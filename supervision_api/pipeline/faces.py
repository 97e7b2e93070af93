"""Builds the parts of recognition from settings: detector, encoder, calibration. Used by every command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from models.errors import InvalidInput
from models.ports import Detector
from recognition.calibration import Calibration
from recognition.calibration_store import default_calibration, load_calibration
from recognition.detectors import best_detector
from recognition.encoder import FaceRecognitionEncoder, open_encoder
from supervision_api.settings import Settings

DUPLICATE_DISTANCE = 0.38
"""Two enrolment photos closer than this are called one face: a flag to look at (twins exist), never a
refusal. Of 78,000 pairs of different people the nearest lay at 0.463; see docs/decisions/0008."""


@dataclass(frozen=True, slots=True)
class FaceSetup:
    """What a process needs to build recognition by itself: plain values that travel through a pipe."""

    weights_dirs: tuple[Path, ...]
    cache_dir: Path
    detector: str
    threads: int
    calibration_file: Path | None = None


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
        tuple(folders),
        settings.cache_dir / "networks",
        settings.detector,
        settings.recognition_threads,
        settings.calibration_file,
    )


def open_faces(setup: FaceSetup, calibration: Calibration | None = None) -> FaceParts:
    """Loads the networks; half a second, two when converted for the first time.

    The calibration is the one given, else the setting's file, else the one that comes with Rollcall.

    Raises:
        WeightsUnusable: weights missing or altered.
        InvalidInput: the calibration is damaged or belongs to another encoder.
    """
    encoder = open_encoder(setup.cache_dir, threads=setup.threads)
    detector = best_detector(*setup.weights_dirs, choice=setup.detector, threads=setup.threads)
    return FaceParts(
        detector, encoder, calibration or _calibration(setup.calibration_file, encoder.fingerprint)
    )


def _calibration(file: Path | None, encoder: str) -> Calibration:
    if file is None:
        return default_calibration(encoder)
    calibration = load_calibration(file)
    if calibration.encoder != encoder:
        raise InvalidInput(
            f"the calibration is for {calibration.encoder}, not for {encoder}",
            place=str(file),
            hint="make it anew from labelled photos with rollcall calibrate",
        )
    return calibration
