"""Reads face_recognition's network out of dlib's serialised file, without dlib.

``dlib_face_recognition_resnet_model_v1.dat`` is dlib's own stream format. Every parameter tensor in it is
the number 2 (a version), four dimensions, then raw little-endian float32. Numbers are dlib varints: the
first byte holds how many bytes follow (low four bits) and the sign (high bit), then little-endian magnitude.
Tensors appear input side first: a convolution (weights, then biases, in one tensor), its affine layer
(gamma, then beta), and so on; the dense layer (256 × 128, no bias) is last.

Architecture: 7×7/2 convolution, ReLU, 3×3/2 max pool, 14 residual blocks, global average pool, dense 128
(Davis King, "High quality face recognition with deep metric learning", dlib blog, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import WeightsUnusable

Weights = npt.NDArray[np.float32]

CHIP_PX = 150
CHANNEL_MEAN_RGB = (122.782, 117.001, 104.298)
PIXEL_SCALE = 256.0
EMBEDDING_SIZE = 128
CONVERTER_VERSION = 2
"""Raised whenever the converted file would come out differently."""

STEM_CHANNELS = 32
STEM_KERNEL = 7
_HEADER_SEARCH = 4096
"""Bytes of layer settings allowed between two tensors; the longest in the real file is 341."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with its affine layer folded in: ``(out, in, k, k)`` and ``(out,)`` float32."""

    weights: Weights
    bias: Weights
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class ResidualBlock:
    """Two convolutions beside a shortcut; in a halving block the shortcut is a 2×2/2 average pool."""

    first: Convolution
    second: Convolution
    halves: bool

    @property
    def missing_channels(self) -> int:
        """How many the shortcut has fewer than the convolutions."""
        return int(self.first.weights.shape[0] - self.first.weights.shape[1])


@dataclass(frozen=True, slots=True)
class FaceNetwork:
    """All parameters of the encoder. ``dense``: ``(256, 128)`` float32."""

    stem: Convolution
    blocks: tuple[ResidualBlock, ...]
    dense: Weights


@dataclass(frozen=True, slots=True)
class BlockShape:
    """Channels going into and coming out of a residual block."""

    channels_in: int
    channels_out: int
    halves: bool


BLOCK_SHAPES: tuple[BlockShape, ...] = (
    *(BlockShape(32, 32, halves=False),) * 3,
    BlockShape(32, 64, halves=True),
    *(BlockShape(64, 64, halves=False),) * 3,
    BlockShape(64, 128, halves=True),
    *(BlockShape(128, 128, halves=False),) * 2,
    BlockShape(128, 256, halves=True),
    *(BlockShape(256, 256, halves=False),) * 2,
    BlockShape(256, 256, halves=True),
)


def varint(value: int) -> bytes:
    """A number as dlib writes it (dlib/serialize.h, pack_int)."""
    magnitude = abs(value)
    size = max(1, (magnitude.bit_length() + 7) // 8)
    sign = 0x80 if value < 0 else 0
    return bytes([size | sign]) + magnitude.to_bytes(size, "little")


def tensor_header(shape: Sequence[int]) -> bytes:
    """The bytes in front of a tensor's numbers: version 2 and four dimensions, missing ones being 1."""
    dimensions = [*shape, *(1,) * (4 - len(shape))]
    return b"".join(varint(number) for number in (2, *dimensions))


class _TensorReader:
    """Walks the stream from tensor to tensor and insists on the shape expected next."""

    def __init__(self, stream: bytes, place: str) -> None:
        self._stream = stream
        self._place = place
        self._at = 0

    def take(self, *shape: int) -> Weights:
        header = tensor_header(shape)
        found = self._stream.find(header, self._at, self._at + _HEADER_SEARCH)
        count = math.prod(shape)
        start = found + len(header)
        if found < 0 or start + 4 * count > len(self._stream):
            raise self._unusable(f"no tensor of shape {shape} after byte {self._at}")
        numbers = np.frombuffer(self._stream, dtype="<f4", count=count, offset=start).astype(np.float32)
        if not np.isfinite(numbers).all():
            raise self._unusable(
                f"the tensor of shape {shape} at byte {start} holds values that are no numbers"
            )
        self._at = start + 4 * count
        return numbers

    def finish(self) -> None:
        if len(self._stream) - self._at > _HEADER_SEARCH:
            raise self._unusable(f"{len(self._stream) - self._at} bytes too many after the last tensor")

    def _unusable(self, what: str) -> WeightsUnusable:
        return WeightsUnusable(
            f"not face_recognition's network: {what}",
            place=self._place,
            hint="reinstall the package face_recognition_models",
        )


def _folded(reader: _TensorReader, channels: tuple[int, int], kernel: int, stride: int) -> Convolution:
    """Next convolution and affine layer as one convolution: gamma · (W·x + b) + beta."""
    channels_in, channels_out = channels
    weight_count = channels_out * channels_in * kernel * kernel
    tensor = reader.take(weight_count + channels_out)
    scale, shift = np.split(reader.take(2 * channels_out).astype(np.float64), 2)
    weights = tensor[:weight_count].reshape(channels_out, channels_in, kernel, kernel)
    return Convolution(
        weights=(weights * scale[:, None, None, None]).astype(np.float32),
        bias=(tensor[weight_count:] * scale + shift).astype(np.float32),
        stride=stride,
        padding=0 if stride == 2 else kernel // 2,
    )


def read_face_network(stream: bytes, *, place: str = "") -> FaceNetwork:
    """The network in dlib's file.

    Args:
        stream: whole content of ``dlib_face_recognition_resnet_model_v1.dat``.
        place: what to call the file in an error.

    Raises:
        WeightsUnusable: another file, cut short, or holding values that are no numbers.
    """
    reader = _TensorReader(stream, place)
    stem = _folded(reader, (3, STEM_CHANNELS), STEM_KERNEL, stride=2)
    blocks = []
    for shape in BLOCK_SHAPES:
        first = _folded(reader, (shape.channels_in, shape.channels_out), 3, stride=2 if shape.halves else 1)
        second = _folded(reader, (shape.channels_out, shape.channels_out), 3, stride=1)
        blocks.append(ResidualBlock(first, second, shape.halves))
    dense = reader.take(BLOCK_SHAPES[-1].channels_out, EMBEDDING_SIZE)
    reader.finish()
    return FaceNetwork(stem, tuple(blocks), dense.reshape(-1, EMBEDDING_SIZE))
