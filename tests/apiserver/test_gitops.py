"""What GitOps tools rely on: `kubectl wait` ends, a second apply changes nothing, and the operator writes
nothing of users' objects but their status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import yaml
from tests.apiserver.samples import PLURALS, SAMPLES
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.harness import kstatus
from tests.harness.api import wait_until
from tests.harness.deployments import ANALYZE, FAST, WEIGHT, Deployments, body
from tests.harness.lab import SINGLE, Lab

from trimtab.apis import crd
from trimtab.apis.v1alpha1.meta import GROUP

Object = dict[str, Any]
KINDS = pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)
OPERATOR = "trimtab"
SERVER_SIDE = ("--server-side", "--field-manager=flux")


class Repository:
    """What a GitOps tool holds of a namespace: files, and kubectl."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self._namespace = namespace

    def apply(self, *documents: Object, options: Iterable[str] = ()) -> list[str]:
        """The last word of each line: created, configured, unchanged or serverside-applied."""
        text = yaml.safe_dump_all(documents)
        printed = self._kubectl("apply", *options, "-n", self._namespace, "-f", "-", stdin=text)
        return [line.split()[-1] for line in printed.splitlines()]

    def wait(self, *names: str) -> None:
        words = ("--for=condition=Ready", "--timeout=60s", "-n", self._namespace)
        self._kubectl("wait", *words, *names)

    def differences(self, *documents: Object) -> str:
        """Empty: `kubectl diff` ends with 1 where there is one, which raises."""
        return self._kubectl("diff", "-n", self._namespace, "-f", "-", stdin=yaml.safe_dump_all(documents))

    def live(self, name: str) -> Object:
        found: Object = self._kubectl.get(name, "-n", self._namespace, "--show-managed-fields")
        return found


@pytest.fixture
def repository(control_plane: ControlPlane, lab: Lab) -> Repository:
    return Repository(control_plane.kubectl, lab.api.namespace)


def theirs(obj: Object) -> Object:
    """All of an object that is not the operator's to write."""
    meta = obj["metadata"]
    kept = {k: v for k, v in meta.items() if k not in ("resourceVersion", "managedFields")}
    return {"spec": obj["spec"], "metadata": kept}


def written_beside_status(obj: Object) -> list[Object]:
    """The operator's entries in managedFields that are not of the status."""
    entries = obj["metadata"]["managedFields"]
    assert any(entry["manager"] == OPERATOR for entry in entries), "it has written the status"
    return [e for e in entries if e["manager"].startswith(OPERATOR) and e.get("subresource") != "status"]


@KINDS
@pytest.mark.parametrize("options", [(), SERVER_SIDE], ids=["client-side", "server-side"])
def test_the_operator_writes_the_status_of_what_users_apply_and_nothing_else(
    lab: Lab, repository: Repository, kind: crd.Kind, options: tuple[str, ...]
) -> None:
    document = SAMPLES[kind.name]()
    name = f"{PLURALS[kind.name]}.{GROUP}/{document['metadata']['name']}"
    lab.run_operator(sweepSeconds=1)
    repository.apply(document, options=options)
    before = repository.live(name)
    wait_until(lambda: repository.live(name).get("status", {}).get("conditions"), "a status")
    wait_until(lambda: lab.operators[0].page("/metrics").count("trimtab_queue_depth 0.0"), "an empty queue")
    assert repository.apply(document, options=options) == ["serverside-applied" if options else "unchanged"]
    assert repository.differences(document) == ""
    after = repository.live(name)
    assert theirs(after) == theirs(before)
    assert written_beside_status(after) == []
    assert kstatus.broken_rules(after) == []


def test_the_whole_loop_by_apply_and_wait(lab: Lab, repository: Repository) -> None:
    """Two Experiments, the second model through a canary, and a person's token on the way."""
    lab.player.serving.rate = 200.0
    lab.run_operator(**FAST)
    first, second = (lab.experiment(name, SINGLE) for name in ("flights-1", "flights-2"))
    deployment = body(WEIGHT, ANALYZE, {"pause": {}})
    applied = [first, deployment]
    assert set(repository.apply(*applied)) == {"created"}
    before = [repository.live(name) for name in ("mexp/flights-1", "mdep/flights")]
    repository.wait("experiments.trimtab.dev/flights-1", "modelversions.trimtab.dev/flights-v1")
    repository.wait("deployments.trimtab.dev/flights")
    repository.apply(second)
    deployments = Deployments(lab)
    deployments.at_step(2)
    deployments.act("promote", "p-1")
    deployments.ready("flights-v2")
    repository.wait("modelversions.trimtab.dev/flights-v2", "deployments.trimtab.dev/flights")

    assert set(repository.apply(first, second, deployment)) == {"unchanged"}
    assert repository.differences(first, second, deployment) == ""
    after = [repository.live(name) for name in ("mexp/flights-1", "mdep/flights")]
    del after[1]["metadata"]["annotations"]["trimtab.dev/action"]  # the person's, and still there
    assert [theirs(obj) for obj in after] == [theirs(obj) for obj in before]
    assert [written_beside_status(obj) for obj in after] == [[], []]
    assert _writes_beside_status(lab) == {("modelversions", "POST")}, "made by it, from the Experiments"
    lab.settle()
    idle = len(lab.proxy.writes)
    repository.apply(first, second, deployment)
    assert len(lab.proxy.writes) == idle, "an apply that changes nothing wakes nobody"


def _writes_beside_status(lab: Lab) -> set[tuple[str, str]]:
    """(plural, verb) of what the operator sent to objects of our kinds, but not to their status."""
    found = set()
    for write in lab.proxy.writes:
        plural, name, *subresource = write.name.split("/")
        is_child = plural == "deployments" and name != "flights"  # of apps/v1: flights-<revision>
        if plural in PLURALS.values() and not is_child and subresource != ["status"]:
            found.add((plural, write.verb))
    return found
