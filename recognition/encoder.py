"""face_recognition's encoder on ONNX Runtime: the same embeddings, many times faster.

Embeddings equal ``face_recognition.face_encodings`` to about 5e-7 (bar: 1e-5), see docs/guides/models.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.frame import Detection
from models.ports import Picture
from recognition.alignment import DlibAlignment
from recognition.dlib_network import CHIP_PX, EMBEDDING_SIZE
from recognition.encoder_files import Form, converted_file
from recognition.onnx_session import Network
from recognition.weights import FACE_ENCODER, FIVE_POINTS, packaged_path

_BATCH = 16
"""Chips per run: beyond this a face costs no less, and memory only grows."""
_MANY = 3
"""Chips from which the form for many is quicker."""


class FaceRecognitionEncoder:
    """Embeddings of faces, ``(n, 128) float32``.

    Safe to share between threads: a network keeps no state between runs.
    """

    def __init__(
        self, few: Network, open_many: Callable[[], Network], alignment: DlibAlignment, *, fingerprint: str
    ) -> None:
        """``open_many`` is called when the first group of faces comes: its kernels take 100 MB of memory."""
        self._few = few
        self._open_many = open_many
        self._many: Network | None = None
        self._opening = threading.Lock()
        self._alignment = alignment
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def chips(self, picture: Picture, detections: Sequence[Detection]) -> Picture:
        """Aligned faces, ``(n, 150, 150, 3) uint8`` RGB. ``picture`` is BGR."""
        if not detections:
            return np.empty((0, CHIP_PX, CHIP_PX, 3), dtype=np.uint8)
        return np.stack([self._alignment.chip(picture, detection) for detection in detections])

    def encode_chips(self, chips: Picture) -> npt.NDArray[np.float32]:
        """Embeddings of aligned faces, ``(n, 128) float32``."""
        batches = [chips[start : start + _BATCH] for start in range(0, len(chips), _BATCH)]
        parts = [self._network(len(batch)).run({"chips": batch})["embeddings"] for batch in batches]
        return np.concatenate(parts) if parts else np.empty((0, EMBEDDING_SIZE), dtype=np.float32)

    def encode(self, picture: Picture, detections: Sequence[Detection]) -> npt.NDArray[np.float32]:
        """Embeddings in the order of the detections, ``(n, 128) float32``, unit: none."""
        return self.encode_chips(self.chips(picture, detections))

    def _network(self, faces: int) -> Network:
        if faces < _MANY:
            return self._few
        with self._opening:
            if self._many is None:
                self._many = self._open_many()
            return self._many


def open_encoder(cache_folder: Path, *, threads: int = 1) -> FaceRecognitionEncoder:
    """The encoder, converted from the installed package into the cache on first use (a second).

    Args:
        cache_folder: created when missing; may be emptied at any time while nothing runs.
        threads: processor threads for one run.

    Raises:
        WeightsUnusable: the package face_recognition_models is missing or its files are altered.
        StorageError: the cache folder cannot be written.
    """
    source = packaged_path(FACE_ENCODER)
    few, many = (
        converted_file(form, source, cache_folder, expected_sha256=FACE_ENCODER.sha256)
        for form in (Form.FEW, Form.MANY)
    )
    alignment = DlibAlignment(packaged_path(FIVE_POINTS))
    fingerprint = f"face-recognition-resnet@{FACE_ENCODER.sha256[:12]}/{alignment.name}"

    def open_many() -> Network:
        return Network(many, place=str(many), threads=threads)

    return FaceRecognitionEncoder(
        Network(few, place=FACE_ENCODER.name, threads=threads), open_many, alignment, fingerprint=fingerprint
    )
