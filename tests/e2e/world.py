"""What the end-to-end tests share: the ground of the demo, with the moves of a user and of a bad day."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests import objects
from tests.cluster import registry
from tests.cluster.processes import wait_until
from tests.objects import Object

from flights.data import Part, Variant, splits
from flights.demo import manifests
from flights.demo.ground import Ground
from flights.publish import publish
from flights.source import COLUMNS, Flight, data_folder, read_flights

NAMESPACE = "e2e"
PREFIX = "e2e"
TRIAL_SECONDS = 300


@dataclass(frozen=True)
class World(Ground):
    """A namespace watched by an installed Trimtab."""

    @cached_property
    def winter(self) -> dict[Part, list[Flight]]:
        return splits(read_flights(data_folder()), "winter", Variant())

    def publish(self, tag: str, made: Mapping[Part, Sequence[Flight]]) -> dict[Part, str]:
        """Push splits under a tag of the tests. Returns their digests."""
        return publish(self.oci, PREFIX, tag, made)

    def experiment(self, name: str, tag: str = "winter", **spec: Any) -> Object:
        """The example's Experiment on the data under a tag; `spec` replaces fields, None removes one."""
        return manifests.experiment(
            name, registry=self.registry.host, image=self.images.flights.name, prefix=PREFIX, tag=tag, **spec
        )

    def single(self, name: str, tag: str = "winter", **spec: Any) -> Object:
        """The same with one trial and no search: the documented model."""
        one = {"search": None, "budget": {"maxTrials": 1}, "parameters": {"iterations": "30", "leaves": "8"}}
        return self.experiment(name, tag, **{**one, **spec})

    def apply(self, *documents: Object) -> str:
        """`kubectl apply` as users run it. Returns what it printed."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})
        return self.kubectl("apply", "--namespace", self.namespace, "-f", "-", stdin=text)

    def until(
        self,
        name: str,
        holds: Callable[[Object], bool],
        what: str,
        *,
        plural: str = "experiments",
        seconds: float = TRIAL_SECONDS,
        stop_at: Callable[[Object], bool] = objects.is_final,
    ) -> Object:
        states = objects.changes(self.kubectl.kubeconfig, self.namespace, plural, name, seconds)
        return objects.until(states, holds, f"{name}: {what}", stop_at=stop_at)

    def succeeded(self, name: str, seconds: float = TRIAL_SECONDS) -> Object:
        return self.until(
            name, lambda e: objects.phase(e) == "Succeeded", "to have succeeded", seconds=seconds
        )

    def ended(self, name: str, seconds: float = TRIAL_SECONDS) -> Object:
        return self.until(name, objects.is_final, "to have ended", seconds=seconds)

    def approved(self, name: str) -> Object:
        """The ModelVersion, once it is approved."""
        return self.until(
            name,
            lambda version: objects.phase(version) == "Approved",
            "to be approved",
            plural="modelversions",
            seconds=60,
            stop_at=lambda version: objects.phase(version) == "Rejected",
        )

    def trial_pods(self, experiment: str, trial: int = 1) -> list[Object]:
        selector = f"trimtab.dev/experiment={experiment},trimtab.dev/trial={trial}"
        pods: list[Object] = self.get("pods", f"--selector={selector}")["items"]
        return pods

    def await_container(
        self, experiment: str, container: str, state: str, *, seconds: float = TRIAL_SECONDS
    ) -> Object:
        """The first trial's pod once a container of it is `running`, `waiting` or `terminated`."""

        def pod() -> Object | None:
            for found in self.trial_pods(experiment):
                status = found["status"]
                every = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
                if any(c["name"] == container and state in c["state"] for c in every):
                    return found
            return None

        wait_until(lambda: pod() is not None, seconds, f"container {container} of {experiment} {state}")
        found = pod()
        assert found is not None, f"the pod of {experiment} went on while it was looked at"
        return found

    @contextmanager
    def registry_away(self) -> Iterator[None]:
        """The registry answers nobody: its Service has no endpoints. Its content survives."""
        self._select({"app": "nobody"}, answering=False)
        try:
            yield
        finally:
            self._select({"app": registry.NAME}, answering=True)

    def _select(self, selector: Mapping[str, str], *, answering: bool) -> None:
        where = ("--namespace", registry.NAMESPACE)
        change = json.dumps({"spec": {"selector": selector}})
        self.kubectl("patch", "service", registry.NAME, *where, "--type=merge", f"--patch={change}")
        wait_until(lambda: self._registry_answers() is answering, 30, f"the registry answering: {answering}")

    def _registry_answers(self) -> bool:
        url = f"http://{self.registry.address}/v2/"
        probe = ["curl", "--silent", "--output", "/dev/null", "--max-time", "2", url]
        return subprocess.run(probe).returncode == 0


def with_column(flights: Sequence[Flight], row: int, column: str, text: str) -> list[Flight]:
    """The flights with one cell replaced."""
    flight, place = flights[row], COLUMNS.index(column)
    values = (*flight.values[:place], text, *flight.values[place + 1 :])
    return [*flights[:row], Flight(flight.date, flight.key, values), *flights[row + 1 :]]
