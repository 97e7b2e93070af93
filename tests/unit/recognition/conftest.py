"""What recognition's tests share: drawn people (the repository holds no photo of a real one) and networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from ingest.synthetic.heads import Head, Light, Pose
from ingest.synthetic.traits import traits_from_seed
from models.ports import Picture
from recognition.detectors import HogDetector
from recognition.encoder import FaceRecognitionEncoder, open_encoder
from recognition.weights import YUNET, installed_path

DrawFace = Callable[..., Picture]


@cache
def _head(seed: int) -> Head:
    return Head(traits_from_seed(seed))


def drawn_face(seed: int = 0, *, head_px: int = 300, yaw: float = 0.0, margin_px: int = 80) -> Picture:
    """A drawn person before a grey wall, BGR; the face is a little more than half as wide as the head."""
    sprite = _head(seed).render(head_px, Pose(yaw=yaw), Light())[0].astype(np.float32)
    side = head_px + 2 * margin_px
    picture = np.full((side, side, 3), 128.0, dtype=np.float32)
    inner = slice(margin_px, margin_px + head_px)
    picture[inner, inner] = sprite[..., :3] + picture[inner, inner] * (1 - sprite[..., 3:] / 255)
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def draw_face() -> DrawFace:
    return drawn_face


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> FaceRecognitionEncoder:
    return open_encoder(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="session")
def hog() -> HogDetector:
    return HogDetector(upsample=0)


@pytest.fixture(scope="session")
def yunet_path(shared_material: Path) -> Path:
    path = installed_path(shared_material / "models", YUNET)
    if path is None:
        pytest.skip("no YuNet weights in the test material")
    return path


@pytest.fixture(scope="session")
def portraits(shared_material: Path) -> dict[str, Picture]:
    """The portraits of the test material by name, BGR."""
    files = sorted((shared_material / "faces" / "portraits").iterdir())
    return {path.name: np.asarray(cv2.imread(str(path)), dtype=np.uint8) for path in files}


@pytest.fixture(scope="session")
def crops(shared_material: Path) -> dict[tuple[int, int], Picture]:
    """Tight grey crops of 40 people, enlarged to about 230 px and bordered, three of each; BGR.

    The material's own size differs between copies (92 × 112, or a quarter of it).
    """
    faces = {}
    for person in range(1, 41):
        for shot in (1, 2, 3):
            crop = cv2.imread(str(shared_material / "faces" / "orl" / f"s{person}" / f"{shot}.pgm"))
            scale = 224 / crop.shape[0]
            large = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            bordered = cv2.copyMakeBorder(large, 80, 80, 80, 80, cv2.BORDER_REPLICATE)
            faces[person, shot] = np.asarray(bordered, dtype=np.uint8)
    return faces
