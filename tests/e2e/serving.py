"""Moves of a user of Deployments: apply, wait for a state, count pods."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import objects
from tests.e2e.world import World
from tests.objects import Object

READY_SECONDS = 300
PLURAL = "deployments"


@dataclass(frozen=True)
class Served:
    """A Deployment of one model in the world's namespace."""

    world: World
    name: str

    def apply(
        self,
        *,
        steps: Sequence[Mapping[str, Any]] = (),
        replicas: int = 2,
        env: Mapping[str, str] | None = None,
        analysis: Mapping[str, Any] | None = None,
        model: Mapping[str, Any] | None = None,
    ) -> None:
        variables = {"OMP_NUM_THREADS": "1", **(env or {})}
        self.world.apply(
            {
                "apiVersion": "trimtab.dev/v1alpha1",
                "kind": "Deployment",
                "metadata": {"name": self.name},
                "spec": {
                    "model": {"name": self.name, **(model or {"follow": "Approved"})},
                    "serving": {
                        "replicas": replicas,
                        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
                        "env": [{"name": k, "value": v} for k, v in variables.items()],
                    },
                    "rollout": {
                        "steps": list(steps),
                        "progressDeadline": "5m",
                        **({"analysis": dict(analysis)} if analysis else {}),
                    },
                },
            }
        )

    def until(self, holds: Callable[[Object], bool], what: str, seconds: float = READY_SECONDS) -> Object:
        return self.world.until(
            self.name, holds, what, plural=PLURAL, seconds=seconds, stop_at=lambda _: False
        )

    def ready(self, version: str, seconds: float = READY_SECONDS) -> Object:
        """Ready of the current generation, with that version stable."""

        def holds(deployment: Object) -> bool:
            status = deployment.get("status", {})
            return (
                objects.condition(deployment, "Ready").get("status") == "True"
                and status.get("observedGeneration") == deployment["metadata"]["generation"]
                and status.get("stable", {}).get("modelVersion") == version
            )

        return self.until(holds, f"Ready with {version}", seconds)

    @property
    def url(self) -> str:
        """The front Service as this machine reaches it."""
        return f"http://{self.world.get('service', self.name)['spec']['clusterIP']}"

    def pods(self) -> list[Object]:
        found: list[Object] = self.world.get("pods", f"--selector=trimtab.dev/deployment={self.name}")[
            "items"
        ]
        return found

    def pool(self, folder: Path) -> Path:
        """Winter's traffic rows as a CSV file."""
        command = [sys.executable, "-m", "flights.data", "--out", str(folder), "--season", "winter"]
        subprocess.run(command, check=True, capture_output=True)
        return folder / "traffic.csv"

    def evict(self, pod: str) -> None:
        """Drain one pod as `kubectl drain` does: by the Eviction API."""
        namespace = self.world.namespace
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
        self.world.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))
