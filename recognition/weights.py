"""Which networks Rollcall knows, where their files lie, and how one is added.

A file counts by its SHA-256 alone; its name is for people. Nothing here touches the network:
fetching is in ``weights_pull`` and happens only on request.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.errors import InvalidInput, NotFound, WeightsUnusable
from recognition.atomic_files import written_atomically
from recognition.onnx_session import open_network

_BLOCK = 1 << 20
_CUSTOM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
CUSTOM_FOLDER = "custom"
"""Inside the weights folder: networks that Rollcall does not know, added by name at the owner's risk."""


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


def installed_line(model: KnownModel, folder: Path) -> InstalledModel | None:
    """The model's line where its file is in the folder and whole, else ``None``."""
    path = folder / model.file_name
    if not path.is_file():
        return None
    line = _line(model.name, ModelState.READY, path, model)
    return line if line.sha256 == model.sha256 else None


def list_models(*folders: Path) -> tuple[InstalledModel, ...]:
    """Every known network and every custom one, with what is there of it.

    Args:
        folders: weights folders, the first that holds a file wins; the packages' files are found by
            themselves.
    """
    known = tuple(_known_line(model, folders) for model in KNOWN_MODELS)
    custom = tuple(
        _line(path.stem, ModelState.CUSTOM, path)
        for folder in folders
        for path in sorted((folder / CUSTOM_FOLDER).glob("*.onnx"))
    )
    return known + custom


def _known_line(model: KnownModel, folders: Sequence[Path]) -> InstalledModel:
    for path in _candidate_paths(model, folders):
        if path.is_file():
            line = _line(model.name, ModelState.READY, path, model)
            if line.sha256 == model.sha256:
                return line
            return dataclasses.replace(line, state=ModelState.ALTERED)
    place = folders[0] / model.file_name if folders else Path(model.file_name)
    return InstalledModel(
        model.name, ModelState.MISSING, place, "", model.size_bytes, model.use, model.licence, model.homepage
    )


def _candidate_paths(model: KnownModel, folders: Sequence[Path]) -> Iterator[Path]:
    if model.package:
        with suppress(WeightsUnusable):
            yield packaged_path(model)
    yield from (folder / model.file_name for folder in folders)


def _line(name: str, state: ModelState, path: Path, model: KnownModel | None = None) -> InstalledModel:
    return InstalledModel(
        name=name,
        state=state,
        path=path,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        use=model.use if model else "added by hand",
        licence=model.licence if model else "unknown to Rollcall",
        homepage=model.homepage if model else "",
    )


def add_model(folder: Path, file: Path, *, custom_name: str | None = None) -> InstalledModel:
    """Copies a file into the weights folder when its content is that of a known network.

    Args:
        folder: the weights folder, created when missing.
        file: the file to add; its name does not matter.
        custom_name: takes a network that Rollcall does not know, under this name (a–z, 0–9, _ and -).

    Raises:
        WeightsUnusable: unreadable, or not the content of a known network (without ``custom_name``).
        InvalidInput: the custom name cannot be a name, is a known network's, or the file is no ONNX.
        StorageError: the folder cannot be written.
    """
    sha256 = sha256_of(file)
    known = next((model for model in KNOWN_MODELS if model.sha256 == sha256), None)
    if known is not None and known.package:
        raise InvalidInput(
            f"{known.name} comes with the package {known.package}",
            place=str(file),
            hint="there is nothing to add",
        )
    if known is not None:
        path = folder / known.file_name
        _copy(file, path, sha256)
        return _line(known.name, ModelState.READY, path, known)
    if custom_name is None:
        raise WeightsUnusable(
            f"the SHA-256 {sha256} is not that of a known network",
            place=str(file),
            hint="see `rollcall models list`; a network of your own needs --name NAME",
        )
    _check_custom(custom_name, file)
    path = folder / CUSTOM_FOLDER / f"{custom_name}.onnx"
    _copy(file, path, sha256)
    return _line(custom_name, ModelState.CUSTOM, path)


def _check_custom(name: str, file: Path) -> None:
    if not _CUSTOM_NAME.fullmatch(name) or any(model.name == name for model in KNOWN_MODELS):
        raise InvalidInput(
            f"{name!r} cannot name a network of your own",
            hint="use 1 to 40 of a–z, 0–9, _ and -, and no known model's name",
        )
    open_network(file)


def _copy(source: Path, target: Path, sha256: str) -> None:
    with written_atomically(target) as partial:
        digest = hashlib.sha256()
        with source.open("rb") as reader, partial.open("wb") as writer:
            while block := reader.read(_BLOCK):
                digest.update(block)
                writer.write(block)
        if digest.hexdigest() != sha256:
            raise WeightsUnusable("changed while it was copied", place=str(source), hint="try again")
