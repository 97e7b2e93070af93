"""The encoder's ONNX files in the cache folder, converted from dlib's on first use."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from models.errors import WeightsUnusable
from recognition.atomic_files import written_atomically
from recognition.dlib_network import CONVERTER_VERSION, read_face_network

_REINSTALL = "reinstall the package face_recognition_models"


class Form(StrEnum):
    """Both give the same embeddings; the value begins the file's name."""

    FEW = "face-encoder"
    """Layer by layer, for one face or two."""
    MANY = "face-encoder-many"
    """With Winograd's filtering, for three faces and more; four times as large."""


def converted_file(form: Form, source: Path, cache_folder: Path, *, expected_sha256: str) -> Path:
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
        raise WeightsUnusable(f"cannot be read: {exc.strerror}", place=str(source), hint=_REINSTALL) from None
    sha256 = hashlib.sha256(stream).hexdigest()
    if sha256 != expected_sha256:
        raise WeightsUnusable(
            "altered or another file: its SHA-256 is not the known one", place=str(source), hint=_REINSTALL
        )
    prefix = f"{form}-{sha256[:16]}-r{CONVERTER_VERSION}-"
    return _cached(cache_folder, prefix) or _keep(_convert(form, stream, source), cache_folder, prefix)


def _convert(form: Form, stream: bytes, source: Path) -> bytes:
    network = read_face_network(stream, place=str(source))
    # onnx takes a third of a second to import and is needed for the first start only.
    if form is Form.FEW:
        from recognition.onnx_graph import face_network_as_onnx

        return face_network_as_onnx(network)
    from recognition.onnx_graph_many import face_network_for_many

    return face_network_for_many(network)


def _cached(folder: Path, prefix: str) -> Path | None:
    for path in sorted(folder.glob(f"{prefix}*.onnx")):
        with suppress(OSError), path.open("rb") as file:
            if path.name == _cache_name(prefix, hashlib.file_digest(file, "sha256").hexdigest()):
                return path
    return None


def _cache_name(prefix: str, sha256: str) -> str:
    return f"{prefix}{sha256[:16]}.onnx"


def _keep(content: bytes, folder: Path, prefix: str) -> Path:
    """Writes the cache; two processes that convert at once write the same bytes."""
    path = folder / _cache_name(prefix, hashlib.sha256(content).hexdigest())
    with written_atomically(path) as partial:
        partial.write_bytes(content)
    return path
