"""The body of an inference request as columns: one named input per feature, or a refusal with a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, NoReturn

from trimtab_runtime.contract.serving import (
    OTHER_FIELD,
    REJECTED_MISSING,
    REJECTED_SHAPE,
    REJECTED_TYPE,
    REJECTED_UNKNOWN,
)
from trimtab_runtime.contract.signature import Signature, Tensor

MAX_UNKNOWN_INPUTS = 32  # each is a problem of its own, and a body has room for a million
MAX_SHOWN_PROBLEMS, MAX_SHOWN_NAME = 5, 64
_INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
# Datatype of the signature -> datatypes a client may declare, and JSON types of the values.
_ACCEPTED: Mapping[str, tuple[tuple[str, ...], frozenset[type], str]] = {
    "FP64": (("FP64", "FP32", "FP16", *_INTEGERS), frozenset({float, int}), "a number"),
    "INT64": (_INTEGERS, frozenset({int}), "an integer of 64 bits"),
    "BOOL": (("BOOL",), frozenset({bool}), "true or false"),
    "BYTES": (("BYTES",), frozenset({str}), "a string"),
}
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

Column = list[Any]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one field. `field` is an input of the signature or `__other__`."""

    field: str
    reason: str
    message: str


class Refused(Exception):
    """A request that is answered with 400. `rows` counts for each problem."""

    def __init__(self, problems: list[Problem], rows: int = 1) -> None:
        self.problems = problems
        self.rows = rows
        shown = [problem.message for problem in problems[:MAX_SHOWN_PROBLEMS]]
        more = len(problems) - len(shown)
        super().__init__("; ".join([*shown, f"and {more} more"] if more else shown))

    @classmethod
    def whole(cls, reason: str, message: str, rows: int = 1) -> Refused:
        """A request that is wrong as a whole."""
        return cls([Problem(OTHER_FIELD, reason, message)], rows)


class _Fault(Exception):
    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message


class RequestReader:
    """Reads decoded request bodies against one signature."""

    def __init__(self, signature: Signature, max_rows: int) -> None:
        self._inputs = {tensor.name: _InputReader(tensor) for tensor in signature.inputs}
        self._outputs = {tensor.name for tensor in signature.outputs}
        self._max_rows = max_rows

    def read(self, body: Any) -> list[Column]:
        """One list per input, in the order of the signature and of equal length; None is a missing value.

        A nullable input that is left out is missing in every row: who knows nothing of an input that a newer
        version has gained goes on as before.

        Raises Refused with every field that is at fault, never with a value of the request.
        """
        tensors = body.get("inputs") if type(body) is dict else None
        if type(tensors) is not list:
            raise Refused.whole(REJECTED_SHAPE, 'the body must be JSON of the form {"inputs":[...]}')
        if len(tensors) > len(self._inputs) + MAX_UNKNOWN_INPUTS:
            message = f"inputs: {len(tensors)} are too many, send one per feature ({len(self._inputs)})"
            raise Refused.whole(REJECTED_SHAPE, message)
        problems: list[Problem] = []
        named = self._by_name(tensors, problems)
        columns = [self._column(name, reader, named, problems) for name, reader in self._inputs.items()]
        rows = next((len(column) for column in columns if column), 0)
        problems.extend(self._lengths(columns, rows))
        if "outputs" in body:
            problems.extend(self._requested(body["outputs"]))
        if problems:
            raise Refused(problems, min(max(rows, 1), self._max_rows))
        if rows > self._max_rows:
            message = f"{rows} rows: at most {self._max_rows} are answered at once, send several requests"
            raise Refused.whole(REJECTED_SHAPE, message, self._max_rows)
        if not rows:
            raise Refused.whole(REJECTED_SHAPE, "inputs: hold no rows, send at least one input")
        return [column or [None] * rows for column in columns]

    def _by_name(self, tensors: list[Any], problems: list[Problem]) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for tensor in tensors:
            name = tensor.get("name") if type(tensor) is dict else None
            if type(name) is not str:
                problems.append(
                    Problem(OTHER_FIELD, REJECTED_SHAPE, "each of inputs must be an object with a name")
                )
            elif name not in self._inputs:
                problems.append(Problem(OTHER_FIELD, REJECTED_UNKNOWN, self._unknown(name)))
            elif name in named:
                problems.append(Problem(name, REJECTED_SHAPE, f"input {name}: occurs twice, send it once"))
            else:
                named[name] = tensor
        return named

    def _unknown(self, name: str) -> str:
        return (
            f"input {_shown(name)}: the model has no such input, remove it (it has {', '.join(self._inputs)})"
        )

    def _column(
        self, name: str, reader: _InputReader, named: dict[str, Any], problems: list[Problem]
    ) -> Column:
        tensor = named.get(name)
        if tensor is None and reader.nullable:
            return []
        if tensor is None:
            missing = f"input {name}: is missing, send it ({reader.expects})"
            problems.append(Problem(name, REJECTED_MISSING, missing))
            return []
        try:
            return reader.read(tensor)
        except _Fault as fault:
            problems.append(Problem(name, fault.reason, f"input {name}: {fault.message}"))
            return []

    def _lengths(self, columns: list[Column], rows: int) -> Iterable[Problem]:
        for name, column in zip(self._inputs, columns, strict=True):
            if column and len(column) != rows:
                message = f"input {name}: has {len(column)} rows where another input has {rows}, send as many"
                yield Problem(name, REJECTED_SHAPE, message)

    def _requested(self, outputs: Any) -> Iterable[Problem]:
        listed = outputs if type(outputs) is list else [] if outputs is None else [None]
        names = [item.get("name") if type(item) is dict else None for item in listed]
        if not all(type(name) is str and name in self._outputs for name in names):
            message = f"outputs: the model has {', '.join(self._outputs)} only, leave outputs out"
            yield Problem(OTHER_FIELD, REJECTED_UNKNOWN, message)


class _InputReader:
    """Reads one tensor of the request."""

    def __init__(self, tensor: Tensor) -> None:
        self._datatype = tensor.datatype
        self._datatypes, types, self._described = _ACCEPTED[tensor.datatype]
        self.nullable = tensor.nullable
        self._types = types | {NoneType} if tensor.nullable else types
        self.expects = (
            f"{tensor.datatype}, shape [n] or [n,1]{', null where missing' if tensor.nullable else ''}"
        )

    def read(self, tensor: dict[str, Any]) -> Column:
        if tensor.get("datatype") not in self._datatypes:
            raise _Fault(REJECTED_TYPE, f"must have datatype {self._datatype}")
        data = self._flat(tensor.get("data"), tensor.get("shape"))
        kinds = set(map(type, data))
        if not kinds <= self._types:
            self._refuse(data)
        if self._datatype == "INT64" and any(v is not None and not _LOWEST <= v <= _HIGHEST for v in data):
            raise _Fault(REJECTED_TYPE, "holds an integer of more than 64 bits")
        if self._datatype == "FP64" and int in kinds:
            return [float(value) if type(value) is int else value for value in data]
        return data

    def _flat(self, data: Any, shape: Any) -> Column:
        if type(data) is not list:
            raise _Fault(REJECTED_SHAPE, "needs its values as a JSON list in data (binary data is not read)")
        if not data:
            raise _Fault(REJECTED_SHAPE, "holds no rows, send at least one")
        if shape == [len(data)]:
            return data
        if shape != [len(data), 1]:
            raise _Fault(REJECTED_SHAPE, f"shape must be [n] or [n,1] for the {len(data)} values in data")
        if type(data[0]) is not list:
            return data
        if not all(type(row) is list and len(row) == 1 for row in data):
            raise _Fault(REJECTED_SHAPE, "each row of data must hold one value")
        return [row[0] for row in data]

    def _refuse(self, data: Column) -> NoReturn:
        row = next(row for row, value in enumerate(data) if type(value) not in self._types)
        if data[row] is None:
            raise _Fault(REJECTED_MISSING, f"row {row} is null and the input is not nullable, send a value")
        null = ", or null where missing" if self.nullable else ""
        raise _Fault(REJECTED_TYPE, f"row {row} is not {self._described}{null}")


def _shown(name: str) -> str:
    return name[:MAX_SHOWN_NAME].encode("ascii", "replace").decode()
