"""Writes the face network as an ONNX file.

Sizes inside, for the 150×150 chip: 72 after the stem, 35 after the pool, then 17, 8, 4 and 2 after the
halving blocks. In the last two halving blocks the convolution comes out one row and column smaller than
the average pool of the shortcut; dlib adds what is there and takes the missing part as zero, so the
smaller side is padded at the far edge.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper

from recognition.dlib_network import (
    CHANNEL_MEAN_RGB,
    CHIP_PX,
    CONVERTER_VERSION,
    EMBEDDING_SIZE,
    PIXEL_SCALE,
    Convolution,
    FaceNetwork,
    ResidualBlock,
)

INPUT_NAME = "chips"
OUTPUT_NAME = "embeddings"
_OPSET = 17
_IR_VERSION = 8
"""Both old enough for every ONNX Runtime since 1.12."""


@dataclass
class _Graph:
    """Nodes and constants gathered while walking the network; every value gets its own name."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, array: npt.NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolution(self, source: str, layer: Convolution) -> str:
        return self.node(
            "Conv",
            source,
            self.constant(layer.weights),
            self.constant(layer.bias),
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )

    def zero_filled(self, source: str, channels: int, far_edge: int) -> str:
        """``source`` with that many channels, rows and columns of zeros more."""
        if channels == 0 and far_edge == 0:
            return source
        pads = np.array([0, 0, 0, 0, 0, channels, far_edge, far_edge], dtype=np.int64)
        return self.node("Pad", source, self.constant(pads))


def _normalised_input(graph: _Graph) -> str:
    """uint8 RGB chips as rows of pixels → float32 planes, mean taken off, divided by 256."""
    planes = graph.node("Transpose", INPUT_NAME, perm=[0, 3, 1, 2])
    numbers = graph.node("Cast", planes, to=TensorProto.FLOAT)
    mean = graph.constant(np.array(CHANNEL_MEAN_RGB, dtype=np.float32).reshape(1, 3, 1, 1))
    centred = graph.node("Sub", numbers, mean)
    return graph.node("Mul", centred, graph.constant(np.array(1 / PIXEL_SCALE, dtype=np.float32)))


def _residual(graph: _Graph, source: str, block: ResidualBlock, size: int) -> tuple[str, int]:
    """One block and the side length that comes out of it."""
    inner = graph.node("Relu", graph.convolution(source, block.first))
    inner = graph.convolution(inner, block.second)
    shortcut, out_size = source, size
    if block.halves:
        conv_size, out_size = (size - 3) // 2 + 1, size // 2
        shortcut = graph.node("AveragePool", source, kernel_shape=[2, 2], strides=[2, 2])
        missing_channels = block.first.weights.shape[0] - block.first.weights.shape[1]
        shortcut = graph.zero_filled(shortcut, missing_channels, 0)
        inner = graph.zero_filled(inner, 0, out_size - conv_size)
    return graph.node("Relu", graph.node("Add", inner, shortcut)), out_size


def face_network_as_onnx(network: FaceNetwork) -> bytes:
    """The network as a serialised ONNX model; equal networks give equal bytes.

    Input ``chips``: ``(n, 150, 150, 3) uint8`` RGB. Output ``embeddings``: ``(n, 128) float32``.
    """
    graph = _Graph()
    flow = graph.node("Relu", graph.convolution(_normalised_input(graph), network.stem))
    flow = graph.node("MaxPool", flow, kernel_shape=[3, 3], strides=[2, 2])
    size = ((CHIP_PX - 7) // 2 + 1 - 3) // 2 + 1
    for block in network.blocks:
        flow, size = _residual(graph, flow, block, size)
    flow = graph.node("Flatten", graph.node("GlobalAveragePool", flow), axis=1)
    graph.node("MatMul", flow, graph.constant(network.dense), output=OUTPUT_NAME)
    chips = helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["n", CHIP_PX, CHIP_PX, 3])
    embeddings = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["n", EMBEDDING_SIZE])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "face_recognition", [chips], [embeddings], graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="rollcall",
        producer_version=str(CONVERTER_VERSION),
    )
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
