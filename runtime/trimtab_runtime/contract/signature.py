"""signature.json: the named inputs and outputs of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .data import COLUMN_NAME, DATATYPES, MAX_COLUMNS, DataContract
from .errors import Reason
from .strict import CONTRACT, Fields, canonical, parse_json, sha256_digest


@dataclass(frozen=True)
class Tensor:
    """One named input or output: one value per row, in an Open Inference Protocol datatype."""

    name: str
    datatype: str
    nullable: bool = False


@dataclass(frozen=True)
class Signature:
    """Inputs in the order in which the model takes them; `outputs[0]` is the score."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "contract": CONTRACT,
            "inputs": [
                {"name": item.name, "datatype": item.datatype, "nullable": item.nullable}
                for item in self.inputs
            ],
            "outputs": [{"name": item.name, "datatype": item.datatype} for item in self.outputs],
        }

    def to_bytes(self) -> bytes:
        return canonical(self.to_json())

    @property
    def digest(self) -> str:
        """Digest of the canonical bytes, which is also the digest of its layer."""
        return sha256_digest(self.to_bytes())


def signature_of(contract: DataContract) -> Signature:
    """The signature that a data contract implies: its features in, the probability of the label out."""
    inputs = tuple(
        Tensor(column.name, DATATYPES[column.type], column.nullable) for column in contract.features
    )
    return Signature(inputs=inputs, outputs=(Tensor(contract.label, "FP64"),))


def parse_signature(
    data: bytes, *, reason: Reason = Reason.RESULT_INVALID, name: str = "signature.json"
) -> Signature:
    """Parse signature.json."""
    fields = Fields(parse_json(data, reason=reason, name=name), reason, name)
    fields.contract()
    inputs = tuple(_parse_tensor(item, True) for item in fields.objects("inputs", max_items=MAX_COLUMNS))
    outputs = tuple(_parse_tensor(item, False) for item in fields.objects("outputs", max_items=1))
    fields.end()
    if not inputs or not outputs:
        fields.fail("inputs", "needs at least one input and exactly one output")
    if len({item.name for item in inputs}) != len(inputs):
        fields.fail("inputs", "must not repeat a name")
    return Signature(inputs=inputs, outputs=outputs)


def _parse_tensor(fields: Fields, is_input: bool) -> Tensor:
    tensor = Tensor(
        name=fields.text("name", pattern=COLUMN_NAME),
        datatype=fields.choice("datatype", tuple(DATATYPES.values()) if is_input else ("FP64",)),
        nullable=fields.boolean("nullable", default=False) if is_input else False,
    )
    fields.end()
    return tensor
