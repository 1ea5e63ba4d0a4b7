"""Evidence as JSON and back, in the ConfigMap that survives the process, and when it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from trimtab.deployment.agreement import Agreement
from trimtab.deployment.counted import Counted
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.labels import Labels
from trimtab.deployment.load import Load
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.pod_counters import SIDES, PodCounters
from trimtab.deployment.queries import QueryEvidence
from trimtab.model import names
from trimtab.model.clock import format_time, parse_time
from trimtab.model.kinds import CONFIG_MAP, DEPLOYMENT
from trimtab.model.plan import Apply, controller_reference
from trimtab.model.stored_counts import dump_counts, load_counts
from trimtab.stats.evidence import read_evidence

VERSION = 2
INTERVAL_SECONDS = 30.0
KEY_SAVED_AT = "savedAt"
KEY_LOOKS = "looks"


class UnreadableCheckpoint(ValueError):
    """A checkpoint that this operator cannot go on from: the analysis must not silently start anew."""


def dump(evidence: Evidence) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "version": VERSION,
        "turn": evidence.turn,
        "since": evidence.since.isoformat(),
        "pods": {uid: asdict(pod) for uid, pod in evidence.pods.items()},
        "rates": {name: rate.to_dict() for name, rate in evidence.rates.items()},
        "sums": {side: dump_counts(counts) for side, counts in evidence.sums.items()},
        "units": dict(evidence.units),
        "load": {side: asdict(load) for side, load in evidence.load.items()},
        "queries": {name: _dump_query(query) for name, query in evidence.queries.items()},
        "counted": {name: _dump_counted(counted) for name, counted in evidence.counted.items()},
        "observedSeconds": {step: round(seconds, 3) for step, seconds in evidence.observed_seconds.items()},
        "trafficSeconds": round(evidence.traffic_seconds, 3),
        "stableDownSeconds": round(evidence.stable_down_seconds, 3),
        "mirrored": evidence.mirrored,
        "agreement": asdict(evidence.agreement),
        "labels": {side: asdict(labels) for side, labels in evidence.labels.items()},
        "latched": {key: dict(value) for key, value in evidence.latched.items()},
        "lastRound": evidence.last_round.isoformat() if evidence.last_round else None,
    }


def load(stored: Mapping[str, Any]) -> Evidence:
    """Inverse of `dump`. Raises UnreadableCheckpoint."""
    try:
        if stored["version"] != VERSION:
            raise UnreadableCheckpoint(f"version {stored['version']}, this operator reads {VERSION}")
        return Evidence(
            turn=stored["turn"],
            since=parse_time(stored["since"]),
            pods={uid: PodCounters(**pod) for uid, pod in stored["pods"].items()},
            rates={name: read_evidence(rate) for name, rate in stored["rates"].items()},
            sums={side: load_counts(stored["sums"].get(side, {})) for side in SIDES},
            units={side: int(stored["units"][side]) for side in SIDES},
            load={side: Load(**stored["load"][side]) for side in SIDES},
            queries={name: _load_query(query) for name, query in stored["queries"].items()},
            counted={name: _load_counted(counted) for name, counted in stored.get("counted", {}).items()},
            observed_seconds={step: float(s) for step, s in stored["observedSeconds"].items()},
            traffic_seconds=float(stored["trafficSeconds"]),
            stable_down_seconds=float(stored["stableDownSeconds"]),
            mirrored=bool(stored.get("mirrored", False)),
            agreement=Agreement(**stored.get("agreement", {})),
            labels={side: Labels(**stored.get("labels", {}).get(side, {})) for side in SIDES},
            latched=stored["latched"],
            last_round=parse_time(stored["lastRound"]) if stored["lastRound"] else None,
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableCheckpoint(f"{type(error).__name__}: {error}") from error


def _dump_query(query: QueryEvidence) -> dict[str, Any]:
    """Without the last number: it may be infinite, which JSON cannot say, and another one will come."""
    return {**asdict(query), "value": None, "at": query.at.isoformat() if query.at else None}


def _load_query(stored: Mapping[str, Any]) -> QueryEvidence:
    return QueryEvidence(**{**stored, "at": parse_time(stored["at"]) if stored["at"] else None})


def _dump_counted(counted: Counted) -> dict[str, Any]:
    return {**asdict(counted), "at": counted.at.isoformat() if counted.at else None}


def _load_counted(stored: Mapping[str, Any]) -> Counted:
    pods = {uid: PodCounters(**pod) for uid, pod in stored["pods"].items()}
    return Counted(**{**stored, "pods": pods, "at": parse_time(stored["at"]) if stored["at"] else None})


def checkpoint_if_due(
    observed: DeploymentObserved, now: datetime, *, every: float = INTERVAL_SECONDS
) -> tuple[Apply, ...]:
    """The ConfigMap: ``every`` so many seconds, and at once if there is none of this turn or a look was
    taken."""
    evidence = observed.evidence
    if evidence is None or not _is_due(observed.checkpoint, evidence, now, every):
        return ()
    body = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {
            "name": names.evidence_config_map(observed.name),
            "namespace": observed.namespace,
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_DEPLOYMENT: observed.name,
            },
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "data": {
            names.KEY_EVIDENCE: json.dumps(dump(evidence), sort_keys=True),
            names.KEY_TURN: evidence.turn,
            KEY_LOOKS: str(len(evidence.latched)),
            KEY_SAVED_AT: format_time(now),
        },
    }
    return (Apply(CONFIG_MAP, body, observed.checkpoint),)


def _is_due(stored: Mapping[str, Any] | None, evidence: Evidence, now: datetime, every: float) -> bool:
    data = (stored or {}).get("data", {})
    if data.get(names.KEY_TURN) != evidence.turn or data.get(KEY_LOOKS) != str(len(evidence.latched)):
        return True
    return (now - parse_time(data[KEY_SAVED_AT])).total_seconds() >= every
