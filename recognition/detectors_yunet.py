"""YuNet: a small face detector with five landmarks, on ONNX Runtime.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector" (Machine Intelligence Research, 2023); weights
from libfacedetection.train. The network looks at a grid of anchors per stride (8, 16, 32 px) and gives for
each anchor: class and objectness (both 0 to 1), a box (centre offset and log size, in strides) and five
points (offsets, in strides).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import WeightsUnusable
from models.frame import Box, Detection
from models.ports import Picture
from recognition.onnx_session import open_network

STRIDES = (8, 16, 32)
_HEADS = ("cls", "obj", "bbox", "kps")
_SIDE_MULTIPLE = 32
SQUARE_SIDE = 0.98
SQUARE_DROP = 0.07
"""From YuNet's box to the square that HOG would draw, in units of sqrt(width · height): its side, and how far
its centre lies lower. Means over faces that both detectors found; see docs/decisions/0004."""

REACH_PX = 24.0
"""Width of faces that are found nearly always; boxes are as exact as on large ones (docs/decisions/0007)."""

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Boxes ``(n, 4)`` as x, y, width, height, scores ``(n,)``, points ``(n, 5, 2)``; pixels."""

    boxes: Numbers
    scores: Numbers
    points: Numbers


class YuNetDetector:
    """Faces from about 10 px, also turned heads; landmarks: eyes, nose tip, mouth corners.

    Boxes are given as the square that HOG would draw (brows to chin), because the landmark predictor in
    front of the encoder was trained on such boxes; with that, embeddings from the two detectors agree.
    Landmark order is the network's: right eye, left eye, nose, right and left mouth corner, where right is
    the person's right and so the left one in the picture.
    """

    def __init__(
        self,
        path: Path,
        *,
        score_threshold: float = 0.6,
        overlap_threshold: float = 0.3,
        threads: int = 1,
    ) -> None:
        """
        Args:
            path: YuNet's ONNX file, dynamic in picture size.
            score_threshold: geometric mean of class and objectness, 0 to 1.
            overlap_threshold: of two boxes overlapping more than this (IoU), the weaker is dropped.
            threads: processor threads for one picture.

        Raises:
            WeightsUnusable: missing, altered, or another network.
        """
        self._network = open_network(path, threads=threads)
        expected = {f"{head}_{stride}" for head in _HEADS for stride in STRIDES}
        if self._network.input_names != ("input",) or set(self._network.output_names) != expected:
            raise WeightsUnusable(
                "a network, but not YuNet", place=str(path), hint="run `rollcall models pull yunet`"
            )
        self._score_threshold = score_threshold
        self._overlap_threshold = overlap_threshold

    @property
    def fingerprint(self) -> str:
        return (
            f"yunet@{self._network.sha256[:12]}"
            f"/score={self._score_threshold:g}/overlap={self._overlap_threshold:g}"
        )

    @property
    def reach_px(self) -> float:
        return REACH_PX

    def detect(self, picture: Picture) -> Sequence[Detection]:
        """Faces, best first; boxes in pixels of ``picture``, five landmarks each."""
        if min(picture.shape[:2]) < 1:
            return ()
        tensor = _padded_tensor(picture)
        outputs = self._network.run({"input": tensor})
        grid_sizes = {stride: (tensor.shape[2] // stride, tensor.shape[3] // stride) for stride in STRIDES}
        candidates = _decoded(outputs, grid_sizes, self._score_threshold)
        return _detections(candidates, self._score_threshold, self._overlap_threshold)


def _hog_square(box: Numbers) -> Box:
    x, y, width, height = (float(value) for value in box)
    size = float(np.sqrt(width * height))
    side = size * SQUARE_SIDE
    centre_x, centre_y = x + width / 2, y + height / 2 + size * SQUARE_DROP
    return Box(centre_x - side / 2, centre_y - side / 2, side, side)


def _padded_tensor(picture: Picture) -> Numbers:
    """``(1, 3, height, width) float32`` BGR 0–255, sides rounded up to a multiple of 32 with black."""
    height, width = picture.shape[:2]
    padded_height, padded_width = (-(-side // _SIDE_MULTIPLE) * _SIDE_MULTIPLE for side in (height, width))
    tensor = np.zeros((1, 3, padded_height, padded_width), dtype=np.float32)
    for channel in range(3):
        tensor[0, channel, :height, :width] = picture[:, :, channel]
    return tensor


def _decoded(
    outputs: Mapping[str, Numbers], grid_sizes: Mapping[int, tuple[int, int]], threshold: float
) -> _Candidates:
    """Candidates over the threshold from all strides."""
    parts = [
        _decoded_stride({head: outputs[f"{head}_{stride}"][0] for head in _HEADS}, stride, grid, threshold)
        for stride, grid in grid_sizes.items()
    ]
    return _Candidates(
        boxes=np.concatenate([part.boxes for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        points=np.concatenate([part.points for part in parts]),
    )


def _decoded_stride(
    heads: Mapping[str, Numbers], stride: int, grid: tuple[int, int], threshold: float
) -> _Candidates:
    scores = np.sqrt(np.clip(heads["cls"][:, 0], 0, 1) * np.clip(heads["obj"][:, 0], 0, 1))
    kept = np.flatnonzero(scores >= threshold)
    rows, columns = np.divmod(kept, grid[1])
    anchors = np.stack([columns, rows], axis=1).astype(np.float32)
    raw_box = heads["bbox"][kept]
    centres = (anchors + raw_box[:, :2]) * stride
    # A wild exponent belongs to a broken file; the bound keeps it finite and far beyond any picture.
    sizes = np.exp(np.clip(raw_box[:, 2:], -20, 12)) * stride
    points = (heads["kps"][kept].reshape(-1, 5, 2) + anchors[:, None, :]) * stride
    return _Candidates(np.concatenate([centres - sizes / 2, sizes], axis=1), scores[kept], points)


def _detections(candidates: _Candidates, threshold: float, overlap: float) -> tuple[Detection, ...]:
    """Candidates that survive non-maximum suppression, best first."""
    if len(candidates.scores) == 0:
        return ()
    kept = cv2.dnn.NMSBoxes(candidates.boxes.tolist(), candidates.scores.tolist(), threshold, overlap)
    order = sorted((int(index) for index in kept), key=lambda index: -float(candidates.scores[index]))
    return tuple(
        Detection(
            box=_hog_square(candidates.boxes[index]),
            score=float(candidates.scores[index]),
            landmarks=tuple((float(x), float(y)) for x, y in candidates.points[index]),
        )
        for index in order
    )
