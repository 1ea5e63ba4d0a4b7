"""GatewayAPI in a cluster without the Gateway API: said at once, with what to do; all else works."""

from __future__ import annotations

from tests.harness import kstatus
from tests.harness.api import SERVICE, condition
from tests.harness.deployments import FAST, Deployments, plant
from tests.harness.gateway import TRAFFIC
from tests.harness.lab import Lab


def test_without_the_kinds_the_provider_is_unavailable_and_the_other_one_works(lab: Lab) -> None:
    deployments = Deployments(lab)
    plant(lab.api, 1)
    deployments.create(edits={"spec.traffic": TRAFFIC})
    lab.run_operator(**FAST)
    missing = deployments.reason("ProviderUnavailable")
    assert kstatus.verdict(missing) == "Failed"
    assert "install the CRDs of the Gateway API" in condition(missing, "Ready")["message"]
    assert lab.api.find(SERVICE, "flights") is None, "nothing is begun"
    deployments.patch(traffic=None)
    deployments.ready("flights-v1")
