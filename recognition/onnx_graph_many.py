"""Writes the face network as ONNX for many faces at once: the same numbers with a quarter less work.

Up to the first halving block the network runs on planes, as in ``onnx_graph``. From there on maps are 17
pixels and less, and stand as ``(rows, columns, channels, faces)``. There 3×3 convolutions become Winograd
filtering: its steps along rows and columns are products with small constant matrices, and its products over
the channels are one 1×1 convolution in as many groups as there are points. ONNX Runtime does both near the
processor's peak.

With fewer than three faces the larger kernels cost more to fetch than is saved; ``onnx_graph`` is quicker
then.
"""

from __future__ import annotations

import numpy as np

from recognition.dlib_network import Convolution, FaceNetwork, ResidualBlock
from recognition.onnx_graph import POOLED_PX, residual, stem
from recognition.onnx_nodes import OUTPUT_NAME, Graph
from recognition.winograd import AT_ONE, filtering, kernel_values, line_matrices

_TILE = {17: 6, 8: 4, 4: 4, 3: 3}
"""Outputs of a tile along a line, by the map's side: measured, see docs/decisions/0015."""


def face_network_for_many(network: FaceNetwork) -> bytes:
    """The network as a serialised ONNX model, see ``Graph.serialised``."""
    graph = Graph()
    flow, size = stem(graph, network.stem), POOLED_PX
    on_planes = True
    for block in network.blocks:
        if on_planes and not block.halves:
            flow, size = residual(graph, flow, block, size)
        elif on_planes:
            flow, size = _leaving_planes(graph, flow, block, size), size // 2
            on_planes = False
        elif block.halves:
            flow, size = _halving(graph, flow, block, size), size // 2
        else:
            flow = _plain(graph, flow, block, size)
    mean = graph.node("ReduceMean", flow, axes=[0], keepdims=0)
    faces = graph.node("Transpose", mean, perm=[1, 0])
    graph.node("MatMul", faces, graph.constant(network.dense), output=OUTPUT_NAME)
    return graph.serialised()


def _leaving_planes(graph: Graph, planes: str, block: ResidualBlock, size: int) -> str:
    """A halving block that takes planes and gives positions."""
    channels_out, channels_in = block.first.weights.shape[:2]
    inner = graph.node("Relu", graph.convolution(planes, block.first))
    inner = _positions(graph, inner, channels_out, size // 2)
    shortcut = graph.node("AveragePool", planes, kernel_shape=[2, 2], strides=[2, 2])
    shortcut = _positions(graph, shortcut, channels_in, size // 2)
    shortcut = graph.padded(shortcut, 0, block.missing_channels, 0)
    return _joined(graph, _filtered(graph, inner, block.second, size // 2), shortcut)


def _positions(graph: Graph, planes: str, channels: int, size: int) -> str:
    """``(n, channels, size, size)`` → ``(size·size, channels, n)``."""
    # In two steps: ONNX Runtime swaps two dimensions quickly and reverses three slowly.
    rows = graph.reshaped(planes, -1, channels * size * size)
    faces_last = graph.node("Transpose", rows, perm=[1, 0])
    return graph.node("Transpose", graph.reshaped(faces_last, channels, size * size, -1), perm=[1, 0, 2])


def _plain(graph: Graph, source: str, block: ResidualBlock, size: int) -> str:
    inner = graph.node("Relu", _filtered(graph, source, block.first, size))
    return _joined(graph, _filtered(graph, inner, block.second, size), source)


def _halving(graph: Graph, source: str, block: ResidualBlock, size: int) -> str:
    conv_size, out_size = (size - 3) // 2 + 1, size // 2
    inner = _strided(graph, source, block.first, size)
    if conv_size == 1:  # the kernel's other taps see only zeros
        centre = block.second.weights[:, :, 1:2, 1:2]
        inner = _pointwise(graph, inner, Convolution(centre, block.second.bias, stride=1, padding=0))
        inner = graph.padded(inner, out_size**2 - 1, 0, 0)
    else:
        inner = _filtered(graph, inner, block.second, conv_size, out_size=out_size)
    channels_in = block.first.weights.shape[1]
    shortcut = _pooled(graph, source, channels_in, size)
    return _joined(graph, inner, graph.padded(shortcut, 0, block.missing_channels, 0))


def _joined(graph: Graph, inner: str, shortcut: str) -> str:
    return graph.node("Relu", graph.node("Add", inner, shortcut))


def _filtered(graph: Graph, source: str, layer: Convolution, size: int, *, out_size: int = 0) -> str:
    """A 3×3 convolution of ``(size·size, in, n)`` with padding 1: ``(out_size·out_size, out, n)``."""
    one = filtering(_TILE[size])
    into, back = line_matrices(size, one, out_size=out_size)
    points, tiles = one.points, len(into) // one.points
    channels_out, channels_in = layer.weights.shape[:2]
    # Rows come tile by tile as separate maps; along the columns every tile has its own copy of the kernels.
    values = kernel_values(layer.weights, one)[:, None]
    kernels = np.broadcast_to(values, (points, tiles, *values.shape[2:])).reshape(-1, channels_in, 1, 1)
    bias = np.zeros((points, tiles, points, channels_out))
    bias[AT_ONE, :, AT_ONE] = layer.bias

    spread = graph.floats(into)
    flow = graph.node("MatMul", spread, graph.reshaped(source, size, -1))
    flow = graph.node("MatMul", spread, graph.reshaped(flow, tiles * points, size, -1))
    groups = points * tiles * points
    flow = graph.reshaped(flow, tiles, groups * channels_in, -1, 1)
    flow = graph.node("Conv", flow, graph.floats(kernels), graph.floats(bias.reshape(-1)), group=groups)
    flow = graph.reshaped(flow, tiles * points, tiles * points, -1)
    gather = graph.floats(back)
    flow = graph.node("MatMul", gather, flow)
    flow = graph.node("MatMul", gather, graph.reshaped(flow, tiles * points, -1))
    return graph.reshaped(flow, (out_size or size) ** 2, channels_out, -1)


def _strided(graph: Graph, source: str, layer: Convolution, size: int) -> str:
    """A 3×3 convolution with stride 2 and ReLU: for each output, its nine inputs side by side."""
    out_size = (size - 3) // 2 + 1
    corners = [2 * y * size + 2 * x for y in range(out_size) for x in range(out_size)]
    taps = [y * size + x for y in range(3) for x in range(3)]
    inputs = np.add.outer(np.array(corners), np.array(taps)).astype(np.int64)
    channels_out, channels_in = layer.weights.shape[:2]
    gathered = graph.node("Gather", source, graph.constant(inputs), axis=0)
    flat = layer.weights.transpose(0, 2, 3, 1).reshape(channels_out, -1, 1, 1)
    beside = graph.reshaped(gathered, out_size**2, 9 * channels_in, -1)
    wide = Convolution(flat, layer.bias, stride=1, padding=0)
    return graph.node("Relu", _pointwise(graph, beside, wide))


def _pointwise(graph: Graph, source: str, layer: Convolution) -> str:
    """A 1×1 convolution of ``(positions, in, n)``."""
    flow = graph.convolution(graph.node("Unsqueeze", source, graph.constant(np.array([3]))), layer)
    return graph.node("Squeeze", flow, graph.constant(np.array([3])))


def _pooled(graph: Graph, source: str, channels: int, size: int) -> str:
    """2×2/2 average pool: the mean of two along rows, then along columns."""
    out_size = size // 2
    halves = np.zeros((out_size, size))
    for pixel in range(out_size):
        halves[pixel, 2 * pixel : 2 * pixel + 2] = 0.5
    pair = graph.floats(halves)
    flow = graph.node("MatMul", pair, graph.reshaped(source, size, -1))
    flow = graph.node("MatMul", pair, graph.reshaped(flow, out_size, size, -1))
    return graph.reshaped(flow, out_size**2, channels, -1)
