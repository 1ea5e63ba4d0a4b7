"""Actions of people: a token in an annotation, for exactly what they saw when they asked."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from trimtab.cli.reach import connected
from trimtab.cluster.client import Client
from trimtab.model.errors import Conflict, Transient
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, Kind
from trimtab.model.names import ANNOTATION_ACTION

Status = Mapping[str, Any]
ATTEMPTS = 20


class NothingToDo(Exception):
    """There is nothing that the action could be about; the message says what there is."""


def act(action: str, namespace: str, name: str) -> str:
    """Set the annotation; returns a line that says what was asked for. Raises NothingToDo, CannotReach or
    TrimtabError."""
    return asyncio.run(_act(action, namespace, name))


def annotation(action: str, status: Status, by: str, token: str) -> str:
    """The annotation's text for what ``status`` shows. Raises NothingToDo."""
    _, about = VERBS[action]
    asked = {"action": action, **about(status), "token": token, "by": by}
    return json.dumps(asked, ensure_ascii=False)  # the policy of actions reads no escapes


def _candidate(status: Status) -> dict[str, Any]:
    """The candidate of a Deployment, and the step that it is in."""
    candidate, step = status.get("candidate"), status.get("step")
    if not candidate or not step or status.get("abort"):
        phase = status.get("phase", "Pending")
        raise NothingToDo(f"no candidate is on its way (phase {phase}); see kubectl describe {DEPLOYMENT}")
    return {"revision": candidate["revision"], "step": step["index"]}


def _quarantined(status: Status) -> dict[str, Any]:
    """The revision that a Deployment gave up last."""
    entries = status.get("quarantine")
    if not entries:
        raise NothingToDo(f"no revision is in quarantine (phase {status.get('phase', 'Pending')})")
    return {"revision": entries[-1]["revision"]}


def _served(status: Status) -> dict[str, Any]:
    """The revision that serves, and the one that served before it."""
    stable, last_good = status.get("stable"), status.get("lastGood")
    if status.get("candidate"):
        raise NothingToDo("a candidate is on its way: `trimtab abort` sends all traffic back to stable")
    if not stable or not last_good or status.get("rollback"):
        phase = status.get("phase", "Pending")
        raise NothingToDo(f"there is no earlier revision to go back to (phase {phase})")
    return {"revision": stable["revision"], "to": last_good["revision"]}


def _suggestion(status: Status) -> dict[str, Any]:
    """The decision of a DriftMonitor that waits for somebody to say yes."""
    decision = status.get("decision", {})
    if decision.get("state") == "Suggested" and "endedAt" not in decision:
        return {"decision": decision["id"]}
    last = " ".join(str(decision[key]) for key in ("id", "action", "state", "reason") if key in decision)
    raise NothingToDo(f"no decision waits for approval (the last one: {last or 'none'})")


VERBS: Mapping[str, tuple[Kind, Callable[[Status], dict[str, Any]]]] = {
    "promote": (DEPLOYMENT, _candidate),
    "abort": (DEPLOYMENT, _candidate),
    "retry": (DEPLOYMENT, _quarantined),
    "rollback": (DEPLOYMENT, _served),
    "approve": (DRIFT_MONITOR, _suggestion),
}


async def _act(action: str, namespace: str, name: str) -> str:
    async with connected() as client:
        by = await client.who_am_i()
        text = await _ask(client, action, namespace, name, by)
    return f"{action} of {name}: {_what(text)}, asked for by {by}"


async def _ask(client: Client, action: str, namespace: str, name: str, by: str) -> str:
    """Write the annotation, guarded by resourceVersion; returns its text.

    The operator writes status all the time in a rollout. A write of ours that it overtakes is repeated as
    long as it would ask for the same: nobody's abort is lost to a sample that was counted meanwhile.
    """
    kind, _ = VERBS[action]
    token, first = secrets.token_hex(8), ""
    for _ in range(ATTEMPTS):
        found = await client.find(kind, namespace, name)
        if found is None:
            raise NothingToDo(f"there is no {kind} {name} in namespace {namespace}")
        text = annotation(action, found.get("status", {}), by, token)
        first = first or text
        if text != first:
            raise NothingToDo(
                f"it moved on meanwhile, from {_what(first)} to {_what(text)}: look, and ask again"
            )
        meta = {
            "resourceVersion": found["metadata"]["resourceVersion"],
            "annotations": {ANNOTATION_ACTION: text},
        }
        try:
            await client.merge_patch(kind, namespace, name, {"metadata": meta})
        except Conflict:
            continue
        return text
    raise Transient("Conflict", f"{name} changed {ATTEMPTS} times while it was asked for {action}; ask again")


def _what(text: str) -> str:
    """What an annotation is about."""
    about = {key: value for key, value in json.loads(text).items() if key not in ("action", "token", "by")}
    return ", ".join(f"{key} {value}" for key, value in about.items())
