"""What the parts of the package may load: the operator and our own containers have no framework."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import trimtab_runtime
from trimtab_runtime import contract

FRAMEWORKS = {"sklearn", "joblib", "pandas", "scipy", "kserve", "xgboost", "onnxruntime"}
NEED_A_FRAMEWORK = (
    "trimtab_runtime.model.sklearn_format",
    "trimtab_runtime.model.xgboost_format",
    "trimtab_runtime.model.onnx_format",
    "trimtab_runtime.server",
)


def _modules(package: str, path: list[str]) -> list[str]:
    names = [module.name for module in pkgutil.walk_packages(path, package + ".")]
    return [name for name in names if not name.startswith(NEED_A_FRAMEWORK)]


def _loaded_by(modules: list[str]) -> set[str]:
    program = f"import sys, {', '.join(modules)}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_contract_needs_the_standard_library_only() -> None:
    modules = _modules("trimtab_runtime.contract", list(contract.__path__))
    loaded = _loaded_by(modules) - _loaded_by(["json"])
    assert loaded - set(sys.stdlib_module_names) == {"trimtab_runtime"}


@pytest.mark.parametrize("part", ["oci", "dataset", "fetch", "publish", "model", "profiling", "training"])
def test_our_own_containers_load_no_framework(part: str) -> None:
    names = _modules("trimtab_runtime", list(trimtab_runtime.__path__))
    modules = [name for name in names if name.startswith(f"trimtab_runtime.{part}")]
    assert modules and not FRAMEWORKS & _loaded_by(modules)
