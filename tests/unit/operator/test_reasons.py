"""Reasons are closed lists: each word is used somewhere, and what is written is on the list."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from trimtab.apis.v1alpha1 import meta
from trimtab.deployment.reasons import Reason as DeploymentReason
from trimtab.driftmonitor.reasons import Reason as DriftMonitorReason
from trimtab.experiment.reasons import HOPELESS
from trimtab.experiment.reasons import Reason as ExperimentReason
from trimtab.modelversion.reasons import Reason as ModelVersionReason
from trimtab.runtime.observe_pods import Trouble
from trimtab_runtime.contract.errors import Reason as PodReason

ROOT = Path(__file__).parents[3]
KINDS: dict[str, type[StrEnum]] = {
    "experiment": ExperimentReason,
    "modelversion": ModelVersionReason,
    "deployment": DeploymentReason,
    "driftmonitor": DriftMonitorReason,
}
# Written by every kind's loop, wherever the error came from.
OF_THE_LOOP = frozenset({"InternalError", "ApiRefused", "ApiUnavailable", "ApiUnauthorized", "InvalidSpec"})
# Of the pods that read a /metrics page; never in a termination message.
NOT_IN_MESSAGES = frozenset({PodReason.PAGE_INVALID})


@cache
def code(folder: str) -> str:
    """The operator's code of one kind and of what all kinds share, without the lists themselves."""
    shared = ("cluster", "sources", "runtime", "model", folder)
    files = [f for part in shared for f in (ROOT / "operator/trimtab" / part).rglob("*.py")]
    pods = ROOT.glob("runtime/trimtab_runtime/**/*.py")
    return "\n".join(f.read_text() for f in [*files, *pods] if f.name != "reasons.py")


@pytest.mark.parametrize("kind", KINDS)
def test_every_reason_is_given_somewhere(kind: str) -> None:
    given = set(re.findall(r'Reason\.([A-Z_]+)|"([A-Z][A-Za-z]+)"', code(kind)))
    unused = [r for r in KINDS[kind] if (r.name, "") not in given and ("", str(r)) not in given]
    assert unused == []


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_fit_into_conditions(kind: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(meta.Reason)
    for reason in KINDS[kind]:
        adapter.validate_python(reason.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_loop_says_is_on_every_list(kind: str) -> None:
    assert {str(reason) for reason in KINDS[kind]} >= OF_THE_LOOP


def test_what_pods_say_is_on_the_experiments_list() -> None:
    said = {str(reason) for reason in PodReason if reason not in NOT_IN_MESSAGES}
    said |= {str(trouble) for trouble in Trouble}
    assert said <= {str(reason) for reason in ExperimentReason}


def test_what_is_hopeless_is_said_by_pods() -> None:
    """No further trial is spent on it, so it must be a reason that lies in the input."""
    assert {str(reason) for reason in HOPELESS} <= {str(reason) for reason in PodReason}
