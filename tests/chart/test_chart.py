"""The chart as Helm renders it: values that are accepted and refused, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from tests.cluster.helm import CHART, RENDERED_FOR, Helm, HelmFailed

from trimtab.runtime import settings
from trimtab.sources.prometheus import Source

Object = dict[str, Any]
VALUES = CHART / "ci" / "values.yaml"


def render(*options: str, release: str = "trimtab") -> list[Object]:
    """The objects of a release in namespace trimtab-system, with the values of ci/ and `options`."""
    where = ("--namespace=trimtab-system", f"--kube-version={RENDERED_FOR}", f"--values={VALUES}")
    text = Helm()("template", release, CHART, *where, *options)
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    return [obj for obj in objects if obj["kind"] == kind]


def configuration(objects: list[Object], folder: Path) -> settings.OperatorConfiguration:
    """The operator's own reader on the rendered ConfigMap."""
    (config_map,) = of_kind(objects, "ConfigMap")
    path = folder / "config.yaml"
    path.write_text(config_map["data"]["config.yaml"])
    return settings.load(path, "trimtab-system")


def test_lint() -> None:
    Helm()("lint", "--strict", CHART, f"--values={VALUES}", f"--kube-version={RENDERED_FOR}")


def test_the_operator_accepts_its_configuration(tmp_path: Path) -> None:
    config = configuration(render("--set", "registry.plainHTTP=true"), tmp_path)
    assert config.namespaces == ("trimtab-system",)
    assert config.lease_namespace == "trimtab-system"
    assert config.runtime_image == "registry.example/trimtab/runtime:0.1.0"
    assert config.registry.plain_http
    assert config.registry.read_secret == "trimtab-registry-read"
    assert config.registry.push_secret == "trimtab-registry-push"
    assert config.registry_access().credentials == "/etc/trimtab/credentials/.dockerconfigjson"


def test_sources_of_queries(tmp_path: Path) -> None:
    first = (
        "prometheus.sources[0].name=main,prometheus.sources[0].url=http://prometheus.monitoring:9090/team/"
    )
    config = configuration(render("--set", first), tmp_path)
    assert config.prometheus() == {"main": Source("http://prometheus.monitoring:9090/team", 30.0)}
    for url in ("ftp://prometheus", "http://a:b@prometheus", "prometheus:9090"):
        with pytest.raises(HelmFailed, match="url"):
            render("--set", f"prometheus.sources[0].name=main,prometheus.sources[0].url={url}")


def test_without_secrets_nothing_is_mounted(tmp_path: Path) -> None:
    objects = render("--set", "registry.readSecret=,registry.pushSecret=")
    assert configuration(objects, tmp_path).registry.credentials_file is None
    (deployment,) = of_kind(objects, "Deployment")
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    assert [volume["name"] for volume in volumes] == ["config"]


def test_a_private_authority_is_mounted_where_the_configuration_says(tmp_path: Path) -> None:
    objects = render("--set", "registry.caBundle=registry-authority")
    registry = configuration(objects, tmp_path).registry
    (deployment,) = of_kind(objects, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (volume,) = [v for v in pod["volumes"] if v["name"] == "registry-ca"]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "registry-ca"]
    assert volume["configMap"] == {"name": "registry-authority"}
    assert registry.ca_bundle == "registry-authority"
    assert str(registry.ca_bundle_file) == f"{mount['mountPath']}/ca.crt"


def test_digests_win_over_tags(tmp_path: Path) -> None:
    digest = "sha256:" + "a" * 64
    objects = render("--set", f"image.tag=x,image.digest={digest},runtimeImage.digest={digest}")
    (deployment,) = of_kind(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"registry.example/trimtab/operator@{digest}"
    assert configuration(objects, tmp_path).runtime_image == f"registry.example/trimtab/runtime@{digest}"


CLASSES = {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gatewayclasses"], "verbs": ["list"]}
"""All that an operator of some namespaces may do outside of them."""


def test_one_role_per_watched_namespace_and_none_across(tmp_path: Path) -> None:
    objects = render("--set", "namespaces={ml,risk}")
    assert configuration(objects, tmp_path).namespaces == ("ml", "risk")
    (outside,), (binding,) = of_kind(objects, "ClusterRole"), of_kind(objects, "ClusterRoleBinding")
    assert outside["rules"] == [CLASSES]
    assert binding["roleRef"]["name"] == outside["metadata"]["name"] == "trimtab-system-trimtab-outside"
    where = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in of_kind(objects, "Role")}
    approvers = {("ml", "trimtab-approver"), ("risk", "trimtab-approver")}
    assert where == approvers | {
        ("ml", "trimtab"),
        ("risk", "trimtab"),
        ("trimtab-system", "trimtab-election"),
    }
    for binding in of_kind(objects, "RoleBinding"):
        assert (binding["metadata"]["namespace"], binding["roleRef"]["name"]) in where - approvers
        (subject,) = binding["subjects"]
        assert (subject["kind"], subject["name"], subject["namespace"]) == (
            "ServiceAccount",
            "trimtab",
            "trimtab-system",
        )


def test_across_namespaces_only_when_asked_for(tmp_path: Path) -> None:
    objects = render("--set", "clusterWide=true", release="other")
    config = configuration(objects, tmp_path)
    assert (config.cluster_wide, config.namespaces, config.scopes) == (True, (), (None,))
    assert (config.lease_namespace, config.lease_name) == ("trimtab-system", "other-trimtab-cluster")
    role, approver = sorted(of_kind(objects, "ClusterRole"), key=lambda o: str(o["metadata"]["name"]))
    assert approver["metadata"]["name"] == "trimtab-system-other-trimtab-approver"
    (binding,) = of_kind(objects, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "trimtab-system-other-trimtab"
    assert [subject["namespace"] for subject in binding["subjects"]] == ["trimtab-system"]
    (in_a_namespace,) = [o for o in of_kind(render(), "Role") if o["metadata"]["name"] == "trimtab"]
    assert role["rules"].pop() == CLASSES
    leases = role["rules"].pop()
    assert role["rules"] == in_a_namespace["rules"]
    assert (leases["verbs"], leases["resourceNames"]) == (["list"], ["trimtab"])
    assert [o["metadata"]["name"] for o in of_kind(objects, "Role")] == ["other-trimtab-election"]


@pytest.mark.parametrize(
    ("option", "selected"),
    [
        ("replicas=1", {"matchLabels": {"kubernetes.io/metadata.name": "trimtab-system"}}),
        (
            "namespaces={ml,risk}",
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ml", "risk"]}
                ]
            },
        ),
        ("clusterWide=true", None),
    ],
)
def test_the_policy_of_actions_holds_where_the_operator_watches(option: str, selected: Object | None) -> None:
    objects = render("--set", option)
    (policy,) = of_kind(objects, "ValidatingAdmissionPolicy")
    (binding,) = of_kind(objects, "ValidatingAdmissionPolicyBinding")
    assert binding["spec"]["policyName"] == policy["metadata"]["name"] == "trimtab-system-trimtab-actions"
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert binding["spec"].get("matchResources", {}).get("namespaceSelector") == selected
    assert policy["spec"]["failurePolicy"] == "Fail"


def test_what_lies_outside_of_namespaces_can_be_left_out() -> None:
    objects = render("--set", "actionPolicy.enabled=false,crds.install=false,gatewayClasses.read=false")
    assert all("namespace" in obj["metadata"] for obj in objects)
    assert {role["metadata"]["name"] for role in of_kind(objects, "Role")} == {"trimtab", "trimtab-election"}


@pytest.mark.parametrize(
    ("namespaces", "lease", "why"),
    [
        ("{ml}", ("ml", "trimtab"), "a second operator for the namespace finds the same Lease"),
        ("{ml,risk}", ("trimtab-system", "other-trimtab"), "several: one Lease per release"),
    ],
)
def test_where_the_lease_is(tmp_path: Path, namespaces: str, lease: tuple[str, str], why: str) -> None:
    objects = render("--set", f"namespaces={namespaces}", release="other")
    config = configuration(objects, tmp_path)
    assert (config.lease_namespace, config.lease_name) == lease, why
    (role,) = [o for o in of_kind(objects, "Role") if o["metadata"]["name"].endswith("-election")]
    assert role["metadata"]["namespace"] == lease[0]
    assert role["rules"][1]["resourceNames"] == [lease[1]]


def test_pod_security_restricted() -> None:
    (deployment,) = of_kind(render(), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    (account,) = of_kind(render(), "ServiceAccount")
    assert account["automountServiceAccountToken"] is False


def test_where_the_pods_run_and_what_they_pull_with() -> None:
    given = "imagePullSecrets={pull},nodeSelector.pool=system,tolerations[0].operator=Exists"
    (deployment,) = of_kind(render("--set", given), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["nodeSelector"] == {"pool": "system"}
    assert pod["tolerations"] == [{"operator": "Exists"}]
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["labelSelector"] == deployment["spec"]["selector"]


def test_a_second_replica_does_not_restart_the_first() -> None:
    one, two = (of_kind(render("--set", f"replicas={n}"), "Deployment")[0]["spec"] for n in (1, 2))
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert one["template"] == two["template"]


def test_the_schema_is_closed_and_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(schema["properties"]) == {*values, "global"}, "global is Helm's own"
    jsonschema.Draft7Validator.check_schema(schema)
    for path, node in _nodes(schema, ""):
        if node.get("type") == "object" and path != ".properties.global":
            assert "additionalProperties" in node, path
        if node.get("type") == "string" and not path.startswith(".properties.tolerations"):
            assert {"pattern", "maxLength", "enum"} & node.keys(), path


def _nodes(node: Any, path: str) -> Iterator[tuple[str, Object]]:
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from _nodes(value, f"{path}.{key}")


@pytest.mark.parametrize(("replicas", "strategy"), [(1, "Recreate"), (2, "RollingUpdate")])
def test_replicas(replicas: int, strategy: str) -> None:
    (deployment,) = of_kind(render("--set", f"replicas={replicas}"), "Deployment")
    assert deployment["spec"]["replicas"] == replicas
    assert deployment["spec"]["strategy"]["type"] == strategy


def test_a_change_of_configuration_starts_new_pods() -> None:
    def checksum(*options: str) -> str:
        (deployment,) = of_kind(render(*options), "Deployment")
        return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    assert checksum() == checksum()
    assert checksum() != checksum("--set", "registry.host=other.example")


def test_crds_stay_and_can_be_left_out() -> None:
    crds = of_kind(render(), "CustomResourceDefinition")
    assert {crd["metadata"]["name"] for crd in crds} >= {
        "experiments.trimtab.dev",
        "modelversions.trimtab.dev",
    }
    assert {crd["metadata"]["annotations"]["helm.sh/resource-policy"] for crd in crds} == {"keep"}
    assert of_kind(render("--set", "crds.install=false"), "CustomResourceDefinition") == []


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("image.repository=", "/image/repository"),
        ("runtimeImage.repository=", "/runtimeImage/repository"),
        ("registry.host=https://registry.example", "/registry/host"),
        ("registry.host=registry.example/path", "/registry/host"),
        ("registry.hots=registry.example", "hots"),
        ("replicas=3", "/replicas"),
        ("namespaces={Upper}", "/namespaces/0"),
        ("namespaces={a,a}", "/namespaces"),
        ("image.digest=sha256:short", "/image/digest"),
        ("logLevel=loud", "/logLevel"),
        ("clusterWide=true,namespaces={ml}", "/namespaces"),
        ("clusterWide=yes", "/clusterWide"),
        ("resources.limits.memory=lots", "/resources/limits/memory"),
        ("resources.limits.storage=1Gi", "storage"),
        ("resources.claims=1", "claims"),
        ("imagePullSecrets={Pull}", "/imagePullSecrets/0"),
        ("tolerations[0].efect=NoExecute", "efect"),
        ("crds.instal=false", "instal"),
        ("crds.install=no", "/crds/install"),
        ("actionPolicy.enabled=no", "/actionPolicy/enabled"),
        ("gatewayClasses.read=no", "/gatewayClasses/read"),
        ("actionPolicy.enable=false", "enable"),
    ],
)
def test_wrong_values_are_refused_by_name(option: str, named: str) -> None:
    with pytest.raises(HelmFailed, match=named):
        render("--set", option)
