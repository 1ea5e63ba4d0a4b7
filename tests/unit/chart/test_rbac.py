"""The table of rights: complete for what is watched, nothing beyond, and the chart has exactly it."""

from __future__ import annotations

import pytest
import yaml
from tests.cluster.helm import CHART

from trimtab.apis import crd
from trimtab.cli import chart_files, generated
from trimtab.cli.actions import VERBS
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, MODEL_VERSION
from trimtab.runtime import rbac
from trimtab.runtime.admission import ACTIONS, approver
from trimtab.runtime.rbac import (
    ACROSS_NAMESPACES,
    IN_LEASE_NAMESPACE,
    IN_WATCHED_NAMESPACES,
    ON_OWN_LEASE,
    OUTSIDE_NAMESPACES,
    Grant,
)
from trimtab.runtime.routes import WATCHED

OF_USERS = (EXPERIMENT, MODEL_VERSION, DEPLOYMENT, DRIFT_MONITOR)
MADE_BY_US_TOO = (EXPERIMENT, MODEL_VERSION)
ALL = (
    *IN_WATCHED_NAMESPACES,
    *ACROSS_NAMESPACES,
    *OUTSIDE_NAMESPACES,
    *IN_LEASE_NAMESPACE,
    *ON_OWN_LEASE,
)


def _rules(text: str) -> list[dict[str, list[str]]]:
    loaded: list[dict[str, list[str]]] = yaml.safe_load(text)
    return loaded


def test_generated_files_are_up_to_date() -> None:
    assert generated.stale(CHART / "generated", chart_files.render()) == []


def test_everything_watched_may_be_listed_and_watched() -> None:
    allowed = {grant.kind: set(grant.verbs) for grant in IN_WATCHED_NAMESPACES if not grant.subresource}
    for watched in WATCHED:
        assert {"list", "watch"} <= allowed[watched.kind]


def test_users_objects_are_written_through_their_status_only() -> None:
    assert {kind.plural for kind in OF_USERS} == {kind.plural for kind in crd.KINDS}
    may = {grant.full_resource: set(grant.verbs) for grant in IN_WATCHED_NAMESPACES}
    for kind in OF_USERS:
        own = {"create"} if kind in MADE_BY_US_TOO else set()
        assert may[str(kind)] - own <= {"get", "list", "watch"}, kind
        assert may[f"{kind}/status"] == {"update"}, kind
    statuses = {grant.kind for grant in IN_WATCHED_NAMESPACES if grant.subresource == "status"}
    assert statuses == set(OF_USERS)


@pytest.mark.parametrize("grant", ALL, ids=lambda grant: grant.full_resource)
def test_nothing_that_leads_further(grant: Grant) -> None:
    assert grant.resource not in ("secrets", "nodes", "pods/exec", "serviceaccounts", "roles", "rolebindings")
    assert grant.kind.group != "rbac.authorization.k8s.io"
    known = {"get", "list", "watch", "create", "update", "patch", "delete"}
    assert set(grant.verbs) <= known, "no wildcard, no impersonate, no escalate, no bind"
    assert all(reason for reason in grant.verbs.values())
    assert grant.after_failure <= set(grant.verbs)


def test_one_rule_per_resource() -> None:
    resources = [grant.full_resource for grant in IN_WATCHED_NAMESPACES]
    assert len(resources) == len(set(resources))


def test_rendered_rules_are_the_table() -> None:
    rules = _rules(rbac.role_rules(IN_WATCHED_NAMESPACES))
    assert [(r["apiGroups"], r["resources"], r["verbs"]) for r in rules] == [
        ([grant.kind.group], [grant.resource], list(grant.verbs)) for grant in IN_WATCHED_NAMESPACES
    ]
    assert all("resourceNames" not in rule for rule in rules)


def test_across_namespaces_only_leases_of_one_name_are_listed() -> None:
    (rule,) = _rules(rbac.chart_files("the-lease")["rules-cluster.yaml"])
    assert (rule["resources"], rule["verbs"], rule["resourceNames"]) == (["leases"], ["list"], ["trimtab"])


def test_outside_of_namespaces_only_classes_of_gateways_are_listed() -> None:
    (rule,) = _rules(rbac.chart_files("the-lease")["rules-outside.yaml"])
    assert (rule["resources"], rule["verbs"]) == (["gatewayclasses"], ["list"])


def test_only_the_own_lease_may_be_changed() -> None:
    creates, changes = _rules(rbac.chart_files("the-lease")["rules-lease.yaml"])
    assert creates["verbs"] == ["create"]
    assert changes["resourceNames"] == ["the-lease"]


def test_every_command_of_people_is_known_to_the_policy() -> None:
    """Else the API server refuses what the command writes."""
    for action, (kind, _) in VERBS.items():
        assert action in ACTIONS[kind]
        assert action in next(grant.verbs for grant in approver() if grant.kind == kind)
