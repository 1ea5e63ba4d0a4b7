"""When an apply may be left out: never while a field of ours differs, always while none does."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import samples
from tests.unit.operator.effort import examples

from trimtab.cluster.apply import is_applied, with_intent
from trimtab.experiment import build
from trimtab.model.hashing import canonical_json
from trimtab.model.names import ANNOTATION_INTENT_HASH

Path = tuple[str | int, ...]


def workload() -> dict[str, Any]:
    """A body with everything that can be hard to compare; the pod is that of a trial."""
    job = build.trial_job(samples.observed(samples.pinned()), samples.trial(1, "Pending")).body
    template = copy.deepcopy(job["spec"]["template"])
    template["spec"]["tolerations"].append({"key": "training", "operator": "Exists", "effect": "NoExecute"})
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "churn-5f3c09aa", "namespace": "ml", "labels": {"a": "b"}},
        "spec": {
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": template,
        },
    }


def stored(body: dict[str, Any]) -> dict[str, Any]:
    """As the server returns it: defaults filled in, other managers' fields, quantities in its own form."""
    live = copy.deepcopy(with_intent(body))
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1}
    live["metadata"]["labels"]["argocd.argoproj.io/instance"] = "ml"
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    live["spec"] |= {"replicas": 3, "progressDeadlineSeconds": 600}
    pod = live["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    pod["containers"].append({"name": "injected", "image": "mesh"})
    pod["initContainers"][1]["resources"] = {"requests": {"cpu": "0.5"}, "limits": {"memory": "1073741824"}}
    for container in [*pod["containers"], *pod["initContainers"]]:
        container.setdefault("env", []).append({"name": "INJECTED", "value": "1"})
        container["terminationMessagePath"] = "/dev/termination-log"
    pod["volumes"].reverse()
    return live


def test_what_was_applied_is_left_alone() -> None:
    assert is_applied(with_intent(workload()), stored(workload()))


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    match value:
        case dict() if value:
            for key, member in value.items():
                yield from leaves(member, (*path, key))
        case list() if value:
            for index, item in enumerate(value):
                yield from leaves(item, (*path, index))
        case _:
            yield path, value


def put(body: Any, path: Path, value: Any) -> None:
    *parents, last = path
    for step in parents:
        body = body[step]
    body[last] = value


def other(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case dict() | list():
            return "other"
        case _:
            return f"{value}9"


def test_a_foreign_edit_of_any_field_of_ours_is_seen() -> None:
    intended = with_intent(workload())
    unseen = []
    for path, value in leaves(intended):
        edited = copy.deepcopy(intended)
        put(edited, path, other(value))
        if is_applied(intended, edited):
            unseen.append("/".join(map(str, path)))
    assert unseen == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (("spec", "strategy", "rollingUpdate", "maxUnavailable"), "0 is a value, not an absence"),
        (("spec", "template", "spec", "automountServiceAccountToken"), "false is one too"),
        (("spec", "template", "spec", "nodeSelector", "pool"), "a removed member"),
        (("spec", "template", "spec", "tolerations"), "a removed list"),
        (("metadata", "annotations", ANNOTATION_INTENT_HASH), "made by another hand"),
    ],
)
def test_a_field_that_is_gone_is_seen(path: Path, why: str) -> None:
    live = stored(workload())
    parent = live
    for step in path[:-1]:
        parent = parent[step]  # type: ignore[index]
    del parent[path[-1]]  # type: ignore[arg-type]
    assert not is_applied(with_intent(workload()), live), why


@pytest.mark.parametrize(
    ("path", "added", "why"),
    [
        (
            ("spec", "template", "spec", "tolerations"),
            {"key": "spot", "operator": "Exists"},
            "tolerations are atomic: ours is the whole list",
        ),
        (("spec", "template", "spec", "initContainers", 1, "args"), "--more", "so are arguments"),
    ],
)
def test_an_addition_to_an_atomic_list_is_seen(path: Path, added: Any, why: str) -> None:
    live = stored(workload())
    found: Any = live
    for step in path:
        found = found[step]
    found.append(added)
    assert not is_applied(with_intent(workload()), live), why


def test_two_tolerations_of_one_key_and_two_mounts_of_one_volume_are_no_difference() -> None:
    body = workload()
    mounts = body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    mounts.append({"name": "tmp", "mountPath": "/more"})
    assert is_applied(with_intent(body), stored(body))


def test_an_empty_value_that_the_server_does_not_store_is_no_difference() -> None:
    body = workload()
    train = body["spec"]["template"]["spec"]["initContainers"][1]
    train["env"] = [{"name": "EMPTY", "value": ""}]
    live = stored(body)
    del live["spec"]["template"]["spec"]["initContainers"][1]["env"][0]["value"]
    assert is_applied(with_intent(body), live)


@pytest.mark.parametrize(
    ("wanted", "live", "same"),
    [
        ("1000m", "1", True),
        (1, "1", True),
        ("0.5", "500m", True),
        ("1Gi", "1073741824", True),
        ("1G", "1Gi", False),
        ("1", "2", False),
        ("1", "one", False),
    ],
)
def test_quantities_are_compared_by_value(wanted: Any, live: str, same: bool) -> None:
    def body(value: Any) -> dict[str, Any]:
        return {"metadata": {}, "spec": {"resources": {"requests": {"cpu": value}}}}

    intended = with_intent(body(wanted))
    assert is_applied(intended, body(live) | {"metadata": intended["metadata"]}) == same


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@examples(20)
@given(spec=st.dictionaries(st.sampled_from("abcd"), JSON, max_size=3), extra=JSON)
def test_any_body_holds_in_itself_and_with_fields_of_others(spec: dict[str, Any], extra: Any) -> None:
    intended = with_intent({"metadata": {"name": "x"}, "spec": spec})
    assert is_applied(intended, copy.deepcopy(intended))
    assert is_applied(intended, {**intended, "spec": {**intended["spec"], "of-others": extra}})


@examples(20)
@given(
    first=st.dictionaries(st.sampled_from("abcd"), JSON),
    second=st.dictionaries(st.sampled_from("abcd"), JSON),
)
def test_another_intent_is_applied_even_if_it_only_takes_away(first: Any, second: Any) -> None:
    live = with_intent({"metadata": {"name": "x"}, "spec": first})
    intended = with_intent({"metadata": {"name": "x"}, "spec": second})
    assert is_applied(intended, live) == (canonical_json(first) == canonical_json(second))


def test_the_intent_is_of_the_fields_not_of_their_order() -> None:
    body = workload()
    reordered = dict(reversed(body.items()))
    assert with_intent(body)["metadata"] == with_intent(reordered)["metadata"]
