"""Writes the face network as an ONNX file, layer by layer as dlib runs it: the form for one or two faces.

Sizes inside, for the 150×150 chip: 72 after the stem, 35 after the pool, then 17, 8, 4 and 2 after the
halving blocks. In the last two halving blocks the convolution comes out one row and column smaller than
the average pool of the shortcut; dlib adds what is there and takes the missing part as zero, so the
smaller side is padded at the far edge.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from recognition.dlib_network import (
    CHANNEL_MEAN_RGB,
    CHIP_PX,
    PIXEL_SCALE,
    Convolution,
    FaceNetwork,
    ResidualBlock,
)
from recognition.onnx_nodes import INPUT_NAME, OUTPUT_NAME, Graph

POOLED_PX = ((CHIP_PX - 7) // 2 + 1 - 3) // 2 + 1
"""Side of the planes that the stem hands on."""


def face_network_as_onnx(network: FaceNetwork) -> bytes:
    """The network as a serialised ONNX model, see ``Graph.serialised``."""
    graph = Graph()
    flow, size = stem(graph, network.stem), POOLED_PX
    for block in network.blocks:
        flow, size = residual(graph, flow, block, size)
    flow = graph.node("Flatten", graph.node("GlobalAveragePool", flow), axis=1)
    graph.node("MatMul", flow, graph.constant(network.dense), output=OUTPUT_NAME)
    return graph.serialised()


def stem(graph: Graph, layer: Convolution) -> str:
    """uint8 RGB chips as rows of pixels → float32 planes ``(n, 32, 35, 35)``.

    Mean and scale of the pixels are folded into the convolution, which has no padding.
    """
    weights = layer.weights.astype(np.float64) / PIXEL_SCALE
    bias = layer.bias - np.einsum("ocij,c->o", weights, np.array(CHANNEL_MEAN_RGB))
    folded = Convolution(weights.astype(np.float32), bias.astype(np.float32), layer.stride, layer.padding)
    planes = graph.node("Transpose", INPUT_NAME, perm=[0, 3, 1, 2])
    numbers = graph.node("Cast", planes, to=TensorProto.FLOAT)
    flow = graph.node("Relu", graph.convolution(numbers, folded))
    return graph.node("MaxPool", flow, kernel_shape=[3, 3], strides=[2, 2])


def residual(graph: Graph, source: str, block: ResidualBlock, size: int) -> tuple[str, int]:
    """One block on planes ``(n, channels, size, size)``, and the side length that comes out of it."""
    inner = graph.node("Relu", graph.convolution(source, block.first))
    inner = graph.convolution(inner, block.second)
    shortcut, out_size = source, size
    if block.halves:
        conv_size, out_size = (size - 3) // 2 + 1, size // 2
        shortcut = graph.node("AveragePool", source, kernel_shape=[2, 2], strides=[2, 2])
        shortcut = graph.padded(shortcut, 0, block.missing_channels, 0, 0)
        inner = graph.padded(inner, 0, 0, out_size - conv_size, out_size - conv_size)
    return graph.node("Relu", graph.node("Add", inner, shortcut)), out_size
