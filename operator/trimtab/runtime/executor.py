"""Carries a Plan out: one write at a time, in one fixed order, so that every crash point has a number.

Order: status, children, deletions; then the recorder of Events takes the lines of the history in. Any failure
ends the pass; the next one decides on what is then true. A status that differs in nothing but its conditions
comes after the children: no decision rests on it, and a child that is refused again and again would make the
conditions say "working" and "refused" in turn.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from trimtab.cluster.apply import is_applied, with_intent
from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client, NoAnswer
from trimtab.cluster.pace import urgency
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.errors import Conflict, Exists, Gone, Terminal
from trimtab.model.kinds import Kind, ObjectKey
from trimtab.model.plan import (
    Apply,
    ChildWrite,
    Create,
    Delete,
    Patch,
    Plan,
    Replace,
    Scale,
    controller_uid,
)

Object = dict[str, Any]
URGENT_SECONDS = 2.0


class NameTaken(Terminal):
    """An object of the wanted name exists and is not ours; it is left untouched."""

    def __init__(self, kind: Kind, name: str) -> None:
        super().__init__(
            "NameConflict",
            f"{kind} {name} exists and was not made for this object; "
            "rename or delete it, or rename this object",
        )


class Executor:
    def __init__(
        self,
        client: Client,
        cache: Cache,
        guard: StalenessGuard,
        record: Callable[[Kind, Object, datetime], None],
    ) -> None:
        self._client = client
        self._cache = cache
        self._guard = guard
        self._record = record

    async def carry_out(self, kind: Kind, subject: Object, plan: Plan, now: datetime) -> bool:
        """Do everything the plan says for ``subject``; True if anything was written."""
        by = ObjectKey(kind.id, subject["metadata"]["namespace"], subject["metadata"]["name"])
        written = False
        unanswered: NoAnswer | None = None
        only_conditions = plan.status is not None and _differs_only_in_conditions(subject, plan.status)
        with urgency(plan.urgent):
            if plan.status is not None and not only_conditions:
                try:
                    subject = await self._write_status(by, kind, subject, plan.status, urgent=plan.urgent)
                except NoAnswer as error:
                    if not plan.urgent:
                        raise
                    unanswered = error
                written = True
            for child in plan.children:
                written |= await self._write_child(by, child)
        for deletion in plan.deletions:
            written |= await self._delete(by, deletion)
        if unanswered is not None:
            raise unanswered
        if plan.status is not None and only_conditions:
            subject = await self._write_status(by, kind, subject, plan.status, urgent=False)
            written = True
        self._record(kind, subject, now)
        return written

    async def _write_status(
        self, by: ObjectKey, kind: Kind, subject: Object, status: Mapping[str, Any], *, urgent: bool
    ) -> Object:
        meta = subject["metadata"]
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {k: meta[k] for k in ("name", "namespace", "uid", "resourceVersion")},
            "spec": subject["spec"],
            "status": status,
        }
        timeout = URGENT_SECONDS if urgent else None
        request = self._client.replace(kind, body, subresource="status", timeout_seconds=timeout)
        return await self._send(by, kind, body, request)

    async def _write_child(self, by: ObjectKey, child: ChildWrite) -> bool:
        match child:
            case Create():
                return await self._create(by, child)
            case Apply():
                return await self._apply(by, child)
            case Scale():
                await self._scale(by, child)
            case Replace():
                await self._send(by, child.kind, child.body, self._client.replace(child.kind, child.body))
            case Patch():
                await self._patch(by, child)
        return True

    async def _create(self, by: ObjectKey, create: Create) -> bool:
        try:
            await self._send(by, create.kind, create.body, self._client.create(create.kind, create.body))
        except Exists:
            await self._accept_only_ours(create)
        return True

    async def _accept_only_ours(self, create: Create) -> None:
        meta = create.body["metadata"]
        live = await self._client.find(create.kind, meta["namespace"], meta["name"])
        if live is None:
            raise Conflict(f"{create.kind} {meta['name']} vanished while it was compared")
        self._cache.put(create.kind, live)
        if is_ours(create, live):
            return
        if create.redecide_if_foreign:
            raise Conflict(f"{create.kind} {meta['name']} is another's")
        raise NameTaken(create.kind, meta["name"])

    async def _apply(self, by: ObjectKey, apply: Apply) -> bool:
        """True if a request was needed."""
        body = with_intent(apply.body)
        if apply.known is None:
            await self._only_if_absent(apply)
            await self._send(by, apply.kind, body, self._client.apply(apply.kind, body, force=False))
            return True
        if is_applied(body, apply.known):
            return False
        meta = {**body["metadata"], **{k: apply.known["metadata"][k] for k in ("uid", "resourceVersion")}}
        guarded = {**body, "metadata": meta}
        await self._send(by, apply.kind, guarded, self._client.apply(apply.kind, guarded, force=True))
        return True

    async def _only_if_absent(self, apply: Apply) -> None:
        """The cache proves no absence. What exists and is ours is taken in and decided again."""
        meta = apply.body["metadata"]
        live = await self._client.find(apply.kind, meta["namespace"], meta["name"])
        if live is None:
            return
        self._cache.put(apply.kind, live)
        if controller_uid(live) != controller_uid(apply.body):
            raise NameTaken(apply.kind, meta["name"])
        raise Conflict(f"{apply.kind} {meta['name']} was not in the cache yet")

    async def _scale(self, by: ObjectKey, scale: Scale) -> None:
        meta = scale.known["metadata"]
        request = self._client.scale(
            scale.kind, meta["namespace"], meta["name"], scale.replicas, meta["resourceVersion"]
        )
        try:
            await request
        except (NoAnswer, Conflict):
            self._guard.lost(by, scale.kind, meta["namespace"], meta["name"])
            raise
        # The answer is a Scale, not the object: the next pass reads the object itself.
        self._guard.lost(by, scale.kind, meta["namespace"], meta["name"])

    async def _patch(self, by: ObjectKey, patch: Patch) -> None:
        guarded = {"metadata": {"uid": patch.uid, "resourceVersion": patch.resource_version}, **patch.changes}
        subject = {"metadata": {"namespace": patch.namespace, "name": patch.name}}
        request = self._client.merge_patch(patch.kind, patch.namespace, patch.name, guarded)
        await self._send(by, patch.kind, subject, request)

    async def _delete(self, by: ObjectKey, deletion: Delete) -> bool:
        try:
            await self._client.delete(
                deletion.kind,
                deletion.namespace,
                deletion.name,
                uid=deletion.uid,
                resource_version=deletion.resource_version,
                foreground=deletion.foreground,
            )
        except Gone:
            self._cache.drop(ObjectKey(deletion.kind.id, deletion.namespace, deletion.name))
            return True
        except (NoAnswer, Conflict):
            self._guard.lost(by, deletion.kind, deletion.namespace, deletion.name)
            raise
        # The answer may be the object on its way out, or a Status: the next pass reads what is left.
        self._guard.lost(by, deletion.kind, deletion.namespace, deletion.name)
        return True

    async def _send(
        self, by: ObjectKey, kind: Kind, body: Mapping[str, Any], request: Awaitable[Object]
    ) -> Object:
        """Await one write and tell the guard what came of it."""
        meta = body["metadata"]
        try:
            answer = await request
        except (NoAnswer, Conflict):
            # Unknown outcome, or our copy is older than the server's: the next pass reads it live first.
            self._guard.lost(by, kind, meta["namespace"], meta["name"])
            raise
        self._guard.wrote(by, kind, answer)
        self._cache.put(kind, answer)
        return answer


def _differs_only_in_conditions(subject: Object, status: Mapping[str, Any]) -> bool:
    stored = subject.get("status", {})
    return all(stored.get(key) == status.get(key) for key in {*stored, *status} - {"conditions"})


def is_ours(create: Create, live: Mapping[str, Any]) -> bool:
    """Whether the live object carries the identity that the planned one has."""
    path, expected = create.identity
    if path == ("controller",):
        return controller_uid(live) == expected
    value: Any = live
    for part in path:
        value = value.get(part, {}) if isinstance(value, Mapping) else {}
    return bool(value == expected)
