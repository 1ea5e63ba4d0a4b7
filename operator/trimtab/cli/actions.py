"""Actions of people: a token in an annotation, for exactly what they saw when they asked."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from trimtab.cli.reach import connected
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, Kind
from trimtab.model.names import ANNOTATION_ACTION

Status = Mapping[str, Any]


class NothingToDo(Exception):
    """There is nothing that the action could be about; the message says what there is."""


def act(action: str, namespace: str, name: str) -> str:
    """Set the annotation; returns a line that says what was asked for. Raises NothingToDo, CannotReach or
    TrimtabError."""
    return asyncio.run(_act(action, namespace, name))


def annotation(action: str, status: Status, by: str, token: str) -> str:
    """The annotation's text for what ``status`` shows. Raises NothingToDo."""
    _, about = VERBS[action]
    return json.dumps({"action": action, **about(status), "token": token, "by": by})


def _candidate(status: Status) -> dict[str, Any]:
    """The candidate of a Deployment, and the step that it is in."""
    candidate, step = status.get("candidate"), status.get("step")
    if not candidate or not step or status.get("abort"):
        phase = status.get("phase", "Pending")
        raise NothingToDo(f"no candidate is on its way (phase {phase}); see kubectl describe {DEPLOYMENT}")
    return {"revision": candidate["revision"], "step": step["index"]}


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
    "approve": (DRIFT_MONITOR, _suggestion),
}


async def _act(action: str, namespace: str, name: str) -> str:
    kind, _ = VERBS[action]
    async with connected() as client:
        found = await client.find(kind, namespace, name)
        if found is None:
            raise NothingToDo(f"there is no {kind} {name} in namespace {namespace}")
        by = await client.who_am_i()
        text = annotation(action, found.get("status", {}), by, secrets.token_hex(8))
        # Guarded by resourceVersion: what the person saw is what is acted on.
        changes = {
            "metadata": {
                "resourceVersion": found["metadata"]["resourceVersion"],
                "annotations": {ANNOTATION_ACTION: text},
            }
        }
        await client.merge_patch(kind, namespace, name, changes)
    asked = {key: value for key, value in json.loads(text).items() if key not in ("action", "token", "by")}
    what = ", ".join(f"{key} {value}" for key, value in asked.items())
    return f"{action} of {name}: {what}, asked for by {by}"
