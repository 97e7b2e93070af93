"""Calibrations as JSON files: numbers only, no face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from models.errors import InvalidInput
from recognition.calibration import Calibration, ErrorRates, Spread

FORMAT = "rollcall-calibration-1"
_DEFAULT = "face_recognition_resnet.json"


def default_calibration(encoder: str | None = None) -> Calibration:
    """The calibration that comes with Rollcall, for face_recognition's network.

    Made from real photographs by ``python -m recognition.calibration_photos``; its ``provenance`` says which.

    Args:
        encoder: fingerprint of the encoder it is wanted for.

    Raises:
        InvalidInput: it belongs to another encoder.
    """
    text = resources.files("recognition").joinpath("calibrations", _DEFAULT).read_text("utf-8")
    calibration = calibration_from_json(text, place=_DEFAULT)
    if encoder is not None and encoder != calibration.encoder:
        raise InvalidInput(
            f"the calibration that comes with Rollcall is for {calibration.encoder}, not for {encoder}",
            place=_DEFAULT,
            hint="make a calibration for this encoder from labelled photos",
        )
    return calibration


def load_calibration(path: Path) -> Calibration:
    """Reads a calibration.

    Raises:
        InvalidInput: not readable, or not a calibration.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidInput("the calibration cannot be read", place=str(path), hint="check the path") from None
    return calibration_from_json(text, place=str(path))


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes a calibration, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(path.suffix + ".part")
    unfinished.write_text(calibration_as_json(calibration), "utf-8")
    unfinished.replace(path)


def calibration_as_json(calibration: Calibration) -> str:
    """The file's text; equal calibrations give equal text."""
    document = {"format": FORMAT, **asdict(calibration)}
    return json.dumps(_rounded(document), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def calibration_from_json(text: str, *, place: str = "") -> Calibration:
    """Reads the file's text.

    Raises:
        InvalidInput: not JSON, another format, or fields missing.
    """
    try:
        document = json.loads(text)
        if document.pop("format") != FORMAT:
            raise InvalidInput(f"not in the format {FORMAT}", place=place, hint="make the calibration anew")
        for name in ("genuine", "impostor", "stranger", "session"):
            document[name] = _spread(document[name])
        document["rates"] = tuple(ErrorRates(**rate) for rate in document["rates"])
        return Calibration(**document)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise InvalidInput("not a calibration", place=place, hint="make the calibration anew") from None


def _spread(fields: Mapping[str, Any]) -> Spread:
    spread = Spread(**{name: float(value) for name, value in fields.items()})
    if spread.sd <= 0.0:
        raise ValueError("a spread is positive")
    return spread


def _rounded(value: Any) -> Any:
    """Six digits say all that a few thousand comparisons can tell."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
