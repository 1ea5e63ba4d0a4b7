"""From a version to traffic: apply the Deployment, and tell its canaries as they go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tests import objects
from tests.objects import Object

from flights.demo.follow import Followed

_SKEWED = re.compile(r"(\w+) psiAdjusted (-?[\d.]+)")


class Served(Followed):
    """The Deployment of the story. What its candidates go through is told, and kept for the summary."""

    plural = "deployments"
    _candidate: str = ""

    @property
    def url(self) -> str:
        """The front Service as this machine reaches it."""
        return f"http://{self.ground.get('service', self.name)['spec']['clusterIP']}"

    def serves(self, version: str, seconds: float) -> Object:
        """Until the version has all traffic. Raises at once if it was given up."""
        return self.until(
            lambda it: _is_ready(it) and _stable(it) == version and "candidate" not in it["status"],
            f"{version} served",
            seconds,
            never=lambda it: version in rejected(it),
        )

    def gives_up(self, version: str, seconds: float) -> Object:
        """Until the version is quarantined. Raises at once if it was promoted."""
        return self.until(
            lambda it: version in rejected(it),
            f"{version} quarantined",
            seconds,
            never=lambda it: _stable(it) == version,
        )

    def tell(self, state: Object) -> None:
        """History; weights and verdicts of a candidate."""
        self.tell_history(state)
        status = state["status"]
        candidate = status.get("candidate", {}).get("modelVersion", "")
        if self._candidate and not candidate:
            share = 100 if _stable(state) == self._candidate else 0
            self.report.keep("weights", candidate=self._candidate, desired=share, applied=share)
        self._candidate = candidate
        if candidate:
            self._tell_candidate(candidate, status, observed_only(state))

    def _tell_candidate(self, candidate: str, status: Object, observed: set[str]) -> None:
        weight = status.get("weight", {})
        if weight and self.is_new(f"{candidate} weight {sorted(weight.items())}"):
            self.report.keep("weights", candidate=candidate, **weight)
        for metric in status.get("analysis", ()):
            if self.is_new(f"{candidate} {sorted(metric.items(), key=str)}"):
                kept = {"observedOnly": True} if metric["metric"] in observed else {}
                self._tell_verdict(candidate, {**metric, **kept})

    def _tell_verdict(self, candidate: str, metric: Object) -> None:
        self.report.keep("verdicts", candidate=candidate, **metric)
        is_said = metric.get("samples", 0) > 0 or metric["verdict"] in ("Fail", "ProviderError")
        if is_said and self.is_new(f"{candidate} {metric['metric']} {metric['verdict']}"):
            self.report.say(f"deployment: {candidate}: {verdict_line(metric)}")


def verdict_line(metric: Object) -> str:
    """One metric with its numbers."""
    observed = " (observed only)" if metric.get("observedOnly") else ""
    words = [f"{metric['metric']} {metric['verdict']}{observed}", f"{metric.get('samples', 0)} samples"]
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


def _metrics(deployment: Object) -> list[Object]:
    found: list[Object] = deployment["spec"].get("rollout", {}).get("analysis", {}).get("metrics", [])
    return found


def metric_names(deployment: Object) -> set[str]:
    """All that may fail a candidate."""
    return {metric["name"] for metric in _metrics(deployment)} | {"podHealth"}


def observed_only(deployment: Object) -> set[str]:
    """The metrics that are shown and fail nobody."""
    return {
        metric["name"]
        for metric in _metrics(deployment)
        if metric["preset"] == "predictionShift" or metric.get("onFail") == "Observe"
    }


def failed_metrics(message: str, metrics: Iterable[str]) -> set[str]:
    """The metrics that a quarantine entry names as failed."""
    return {name for name in metrics if re.search(rf"(^|; ){re.escape(name)}: ", message)}


def _is_ready(deployment: Object) -> bool:
    observed: Any = deployment["status"].get("observedGeneration")
    is_current = observed == deployment["metadata"]["generation"]
    return is_current and objects.condition(deployment, "Ready").get("status") == "True"


def _stable(deployment: Object) -> str:
    return str(deployment.get("status", {}).get("stable", {}).get("modelVersion", ""))
