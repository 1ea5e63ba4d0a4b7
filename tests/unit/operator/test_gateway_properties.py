"""Whatever is observed of pods and route: no plan gives weight to nobody, or takes pods from traffic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.effort import examples
from tests.unit.operator.gateway_world import TRAFFIC
from tests.unit.operator.samples import NOW
from tests.unit.operator.schema_limits import assert_storable
from tests.unit.operator.test_deployment_properties import deployments

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.apis.v1alpha1.traffic import GatewayReference, Traffic
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.reasons import Reason
from trimtab.deployment.traffic.gateway_pods import pods, pods_for
from trimtab.deployment.traffic.replica_ratio import Pair
from trimtab.deployment.traffic.routing import Routing, unconfirmed, weights_of
from trimtab.model.kinds import HTTP_ROUTE, SERVICE
from trimtab.model.plan import Apply, Delete, Plan, Scale

BY_ROUTE = Traffic.model_validate(TRAFFIC)
EDGE = GatewayReference(name="edge")
NUMBERS = (1, 2, 3)


def parent(*, generation: int = 2, status: str = "True", **reference: Any) -> dict[str, Any]:
    conditions = [
        {"type": type_, "status": status, "observedGeneration": generation, "message": "as it says"}
        for type_ in ("Accepted", "ResolvedRefs")
    ]
    return {"parentRef": {"name": "edge"} | reference, "controllerName": "played", "conditions": conditions}


def route(weights: dict[str, int], *parents: dict[str, Any]) -> dict[str, Any]:
    backends = [{"name": f"churn-{revision}", "weight": weight} for revision, weight in weights.items()]
    meta = {"name": "churn", "namespace": "ml", "uid": "r", "resourceVersion": "4", "generation": 2}
    return {
        "metadata": meta,
        "spec": {"rules": [{"backendRefs": backends}]},
        "status": {"parents": list(parents)},
    }


@st.composite
def routings(draw: st.DrawFn) -> Routing:
    revisions = draw(st.lists(st.sampled_from([samples.revision(n) for n in NUMBERS]), unique=True))
    weights = {revision: draw(st.sampled_from([0, 20, 50, 100])) for revision in revisions}
    answers = draw(st.sampled_from([(), (parent(),), (parent(status="False"),), (parent(generation=1),)]))
    made = route(weights, *answers) if draw(st.booleans()) else None
    confirmed = made is not None and unconfirmed(made, EDGE) is None
    meta = {"namespace": "ml", "uid": "s", "resourceVersion": "1"}
    services = {r: {"metadata": meta | {"name": f"churn-{r}"}} for r in revisions}
    return Routing(
        served=draw(st.sampled_from([True, True, True, False])),
        gateway=draw(st.sampled_from([None, {}])),
        gateway_is_watched=draw(st.booleans()),
        route=made,
        services=services,
        rival=draw(st.sampled_from(["", "", "x belongs to y"])),
        steady_in_seconds=draw(st.sampled_from([0.0, 1.5])) if confirmed else None,
    )


@st.composite
def worlds(draw: st.DrawFn) -> DeploymentObserved:
    observed = draw(deployments())
    known = {
        revision: replace(
            workload, pods=tuple(replace(p, routable=p.ready and draw(st.booleans())) for p in workload.pods)
        )
        for revision, workload in observed.workloads.items()
    }
    spec = observed.spec.model_copy(update={"traffic": BY_ROUTE})
    return replace(observed, spec=spec, workloads=known, routing=draw(routings()))


@examples(60)
@given(worlds())
def test_no_plan_gives_weight_to_nobody_or_takes_pods_from_traffic(observed: DeploymentObserved) -> None:
    plan = decide(observed, NOW)
    assert plan == decide(observed, NOW), "equal arguments, equal plans"
    if plan.status is not None:
        assert_storable("Deployment", plan.status)
        assert DeploymentStatus.model_validate(plan.status).to_wire() == plan.status
        assert {c["reason"] for c in plan.status["conditions"]} <= set(Reason)
    _assert_safe(plan, observed)


def _assert_safe(plan: Plan, observed: DeploymentObserved) -> None:
    before = weights_of(observed.routing.route, "churn")
    after = next((weights_of(w.body, "churn") for w in plan.children if _is_route(w)), before)
    names = {w.body["metadata"]["name"]: w for w in observed.workloads.values()}
    for revision, weight in after.items():
        if weight > before.get(revision, 0):
            assert observed.workloads[revision].routable_pods > 0, "weight for a side without endpoints"
    for write in [*plan.children, *plan.deletions]:
        match write:
            case Scale(known=known, replicas=size) if size < names[known["metadata"]["name"]].replicas:
                side = names[known["metadata"]["name"]]
                weight = max(before.get(side.revision, 0), after.get(side.revision, 0))
                assert size >= pods_for(observed.spec.serving.replicas, weight), (
                    "fewer pods than its weight takes"
                )
                left = observed.routing.steady or not any(pod.ready for pod in side.pods)
                assert size or (left and not side.serving_pods), (
                    "pods are taken from a data plane that may ask"
                )
            case Delete(kind=kind, name=name) if kind is SERVICE:
                assert name.removeprefix("churn-") not in {*before, *after}


def _is_route(write: Any) -> bool:
    return isinstance(write, Apply) and write.kind is HTTP_ROUTE


@pytest.mark.parametrize(
    ("replicas", "weight", "expected"),
    [
        (4, 1, Pair(4, 1)),
        (4, 50, Pair(4, 2)),
        (4, 51, Pair(4, 3)),
        (4, 100, Pair(4, 4)),
        (1, 5, Pair(1, 1)),
        (100, 1, Pair(100, 1)),
        (7, 0, Pair(7, 0)),
    ],
)
def test_worked_examples_of_pods(replicas: int, weight: int, expected: Pair) -> None:
    assert pods(replicas, weight) == expected


@pytest.mark.parametrize(
    ("answers", "reference", "expected", "why"),
    [
        ((), EDGE, "", "nobody has answered"),
        ((parent(),), EDGE, None, "confirmed"),
        ((parent(generation=1),), EDGE, "", "an answer to an older route says nothing"),
        ((parent(status="False"),), EDGE, "played: Accepted is False: as it says", "quoted"),
        ((parent(), parent(status="False")), EDGE, "played: Accepted is False: as it says", "all must agree"),
        ((parent(status="False", name="other"),), EDGE, "", "about another Gateway"),
        ((parent(namespace="infra"),), EDGE, "", "about another namespace's"),
        ((parent(namespace="infra"),), EDGE.model_copy(update={"namespace": "infra"}), None, "the one named"),
        (
            (parent(sectionName="tls"),),
            EDGE.model_copy(update={"section_name": "http"}),
            "",
            "another listener",
        ),
        ((parent() | {"conditions": []},), EDGE, "", "an entry without conditions is no answer"),
    ],
)
def test_when_a_route_is_in_effect(
    answers: tuple[dict[str, Any], ...], reference: GatewayReference, expected: str | None, why: str
) -> None:
    assert unconfirmed(route({}, *answers), reference) == expected, why
