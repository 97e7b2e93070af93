"""The encoder against ``face_recognition.face_encodings``, side by side in one run on one core.

Both get the same pictures and the same boxes, and both include what a caller needs: from the picture to the
embedding, alignment and colour order and all. Processor time is counted, not wall time, so that a busy
machine changes little.

Two ways of asking: a *sheet* of many faces, as a lesson's picture is, and *single* faces, a picture each.
Single faces are dearer here, because the network and the landmark trees push each other out of the
processor's cache at every turn; both figures are given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InvalidInput
from models.frame import Box, Detection
from models.ports import Picture
from recognition.detectors import HogDetector
from recognition.encoder import FaceRecognitionEncoder

BAR_RATIO = 15.0
BAR_DIFFERENCE = 1e-5


SHEET_FACES = 16
SHEET_FACE_PX = 100
_CELL_PX = 240


@dataclass(frozen=True, slots=True, eq=False)
class BenchFaces:
    """A picture (BGR) and the whole-pixel boxes of its faces."""

    picture: Picture
    boxes: tuple[Box, ...]


def bench_faces(pictures: Sequence[Picture]) -> tuple[BenchFaces, ...]:
    """One entry per face that HOG finds in the pictures, each in its whole picture."""
    detector = HogDetector(upsample=0)
    return tuple(
        BenchFaces(picture, (detection.box,))
        for picture in pictures
        for detection in detector.detect(picture)
    )


def face_sheets(faces: Sequence[BenchFaces]) -> tuple[BenchFaces, ...]:
    """The same faces, 100 px wide as in a classroom, sixteen to a picture."""
    cells = [_cell(face.picture, box) for face in faces for box in face.boxes]
    return tuple(_sheet(cells[start : start + SHEET_FACES]) for start in range(0, len(cells), SHEET_FACES))


def _cell(picture: Picture, box: Box) -> Picture:
    """The face in the middle of a square, its box ``SHEET_FACE_PX`` wide."""
    scale = SHEET_FACE_PX / box.width
    centre_x, centre_y = box.centre
    shift_x, shift_y = _CELL_PX / 2 - centre_x * scale, _CELL_PX / 2 - centre_y * scale
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]], dtype=np.float64)
    return np.asarray(cv2.warpAffine(picture, matrix, (_CELL_PX, _CELL_PX)), dtype=np.uint8)


def _sheet(cells: Sequence[Picture]) -> BenchFaces:
    edge = (_CELL_PX - SHEET_FACE_PX) / 2
    boxes = tuple(
        Box(index * _CELL_PX + edge, edge, SHEET_FACE_PX, SHEET_FACE_PX) for index in range(len(cells))
    )
    return BenchFaces(np.concatenate(cells, axis=1), boxes)


def bench_encoder(
    encoder: FaceRecognitionEncoder, pictures: Sequence[Picture], *, repeats: int = 3
) -> dict[str, float | int | bool]:
    """Both encoders over the same faces.

    Args:
        encoder: ours.
        pictures: BGR, with upright faces of 80 px or more.
        repeats: runs of each; the best counts.

    Returns:
        ``ratio`` (times faster, many faces to a picture), ``ratio_single`` (one face to a picture),
        ``max_abs_difference`` (over all embeddings of both ways), ``ours_ms``, ``baseline_ms``,
        ``ours_single_ms``, ``baseline_single_ms`` (processor time per face), ``faces``, ``repeats``,
        ``bar_ratio``, ``bar_difference``, ``passed``.

    Raises:
        InvalidInput: no faces, or face_recognition is not installed.
    """
    single = bench_faces(pictures)
    if not single:
        raise InvalidInput(
            "no faces to measure with", hint="give pictures with upright faces of 80 px or more"
        )
    sheets = face_sheets(single)
    baseline = face_encodings_of_package()
    difference = max(
        float(np.abs(_ours(encoder, faces) - _theirs(baseline, faces)).max()) for faces in (single, sheets)
    )
    baseline_ms = _best_ms(lambda: _theirs(baseline, sheets), repeats, len(single))
    ours_ms = _best_ms(lambda: _ours(encoder, sheets), repeats, len(single))
    baseline_single_ms = _best_ms(lambda: _theirs(baseline, single), repeats, len(single))
    ours_single_ms = _best_ms(lambda: _ours(encoder, single), repeats, len(single))
    ratio = baseline_ms / ours_ms
    return {
        "ratio": round(ratio, 2),
        "ratio_single": round(baseline_single_ms / ours_single_ms, 2),
        "max_abs_difference": difference,
        "ours_ms": round(ours_ms, 3),
        "baseline_ms": round(baseline_ms, 3),
        "ours_single_ms": round(ours_single_ms, 3),
        "baseline_single_ms": round(baseline_single_ms, 3),
        "faces": len(single),
        "repeats": repeats,
        "bar_ratio": BAR_RATIO,
        "bar_difference": BAR_DIFFERENCE,
        "passed": ratio >= BAR_RATIO and difference <= BAR_DIFFERENCE,
    }


def face_encodings_of_package() -> Callable[..., Any]:
    """``face_recognition.face_encodings``. Raises InvalidInput where it is not installed."""
    try:
        from face_recognition.api import face_encodings
    # Without pkg_resources face_recognition prints advice and calls quit().
    except (ImportError, SystemExit):
        raise InvalidInput(
            "face_recognition is not installed, so there is nothing to compare with",
            hint="run `make setup`, which installs the tools for measuring",
        ) from None
    encodings: Callable[..., Any] = face_encodings
    return encodings


def _theirs(face_encodings: Callable[..., Any], faces: Sequence[BenchFaces]) -> npt.NDArray[np.float64]:
    rows: list[npt.NDArray[np.float64]] = []
    for entry in faces:
        rgb = cv2.cvtColor(entry.picture, cv2.COLOR_BGR2RGB)
        rows.extend(face_encodings(rgb, [_as_css(box) for box in entry.boxes]))
    return np.stack(rows)


def _ours(encoder: FaceRecognitionEncoder, faces: Sequence[BenchFaces]) -> npt.NDArray[np.float32]:
    return np.concatenate(
        [encoder.encode(entry.picture, [Detection(box, 1.0) for box in entry.boxes]) for entry in faces]
    )


def _as_css(box: Box) -> tuple[int, int, int, int]:
    """top, right, bottom, left; dlib's last row and column are part of the box."""
    left, top = round(box.x), round(box.y)
    return top, left + round(box.width) - 1, top + round(box.height) - 1, left


def _best_ms(run: Callable[[], object], repeats: int, count: int) -> float:
    """Processor time per face; the best of several, because disturbances only ever add."""
    spent = []
    for _ in range(repeats):
        started_s = time.process_time()
        run()
        spent.append(time.process_time() - started_s)
    return min(spent) / count * 1000
