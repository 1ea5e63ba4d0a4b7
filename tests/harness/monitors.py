"""DriftMonitors of a lab: a model that is trained and served in a world of its own, and who watches it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.apiserver import samples
from tests.harness import deployments
from tests.harness.api import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, Api, condition, phase
from tests.harness.lab import SINGLE, SPLITS, Lab
from tests.harness.population import Population

from trimtab_runtime.dataset.artifact import push_csv

Object = dict[str, Any]
NAME = "flights"
RATE = 250.0  # rows per second
WINDOW = "2s"
ROUNDS = {"scrapeSeconds": 0.5}
"""Configuration of an operator whose rounds fit into such windows."""
FLOORS = {"floor": "0.2", "clearFloor": "0.1"}
SIGNALS: Object = {
    "featureDrift": FLOORS,
    "predictionDrift": FLOORS,
    "dataQuality": {"maxMissingIncrease": "0.2", "maxUnseen": "0.2"},
    "realisedPerformance": {"minLabelled": 100, "metrics": [{"metric": "logLoss", "maxIncrease": "0.15"}]},
}


def body(edits: Mapping[str, Any] | None = None, name: str = NAME) -> Object:
    """Watches flights in windows of two seconds; retrains by itself, and may do so at once."""
    document = {
        "apiVersion": "trimtab.dev/v1alpha1",
        "kind": "DriftMonitor",
        "metadata": {"name": name},
        "spec": {
            "deploymentRef": {"name": deployments.NAME},
            "window": WINDOW,
            "signals": SIGNALS,
            "mode": "Auto",
            "limits": {"cooldown": "0s", "maxRetrainsPerDay": 2},
        },
    }
    return samples.edited(document, edits or {})


@dataclass
class Monitors:
    """The DriftMonitor `flights` of a lab."""

    lab: Lab
    population: Population = field(default_factory=Population)

    def __post_init__(self) -> None:
        self.lab.player.serving.clients = self.population
        self.publish_data("winter")

    @property
    def api(self) -> Api:
        return self.lab.api

    def publish_data(self, content: str, splits: tuple[str, ...] = SPLITS) -> dict[str, str]:
        """New rows under the tags of this lab; their digests by split."""
        digests = {}
        for split in splits:
            path = self.lab.folder / f"{split}.csv"
            path.write_text(
                f"late,carrier,temp,time_hour,date\n0,{content},3,2013-01-01T05:00:00Z,2013-01-01\n"
            )
            client = self.lab.registry.client
            digests[split] = push_csv(client, f"{self.api.namespace}/{split}", [path], tag="current")
        return digests

    def uri(self, split: str) -> str:
        return f"oci://{self.lab.registry.host}/{self.api.namespace}/{split}:current"

    def train(self, name: str = "flights-winter") -> Object:
        """An Experiment of one trial in the world of now, until it has ended."""
        data = [{"name": split, "split": split, "uri": self.uri(split)} for split in SPLITS]
        return self.lab.run_experiment(name, {**SINGLE, "spec.data": data})

    def served(self, edits: Mapping[str, Any] | None = None, **operator: Any) -> Object:
        """Version 1 is trained and served to clients, and an operator runs."""
        self.lab.run_operator(**{**ROUNDS, **operator})
        assert phase(self.train()) == "Succeeded"
        self.api.create(DEPLOYMENT, deployments.body(edits=edits))
        ready = deployments.Deployments(self.lab).ready("flights-v1")
        self.lab.player.serving.rate = RATE
        return ready

    def watch(self, edits: Mapping[str, Any] | None = None, name: str = NAME) -> Object:
        return self.api.create(DRIFT_MONITOR, body(edits, name))

    def get(self, name: str = NAME) -> Object:
        return self.api.get(DRIFT_MONITOR, name)

    def until(self, holds: Callable[[Object], object], seconds: float = 60.0, name: str = NAME) -> Object:
        return self.api.wait(DRIFT_MONITOR, name, holds, seconds)

    def phase(self, wanted: str, seconds: float = 60.0, name: str = NAME) -> Object:
        return self.until(lambda monitor: phase(monitor) == wanted, seconds, name)

    def reason(self, reason: str, type_: str = "Ready", seconds: float = 60.0) -> Object:
        return self.until(lambda monitor: condition(monitor, type_).get("reason") == reason, seconds)

    def decided(self, action: str, state: str, reason: str = "", name: str = NAME) -> Object:
        """As soon as the decision is in this state."""

        def holds(monitor: Object) -> bool:
            decision = monitor.get("status", {}).get("decision", {})
            found = (decision.get("action"), decision.get("state"), decision.get("reason", ""))
            return found == (action, state, reason)

        return self.until(holds, name=name)

    def approve(self, decision: str, token: str) -> None:
        """The annotation that `trimtab approve` writes."""
        text = json.dumps(
            {"action": "approve", "decision": decision, "token": token, "by": "kubernetes-admin"}
        )
        self.api.patch(DRIFT_MONITOR, NAME, {"metadata": {"annotations": {"trimtab.dev/action": text}}})

    def retrains(self) -> list[Object]:
        """The Experiments that monitors have made."""
        return self.api.list(EXPERIMENT, "trimtab.dev/trigger")


def signal(monitor: Object, name: str) -> Object:
    """What status says of a signal; empty if nothing."""
    found = [s for s in monitor.get("status", {}).get("signals", ()) if s["signal"] == name]
    return found[0] if found else {}
