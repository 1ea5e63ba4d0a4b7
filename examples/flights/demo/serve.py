"""From a version to traffic: apply the Deployment, and tell its canaries as they go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests import objects
from tests.objects import Object

from flights.demo.ground import Ground
from flights.demo.learn import apply
from flights.demo.report import DidNotHappen, Report

PLURAL = "deployments"
_SKEWED = re.compile(r"(\w+) psiAdjusted (-?[\d.]+)")


@dataclass
class Served:
    """The Deployment of the story. What it goes through is told, and kept for the summary."""

    report: Report
    ground: Ground
    name: str
    _told: set[str] = field(default_factory=set)
    _candidate: str = ""

    def apply(self, document: Object) -> None:
        """`kubectl apply` of its manifest."""
        apply(self.report, self.ground, document)

    @property
    def url(self) -> str:
        """The front Service as this machine reaches it."""
        service = self.ground.kubectl.get("service", self.name, "--namespace", self.ground.namespace)
        return f"http://{service['spec']['clusterIP']}"

    def serves(self, version: str, seconds: float) -> Object:
        """Until the version has all traffic. Raises at once if it was given up."""
        return self._follow(
            lambda it: _is_ready(it) and _stable(it) == version and "candidate" not in it["status"],
            f"{version} served",
            seconds,
            never=lambda it: version in rejected(it),
        )

    def gives_up(self, version: str, seconds: float) -> Object:
        """Until the version is quarantined: the state that carries the deciding numbers."""
        return self._follow(
            lambda it: version in rejected(it),
            f"{version} quarantined",
            seconds,
            never=lambda it: _stable(it) == version,
        )

    def _follow(
        self,
        holds: Callable[[Object], bool],
        what: str,
        seconds: float,
        never: Callable[[Object], bool],
    ) -> Object:
        last: Object = {}
        kubeconfig, namespace = self.ground.kubectl.kubeconfig, self.ground.namespace
        for last in objects.changes(kubeconfig, namespace, PLURAL, self.name, seconds):
            self._tell(last.get("status", {}))
            if "status" not in last:
                continue
            if holds(last):
                return last
            if never(last):
                break
        ready = objects.condition(last, "Ready")
        raise DidNotHappen(
            f"not {what}: {objects.phase(last)}, {ready.get('reason')}: {ready.get('message')}"
        )

    def _tell(self, status: Object) -> None:
        for entry in status.get("history", ()):
            if self._is_new(f"history {entry['id']}"):
                self.report.say(f"{self.name}: {entry['reason']}: {entry['message']}")
        candidate = status.get("candidate", {}).get("modelVersion", "")
        if self._candidate and not candidate:
            share = 100 if status.get("stable", {}).get("modelVersion") == self._candidate else 0
            self.report.keep("weights", candidate=self._candidate, desired=share, applied=share)
        self._candidate = candidate
        weight = status.get("weight", {})
        if candidate and weight and self._is_new(f"{candidate} weight {sorted(weight.items())}"):
            self.report.keep("weights", candidate=candidate, **weight)
        for metric in status.get("analysis", ()) if candidate else ():
            self._tell_verdict(candidate, metric)

    def _tell_verdict(self, candidate: str, metric: Object) -> None:
        if not self._is_new(f"{candidate} {sorted(metric.items(), key=str)}"):
            return
        self.report.keep("verdicts", candidate=candidate, **metric)
        is_said = metric.get("samples", 0) > 0 or metric["verdict"] in ("Fail", "ProviderError")
        if is_said and self._is_new(f"{candidate} {metric['metric']} {metric['verdict']}"):
            self.report.say(f"{self.name}: {candidate}: {verdict_line(metric)}")

    def _is_new(self, what: str) -> bool:
        before = len(self._told)
        self._told.add(what)
        return len(self._told) > before


def verdict_line(metric: Object) -> str:
    """One metric with its numbers."""
    words = [f"{metric['metric']} {metric['verdict']}", f"{metric.get('samples', 0)} samples"]
    if metric.get("value") is not None:
        words.append(f"value {metric['value']}")
    if metric.get("bound") is not None:
        words.append(f"bound {metric['bound']}")
    if metric.get("message"):
        words.append(metric["message"])
    return ", ".join(words)


def rejected(deployment: Object) -> set[str]:
    """The versions in quarantine."""
    return {entry["modelVersion"] for entry in deployment.get("status", {}).get("quarantine", ())}


def reason_of_rejection(deployment: Object, version: str) -> Object:
    """The quarantine entry of a version."""
    entries = deployment["status"]["quarantine"]
    found: Object = next(entry for entry in entries if entry["modelVersion"] == version)
    return found


def skewed(message: str) -> dict[str, float]:
    """The features in a message of trainServeSkew, with their psiAdjusted."""
    return {name: float(psi) for name, psi in _SKEWED.findall(message)}


def failed_metrics(message: str, metrics: Iterable[str]) -> set[str]:
    """The metrics that a quarantine entry names as failed."""
    return {name for name in metrics if re.search(rf"(^|; ){re.escape(name)}: ", message)}


def _is_ready(deployment: Object) -> bool:
    observed: Any = deployment["status"].get("observedGeneration")
    is_current = observed == deployment["metadata"]["generation"]
    return is_current and objects.condition(deployment, "Ready").get("status") == "True"


def _stable(deployment: Object) -> str:
    return str(deployment.get("status", {}).get("stable", {}).get("modelVersion", ""))
