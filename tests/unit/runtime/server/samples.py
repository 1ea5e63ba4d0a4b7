"""A small signature and profile, and requests for it."""

from __future__ import annotations

from typing import Any

from trimtab_runtime.contract.profile import CategoricalFeature, NumericFeature, Profile, ScoreReference
from trimtab_runtime.contract.serving import PageShape
from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.server.counters import Counters

DIGEST, PROFILE_DIGEST, OTHER_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64
SIGNATURE = Signature(
    inputs=(
        Tensor("temp", "FP64", nullable=True),
        Tensor("hour", "INT64"),
        Tensor("carrier", "BYTES"),
        Tensor("weekend", "BOOL", nullable=True),
    ),
    outputs=(Tensor("late", "FP64"),),
)
INPUTS = tuple(tensor.name for tensor in SIGNATURE.inputs)
PROFILE = Profile(
    data_digest="sha256:" + "d" * 64,
    rows=100,
    span=None,
    signature_digest=SIGNATURE.digest,
    features={
        "temp": NumericFeature(-10.0, 40.0, (0.0, 20.0), (20, 40, 30), missing=10),
        "hour": CategoricalFeature((6.0, 12.0, "__other__"), (50, 50, 0), missing=0),
        "carrier": CategoricalFeature(("UA", "B6", "__other__"), (60, 30, 10), missing=0),
        "weekend": CategoricalFeature(("false", "true", "__other__"), (70, 20, 0), missing=10),
    },
    score=ScoreReference((0.25, 0.5), (50, 30, 20), (5, 10, 15), (8.0, 11.0, 14.0), threshold=0.5),
    performance={"logLoss": 0.5, "brier": 0.2, "auc": 0.7},
)
SHAPE = PageShape.of(DIGEST, PROFILE, INPUTS)


def counters(shape: PageShape = SHAPE, profile: Profile | None = PROFILE) -> Counters:
    """Counters at zero."""
    digest = PROFILE_DIGEST if profile else ""
    return Counters(shape, profile, shape.fields, profile_digest=digest, start_time_seconds=1700000000.5)


def tensor(name: str, datatype: str, data: Any, shape: Any = None) -> dict[str, Any]:
    """One tensor of a request."""
    return {
        "name": name,
        "datatype": datatype,
        "data": data,
        "shape": [len(data)] if shape is None else shape,
    }


def request(**changes: dict[str, Any] | None) -> dict[str, Any]:
    """A request of one row; a change replaces a tensor, adds one, or with None removes it."""
    tensors = {
        "temp": tensor("temp", "FP64", [3.5]),
        "hour": tensor("hour", "INT64", [6]),
        "carrier": tensor("carrier", "BYTES", ["UA"]),
        "weekend": tensor("weekend", "BOOL", [True]),
    }
    return {"inputs": [one for one in (tensors | changes).values() if one is not None]}
