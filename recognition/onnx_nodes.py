"""Gathers the nodes of an ONNX graph; what every form of the face network is written with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper

from recognition.dlib_network import CHIP_PX, CONVERTER_VERSION, EMBEDDING_SIZE, Convolution

INPUT_NAME = "chips"
OUTPUT_NAME = "embeddings"
_OPSET = 17
_IR_VERSION = 8
"""Both old enough for every ONNX Runtime since 1.12."""


@dataclass
class Graph:
    """Nodes and constants gathered while walking the network; every value gets its own name."""

    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, array: npt.NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def floats(self, array: npt.NDArray[Any]) -> str:
        return self.constant(array.astype(np.float32))

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def reshaped(self, source: str, *shape: int) -> str:
        return self.node("Reshape", source, self.constant(np.array(shape, dtype=np.int64)))

    def padded(self, source: str, *far_ends: int) -> str:
        """``source`` with so many zeros more at the far end of each dimension."""
        if not any(far_ends):
            return source
        pads = np.array([0] * len(far_ends) + list(far_ends), dtype=np.int64)
        return self.node("Pad", source, self.constant(pads))

    def convolution(self, source: str, layer: Convolution) -> str:
        return self.node(
            "Conv",
            source,
            self.constant(layer.weights),
            self.constant(layer.bias),
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )

    def serialised(self) -> bytes:
        """The finished model; equal graphs give equal bytes.

        Input ``chips``: ``(n, 150, 150, 3) uint8`` RGB. Output ``embeddings``: ``(n, 128) float32``.
        """
        chips = helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, ["n", CHIP_PX, CHIP_PX, 3])
        embeddings = helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["n", EMBEDDING_SIZE])
        model = helper.make_model(
            helper.make_graph(self.nodes, "face_recognition", [chips], [embeddings], self.constants),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="rollcall",
            producer_version=str(CONVERTER_VERSION),
        )
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
