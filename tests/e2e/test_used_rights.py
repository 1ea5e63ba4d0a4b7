"""The operator's rights, held against what it did in all the tests before: this file must be the last."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests import installation
from tests.cluster.local import LocalCluster
from tests.cluster.provider import Cluster
from tests.e2e.world import NAMESPACE, World
from tests.objects import Object

from trimtab.runtime.rbac import IN_LEASE_NAMESPACE, IN_WATCHED_NAMESPACES, ON_OWN_LEASE

OPERATOR = f"system:serviceaccount:{installation.NAMESPACE}:{installation.RELEASE}"
Use = tuple[str, str, str]
"""API group, resource with subresource, verb."""
CREATED = 201


@pytest.fixture(scope="module")
def requests(world: World, cluster: Cluster) -> list[Object]:
    """What the operator asked of the API server about objects of these tests, in the order of asking.

    The audit log has the order of the answers, which for a watch is that of its end.
    """
    assert isinstance(cluster, LocalCluster), "conftest collects this file for the local cluster only"
    ours = [entry for entry in _entries(cluster) if entry.get("objectRef", {}).get("namespace") == NAMESPACE]
    return sorted(ours, key=lambda entry: str(entry["requestReceivedTimestamp"]))


def _entries(cluster: LocalCluster) -> Iterator[Object]:
    with cluster.audit_log.open() as lines:
        for line in lines:
            entry = json.loads(line)
            # No name: a token that is no longer valid, as of an operator whose account was uninstalled.
            if entry["user"].get("username") == OPERATOR:
                yield entry


def _uses(entry: Object) -> set[Use]:
    """A server-side apply of what is absent takes the right to create, too."""
    target = entry["objectRef"]
    resource = "/".join(part for part in (target["resource"], target.get("subresource")) if part)
    applied = entry["verb"] == "patch" and entry.get("responseStatus", {}).get("code") == CREATED
    verbs = {entry["verb"], "create"} if applied else {entry["verb"]}
    return {(target.get("apiGroup", ""), resource, verb) for verb in verbs}


def _pod(entry: Object) -> str:
    return str(entry["user"]["extra"]["authentication.kubernetes.io/pod-name"][0])


def test_nothing_was_forbidden(requests: list[Object]) -> None:
    """A pod that is being removed may find its Role gone before it: what it asks last does not count."""
    accepted = {_pod(entry): place for place, entry in enumerate(requests) if not _is_forbidden(entry)}
    refused = {
        (_pod(entry), *use)
        for place, entry in enumerate(requests)
        for use in _uses(entry)
        if _is_forbidden(entry) and place < accepted[_pod(entry)]
    }
    assert refused == set()


def _is_forbidden(entry: Object) -> bool:
    return bool(entry.get("responseStatus", {}).get("code") == 403)


def test_every_right_was_used(requests: list[Object]) -> None:
    granted = {
        (grant.kind.group, grant.resource, verb)
        for grant in (*IN_WATCHED_NAMESPACES, *IN_LEASE_NAMESPACE, *ON_OWN_LEASE)
        for verb in grant.verbs
        if verb not in grant.after_failure
    }
    assert granted - {use for entry in requests for use in _uses(entry)} == set()
