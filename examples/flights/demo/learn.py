"""From data to a version: publish a season, apply an Experiment, follow it to its ModelVersion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import yaml
from tests import objects

from flights.data import Part, Variant, days, late_share, splits
from flights.demo.ground import Ground, manifest_path
from flights.demo.report import DidNotHappen, Report
from flights.publish import publish
from flights.source import Flight, data_folder, read_flights

Object = dict[str, Any]
PREFIX = "flights"
TAG = "current"
DEADLINE_SECONDS = 900


@cache
def year() -> Sequence[Flight]:
    """All flights, read once."""
    return read_flights(data_folder())


def publish_season(
    report: Report, ground: Ground, season: str, variant: Variant, *, split_seed: int = 0
) -> dict[Part, str]:
    """Push the four splits under the data tags. Returns their digests."""
    made = splits(year(), season, variant, split_seed)
    digests = publish(ground.oci, PREFIX, TAG, made)
    for part, rows in made.items():
        size = f"{len(rows)} rows of {days(rows)} days, {late_share(rows):.1%} late"
        report.say(f"{PREFIX}/{part}:{TAG} is {digests[part][:19]}, {size}")
    return digests


def apply(report: Report, ground: Ground, document: Mapping[str, Any]) -> None:
    """`kubectl apply` of an object, from a file that can be read."""
    path = manifest_path(document)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False))
    ground.kubectl("apply", "--namespace", ground.namespace, "-f", path)
    report.say(f"kubectl apply --namespace {ground.namespace} -f {path}")


def follow(report: Report, ground: Ground, name: str) -> Object:
    """Tell an Experiment's history line by line until it has ended. Raises unless it made a version."""
    told: set[str] = set()
    states = objects.changes(
        ground.kubectl.kubeconfig, ground.namespace, "experiments", name, DEADLINE_SECONDS
    )
    for experiment in states:
        for line in _untold(experiment, told):
            report.say(f"{name}: {line}")
        if objects.is_final(experiment):
            for gate in experiment["status"].get("gates", ()):
                if gate.get("interval"):
                    report.say(f"{name}: gate {gate_line(gate)}")
        if objects.phase(experiment) == "Succeeded":
            return experiment
        if objects.is_final(experiment):
            ready = objects.condition(experiment, "Ready")
            raise DidNotHappen(f"{name} ended {objects.phase(experiment)}: {ready.get('message')}")
    raise DidNotHappen(f"{name} had not ended after {DEADLINE_SECONDS} s")


def _untold(experiment: Object, told: set[str]) -> Iterator[str]:
    for entry in experiment.get("status", {}).get("history", ()):
        if entry["id"] not in told:
            told.add(entry["id"])
            yield f"{entry['reason']}: {entry['message']}"


def approved_version(ground: Ground, experiment: Object) -> Object:
    """The ModelVersion that an Experiment made, once it is approved."""
    name = experiment["status"]["result"]["modelVersion"]
    states = objects.changes(ground.kubectl.kubeconfig, ground.namespace, "modelversions", name, 60)
    for version in states:
        if objects.phase(version) == "Approved":
            return version
    raise DidNotHappen(f"{name} was not approved within 60 s")


def version_facts(experiment: Object, version: Object) -> dict[str, Any]:
    """What the summary says about an Experiment and its version."""
    status = experiment["status"]
    kept = ("index", "parameters", "objective", "phase")
    return {
        "experiment": experiment["metadata"]["name"],
        "data": {entry["name"]: entry["digest"] for entry in status["data"]},
        "trials": [{key: trial.get(key) for key in kept} for trial in status["trials"]],
        "winner": status["winner"],
        "evaluation": status["evaluation"],
        "gates": status["gates"],
        "modelVersion": version["metadata"]["name"],
        "approval": objects.phase(version),
        "artifact": version["spec"]["artifact"],
        "lineage": version["spec"]["lineage"],
    }


def gate_line(gate: Mapping[str, Any]) -> str:
    """One gate with its numbers; the paired difference with its bootstrap interval over days."""
    words = [f"{gate['metric']}: {gate['verdict']}", f"challenger {gate.get('challenger')}"]
    if gate.get("champion"):
        words.append(f"champion {gate['champion']}, paired difference {gate['difference']}")
    if gate.get("interval"):
        low, high = gate["interval"]
        words.append(f"bootstrap interval {low} to {high} over {gate['groups']} days (few, so it is wide)")
    if gate.get("reason"):
        words.append(str(gate["reason"]))
    return ", ".join(words)
