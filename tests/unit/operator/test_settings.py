"""The configuration file: which namespaces it means, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from trimtab.runtime import settings

REQUIRED = {"runtimeImage": "registry.example/runtime:1", "registry": {"host": "registry.example"}}


def load(folder: Path, fields: dict[str, Any], pod_namespace: str = "") -> settings.OperatorConfiguration:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(REQUIRED | fields))
    return settings.load(path, pod_namespace)


@pytest.mark.parametrize(
    ("fields", "pod", "expected", "why"),
    [
        ({}, "ml", (("ml",), "ml"), "in a pod it is the pod's namespace"),
        ({"namespaces": ["a", "b"]}, "ml", (("a", "b"), "ml"), "the Lease lies beside the operator"),
        ({"namespaces": ["a"], "leaseNamespace": "a"}, "ml", (("a",), "a"), "what is given counts"),
        ({"namespaces": ["a"], "leaseNamespace": "b"}, "", (("a",), "b"), "outside of a pod all is given"),
        ({"clusterWide": True}, "ml", ((), "ml"), "all of them, none by name"),
    ],
)
def test_namespaces_that_are_reconciled(
    tmp_path: Path, fields: dict[str, Any], pod: str, expected: Any, why: str
) -> None:
    found = load(tmp_path, fields, pod)
    assert (found.namespaces, found.lease_namespace) == expected, why


def sources(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"namespaces": ["a"], "leaseNamespace": "a", "prometheusSources": list(listed)}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "namespaces and leaseNamespace are needed outside of a pod"),
        ({"namespaces": ["a"], "clusterWide": True, "leaseNamespace": "a"}, "namespaces: leave them out"),
        ({"namespaces": ["a"]}, "leaseNamespace are needed outside of a pod"),
        ({"namespaces": ["a"], "leaseNamespace": "a", "workers": 0}, "workers"),
        ({"namespaces": ["a"], "leaseNamespace": "a", "wokers": 1}, "wokers"),
        (sources({"name": "main", "url": "file:///etc/passwd"}), r"prometheusSources.0.url"),
        (sources({"name": "main", "url": "http://user:secret@prometheus:9090"}), r"prometheusSources.0.url"),
        (sources(*[{"name": "main", "url": "http://prometheus:9090"}] * 2), "the same name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(settings.ConfigurationError, match=named):
        load(tmp_path, fields)
