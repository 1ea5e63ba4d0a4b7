"""Versions: which program is built, and by which Go."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster import binaries
from tests.cluster.progress import CannotContinue


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64\n", (1, 26, 8)),
        ("go version go1.25 linux/arm64", (1, 25, 0)),
        ("go version go1.27rc1 linux/amd64", (1, 27, 0)),
        ("go version go1.26.1 X:nocoverageredesign linux/amd64", (1, 26, 1)),
    ],
)
def test_go_version(text: str, version: tuple[int, ...]) -> None:
    assert binaries.parse_go_version(text) == version


def test_the_version_of_a_set_is_the_one_its_module_requires() -> None:
    required = "require helm.sh/helm/v3 v3.22.0\n\nrequire (\n\tdario.cat/mergo v1.0.1 // indirect\n)\n"
    go_mod = f"module x\n\ngo 1.26.0\n\n{required}"
    assert binaries.required_version(go_mod, "helm.sh/helm/v3") == "v3.22.0"
    assert binaries.required_version(go_mod, "dario.cat/mergo") == "v1.0.1"
    assert binaries.directive(go_mod) == (1, 26, 0)


@pytest.mark.parametrize("programs", binaries.SETS.values(), ids=list(binaries.SETS))
def test_every_set_has_a_version_and_a_lock(programs: binaries.ProgramSet) -> None:
    assert programs.version.startswith("v")
    assert (programs.source / "go.sum").is_file()
    assert programs.directory.name == f"{programs.name}-{programs.version}"


def _fake_go(folder: Path, version: str) -> None:
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    program.chmod(0o755)


def test_an_old_go_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_go(tmp_path, "1.24.9")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(CannotContinue, match=r"Go 1\.24\.9, too old.*go\.dev/dl"):
        binaries.require_go(binaries.KUBERNETES.source)


def test_a_missing_go_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotContinue, match=r"go was not found.*go\.dev/dl"):
        binaries.require_go(binaries.KUBERNETES.source)


def test_go_1_25_may_fetch_the_toolchain_a_module_asks_for(tmp_path: Path) -> None:
    _fake_go(tmp_path, "1.25.4")
    go = str(tmp_path / "go")
    assert binaries.build_environment(go, binaries.COREDNS.source)["GOTOOLCHAIN"] == "auto"


def test_the_machines_toolchain_choice_is_kept_where_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_go(tmp_path, "1.99.0")
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    assert binaries.build_environment(str(tmp_path / "go"), binaries.COREDNS.source)["GOTOOLCHAIN"] == "local"
