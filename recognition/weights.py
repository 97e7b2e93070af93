"""Which networks Rollcall knows, where their files lie, and how one is added.

A file counts by its SHA-256 alone; its name is for people. Nothing here touches the network:
fetching is in ``weights_pull`` and happens only on request.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.errors import NotFound, WeightsUnusable

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A network by its content. ``package`` names the Python package that already brings it along."""

    name: str
    file_name: str
    sha256: str
    size_bytes: int
    use: str
    licence: str
    homepage: str
    package: str = ""


YUNET = KnownModel(
    name="yunet",
    file_name="yunet_n_dynamic.onnx",
    sha256="104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
    size_bytes=322_906,
    use="face detector, from 10 px, five landmarks; used instead of HOG when present",
    licence="Apache-2.0",
    homepage="https://github.com/ShiqiYu/libfacedetection.train",
)
FACE_ENCODER = KnownModel(
    name="face-encoder",
    file_name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    size_bytes=22_466_066,
    use="face encoder, 128 numbers per face",
    licence="CC0-1.0",
    homepage="https://github.com/davisking/dlib-models",
    package="face_recognition_models",
)
FIVE_POINTS = KnownModel(
    name="five-points",
    file_name="shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    size_bytes=9_150_489,
    use="five landmarks that align a face for the encoder",
    licence="CC0-1.0",
    homepage="https://github.com/davisking/dlib-models",
    package="face_recognition_models",
)
KNOWN_MODELS: tuple[KnownModel, ...] = (YUNET, FACE_ENCODER, FIVE_POINTS)


class ModelState(StrEnum):
    READY = "ready"
    MISSING = "missing"
    ALTERED = "altered"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One line of ``rollcall models list``. ``sha256`` is of the file found, empty where none is."""

    name: str
    state: ModelState
    path: Path
    sha256: str
    size_bytes: int
    use: str
    licence: str
    homepage: str


def known_model(name: str) -> KnownModel:
    """The known network of that name.

    Raises:
        NotFound: no such network; the hint lists those there are.
    """
    for model in KNOWN_MODELS:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in KNOWN_MODELS)
    raise NotFound(f"no known model is called {name!r}", hint=f"known: {names}")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal.

    Raises:
        WeightsUnusable: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as exc:
        raise WeightsUnusable(
            f"cannot be read: {exc.strerror}", place=str(path), hint="check the path and its permissions"
        ) from None
    return digest.hexdigest()


def packaged_path(model: KnownModel) -> Path:
    """Where the model's Python package keeps it, found without importing the package.

    Importing face_recognition_models needs pkg_resources, which newer setuptools no longer have.

    Raises:
        WeightsUnusable: the package is not installed or lacks the file.
    """
    spec = importlib.util.find_spec(model.package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "models" / model.file_name
        if path.is_file():
            return path
    raise WeightsUnusable(
        f"{model.file_name} is not installed", place=model.name, hint=f"install the package {model.package}"
    )


def installed_path(folder: Path, model: KnownModel) -> Path | None:
    """The model's file in the weights folder, or ``None`` where there is none.

    Raises:
        WeightsUnusable: a file is there under its name but its content is not the known one.
    """
    path = folder / model.file_name
    if not path.is_file():
        return None
    if sha256_of(path) != model.sha256:
        raise WeightsUnusable(
            f"altered or another file: its SHA-256 is not that of {model.name}",
            place=str(path),
            hint=f"delete it, then `rollcall models pull {model.name}` or `rollcall models add FILE`",
        )
    return path
