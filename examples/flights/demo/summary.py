"""The end of the demo on screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.cluster.progress import duration

from flights.demo.ground import Ground
from flights.demo.learn import gate_line
from flights.demo.report import Report
from flights.demo.serve import verdict_line


def render(report: Report) -> str:
    """Every part that there is something to say of."""
    versions = [step.facts for step in report.steps if "modelVersion" in step.facts]
    parts = [
        [report.table(), _total(report)],
        *(list(_version(facts)) for facts in versions),
        list(_weights(report.records.get("weights", []))),
        list(_verdicts(report.records.get("verdicts", []))),
        list(_windows(report.records.get("windows", []))),
        list(_requests(report.facts.get("requests"))),
        list(_lineage(report.facts.get("lineage"))),
        list(_thresholds(report.facts.get("thresholds", []))),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def what_to_look_at(world: Ground) -> str:
    """Commands for the cluster that stays up."""
    return "\n".join(
        (
            "The cluster stays up; the clients have gone. To look at it:",
            f"  export KUBECONFIG={world.kubectl.kubeconfig} PATH={world.programs}:$PATH",
            f"  .venv/bin/trimtab status --namespace {world.namespace}",
            f"  kubectl --namespace {world.namespace} get trimtab",
            f"  kubectl --namespace {world.namespace} get deployments.trimtab.dev/flights -o yaml",
            f"  kubectl --namespace {world.namespace} get driftmonitors.trimtab.dev/flights -o yaml",
            f"  kubectl --namespace {world.namespace} get modelversions.trimtab.dev/flights-v3 -o yaml",
            f"  kubectl --namespace {world.namespace} get events --sort-by=.lastTimestamp",
            "`make cluster-down` ends it.",
        )
    )


def _total(report: Report) -> str:
    planned = sum(step.planned_seconds for step in report.steps)
    actual = sum(step.actual_seconds for step in report.steps)
    return f"in all: planned {duration(planned)}, actual {duration(actual)}"


def _version(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"{facts['modelVersion']} is {facts['approval']}: {facts['artifact']['digest']}"
    fixed = facts["lineage"].get("parameters") or {}
    yield f"  parameters: {', '.join(f'{name} {value}' for name, value in sorted(fixed.items()))}"
    for trial in facts["trials"]:
        drawn = ", ".join(f"{name} {value}" for name, value in (trial["parameters"] or {}).items())
        won = "  <- winner" if trial["index"] == facts["winner"] else ""
        searched = f": {drawn}" if drawn else ""
        yield f"  trial {trial['index']}{searched}: objective on validation {trial['objective']}{won}"
    yield f"  evaluated on {facts['evaluation']['rows']} rows that no trial has seen"
    for gate in facts["gates"]:
        yield f"  gate {gate_line(gate)}"


def _weights(moments: list[dict[str, Any]]) -> Iterator[str]:
    if moments:
        yield "weights of the candidates, in percent of new connections"
    for one in moments:
        counted = f", counted by the servers {one['observed']}" if "observed" in one else ""
        yield f"  {_at(one)}  {one['candidate']}: wanted {one['desired']}, applied {one['applied']}{counted}"


def _verdicts(moments: list[dict[str, Any]]) -> Iterator[str]:
    """The last word on each metric of each candidate."""
    last = {(one["candidate"], one["metric"]): one for one in moments}
    if last:
        yield "last verdicts on the candidates"
    for one in last.values():
        yield f"  {_at(one)}  {one['candidate']}: {verdict_line(one)}"


def _windows(moments: list[dict[str, Any]]) -> Iterator[str]:
    counts: dict[tuple[str, str], int] = {}
    for one in moments:
        key = (one.get("reference", {}).get("modelVersion", "?"), one["phase"])
        counts[key] = counts.get(key, 0) + 1
    if counts:
        yield "windows of the monitor"
    for (version, phase), number in counts.items():
        yield f"  against the reference of {version}: {number} {phase}"


def _requests(requests: Mapping[str, Any] | None) -> Iterator[str]:
    if requests is None:
        return
    total = requests["total"]
    yield f"requests: {total['sent']} sent, {total['failed']} failed; answered by {total['versions']}"
    for phase in requests["phases"]:
        latency = ", ".join(f"{name} {value} ms" for name, value in phase["latencyMilliseconds"].items())
        yield f"  {phase['name']}: {phase['sent']} sent, {phase['failed']} failed; {latency}"
    for pool in requests["pools"]:
        yield f"  pool {pool['name']}: {pool['drawn']} drawn of {pool['rows']} rows, passes {pool['passes']}"
    yield f"  labels: {requests['labels']}"


def _lineage(links: Mapping[str, Any] | None) -> Iterator[str]:
    if links is None:
        return
    window, decision, trigger = links["window"], links["decision"], links["trigger"]
    data = ", ".join(f"{name} {digest[:19]}" for name, digest in sorted(links["data"].items()))
    yield f"lineage of {links['modelVersion']}"
    yield f"  <- Experiment {links['experiment']['name']} (uid {links['experiment']['uid']})"
    yield f"  <- data {data}"
    yield f"  <- {trigger['kind']} {trigger['name']}, decision {decision['id']} {decision['action']}"
    yield f"  <- window {window['start']} to {window['end']}: {window['rows']} rows"


def _thresholds(changed: list[dict[str, Any]]) -> Iterator[str]:
    if changed:
        yield "limits that differ from the default of the CRD"
    for one in changed:
        yield f"  {one['where']}: {one['value']} (default {one['default']})"


def _at(moment: Mapping[str, Any]) -> str:
    minutes, seconds = divmod(int(moment["atSeconds"]), 60)
    return f"[{minutes:3d}:{seconds:02d}]"
