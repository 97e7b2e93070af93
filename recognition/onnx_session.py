"""Opens networks on ONNX Runtime and keeps its errors on this side of the seam."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from models.errors import WeightsUnusable

_FOREIGN_ERRORS: tuple[type[Exception], ...] = (
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NoModel,
    runtime_errors.NoSuchFile,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)
_OPENING_ERRORS: tuple[type[Exception], ...] = (*_FOREIGN_ERRORS, OSError)
_INPUT_ERRORS: tuple[type[Exception], ...] = (*_FOREIGN_ERRORS, ValueError)


class Network:
    """A network ready to run.

    One thread by default: a recogniser runs beside others, and threads of one network spinning for
    work take processor time from all of them. ``sha256`` is that of the file, and so its identity.
    """

    def __init__(self, weights: bytes | Path, *, place: str, threads: int = 1) -> None:
        """Opens the network.

        Args:
            weights: a serialised ONNX model, or its file, which takes less memory to open.
            place: what to call it in an error.
            threads: processor threads for one run, at least 1.

        Raises:
            WeightsUnusable: not a network that ONNX Runtime can open.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Batches and pictures vary in size: a pattern kept per size would only grow.
        options.enable_mem_pattern = False
        self._place = place
        try:
            self.sha256 = _sha256(weights)
            model = str(weights) if isinstance(weights, Path) else weights
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _OPENING_ERRORS:
            raise WeightsUnusable(
                "not a network that ONNX Runtime can open", place=place, hint="add or pull the file again"
            ) from None

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(value.name for value in self._session.get_inputs())

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(value.name for value in self._session.get_outputs())

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[np.float32]]:
        """All outputs by name.

        Raises:
            WeightsUnusable: the network does not take such an input, so it is another network.
        """
        try:
            values = self._session.run(None, dict(inputs))
        except _INPUT_ERRORS:
            raise WeightsUnusable(
                "the network does not take this input",
                place=self._place,
                hint="check which model this file is",
            ) from None
        return dict(zip(self.output_names, values, strict=True))


def _sha256(weights: bytes | Path) -> str:
    if isinstance(weights, bytes):
        return hashlib.sha256(weights).hexdigest()
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_network(path: Path, *, threads: int = 1) -> Network:
    """The network in a file.

    Raises:
        WeightsUnusable: missing, unreadable, or not a network.
    """
    try:
        weights = path.read_bytes()
    except OSError as exc:
        raise WeightsUnusable(
            f"cannot be read: {exc.strerror}", place=str(path), hint="see `rollcall models list`"
        ) from None
    return Network(weights, place=str(path), threads=threads)
