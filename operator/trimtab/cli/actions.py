"""Actions of people on a Deployment: a token in an annotation, for the revision and step that they saw."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any

from trimtab.cli.reach import connected
from trimtab.model.kinds import DEPLOYMENT
from trimtab.model.names import ANNOTATION_ACTION


class NothingToDo(Exception):
    """There is no candidate that the action could be about; the message says what there is."""


def act(action: str, namespace: str, name: str) -> str:
    """Set the annotation; returns a line that says what was asked for. Raises NothingToDo, CannotReach or
    TrimtabError."""
    return asyncio.run(_act(action, namespace, name))


def annotation(action: str, status: Mapping[str, Any], by: str, token: str) -> str:
    """The annotation's text for the candidate and the step that ``status`` shows. Raises NothingToDo."""
    candidate, step = status.get("candidate"), status.get("step")
    if not candidate or not step or status.get("abort"):
        phase = status.get("phase", "Pending")
        raise NothingToDo(f"no candidate is on its way (phase {phase}); see kubectl describe {DEPLOYMENT}")
    return json.dumps(
        {
            "action": action,
            "revision": candidate["revision"],
            "step": step["index"],
            "token": token,
            "by": by,
        }
    )


async def _act(action: str, namespace: str, name: str) -> str:
    async with connected() as client:
        deployment = await client.find(DEPLOYMENT, namespace, name)
        if deployment is None:
            raise NothingToDo(f"there is no deployments.trimtab.dev {name} in namespace {namespace}")
        by = await client.who_am_i()
        text = annotation(action, deployment.get("status", {}), by, secrets.token_hex(8))
        # Guarded by resourceVersion: what the person saw is what is acted on.
        changes = {
            "metadata": {
                "resourceVersion": deployment["metadata"]["resourceVersion"],
                "annotations": {ANNOTATION_ACTION: text},
            }
        }
        await client.merge_patch(DEPLOYMENT, namespace, name, changes)
    asked = json.loads(text)
    return f"{action} of {name}: revision {asked['revision']}, step {asked['step']}, asked for by {by}"
