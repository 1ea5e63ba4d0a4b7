"""Moves of a user of Deployments: apply, wait for a state, act, look at pods."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import objects
from tests.cluster.processes import wait_until
from tests.e2e.world import World
from tests.objects import Object

READY_SECONDS = 300
PODS_SECONDS = 240
PLURAL = "deployments"
_COUNTED = re.compile(r'^trimtab_requests_total\{traffic="live",code="..."\} (\d+)$', re.MULTILINE)
RESOURCE = "deployments.trimtab.dev"


@dataclass(frozen=True)
class Served:
    """A Deployment in the world's namespace."""

    world: World
    name: str
    model: str

    def apply(
        self,
        *,
        version: int | None = 1,
        replicas: int = 2,
        env: Mapping[str, str] | None = None,
        steps: Sequence[Mapping[str, Any]] = (),
        analysis: Mapping[str, Any] | None = None,
        deadline: str = "5m",
        serving: Mapping[str, Any] | None = None,
        traffic: Mapping[str, Any] | None = None,
    ) -> str:
        """`kubectl apply`. ``version`` None: follow what is approved. ``serving``: more fields of it. Returns
        what kubectl printed."""
        variables = {"OMP_NUM_THREADS": "1", **(env or {})}
        pin = {"follow": "Approved"} if version is None else {"version": version}
        rollout = {"steps": list(steps), "progressDeadline": deadline}
        spec = {
            "model": {"name": self.model, **pin},
            "serving": {
                "replicas": replicas,
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
                "env": [{"name": name, "value": value} for name, value in variables.items()],
                **(serving or {}),
            },
            "rollout": rollout | ({"analysis": dict(analysis)} if analysis else {}),
        }
        if traffic is not None:
            spec["traffic"] = dict(traffic)
        meta = {"name": self.name}
        return self.world.apply(
            {"apiVersion": "trimtab.dev/v1alpha1", "kind": "Deployment", "metadata": meta, "spec": spec}
        )

    def get(self) -> Object:
        found: Object = self.world.get(RESOURCE, self.name)
        return found

    def until(self, holds: Callable[[Object], bool], what: str, seconds: float = READY_SECONDS) -> Object:
        return self.world.until(
            self.name, holds, what, plural=PLURAL, seconds=seconds, stop_at=lambda _: False
        )

    def ready(self, version: int = 1, seconds: float = READY_SECONDS) -> Object:
        """Ready as of the current generation with that version, and nothing left of another revision."""
        name = f"{self.model}-v{version}"

        def holds(deployment: Object) -> bool:
            stable = deployment.get("status", {}).get("stable", {})
            return is_settled(deployment, "True") and stable.get("modelVersion") == name

        deployment = self.until(holds, f"Ready with {name}", seconds)
        self.await_only(deployment["status"]["stable"]["revision"])
        return deployment

    def await_only(self, revision: str) -> None:
        """Until workloads and pods of other revisions are gone."""
        wait_until(lambda: self.revisions() == {revision}, PODS_SECONDS, f"only {revision} to be left")

    def revisions(self) -> set[str]:
        """Of all workloads and pods there are."""
        found = self.world.get("deployments.apps,pods", f"--selector=trimtab.dev/deployment={self.name}")
        return {item["metadata"]["labels"]["trimtab.dev/revision"] for item in found["items"]}

    def records(self) -> set[str]:
        """Revisions that have a ControllerRevision."""
        found = self.world.get("controllerrevisions", f"--selector=trimtab.dev/deployment={self.name}")
        return {item["metadata"]["labels"]["trimtab.dev/revision"] for item in found["items"]}

    def pods(self, revision: str = "") -> set[str]:
        """uids of the pods, those that are being deleted too."""
        found = self.world.get("pods", f"--selector={self._of(revision)}")["items"]
        return {pod["metadata"]["uid"] for pod in found}

    def _of(self, revision: str) -> str:
        """Selects pods, of one revision if there is one."""
        selector = f"trimtab.dev/deployment={self.name}"
        return selector + (f",trimtab.dev/revision={revision}" if revision else "")

    @property
    def url(self) -> str:
        """The front Service as this machine reaches it."""
        return f"http://{self.world.get('service', self.name)['spec']['clusterIP']}"

    def act(self, action: str) -> str:
        """`trimtab promote` or `trimtab abort`, as a person runs it. Returns what it printed."""
        program = str(Path(sys.executable).with_name("trimtab"))
        command = [program, action, self.name, "-n", self.world.namespace]
        settings = {**os.environ, "KUBECONFIG": str(self.world.kubectl.kubeconfig)}
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def counted(self, revision: str) -> int:
        """Requests that the one pod of the revision has counted, behind a Service of its own."""
        address = self.world.get("service", f"{self.name}-{revision}")["spec"]["clusterIP"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return sum(map(int, _COUNTED.findall(answer.read().decode())))

    def evict_one(self, revision: str = "") -> str:
        """Drain a pod (of the revision) as `kubectl drain` does, by the Eviction API. Returns its uid."""
        pod = self.world.get("pods", f"--selector={self._of(revision)}")["items"][0]["metadata"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod["name"]}}
        path = f"/api/v1/namespaces/{self.world.namespace}/pods/{pod['name']}/eviction"
        self.world.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))
        return str(pod["uid"])


def is_settled(deployment: Object, ready: str) -> bool:
    """Ready is `ready` as of the current generation, and nothing is going on."""
    status = deployment.get("status", {})
    return (
        status.get("observedGeneration") == deployment["metadata"]["generation"]
        and objects.condition(deployment, "Ready").get("status") == ready
        and "candidate" not in status
        and "abort" not in status
    )


def step(deployment: Object) -> int | None:
    """Index of the candidate's step; None without one."""
    found = deployment.get("status", {}).get("step")
    return None if found is None else int(found["index"])


def candidate(deployment: Object) -> str:
    """Revision of the candidate; empty without one."""
    return str(deployment.get("status", {}).get("candidate", {}).get("revision", ""))


def verdicts(deployment: Object) -> dict[str, str]:
    return {found["metric"]: found["verdict"] for found in deployment["status"].get("analysis", ())}


def history(deployment: Object) -> list[str]:
    """Reasons of the transitions so far, oldest first."""
    return [entry["reason"] for entry in deployment["status"].get("history", ())]


def quarantined(deployment: Object) -> dict[str, str]:
    """Reason by revision."""
    return {entry["revision"]: entry["reason"] for entry in deployment["status"].get("quarantine", ())}
