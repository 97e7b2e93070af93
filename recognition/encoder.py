"""face_recognition's encoder on ONNX Runtime: the same embeddings, many times faster.

Embeddings equal ``face_recognition.face_encodings`` to about 2e-7 (bar: 1e-5), see docs/guides/models.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import WeightsUnusable
from models.frame import Detection
from models.ports import Picture
from recognition.alignment import DlibAlignment
from recognition.atomic_files import written_atomically
from recognition.dlib_network import CHIP_PX, CONVERTER_VERSION, EMBEDDING_SIZE, read_face_network
from recognition.onnx_session import Network
from recognition.weights import FACE_ENCODER, FIVE_POINTS, packaged_path

CONVERTED_PREFIX = "face-encoder"
_BATCH = 16
"""Chips per run: beyond this a face costs no less, and memory only grows."""


class FaceRecognitionEncoder:
    """Embeddings of faces, ``(n, 128) float32``.

    Safe to share between threads: the network keeps no state between runs.
    """

    def __init__(self, network: Network, alignment: DlibAlignment, *, fingerprint: str) -> None:
        self._network = network
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
        parts = [
            self._network.run({"chips": chips[start : start + _BATCH]})["embeddings"]
            for start in range(0, len(chips), _BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, EMBEDDING_SIZE), dtype=np.float32)

    def encode(self, picture: Picture, detections: Sequence[Detection]) -> npt.NDArray[np.float32]:
        """Embeddings in the order of the detections, ``(n, 128) float32``, unit: none."""
        return self.encode_chips(self.chips(picture, detections))


def open_encoder(cache_folder: Path, *, threads: int = 1) -> FaceRecognitionEncoder:
    """The encoder, converted from the installed package into the cache on first use (half a second).

    Args:
        cache_folder: created when missing; may be emptied at any time.
        threads: processor threads for one run.

    Raises:
        WeightsUnusable: the package face_recognition_models is missing or its files are altered.
        StorageError: the cache folder cannot be written.
    """
    source = packaged_path(FACE_ENCODER)
    weights = converted_weights(source, cache_folder, expected_sha256=FACE_ENCODER.sha256)
    alignment = DlibAlignment(packaged_path(FIVE_POINTS))
    network = Network(weights, place=FACE_ENCODER.name, threads=threads)
    fingerprint = f"face-recognition-resnet@{FACE_ENCODER.sha256[:12]}/{alignment.name}"
    return FaceRecognitionEncoder(network, alignment, fingerprint=fingerprint)


def converted_weights(source: Path, cache_folder: Path, *, expected_sha256: str) -> bytes:
    """The ONNX form of dlib's file, from the cache where it is there and whole.

    A cached file's name holds the source's SHA-256, the converter's revision and its own SHA-256, so a
    stale or damaged one is never used: it is converted anew.

    Raises:
        WeightsUnusable: the source is altered or another file.
        StorageError: the cache folder cannot be written.
    """
    try:
        stream = source.read_bytes()
    except OSError as exc:
        raise WeightsUnusable(
            f"cannot be read: {exc.strerror}",
            place=str(source),
            hint="reinstall the package face_recognition_models",
        ) from None
    sha256 = hashlib.sha256(stream).hexdigest()
    if sha256 != expected_sha256:
        raise WeightsUnusable(
            "altered or another file: its SHA-256 is not the known one",
            place=str(source),
            hint="reinstall the package face_recognition_models",
        )
    prefix = f"{CONVERTED_PREFIX}-{sha256[:16]}-r{CONVERTER_VERSION}-"
    cached = _cached(cache_folder, prefix)
    if cached is not None:
        return cached
    # onnx takes a third of a second to import and is needed for the first start only.
    from recognition.onnx_graph import face_network_as_onnx

    converted = face_network_as_onnx(read_face_network(stream, place=str(source)))
    _keep(converted, cache_folder, prefix)
    return converted


def _cached(folder: Path, prefix: str) -> bytes | None:
    for path in sorted(folder.glob(f"{prefix}*.onnx")):
        with suppress(OSError):
            content = path.read_bytes()
            if path.name == _cache_name(prefix, content):
                return content
    return None


def _cache_name(prefix: str, content: bytes) -> str:
    return f"{prefix}{hashlib.sha256(content).hexdigest()[:16]}.onnx"


def _keep(content: bytes, folder: Path, prefix: str) -> None:
    """Writes the cache; two processes that convert at once write the same bytes."""
    with written_atomically(folder / _cache_name(prefix, content)) as partial:
        partial.write_bytes(content)
