"""Watches a namespace while something happens, and holds what it sees against rules that must always hold."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
from tests.harness.access import Access
from tests.harness.api import DEPLOYMENT, EXPERIMENT, JOB, MODEL_VERSION, WORKLOAD, Kind
from tests.harness.background import Background

Object = dict[str, Any]
WATCHED = (EXPERIMENT, MODEL_VERSION, JOB, DEPLOYMENT, WORKLOAD)


class Witness:
    """`with Witness(...) as witness: ...; assert witness.broken == []`.

    Rules: at most one live Job per trial (and per evaluation) at any time; at most one ModelVersion per
    Experiment; observedGeneration never falls; a terminal phase is never left; a Deployment's history only
    grows, its steps go forward, only what was candidate, or what a rollback goes back to, becomes stable, and
    what is in quarantine is never candidate again; a workload with replicas is not deleted, and nothing else
    is unless `deletions_expected`.
    """

    def __init__(
        self, access: Access, background: Background, namespace: str, *, deletions_expected: bool = False
    ) -> None:
        self.broken: list[str] = []
        self._access = access
        self._background = background
        self._namespace = namespace
        self._deletions_expected = deletions_expected
        self._live_jobs: dict[str, set[str]] = {}
        self._versions: dict[str, set[str]] = {}
        self._last: dict[tuple[str, str], Object] = {}

    def __enter__(self) -> Witness:
        self._background.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._background.call(self._stop())

    def phase(self, kind: Kind, name: str) -> str:
        """The phase of an object as last seen; nothing is asked of the server."""
        return str(self.status(kind, name).get("phase", ""))

    def status(self, kind: Kind, name: str) -> Object:
        """The status of an object as last seen."""
        return self._last.get((kind.id, name), {})

    def exists(self, kind: Kind, name: str) -> bool:
        return (kind.id, name) in self._last

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._access.tls, limit=0))
        self._tasks = [asyncio.create_task(self._watch(kind)) for kind in WATCHED]

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.broken.append(f"the witness itself failed: {outcome!r}")
        await self._session.close()

    async def _watch(self, kind: Kind) -> None:
        url = f"{self._access.url}{kind.collection_path(self._namespace)}"
        timeout = aiohttp.ClientTimeout(total=None)
        while True:
            async with self._session.get(url, params={"watch": "true"}, timeout=timeout) as answer:
                if answer.status == 200:
                    await self._follow(kind, answer)
                    raise RuntimeError(f"the server ended the watch of {kind}")
            await asyncio.sleep(0.1)  # the server has only just got the CRD

    async def _follow(self, kind: Kind, answer: aiohttp.ClientResponse) -> None:
        rest = b""
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                self._see(kind, event["type"], event["object"])

    def _see(self, kind: Kind, event: str, obj: Object) -> None:
        meta = obj["metadata"]
        # In the foreground: an object that was marked first, and went when its pods had gone.
        may_go = kind == WORKLOAD and "deletionTimestamp" in meta
        if event == "DELETED" and not (may_go or self._deletions_expected):
            self.broken.append(f"{kind.id} {meta['name']} was deleted")
        match kind.id:
            case "Job":
                self._see_job(event, obj)
            case "ModelVersion":
                self._see_version(event, obj)
            case "Deployment":
                self._see_deployment(obj)
        self._see_status(kind, obj)
        if event == "DELETED":
            del self._last[kind.id, meta["name"]]

    def _see_deployment(self, obj: Object) -> None:
        after, before = obj.get("status", {}), self.status(DEPLOYMENT, obj["metadata"]["name"])
        forgotten = _ids(before) - _ids(after)
        if forgotten:
            self.broken.append(f"the history forgot {', '.join(sorted(forgotten))}")
        known, now = before.get("candidate", {}), after.get("candidate", {})
        failed = {entry["revision"] for entry in before.get("quarantine", ())}
        if now != known and now.get("revision") in failed:
            self.broken.append(f"revision {now['revision']} is tried again out of quarantine")
        if now == known and after.get("step", {}).get("index", 99) < before.get("step", {}).get("index", 0):
            self.broken.append("the rollout went back a step")
        serving, stable = before.get("stable", {}).get("revision"), after.get("stable", {}).get("revision")
        if stable != serving and stable not in (known.get("revision"), before.get("rollback", {}).get("to")):
            self.broken.append(
                f"revision {stable} serves, and was neither candidate nor decided to go back to"
            )

    def _see_job(self, event: str, job: Object) -> None:
        labels = job["metadata"]["labels"]
        work = f"{labels['trimtab.dev/experiment']} trial {labels.get('trimtab.dev/trial', 'evaluation')}"
        live = self._live_jobs.setdefault(work, set())
        ended = any(
            c["type"] in ("Complete", "Failed") and c["status"] == "True"
            for c in job.get("status", {}).get("conditions", ())
        )
        name = job["metadata"]["name"]
        if ended or event == "DELETED" or "deletionTimestamp" in job["metadata"]:
            live.discard(name)
        else:
            live.add(name)
        if len(live) > 1:
            self.broken.append(f"{work} has several live Jobs: {', '.join(sorted(live))}")

    def _see_version(self, event: str, version: Object) -> None:
        experiment = version["spec"]["lineage"]["experiment"]["uid"]
        known = self._versions.setdefault(experiment, set())
        if event != "DELETED":
            known.add(version["metadata"]["name"])
        if len(known) > 1:
            self.broken.append(f"Experiment {experiment} has several versions: {', '.join(sorted(known))}")

    def _see_status(self, kind: Kind, obj: Object) -> None:
        status, key = obj.get("status", {}), (kind.id, obj["metadata"]["name"])
        before = self._last.get(key, {})
        self._last[key] = status
        name = " ".join(key)
        if status.get("observedGeneration", 0) < before.get("observedGeneration", 0):
            self.broken.append(f"{name}: observedGeneration fell")
        final = ("Succeeded", "GateFailed", "Failed", "Approved")
        if before.get("phase") in final and status.get("phase") != before["phase"]:
            self.broken.append(f"{name} left {before['phase']} for {status.get('phase')}")


def _ids(status: Object) -> set[str]:
    return {entry["id"] for entry in status.get("history", ())}
