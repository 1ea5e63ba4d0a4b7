"""Which ONNX models are taken for which features, by models made for one rule each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.model.formats import format_of
from trimtab_runtime.model.onnx_format import OnnxClassifier

KINDS = {
    "float": TensorProto.FLOAT,
    "double": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}


def _model(kind: str, *, name: str = "x", columns: int = 1, scores: int = 1) -> bytes:
    """Answers half the number of the first column, `scores` times side by side; a text counts 0.4."""
    given = helper.make_tensor_value_info(name, KINDS[kind], [None, columns])
    answer = helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, scores])
    first = helper.make_node("Gather", [name, "zero"], ["first"], axis=1)
    if kind == "string":
        number = [
            helper.make_node("Shape", ["first"], ["shape"]),
            helper.make_node("Expand", ["text", "shape"], ["number"]),
        ]
    else:
        number = [helper.make_node("Cast", ["first"], ["number"], to=TensorProto.FLOAT)]
    half = helper.make_node("Mul", ["number", "half"], ["one"])
    side_by_side = helper.make_node("Concat", ["one"] * scores, ["p"], axis=1)
    constants = [
        helper.make_tensor("zero", TensorProto.INT64, [1], [0]),
        helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5]),
        helper.make_tensor("text", TensorProto.FLOAT, [1], [0.8]),
    ]
    graph = helper.make_graph([first, *number, half, side_by_side], "g", [given], [answer], constants)
    opset = helper.make_opsetid("", 17)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())


def _signature(*inputs: Tensor) -> Signature:
    return Signature(inputs, (Tensor("y", "FP64"),))


@pytest.mark.parametrize(
    ("kind", "tensor", "value", "score"),
    [
        ("double", Tensor("x", "FP64", nullable=True), 0.6, 0.3),
        ("int64", Tensor("x", "INT64"), 1, 0.5),
        ("float", Tensor("x", "INT64", nullable=True), 1, 0.5),
        ("bool", Tensor("x", "BOOL"), True, 0.5),
        ("float", Tensor("x", "BOOL", nullable=True), True, 0.5),
        ("string", Tensor("x", "BYTES"), "AA", 0.4),
    ],
)
def test_a_feature_reaches_an_input_of_its_type(
    kind: str, tensor: Tensor, value: object, score: float
) -> None:
    rows = np.array([[value]], dtype=object)
    answer = OnnxClassifier(_model(kind), _signature(tensor)).predict_proba(rows)
    assert answer.tolist() == [[pytest.approx(1 - score), pytest.approx(score)]]


@pytest.mark.parametrize(
    ("kind", "tensor", "says"),
    [
        ("int64", Tensor("x", "INT64", nullable=True), "nullable INT64 x: use tensor"),
        ("int64", Tensor("x", "FP64"), "FP64 x"),
        ("bool", Tensor("x", "BOOL", nullable=True), "nullable BOOL x"),
        ("string", Tensor("x", "BYTES", nullable=True), "no missing text"),
        ("float", Tensor("x", "BYTES"), "BYTES x"),
    ],
)
def test_an_input_that_would_lose_a_missing_value_or_a_text_is_refused(
    kind: str, tensor: Tensor, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        OnnxClassifier(_model(kind), _signature(tensor))


def test_a_matrix_has_the_features_in_the_order_of_the_signature() -> None:
    signature = _signature(Tensor("a", "FP64"), Tensor("b", "INT64"))
    rows = np.array([[0.4, 7], [0.8, 7]])
    answer = OnnxClassifier(_model("float", name="rows", columns=2), signature).predict_proba(rows)
    assert answer[:, 1].tolist() == [pytest.approx(0.2), pytest.approx(0.4)]


def test_more_than_two_classes_are_refused() -> None:
    classifier = OnnxClassifier(_model("float", scores=3), _signature(Tensor("x", "FP64")))
    with pytest.raises(ValueError, match="3 columns, not two"):
        classifier.predict_proba(np.array([[0.5]]))


def test_a_model_is_told_by_its_type() -> None:
    class Exported:
        def SerializeToString(self) -> bytes:  # noqa: N802 - as protocol buffers name it
            return b""

    models: list[tuple[Any, str]] = [(b"", "onnx"), (Exported(), "onnx"), (object(), "sklearn")]
    assert [format_of(model) for model, _ in models] == [name for _, name in models]
