"""A Plan: everything that one pass wants done, as data. The executor carries it out in this order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.model.kinds import Kind

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Create:
    """POST. If the name is taken, the executor reads the object live and compares its identity.

    ``identity`` is a path of keys and the value that must stand there for the object to be ours: the
    lineage uid for ModelVersions; the path ("controller",) stands for the uid of the controlling
    owner. A foreign object is a
    NameConflict, or with ``redecide_if_foreign`` a reason to observe again (another name will be chosen).
    """

    kind: Kind
    body: Body
    identity: tuple[tuple[str, ...], str]
    redecide_if_foreign: bool = False


@dataclass(frozen=True)
class Replace:
    """PUT of a whole object whose ``metadata.resourceVersion`` is the one decided on."""

    kind: Kind
    body: Body


@dataclass(frozen=True)
class Patch:
    """Merge-patch of a few fields, guarded by uid and resourceVersion of the copy decided on."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    resource_version: str
    changes: Body


@dataclass(frozen=True)
class Delete:
    """DELETE with preconditions: only this uid in this version.

    Its dependants go in the background; with ``foreground`` it stays, marked as deleted, until they are gone.
    """

    kind: Kind
    namespace: str
    name: str
    uid: str
    resource_version: str
    foreground: bool = False


@dataclass(frozen=True)
class Apply:
    """Server-side apply of all fields that we want, without ``replicas``.

    ``known`` is the copy decided on; its uid and resourceVersion go along, so that a deposed leader or a
    stale reader loses. None = it is not in the cache: the executor reads live, and applies only what is
    absent.
    """

    kind: Kind
    body: Body
    known: Body | None = None


@dataclass(frozen=True)
class Scale:
    """Sets ``replicas`` through the scale subresource, guarded by the resourceVersion decided on."""

    kind: Kind
    known: Body
    replicas: int


ChildWrite = Create | Replace | Patch | Apply | Scale


@dataclass(frozen=True)
class Plan:
    """One pass. ``status`` is the complete status to write, or None when it is already as it should be.

    ``urgent``: if the status write gets no answer for 2 s, the children are written nevertheless; the status
    follows in the next pass.
    """

    status: Body | None = None
    children: tuple[ChildWrite, ...] = ()
    deletions: tuple[Delete, ...] = ()
    wake_at: datetime | None = None
    urgent: bool = False

    @property
    def is_empty(self) -> bool:
        return self.status is None and not self.children and not self.deletions


def delete_of(kind: Kind, known: Body, *, foreground: bool = False) -> Delete:
    """The deletion of exactly this copy."""
    meta = known["metadata"]
    names = (meta["namespace"], meta["name"])
    return Delete(kind, *names, meta["uid"], meta["resourceVersion"], foreground=foreground)


def controller_reference(owner: Body, kind: Kind) -> dict[str, Any]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_uid(obj: Body) -> str | None:
    """uid of the object's controller, if it has one."""
    for reference in obj["metadata"].get("ownerReferences", ()):
        if reference.get("controller"):
            return str(reference["uid"])
    return None
