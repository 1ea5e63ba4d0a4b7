"""Pods that follow a real load, by Kubernetes' autoscaler and a real metrics-server, through a canary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests import objects
from tests.cluster import metrics_server
from tests.cluster.kubectl import KubectlFailed
from tests.cluster.processes import wait_until
from tests.cluster.provider import Cluster
from tests.e2e.serving import Served, candidate
from tests.e2e.traffic import BOTH, traffic
from tests.e2e.world import World

HOST = "scaled.example"
TRAFFIC = {"provider": "GatewayAPI", "gatewayRef": {"name": "edge"}, "hostnames": [HOST]}
MOST = 3
SCALED: Mapping[str, Any] = {
    # So little that the load of the test is several times what one pod may use.
    "resources": {"requests": {"cpu": "20m", "memory": "256Mi"}},
    "autoscaling": {"maxReplicas": MOST, "cpuUtilization": 50},
}
STEPS = ({"weight": 50}, {"pause": {}})
SCALING_SECONDS = 300
AUTOSCALERS = "horizontalpodautoscalers"


@pytest.fixture(scope="module", autouse=True)
def _metrics(cluster: Cluster) -> Iterator[None]:
    metrics_server.install(cluster)
    yield
    metrics_server.remove(cluster.kubectl)


@pytest.fixture(scope="module")
def served(world: World, gateway: str, fragile: str) -> Iterator[Served]:
    served = Served(world, name="scaled", model=fragile)
    served.apply(replicas=1, traffic=TRAFFIC, serving=SCALED)
    served.ready()
    yield served
    world.kubectl("delete", "deployments.trimtab.dev", served.name, f"--namespace={world.namespace}")


def bounds(served: Served) -> dict[str, tuple[int, int]]:
    """minReplicas and maxReplicas, by revision."""
    found = served.world.get(AUTOSCALERS, f"--selector=trimtab.dev/deployment={served.name}")["items"]
    specs = {item["metadata"]["labels"]["trimtab.dev/revision"]: item["spec"] for item in found}
    return {revision: (spec["minReplicas"], spec["maxReplicas"]) for revision, spec in specs.items()}


def size(served: Served, revision: str) -> int:
    found = served.world.get("deployments.apps", f"{served.name}-{revision}")
    return int(found["spec"]["replicas"])


def test_a_canary_under_a_load_that_scales_loses_no_request(served: Served, gateway: str, pool: Path) -> None:
    old = served.get()["status"]["stable"]["revision"]
    with traffic(gateway, served.model, pool, connections=BOTH, host=HOST) as load:
        load.mark("scaling up")
        served.until(lambda d: d["status"].get("replicas") == MOST, "pods for the load", SCALING_SECONDS)
        load.mark("canary")
        served.apply(replicas=1, traffic=TRAFFIC, serving=SCALED, steps=STEPS, env={"FLAVOUR": "sound"})
        paused = served.until(lambda d: objects.phase(d) == "Paused", "half of the weight")
        new = candidate(paused)
        assert paused["status"]["step"]["pods"] == MOST
        assert bounds(served) == {old: (MOST, MOST), new: (2, MOST)}
        assert (size(served, old), size(served, new) >= 2) == (MOST, True)
        load.wait_for(300)
        load.mark("promotion")
        served.act("promote")
        served.ready()
        assert size(served, new) == MOST
        wait_until(lambda: bounds(served) == {new: (1, MOST)}, 60, "the load alone to decide")
        load.wait_for(120)
    load.assert_none_failed(at_least=1000)


def test_removing_autoscaling_takes_no_pod_away_by_surprise(served: Served) -> None:
    with pytest.raises(KubectlFailed, match=r"set replicas to at least status\.replicas"):
        served.apply(replicas=1, traffic=TRAFFIC, env={"FLAVOUR": "sound"})
    fixed = {"autoscaling": None, "replicas": MOST}
    served.world.kubectl(
        *("patch", "deployments.trimtab.dev", served.name, f"--namespace={served.world.namespace}"),
        *("--type=merge", f"--patch={json.dumps({'spec': {'serving': fixed}})}"),
    )
    wait_until(lambda: bounds(served) == {}, 60, "the autoscaler to be gone")
    assert served.get()["status"]["replicas"] == MOST
