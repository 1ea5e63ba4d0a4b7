"""Whether the clients of what serves can be answered by what is to take over.

Both sides of a canary get the same requests, so a candidate must take every request that stable takes and
answer it in the same shape. It may take more: an input that stable does not have, if it may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.deployment.observed import DeploymentObserved, VersionObserved
from trimtab_runtime.contract.signature import Signature, Tensor

SHOWN = 8


def read_signature(stored: Any) -> Signature:
    """The signature as a ModelVersion has it in its spec, and a record in its data."""
    inputs, outputs = (tuple(map(_tensor, stored[part])) for part in ("inputs", "outputs"))
    return Signature(inputs, outputs)


def signature_problem(observed: DeploymentObserved, target: VersionObserved) -> str:
    """Why requests for stable cannot be sent to ``target``; empty if they can, or if it does not matter."""
    stable = observed.status.stable
    if stable is None or observed.spec.rollout.signature_change == "Allow":
        return ""
    theirs = _signature_of(observed, stable)
    # Unknown only where the version is gone and its record is older than this check: nothing to hold against.
    problems = [] if theirs is None else list(differences(theirs, target.signature))
    more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more


def differences(stable: Signature, candidate: Signature) -> Iterable[str]:
    """What a client of ``stable`` would stumble over at ``candidate``, input by input, then the outputs."""
    ours = {tensor.name: tensor for tensor in candidate.inputs}
    for theirs in stable.inputs:
        yield from _changed(theirs, ours.get(theirs.name))
    known = {tensor.name for tensor in stable.inputs}
    for tensor in candidate.inputs:
        if tensor.name not in known and not tensor.nullable:
            yield f"input {tensor.name} is new and not nullable"
    answered = {(tensor.name, tensor.datatype) for tensor in candidate.outputs}
    for tensor in stable.outputs:
        if (tensor.name, tensor.datatype) not in answered:
            yield f"output {tensor.name} ({tensor.datatype}) is gone"


def _changed(theirs: Tensor, ours: Tensor | None) -> Iterable[str]:
    if ours is None:
        yield f"input {theirs.name} is gone"
    elif ours.datatype != theirs.datatype:
        yield f"input {theirs.name} was {theirs.datatype} and is {ours.datatype}"
    elif theirs.nullable and not ours.nullable:
        yield f"input {theirs.name} is no longer nullable"


def _signature_of(observed: DeploymentObserved, side: Side) -> Signature | None:
    """Of its version; if that was deleted, of the frozen record."""
    version = next((v for v in observed.versions if v.name == side.model_version), None)
    if version is not None and version.digest == side.digest:
        return version.signature
    record = observed.records.get(side.revision)
    return record.signature if record else None


def _tensor(stored: Any) -> Tensor:
    return Tensor(stored["name"], stored["datatype"], stored.get("nullable", False))
