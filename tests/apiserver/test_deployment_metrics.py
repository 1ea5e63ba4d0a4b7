"""The metrics of the pods as the operator reads them: what cannot be read freezes, and is never a verdict."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apiserver import samples
from tests.harness import kstatus
from tests.harness.api import CONFIG_MAP, POD, condition, wait_until
from tests.harness.deployments import (
    ANALYZE,
    ERRORS,
    FAST,
    HOLD,
    WEIGHT,
    Deployments,
    digest_of,
    plant,
    reasons,
    revision,
)
from tests.harness.lab import Lab
from tests.harness.model_server import ModelServer

from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.serving import MAX_PAGE_BYTES

Object = dict[str, Any]
PAGES = {
    "not metrics": b"<html>Welcome</html>",
    "nothing": b"",
    "another's metrics": b"# TYPE up gauge\nup 1\n",
}


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_a_page_that_is_no_page_freezes_and_never_aborts(
    lab: Lab, deployments: Deployments, page: bytes
) -> None:
    """Longer than any deadline: time that was not observed does not count."""
    deadlines = {"spec.rollout.progressDeadline": "1s"}
    analyze = {"analyze": {"minSamples": 20, "maxDuration": "1s"}}
    deployments.served(WEIGHT, HOLD, analyze, HOLD, edits=deadlines)
    plant(lab.api, 2)
    candidate = revision(deployments.reason("AwaitingPerson"), "candidate")
    lab.player.serving.show_page(candidate, page)
    frozen = deployments.reason("ProviderError")
    assert condition(frozen, "MetricsAvailable")["status"] == "False"
    assert kstatus.verdict(frozen) == "InProgress"
    assert kstatus.broken_rules(frozen) == []
    deployments.act("promote", "p-1")
    deployments.until(lambda d: d["status"]["step"]["index"] == 2)
    _wait_for_rounds(lab, candidate, 15)
    still = deployments.get()
    assert still["status"]["step"]["index"] == 2, "frozen at the analysis, beyond all deadlines"
    assert "quarantine" not in still["status"]
    verdicts = {m["metric"]: m["verdict"] for m in still["status"]["analysis"]}
    assert verdicts == {"errors": "ProviderError", "podHealth": "Pass"}
    lab.player.serving.show_page(candidate, None)
    thawed = deployments.at_step(3)
    assert condition(thawed, "MetricsAvailable")["status"] == "True"


def test_pages_that_cannot_be_true_freeze_until_they_can(lab: Lab, deployments: Deployments) -> None:
    """Not a number, more than a page may be, and counters that fell: nothing of it is ever counted."""
    analyze = {"analyze": {"minSamples": 20, "maxDuration": "5m"}}
    metrics = {"spec.rollout.analysis.metrics": [{**ERRORS, "maxAbsolute": "0.00001"}]}
    deployments.served(WEIGHT, analyze, edits=metrics)
    plant(lab.api, 2)
    candidate = revision(deployments.at_step(1), "candidate")
    _wait_for_rounds(lab, candidate, 5)
    (server,) = lab.player.serving.servers(candidate)
    true = server.text()
    lies = {
        "finite": b" NaN\n".join(true.rsplit(b" 0\n", 1)),
        "larger than": true + b"# more\n" * (MAX_PAGE_BYTES // 7),
        "counters fell": ModelServer(
            ServeModel("flights", digest_of(2)), candidate, began=server.began
        ).text(),
    }
    for problem, page in lies.items():
        lab.player.serving.show_page(candidate, page)
        frozen = deployments.reason("ProviderError")
        assert problem in condition(frozen, "Ready")["message"]
        lab.player.serving.show_page(candidate, None)
        deployments.reason("Analyzing")
    deployments.act("promote", "p-1")
    done = deployments.ready("flights-v2")
    assert "quarantine" not in done["status"]


def _wait_for_rounds(lab: Lab, candidate: str, rounds: int) -> None:
    """So many more scrapes of the candidate's pod: 0.2 s each."""
    (server,) = lab.player.serving.servers(candidate)
    before = server.scrapes
    wait_until(lambda: server.scrapes >= before + rounds, f"{rounds} scrapes")


def test_a_rollout_that_asks_the_metrics_nothing_goes_on_without_them(
    lab: Lab, deployments: Deployments
) -> None:
    """No analyze step, and no metric but the default ones: a pause ends when its time is over."""
    edits = {"spec.rollout.analysis": samples.ABSENT}
    deployments.served(WEIGHT, {"pause": {"for": "2s"}}, edits=edits)
    plant(lab.api, 2)
    candidate = revision(deployments.until(lambda d: "candidate" in d["status"]), "candidate")
    lab.player.serving.show_page(candidate, b"")
    deployments.reason("ProviderError", "MetricsAvailable")
    deployments.ready("flights-v2")


def test_a_page_that_says_to_be_of_stable_is_not_believed(lab: Lab, deployments: Deployments) -> None:
    """Whose page it is follows from the pod."""
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    candidate = revision(deployments.reason("AwaitingPerson"), "candidate")
    other = ModelServer(ServeModel("flights", digest_of(1)), candidate)
    lab.player.serving.show_page(candidate, other.text())
    frozen = deployments.reason("ProviderError")
    assert "digest" in condition(frozen, "Ready")["message"]


def test_a_profile_that_cannot_be_had_freezes_and_says_so(lab: Lab, deployments: Deployments) -> None:
    """The pages are sound; it is the registry that lacks what they are compared with."""
    deployments.served(WEIGHT, HOLD, edits={"spec.rollout.progressDeadline": "1s"})
    plant(lab.api, 2, profile=digest_of(7))
    frozen = deployments.reason("ProviderError")
    assert condition(frozen, "MetricsAvailable")["status"] == "False"
    assert "profile of candidate" in condition(frozen, "Ready")["message"]
    assert "quarantine" not in frozen["status"]


def test_a_pod_with_our_labels_is_not_read(lab: Lab, deployments: Deployments) -> None:
    """Its controller chain does not end in our workload: it is neither scraped nor judged."""
    deployments.served(WEIGHT, ANALYZE, HOLD)
    plant(lab.api, 2)
    analyzing = deployments.until(lambda d: d["status"].get("step"))
    candidate = revision(analyzing, "candidate")
    real = _pod_of(lab, candidate)
    wait_until(lambda: lab.player.serving.servers(candidate), "the candidate to serve")
    labels = real["metadata"]["labels"]
    spec = real["spec"]
    spec.pop("nodeName", None)
    foreign = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "foreign",
            "labels": {k: v for k, v in labels.items() if k != "pod-template-hash"},
        },
        "spec": spec,
    }
    before = {id(server) for server in lab.player.serving.servers()}
    lab.api.create(POD, foreign)
    wait_until(lambda: len(lab.player.serving.servers()) > len(before), "the foreign pod to serve")
    waiting = deployments.reason("AwaitingPerson")
    (server,) = [s for s in lab.player.serving.servers() if id(s) not in before]
    assert server.scrapes == 0
    health = next(m for m in waiting["status"]["analysis"] if m["metric"] == "podHealth")
    assert health["samples"] == 1


def _pod_of(lab: Lab, rev: str) -> Object:
    wait_until(lambda: lab.api.list(POD, f"trimtab.dev/revision={rev}"), "a pod of the candidate")
    return lab.api.list(POD, f"trimtab.dev/revision={rev}")[0]


def test_a_restart_goes_on_with_the_evidence_that_there_was(lab: Lab, deployments: Deployments) -> None:
    """The checkpoint and the cumulative counters: no connection is counted twice, and few are lost."""
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    candidate = revision(deployments.reason("AwaitingPerson"), "candidate")
    deployments.until(lambda d: _errors(d).get("verdict") == "Pass")
    lab.api.get(CONFIG_MAP, "flights-deployment-evidence")
    lab.operators[0].kill()
    lab.player.serving.rate = 0.0
    (server,) = lab.player.serving.servers(candidate)
    lab.successor(**FAST)
    deployments.act("promote", "late", step=0)
    after = deployments.until(lambda d: "StaleAction" in reasons(d))
    after = deployments.until(lambda d: _errors(d).get("verdict") == "Pass")
    assert _errors(after)["samples"] <= server.connections


def _errors(deployment: Object) -> Object:
    found = [m for m in deployment["status"].get("analysis", ()) if m["metric"] == "errors"]
    return found[0] if found else {}


def test_a_checkpoint_that_cannot_be_read_freezes(lab: Lab, deployments: Deployments) -> None:
    deployments.served(WEIGHT, HOLD, edits={"spec.rollout.progressDeadline": "1s"})
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")
    lab.api.wait(CONFIG_MAP, "flights-deployment-evidence", lambda c: c["data"].get("evidence"))
    lab.operators[0].kill()
    lab.api.patch(CONFIG_MAP, "flights-deployment-evidence", {"data": {"evidence": "{"}})
    lab.successor(**FAST)
    frozen = deployments.reason("ProviderError")
    assert "checkpoint" in condition(frozen, "Ready")["message"]
    assert "quarantine" not in frozen["status"]
    lab.api.delete(CONFIG_MAP, "flights-deployment-evidence")
    deployments.reason("AwaitingPerson")
