"""Which provider is used, and the commands of those that need a Docker engine (which is not started here)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster import images, provider
from tests.cluster.existing import ExistingCluster
from tests.cluster.kind import KindCluster
from tests.cluster.local import LocalCluster
from tests.cluster.progress import CannotContinue


def test_a_provider_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(provider.choose("local"), LocalCluster)
    assert isinstance(provider.choose("kind"), KindCluster)
    monkeypatch.setenv("TRIMTAB_CLUSTER", "existing")
    assert isinstance(provider.choose(), ExistingCluster)


def test_an_unknown_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_CLUSTER", "minikube")
    with pytest.raises(CannotContinue, match="minikube is none of local, kind, existing"):
        provider.choose()


def test_without_an_engine_that_answers_the_default_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kind", "docker"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provider.default_name() == "local"
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 0\n")
    assert provider.default_name() == "kind"


def test_existing_needs_exactly_one_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "/a:/b"):
        monkeypatch.setenv("KUBECONFIG", value)
        with pytest.raises(CannotContinue, match="KUBECONFIG"):
            _ = ExistingCluster().kubeconfig


def test_kind_creates_the_version_we_build_and_keeps_its_kubeconfig(tmp_path: Path) -> None:
    cluster = KindCluster(tmp_path)
    assert cluster.create_command() == [
        *("kind", "create", "cluster", "--name", cluster.name, "--image", "kindest/node:v1.35.4"),
        *("--kubeconfig", str(tmp_path / "kubeconfig"), "--wait", "120s"),
    ]


def test_kind_reaches_the_nodes_containerd_through_docker(tmp_path: Path) -> None:
    cluster = KindCluster(tmp_path)
    assert cluster.enter("ctr", "version") == ["docker", "exec", cluster.node, "ctr", "version"]
    assert cluster.node == f"{cluster.name}-control-plane"


def test_docker_builds_the_target_and_saves_an_archive(tmp_path: Path) -> None:
    recipe = images.Recipe("localhost/x", tmp_path / "Dockerfile", tmp_path, "12ab", target="operator")
    build, save = images.docker_commands(recipe, ["--secret", "id=ca,src=/ca"], tmp_path / "x.tar")
    assert build == [
        *("docker", "build", "--secret", "id=ca,src=/ca", "--tag", "localhost/x:12ab"),
        *("--file", str(tmp_path / "Dockerfile"), "--target", "operator", str(tmp_path)),
    ]
    assert save == ["docker", "save", "--output", str(tmp_path / "x.tar"), "localhost/x:12ab"]


def test_a_derived_image_is_told_its_base(tmp_path: Path) -> None:
    recipe = images.Recipe("localhost/y", tmp_path / "Dockerfile", tmp_path, "34cd", base="localhost/x:12ab")
    build, _ = images.docker_commands(recipe, [], tmp_path / "y.tar")
    assert "BASE=localhost/x:12ab" in build
    assert "--target" not in build
