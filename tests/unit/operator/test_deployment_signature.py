"""A candidate must take the requests that stable takes: which differences are refused, and what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_samples import observed, record, records, revision, side, spec, version
from tests.unit.operator.effort import examples
from tests.unit.operator.samples import LATER, NOW, condition

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import VersionObserved
from trimtab.deployment.revision import freeze, parse_record
from trimtab.deployment.signature import differences, read_signature
from trimtab.deployment.traffic.by_pods import Traffic
from trimtab.model.plan import Create
from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.server.request import RequestReader

TEMP, HOUR, LATE = Tensor("temp", "FP64", True), Tensor("hour", "INT64"), Tensor("late", "FP64")
WIND, WIND_OR_NOT = Tensor("wind", "FP64"), Tensor("wind", "FP64", True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected", "why"),
    [
        ((TEMP, HOUR), (LATE,), [], "the same"),
        ((HOUR, TEMP), (LATE,), [], "inputs have names: their order does not matter"),
        ((TEMP, HOUR, WIND_OR_NOT), (LATE,), [], "a new input may be left out"),
        ((TEMP, Tensor("hour", "INT64", True)), (LATE,), [], "null where none was sent"),
        ((TEMP, HOUR, WIND), (LATE,), ["input wind is new and not nullable"], "nobody sends it"),
        ((TEMP,), (LATE,), ["input hour is gone"], "an input too many is refused by the server"),
        ((TEMP, Tensor("hour", "FP64")), (LATE,), ["input hour was INT64 and is FP64"], "another type"),
        ((Tensor("temp", "FP64"), HOUR), (LATE,), ["input temp is no longer nullable"], "null is sent"),
        ((TEMP, HOUR), (Tensor("delay", "FP64"),), ["output late (FP64) is gone"], "clients read it by name"),
    ],
)
def test_differences(inputs: Any, outputs: Any, expected: list[str], why: str) -> None:
    assert list(differences(samples.SIGNATURE, Signature(inputs, outputs))) == expected, why


DATA = {"FP64": 1.5, "INT64": 2, "BOOL": True, "BYTES": "x"}
TENSORS = st.lists(
    st.builds(Tensor, st.sampled_from("abcd"), st.sampled_from(sorted(DATA)), st.booleans()),
    min_size=1,
    unique_by=lambda tensor: tensor.name,
)
SIGNATURES = st.builds(lambda inputs: Signature(tuple(inputs), (LATE,)), TENSORS)


@examples(100)
@given(SIGNATURES, TENSORS, st.data())
def test_without_a_difference_the_server_takes_every_request_of_stable(
    stable: Signature, more: list[Tensor], data: st.DataObject
) -> None:
    """Every request that a client of stable may send: with null, and without what may be left out."""
    known = {tensor.name for tensor in stable.inputs}
    kept = [replace(tensor, nullable=tensor.nullable or data.draw(st.booleans())) for tensor in stable.inputs]
    new = [replace(tensor, nullable=True) for tensor in more if tensor.name not in known]
    candidate = Signature((*new, *kept), stable.outputs)
    assert not list(differences(stable, candidate))
    sent = [t for t in stable.inputs[1:] if not t.nullable or data.draw(st.booleans())]
    body = {
        "inputs": [
            _tensor(t, null=t.nullable and data.draw(st.booleans())) for t in (stable.inputs[0], *sent)
        ]
    }
    RequestReader(stable, max_rows=1).read(body)
    RequestReader(candidate, max_rows=1).read(body)


def _tensor(tensor: Tensor, *, null: bool) -> dict[str, Any]:
    value = None if null else DATA[tensor.datatype]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": [1], "data": [value]}


OTHER = version(2, signature=Signature((TEMP, HOUR, WIND), (LATE,)))
ASKED = {"name": "churn", "version": 2}


def serving_one(other: VersionObserved = OTHER, **parts: Any) -> Any:
    known: dict[str, Any] = {
        "of": spec(model=ASKED),
        "versions": (version(1), other),
        "records": records(1),
        "workloads": samples.workloads(samples.workload(1, 2, ready=2, serving=2)),
        "service": samples.service(Traffic(revision(1))),
    }
    return observed(DeploymentStatus(stable=side(1)), **(known | parts))


def test_another_signature_is_no_candidate_and_nothing_is_made_for_it() -> None:
    seen = serving_one()
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Stalled"
    assert condition(plan.status, "Ready") == ("False", "SignatureMismatch")
    assert "quarantine" not in plan.status, "nothing is wrong with its bytes"
    message = next(c["message"] for c in plan.status["conditions"] if c["type"] == "Stalled")
    assert "input wind is new and not nullable" in message
    assert "rollout.signatureChange: Allow" in message, "the remedy"
    made = [write.body["metadata"]["name"] for write in plan.children if hasattr(write, "body")]
    assert f"churn-{revision(2)}" not in made
    again = replace(seen, status=DeploymentStatus.model_validate(plan.status))
    assert decide(again, LATER).status is None


@pytest.mark.parametrize(
    ("parts", "starts", "why"),
    [
        ({"of": spec(model=ASKED, rollout={"signatureChange": "Allow"})}, True, "the spec says so"),
        ({"other": version(2)}, True, "the same signature"),
        ({"versions": (OTHER,)}, False, "stable's version is gone: its record knows"),
        (
            {"versions": (OTHER,), "records": {revision(1): replace(record(1), signature=None)}},
            True,
            "a record of an older operator: nothing to hold against",
        ),
        (
            {"versions": (version(1, digest=samples.BYTES[3], signature=OTHER.signature), OTHER)},
            False,
            "a version of that name with other bytes is not what serves",
        ),
    ],
)
def test_when_a_candidate_may_start(parts: Any, starts: bool, why: str) -> None:
    plan = decide(serving_one(**parts), NOW)
    refused = plan.status is not None and condition(plan.status, "Ready")[1] == "SignatureMismatch"
    frozen = any(isinstance(write, Create) for write in plan.children)
    assert (not refused, frozen) == (starts, starts), why


def test_the_first_version_has_nobody_to_agree_with() -> None:
    plan = decide(observed(of=spec(model=ASKED), versions=(OTHER,)), NOW)
    assert [type(write) for write in plan.children] == [Create], "its revision is frozen"


def test_a_candidate_on_its_way_is_dropped_when_the_spec_no_longer_allows_it() -> None:
    seen = serving_one()
    seen = replace(seen, status=DeploymentStatus(stable=side(1), candidate=side(2)))
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert "candidate" not in plan.status
    assert "quarantine" not in plan.status


def test_the_record_keeps_the_signature() -> None:
    body = freeze(observed(), version(1), revision(1)).body
    assert parse_record(body).signature == samples.SIGNATURE
    del body["data"]["signature"]  # type: ignore[attr-defined]
    assert parse_record(body).signature is None


def test_a_signature_as_the_api_server_has_it() -> None:
    stored = {
        "inputs": [
            {"name": "temp", "datatype": "FP64", "nullable": True},
            {"name": "hour", "datatype": "INT64"},
        ],
        "outputs": [{"name": "late", "datatype": "FP64"}],
        "digest": "sha256:" + "a" * 64,
    }
    assert read_signature(stored) == samples.SIGNATURE
