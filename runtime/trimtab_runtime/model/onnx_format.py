"""An ONNX model of two classes, answered by onnxruntime on the CPU.

Inputs are one per feature, named as in the signature, or a single matrix with a column per feature. The score
is the one output of floats: probabilities of both labels, or of label 1 alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, NotImplemented

from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.signature import Signature, Tensor

FILE = "model.onnx"
_ERRORS_ONLY = 3
_DTYPES: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_FLOATS = ("tensor(float)", "tensor(double)")
# What onnxruntime says to models that are newer than it is, behind the signature of a C++ function.
_TOO_NEW = re.compile(
    r"Unsupported model IR version.*|ONNX Runtime only .*opset.*|Could not find an implementation.*"
)
# A missing number is NaN, which only floats have; there is no missing text.
_TAKEN = {
    "FP64": _FLOATS,
    "INT64": ("tensor(int64)", "tensor(int32)", *_FLOATS),
    "BOOL": ("tensor(bool)", "tensor(int64)", "tensor(int32)", *_FLOATS),
    "BYTES": ("tensor(string)",),
}


class OnnxClassifier:
    """A session with the face of a classifier. `predict_proba` takes rows in the order of the signature."""

    classes_ = (0, 1)

    def __init__(self, model: bytes, signature: Signature) -> None:
        self._session = _session(model)
        inputs = {node.name: node for node in self._session.get_inputs()}
        self._output = _score_output(self._session.get_outputs())
        self._matrix: tuple[str, Any] | None = None
        self._columns: list[tuple[str, int, Any]] = []
        if len(inputs) == 1 and set(inputs) != {tensor.name for tensor in signature.inputs}:
            (node,) = inputs.values()
            _check_matrix(node, signature)
            self._matrix = (node.name, _DTYPES[node.type])
            return
        _check_names(inputs, signature)
        for place, tensor in enumerate(signature.inputs):
            node = inputs[tensor.name]
            _check_type(node, tensor)
            self._columns.append((tensor.name, place, _DTYPES[node.type]))

    def predict_proba(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Probabilities of label 0 and 1 per row."""
        if self._matrix:
            name, dtype = self._matrix
            feed = {name: rows.astype(dtype)}
        else:
            feed = {name: rows[:, [place]].astype(dtype) for name, place, dtype in self._columns}
        (answer,) = self._session.run([self._output], feed)
        scores = np.asarray(answer, dtype=np.float64).reshape(len(rows), -1)
        if scores.shape[1] == 1:
            return np.hstack([1 - scores, scores])
        if scores.shape[1] != 2:
            raise ValueError(f"output {self._output} has {scores.shape[1]} columns, not two")
        return scores


def framework() -> str:
    return f"onnxruntime=={onnxruntime.__version__}"


def classifier(model: Any, signature: Signature) -> OnnxClassifier:
    try:
        return OnnxClassifier(_bytes_of(model), signature)
    except ContractError as error:
        raise ValueError(error.message) from error


def dump(model: Any, path: Path) -> None:
    path.write_bytes(_bytes_of(model))


def load(path: Path, signature: Signature) -> OnnxClassifier:
    return OnnxClassifier(path.read_bytes(), signature)


def _bytes_of(model: Any) -> bytes:
    """Of the file's content, or of an `onnx.ModelProto`."""
    return model if isinstance(model, bytes) else bytes(model.SerializeToString())


def _session(model: bytes) -> onnxruntime.InferenceSession:
    """From bytes, not from a path: weights outside of the file would not be covered by its digest.

    onnxruntime refuses IR versions and operator sets that it does not know. It counts the cores of the
    machine, not those of the container, so threads are as many as OMP_NUM_THREADS says, and one without it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (Fail, NotImplemented) as error:
        told = _TOO_NEW.search(str(error))
        if told is None:
            raise
        text = f"{framework()} cannot run this model: {told[0][:200]}"
        raise ContractError(Reason.RUNTIME_MISMATCH, "framework", text) from error


def _score_output(outputs: list[Any]) -> str:
    floats = [node for node in outputs if node.type in _FLOATS]
    if len(floats) != 1:
        found = ", ".join(f"{node.name} {node.type}" for node in outputs)
        raise ValueError(
            f"an ONNX model needs exactly one output of floats, the probabilities, and has {found}; "
            "export a scikit-learn model with options={'zipmap': False}"
        )
    name: str = floats[0].name
    return name


def _check_matrix(node: Any, signature: Signature) -> None:
    if len(node.shape) != 2 or node.shape[1] not in (len(signature.inputs), None) or node.type not in _DTYPES:
        raise ValueError(
            f"the one input {node.name} must have the shape [rows, {len(signature.inputs)}], "
            "a column per feature in the order of the data contract; or name an input after each feature"
        )
    for tensor in signature.inputs:
        _check_type(node, tensor)


def _check_names(inputs: Mapping[str, Any], signature: Signature) -> None:
    wanted = {tensor.name for tensor in signature.inputs}
    if set(inputs) != wanted:
        missing, other = sorted(wanted - set(inputs)), sorted(set(inputs) - wanted)
        raise ValueError(
            f"the model's inputs are not the features: without {', '.join(missing) or 'none'}, "
            f"and with {', '.join(other) or 'none'} that is no feature"
        )


def _check_type(node: Any, tensor: Tensor) -> None:
    taken = _TAKEN[tensor.datatype]
    if tensor.nullable:
        taken = tuple(kind for kind in taken if kind in _FLOATS)
    if node.type not in taken:
        nullable = "nullable " if tensor.nullable else ""
        wanted = f"use {' or '.join(taken)}" if taken else "ONNX has no missing text, fill it in the data"
        raise ValueError(
            f"input {node.name} is {node.type}, which cannot take the {nullable}{tensor.datatype} "
            f"{tensor.name}: {wanted}"
        )
