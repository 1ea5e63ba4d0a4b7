"""Deployments of a lab: what a user applies, and the states to wait for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.apiserver import samples
from tests.harness.api import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    SERVICE,
    WORKLOAD,
    Api,
    condition,
)
from tests.harness.lab import Lab, plant_approved_version

Object = dict[str, Any]
NAME = "flights"
ERRORS = {"name": "errors", "preset": "errorRate", "maxAbsolute": "0.05"}
"""Passes after about 60 connections without an error."""
FAST = {"scrapeSeconds": 0.2}
"""Configuration of an operator that reads pods often, so that a canary takes seconds."""
WEIGHT = {"weight": 50}
ANALYZE = {"analyze": {"minSamples": 20, "maxDuration": "30s"}}
HOLD: Object = {"pause": {}}


def digest_of(number: int) -> str:
    """Of the bytes of a planted version."""
    return f"sha256:{number:064x}"


def plant(
    api: Api, number: int, *, digest: str = "", profile: str = "", changes: Mapping[str, Any] | None = None
) -> Object:
    """An approved version; without a profile nothing in the registry is asked for."""
    edits = {
        "spec.artifact.digest": digest or digest_of(number),
        "spec.profileDigest": profile or samples.ABSENT,
        "spec.lineage.experiment.uid": f"planted-{number}",
        **(changes or {}),
    }
    return plant_approved_version(api, number, edits)


def body(*steps: Mapping[str, Any], edits: Mapping[str, Any] | None = None) -> Object:
    """Follows the approved versions of flights with one pod, judged by errors only."""
    document = {
        "apiVersion": "trimtab.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {"name": NAME},
        "spec": {
            "model": {"name": "flights", "follow": "Approved"},
            "serving": {"replicas": 1},
            "rollout": {"steps": list(steps), "analysis": {"metrics": [ERRORS]}, "progressDeadline": "60s"},
        },
    }
    return samples.edited(document, edits or {})


@dataclass(frozen=True)
class Deployments:
    """The Deployment `flights` of a lab."""

    lab: Lab

    @property
    def api(self) -> Api:
        return self.lab.api

    def create(self, *steps: Mapping[str, Any], edits: Mapping[str, Any] | None = None) -> Object:
        return self.api.create(DEPLOYMENT, body(*steps, edits=edits))

    def served(self, *steps: Mapping[str, Any], edits: Mapping[str, Any] | None = None) -> Object:
        """Version 1 is stable and Ready; an operator that reads pods often runs."""
        plant(self.api, 1)
        self.create(*steps, edits=edits)
        self.lab.run_operator(**FAST)
        return self.ready("flights-v1")

    def get(self) -> Object:
        return self.api.get(DEPLOYMENT, NAME)

    def patch(self, **spec: Any) -> Object:
        return self.api.patch(DEPLOYMENT, NAME, {"spec": spec})

    def until(self, holds: Callable[[Object], object], seconds: float = 30.0) -> Object:
        return self.api.wait(DEPLOYMENT, NAME, holds, seconds)

    def reason(self, reason: str, type_: str = "Ready") -> Object:
        """As soon as the condition says so, about the newest generation."""
        return self.until(lambda d: _is_current(d) and condition(d, type_).get("reason") == reason)

    def ready(self, version: str) -> Object:
        return self.until(
            lambda d: (
                _is_current(d)
                and condition(d, "Ready").get("status") == "True"
                and d["status"]["stable"]["modelVersion"] == version
            )
        )

    def at_step(self, index: int) -> Object:
        return self.until(lambda d: d.get("status", {}).get("step", {}).get("index") == index)

    def act(
        self, action: str, token: str, *, step: int | None = None, revision: str = "", to: str = ""
    ) -> None:
        """The annotation that `trimtab promote`, `abort` and, with ``to``, `rollback` write."""
        status = self.get()["status"]
        asked: Object = {"action": action, "token": token, "by": "kubernetes-admin"}
        if to:
            asked |= {"revision": revision, "to": to}
        else:
            asked["revision"] = revision or status["candidate"]["revision"]
            asked["step"] = status["step"]["index"] if step is None else step
        text = json.dumps(asked)
        self.api.patch(DEPLOYMENT, NAME, {"metadata": {"annotations": {"trimtab.dev/action": text}}})

    def workload(self, revision: str) -> Object | None:
        return self.api.find(WORKLOAD, f"{NAME}-{revision}")

    def selected(self) -> str:
        """The revision whose pods the front Service selects; empty = all of them."""
        selector = self.api.get(SERVICE, NAME)["spec"]["selector"]
        return str(selector.get("trimtab.dev/revision", ""))

    def records(self) -> list[str]:
        return [record["metadata"]["name"] for record in self.api.list(CONTROLLER_REVISION)]


def reasons(deployment: Object) -> list[str]:
    """The reasons of the history, oldest first."""
    return [entry["reason"] for entry in deployment["status"].get("history", ())]


def revision(deployment: Object, role: str = "stable") -> str:
    return str(deployment["status"][role]["revision"])


def _is_current(deployment: Object) -> bool:
    observed = deployment.get("status", {}).get("observedGeneration")
    return bool(observed == deployment["metadata"]["generation"])
