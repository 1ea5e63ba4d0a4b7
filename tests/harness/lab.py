"""A namespace with everything around it: registry, player, proxy, operators."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.apiserver import samples
from tests.harness import access
from tests.harness.api import EXPERIMENT, MODEL_VERSION, Api, condition, phase
from tests.harness.background import Background
from tests.harness.operator import Operator, configuration
from tests.harness.player import Player
from tests.harness.proxy import Proxy
from tests.harness.zygote import Zygote
from tests.registry import LocalRegistry

from trimtab_runtime.dataset.artifact import push_csv

Object = dict[str, Any]
FINAL = ("Succeeded", "GateFailed", "Failed")
SPLITS = ("train", "validation", "evaluation", "reference")

QUIET_SECONDS, SETTLE_SECONDS = 2.5, 60.0


@dataclass
class Lab:
    """One test's part of the control plane. `operator()` makes processes that end with the test."""

    api: Api
    player: Player
    proxy: Proxy
    registry: LocalRegistry
    folder: Path
    zygote: Zygote
    operators: list[Operator] = field(default_factory=list)

    def operator(self, **changes: Any) -> Operator:
        """An operator of this namespace that talks through the proxy; not started yet."""
        number = len(self.operators) + 1
        folder = self.folder / f"operator-{number}"
        folder.mkdir(parents=True)
        kubeconfig = self.proxy.write_kubeconfig(folder / "kubeconfig", self.api.namespace)
        made = Operator(folder, configuration(self.api.namespace, self.registry, **changes), kubeconfig)
        self.operators.append(made)
        return made

    def run_operator(self, **changes: Any) -> Operator:
        """The same, forked from the zygote and leading."""
        return self.zygote.start(self.operator(**changes)).wait_leading()

    def successor(self, **changes: Any) -> Operator:
        """Another operator after the last one was killed, with a Lease of its own so that it need not wait
        for the dead holder's to expire."""
        return self.run_operator(leaseName=f"trimtab-{len(self.operators) + 1}", **changes)

    def experiment(self, name: str = "flights", edits: Mapping[str, Any] | None = None) -> Object:
        """A valid Experiment on this lab's data: three trials, two at a time, unless edited."""
        body = samples.edited(samples.experiment(), {"metadata.name": name})
        for source in body["spec"]["data"]:
            source["uri"] = data_uri(self.registry, source["split"])
        return samples.edited(body, edits or {})

    def create(self, body: Object) -> Object:
        return self.api.create(EXPERIMENT, body)

    def run_experiment(self, name: str = "flights", edits: Mapping[str, Any] | None = None) -> Object:
        """Create it and wait until it has ended, well or not."""
        self.create(self.experiment(name, edits))
        return self.ended(name)

    def ended(self, name: str = "flights") -> Object:
        return self.api.wait(EXPERIMENT, name, lambda e: phase(e) in FINAL)

    def settle(self) -> None:
        """Until nothing was written for a while: longer than a sweep of 1 s, and than a window of 2 s."""
        began = since = time.monotonic()
        written = len(self.proxy.writes)
        while time.monotonic() - since < QUIET_SECONDS:
            time.sleep(0.1)  # the absence of writes has no condition to wait for
            if len(self.proxy.writes) != written:
                written, since = len(self.proxy.writes), time.monotonic()
                assert since - began < SETTLE_SECONDS, (
                    f"the operator goes on writing: {self.proxy.writes[-1]}"
                )

    def wait_reason(self, reason: str, name: str = "flights", type_: str = "Ready") -> Object:
        """The Experiment once the condition says this reason."""
        return self.api.wait(EXPERIMENT, name, lambda e: condition(e, type_).get("reason") == reason)


SINGLE = {"spec.search": samples.ABSENT, "spec.budget": samples.ABSENT, "spec.trial.args": samples.ABSENT}
"""Edits that make an Experiment of one trial."""


def plant_approved_version(api: Api, number: int, edits: Mapping[str, Any] | None = None) -> Object:
    """A version of `flights` as an earlier Experiment has left it, approved: the champion."""
    edits = {"metadata.name": f"flights-v{number}", "spec.version": number, **(edits or {})}
    made = api.create(MODEL_VERSION, samples.edited(samples.model_version(), edits))
    # A patch: an operator that runs may have said meanwhile that it does not know where this comes from.
    return api.patch(MODEL_VERSION, made["metadata"]["name"], {"status": _APPROVED}, "status")


_APPROVED = {
    "phase": "Approved",
    "observedGeneration": 1,
    "conditions": [
        {
            "type": type_,
            "status": "True",
            "reason": "Approved",
            "message": message,
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_, message in (("Ready", "may be served"), ("Approved", "automatic: its gates passed"))
    ],
    "history": [
        {
            "id": "approved",
            "time": "2026-01-01T00:00:00Z",
            "type": "Normal",
            "reason": "Approved",
            "message": "named by its Experiment, whose gates passed",
        }
    ],
}


def data_uri(registry: LocalRegistry, split: str) -> str:
    return f"oci://{registry.host}/flights/{split}:current"


def push_data(registry: LocalRegistry, folder: Path) -> None:
    """A data artifact per split; played pods never read them, the operator resolves their tags."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, split in enumerate(SPLITS):
        path = folder / f"{split}.csv"
        path.write_text(f"late,carrier,temp,time_hour,date\n0,AA,3{number},2013-01-01T05:00:00Z,2013-01-01\n")
        push_csv(registry.client, f"flights/{split}", [path], tag="current")


@contextlib.contextmanager
def opened(
    kubeconfig: Path,
    background: Background,
    namespace: str,
    *,
    registry: LocalRegistry,
    folder: Path,
    zygote: Zygote,
) -> Iterator[Lab]:
    """Player and proxy run inside; operators made by the lab are ended with it."""
    reach = access.of_kubeconfig(kubeconfig)
    with (
        Player(reach, background, namespace, registry) as player,
        Proxy(reach, background) as proxy,
    ):
        lab = Lab(Api(reach, namespace), player, proxy, registry, folder, zygote)
        try:
            yield lab
        finally:
            for operator in lab.operators:
                operator.stop()
