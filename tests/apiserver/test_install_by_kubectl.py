"""`manifests/` on a real API server: the install by kubectl alone, and samples, also by kustomize."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.cache import CLONE
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import KubectlFailed
from tests.harness.account import kubeconfig_of
from tests.harness.api import DEPLOYMENT, EXPERIMENT, wait_until
from tests.harness.lab import SINGLE, Lab
from tests.harness.operator import Operator

from trimtab.apis import crd

Object = dict[str, Any]
FOLDER = CLONE / "manifests"
SAMPLES = FOLDER / "samples"
FILES = {kind.name: SAMPLES / f"{kind.name.lower()}.yaml" for kind in crd.KINDS}
ON_MLSERVER = SAMPLES / "deployment-mlserver.yaml"
WITH_GATEWAY = [SAMPLES / f"deployment-{name}.yaml" for name in ("gateway", "shadow")]
STRICT = "--validate=strict"


def overlay(folder: Path, base: Path, **fields: Any) -> Path:
    """A kustomization over a copy of `base`, as users write one."""
    shutil.copytree(base, folder / "base")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["base"], **fields}))
    return folder


def built(plane: ControlPlane, folder: Path) -> list[Object]:
    return list(yaml.safe_load_all(plane.kubectl("kustomize", folder)))


@pytest.mark.parametrize("file", [*FILES.values(), ON_MLSERVER, *WITH_GATEWAY], ids=lambda file: file.stem)
def test_every_kind_has_a_sample_that_the_server_accepts(
    file: Path, control_plane: ControlPlane, namespace: str
) -> None:
    printed = control_plane.kubectl("apply", STRICT, "-n", namespace, "-f", file)
    assert printed.split()[-1] == "created"
    again = control_plane.kubectl("apply", STRICT, "-n", namespace, "-f", file)
    assert again.split()[-1] == "unchanged"


def test_what_people_apply_is_in_the_kustomization() -> None:
    listed = yaml.safe_load((SAMPLES / "kustomization.yaml").read_text())["resources"]
    assert set(listed) == {path.name for path in FILES.values()} - {"modelversion.yaml"}


def test_samples_survive_name_prefix_labels_and_images(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    folder = overlay(
        tmp_path / "overlay",
        SAMPLES,
        namePrefix="dev-",
        namespace=namespace,
        labels=[{"pairs": {"team": "risk"}}],
        images=[{"name": "registry.example/churn-train", "newName": "other.example/train", "newTag": "2"}],
    )
    kinds = {obj["kind"]: obj for obj in built(control_plane, folder)}
    assert {obj["metadata"]["labels"]["team"] for obj in kinds.values()} == {"risk"}
    experiment, deployment, monitor = (kinds[kind] for kind in ("Experiment", "Deployment", "DriftMonitor"))
    assert monitor["spec"]["deploymentRef"] == {"name": "dev-churn"}
    assert monitor["spec"]["retrain"]["experimentRef"] == {"name": "dev-churn-weekly"}
    assert deployment["metadata"]["name"] == "dev-churn"
    assert experiment["spec"]["evaluation"]["champion"] == {"deployment": "dev-churn"}, "names are followed"
    assert experiment["spec"]["trial"]["image"] == "other.example/train:2"
    assert (experiment["spec"]["model"], deployment["spec"]["model"]["name"]) == ("churn", "churn")
    sample = yaml.safe_load((SAMPLES / "deployment.yaml").read_text())
    assert deployment["spec"] == sample["spec"], "nothing meant for apps/v1 has got into it"
    control_plane.kubectl("apply", STRICT, "-k", folder)
    printed = control_plane.kubectl("apply", STRICT, "-k", folder)
    assert [line for line in printed.splitlines() if line.split()[-1] != "unchanged"] == []


@pytest.mark.parametrize(
    ("field", "value", "unknown"),
    [
        ("commonLabels", {"team": "risk"}, "spec.selector"),
        ("commonAnnotations", {"team": "risk"}, "spec.template"),
        ("replicas", [{"name": "churn", "count": 3}], "spec.replicas"),
    ],
)
def test_what_kustomize_means_for_apps_v1_is_refused_by_name(
    *, field: str, value: Any, unknown: str, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """kustomize goes by the kind's name alone. The docs say what to write instead."""
    folder = overlay(tmp_path / "overlay", SAMPLES, namespace=namespace, **{field: value})
    with pytest.raises(KubectlFailed) as refused:
        control_plane.kubectl("apply", STRICT, "-k", folder)
    assert f'unknown field "{unknown}"' in str(refused.value)


def test_an_install_by_kubectl_in_a_namespace_of_ones_own(
    control_plane: ControlPlane, lab: Lab, tmp_path: Path
) -> None:
    """The operator runs as the installed account with the installed configuration; nothing is forbidden."""
    namespace, kubectl = lab.api.namespace, control_plane.kubectl
    folder = overlay(tmp_path / "overlay", FOLDER, namespace=namespace)
    kubectl("apply", STRICT, "-k", folder)
    printed = kubectl("apply", STRICT, "-k", folder)
    assert [line for line in printed.splitlines() if line.split()[-1] != "unchanged"] == []
    stored = kubectl.get("configmap", "trimtab", "-n", namespace)["data"]["config.yaml"]
    given = yaml.safe_load(stored)
    assert not {"namespaces", "leaseNamespace"} & given.keys(), (
        "it follows the pod, wherever that is moved to"
    )
    place = lab.operator()  # for its probe port and registry; the rest is as installed
    adapted = given | {
        key: value for key, value in yaml.safe_load(place.config.read_text()).items() if key != "leaseName"
    }
    operator = Operator(
        tmp_path / "installed", adapted, kubeconfig_of(control_plane, namespace, tmp_path, account="trimtab")
    )
    lab.operators.append(operator)
    operator.start().wait_leading()
    lab.create(lab.experiment(edits=SINGLE))
    assert lab.ended()["status"]["phase"] == "Succeeded"
    lab.api.create(DEPLOYMENT, yaml.safe_load(FILES["Deployment"].read_text()))
    lab.api.wait(DEPLOYMENT, "churn", lambda d: d.get("status", {}).get("phase"))
    wait_until(lambda: operator.page("/metrics").count("trimtab_queue_depth 0.0"), "an empty queue")
    assert 'code="403"' not in operator.page("/metrics")
    assert lab.api.get(EXPERIMENT, "flights")["metadata"]["managedFields"][0]["manager"] == "test"
