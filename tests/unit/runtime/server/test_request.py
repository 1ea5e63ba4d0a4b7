"""Which requests are read, which are refused, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runtime.server.samples import INPUTS, SIGNATURE, request, tensor

from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.server.request import Refused, RequestReader

READER = RequestReader(SIGNATURE, max_rows=4)
REQUIRED = (("hour", "INT64", 6), ("carrier", "BYTES", "UA"))


def test_reads_columns_in_the_order_of_the_signature() -> None:
    body = request()
    body["inputs"].reverse()
    assert READER.read(body) == [[3.5], [6], ["UA"], [True]]


@pytest.mark.parametrize(
    ("why", "given", "column"),
    [
        ("null where nullable is missing", tensor("temp", "FP64", [None]), [None]),
        ("integers are numbers", tensor("temp", "FP64", [4]), [4.0]),
        ("a narrower datatype is declared", tensor("temp", "INT32", [4]), [4.0]),
        ("a column vector, flat", tensor("temp", "FP64", [1.0], [1, 1]), [1.0]),
        ("a column vector, nested", tensor("temp", "FP64", [[1.0]], [1, 1]), [1.0]),
    ],
)
def test_accepts(why: str, given: dict[str, Any], column: list[Any]) -> None:
    read = READER.read(request(temp=given))[0]
    assert read == column and [type(value) for value in read] == [type(value) for value in column], why


@pytest.mark.parametrize(
    ("why", "changes", "field", "reason", "remedy"),
    [
        ("an input is missing", {"hour": None}, "hour", "missing", "is missing, send it (INT64"),
        ("null, not nullable", {"hour": tensor("hour", "INT64", [None])}, "hour", "missing", "send a value"),
        ("an unknown input", {"x": tensor("tmp", "FP64", [1])}, "__other__", "unknown", "remove it (it has"),
        (
            "another datatype",
            {"hour": tensor("hour", "FP64", [1])},
            "hour",
            "type",
            "datatype INT64",
        ),
        (
            "a string for a number",
            {"temp": tensor("temp", "FP64", ["3"])},
            "temp",
            "type",
            "not a number, or",
        ),
        ("true for a number", {"temp": tensor("temp", "FP64", [True])}, "temp", "type", "not a number"),
        ("a fraction", {"hour": tensor("hour", "INT64", [1.5])}, "hour", "type", "not an integer"),
        ("a float that is whole", {"hour": tensor("hour", "INT64", [1.0])}, "hour", "type", "not an integer"),
        ("too large", {"hour": tensor("hour", "INT64", [2**63])}, "hour", "type", "more than 64 bits"),
        (
            "a number for a string",
            {"carrier": tensor("carrier", "BYTES", [1])},
            "carrier",
            "type",
            "a string",
        ),
        ("1 for true", {"weekend": tensor("weekend", "BOOL", [1])}, "weekend", "type", "true or false"),
        ("two columns", {"temp": tensor("temp", "FP64", [1, 2], [1, 2])}, "temp", "shape", "[n] or [n,1]"),
        ("a wrong length", {"temp": tensor("temp", "FP64", [1], [2])}, "temp", "shape", "[n] or [n,1]"),
        ("no shape", {"temp": {"name": "temp", "datatype": "FP64", "data": [1]}}, "temp", "shape", "[n]"),
        (
            "binary data",
            {"temp": {"name": "temp", "datatype": "FP64", "shape": [1]}},
            "temp",
            "shape",
            "JSON",
        ),
        ("nested too deep", {"temp": tensor("temp", "FP64", [[1, 2]], [1, 1])}, "temp", "shape", "one value"),
        ("no rows", {"temp": tensor("temp", "FP64", [])}, "temp", "shape", "at least one"),
        ("more rows", {"temp": tensor("temp", "FP64", [1, 2])}, "hour", "shape", "send as many"),
        ("twice", {"x": tensor("temp", "FP64", [1])}, "temp", "shape", "send it once"),
        ("a nameless input", {"x": {"data": []}}, "__other__", "shape", "with a name"),
    ],
)
def test_refuses(
    why: str, changes: dict[str, dict[str, Any] | None], field: str, reason: str, remedy: str
) -> None:
    with pytest.raises(Refused) as refused:
        READER.read(request(**changes))
    found = {(problem.field, problem.reason) for problem in refused.value.problems}
    assert (field, reason) in found, why
    assert remedy in str(refused.value), why


@pytest.mark.parametrize("body", [None, [], "x", 3, {}, {"inputs": None}, {"inputs": {}}])
def test_refuses_what_is_no_request(body: Any) -> None:
    with pytest.raises(Refused, match="inputs"):
        READER.read(body)


def test_refuses_an_unknown_output_and_too_many_rows() -> None:
    with pytest.raises(Refused, match="leave outputs out"):
        READER.read(request() | {"outputs": [{"name": "score"}]})
    assert READER.read(request() | {"outputs": [{"name": "late"}]})
    five = [tensor(t.name, t.datatype, READER.read(request())[i] * 5) for i, t in enumerate(SIGNATURE.inputs)]
    with pytest.raises(Refused, match="at most 4 are answered at once") as refused:
        READER.read({"inputs": five})
    assert refused.value.rows == 4


def test_a_nullable_input_that_is_left_out_is_missing_in_every_row() -> None:
    two = {name: tensor(name, datatype, [value] * 2) for name, datatype, value in REQUIRED}
    assert READER.read(request(temp=None, weekend=None, **two)) == [
        [None] * 2,
        [6, 6],
        ["UA", "UA"],
        [None] * 2,
    ]


def test_a_request_without_rows_is_refused_also_where_every_input_is_nullable() -> None:
    reader = RequestReader(Signature((Tensor("temp", "FP64", nullable=True),), SIGNATURE.outputs), max_rows=4)
    with pytest.raises(Refused, match="hold no rows"):
        reader.read({"inputs": []})


def test_a_flood_of_inputs_is_one_problem() -> None:
    with pytest.raises(Refused, match="too many") as refused:
        READER.read({"inputs": [{}] * 10_000})
    assert len(refused.value.problems) == 1


def test_names_every_field_at_fault_at_once() -> None:
    with pytest.raises(Refused) as refused:
        READER.read({"inputs": [tensor("hour", "INT64", [None]), tensor("temp", "FP64", [1.0])]})
    assert {problem.field for problem in refused.value.problems} == {"hour", "carrier"}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_tensor = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([*INPUTS, "x"]) | _json,
        "datatype": st.sampled_from(["FP64", "INT64", "BYTES", "BOOL"]) | _json,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | _json,
        "data": st.lists(_json, max_size=3) | _json,
    },
)


@given(st.fixed_dictionaries({"inputs": st.lists(_tensor | _json, max_size=5)}, optional={"outputs": _json}))
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        columns = READER.read(body)
    except Refused as refused:
        assert refused.problems and 1 <= refused.rows <= 4
        assert {problem.field for problem in refused.problems} <= {*INPUTS, "__other__"}
    else:
        assert len({len(column) for column in columns}) == 1
