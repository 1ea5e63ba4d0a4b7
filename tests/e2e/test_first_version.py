"""From data to registered versions, with real containers: what each part may see, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests import objects
from tests.e2e.world import World
from tests.objects import Object

from flights.data import SPLITS, days
from flights.demo import manifests

LISTING = """
set -eu
section() { echo "--- $1"; }
section files; find /trimtab /var/run /run /tmp -mindepth 1 -not -type d
section dates; cut -d, -f2 /trimtab/in/data/*/*.csv | grep -v date | sort -u
section environment; env
section mounts; cut -d' ' -f2 /proc/mounts
section writable
for place in / /etc /trimtab /trimtab/in; do if touch $place/x 2> /dev/null; then echo $place; fi; done
section user; id -u
section end
exec python -m flights.train
"""
GIVEN = {
    "/trimtab/in/trial.json",
    "/trimtab/in/params.json",
    "/trimtab/in/schema.json",
    "/trimtab/in/data.json",
    "/trimtab/in/data/train/train.csv",
    "/trimtab/in/data/validation/validation.csv",
    "/trimtab/in/data/reference/reference.csv",
}


@dataclass(frozen=True)
class Made:
    """An Experiment that succeeded, and its approved version."""

    experiment: Object
    version: Object


@pytest.fixture(scope="module")
def first(world: World) -> Made:
    world.apply(world.experiment("flights-winter"))
    experiment = world.succeeded("flights-winter", seconds=600)
    return Made(experiment, world.approved(experiment["status"]["result"]["modelVersion"]))


@pytest.fixture(scope="module")
def second(world: World, first: Made) -> Made:
    """Other seed and parameters, and a training command that says what it sees."""
    document = world.single("flights-second", seed=11)
    world.apply(manifests.trial_with(document, command=["sh", "-c", LISTING]))
    experiment = world.succeeded("flights-second")
    return Made(experiment, world.approved(experiment["status"]["result"]["modelVersion"]))


@pytest.fixture(scope="module")
def seen(world: World, second: Made) -> dict[str, list[str]]:
    """What the second Experiment's train container saw, by section. kubectl shows that container's log."""
    log = world.kubectl("logs", "job/flights-second-t1-a1", "--namespace", world.namespace)
    sections: dict[str, list[str]] = {}
    for line in log.splitlines():
        if line.startswith("--- "):
            sections[line.removeprefix("--- ")] = []
        elif sections:
            list(sections.values())[-1].append(line)
    return sections


def test_the_first_version_is_approved(world: World, first: Made) -> None:
    status = first.experiment["status"]
    assert first.version["metadata"]["name"] == "flights-v1"
    assert [trial["phase"] for trial in status["trials"]] == ["Succeeded"] * 3
    assert {entry["name"]: entry["digest"] for entry in status["data"]} == {
        part: world.oci.resolve(f"e2e/{part}", "winter") for part in SPLITS
    }
    best = min(status["trials"], key=lambda trial: float(trial["objective"]))
    assert status["winner"] == best["index"]
    assert first.version["spec"]["artifact"]["digest"] == best["manifestDigest"]
    assert first.version["spec"]["lineage"]["experiment"]["uid"] == first.experiment["metadata"]["uid"]
    assert objects.condition(first.version, "Approved")["status"] == "True"


def test_its_metrics_are_plausible(world: World, first: Made) -> None:
    evaluation = first.experiment["status"]["evaluation"]
    assert evaluation["rows"] == len(world.winter["evaluation"])
    assert 0.55 < float(evaluation["metrics"]["auc"]) < 0.9
    assert 0.3 < float(evaluation["metrics"]["logLoss"]) < 0.65
    auc, log_loss = first.experiment["status"]["gates"]
    assert (auc["metric"], auc["verdict"]) == ("auc", "Pass")
    assert (log_loss["metric"], log_loss["verdict"], log_loss["reason"]) == ("logLoss", "Pass", "NoChampion")


def test_kubectl_wait_and_a_second_apply(world: World, first: Made) -> None:
    world.kubectl(
        "wait", "--for=condition=Ready", "experiment/flights-winter", "modelversion/flights-v1",
        "--namespace", world.namespace, "--timeout=5s",
    )  # fmt: skip
    assert world.apply(world.experiment("flights-winter")).split() == [
        "experiment.trimtab.dev/flights-winter",
        "unchanged",
    ]


def test_only_the_status_is_the_operators(world: World, first: Made) -> None:
    live = world.get("experiments", "flights-winter", "--show-managed-fields")
    ours = [entry for entry in live["metadata"]["managedFields"] if entry["manager"] == "trimtab"]
    assert ours and {entry.get("subresource") for entry in ours} == {"status"}


def test_the_second_is_compared_with_the_first(world: World, first: Made, second: Made) -> None:
    assert second.version["metadata"]["name"] == "flights-v2"
    evaluation = second.experiment["status"]["evaluation"]
    assert evaluation["champion"]["modelVersion"] == "flights-v1"
    assert evaluation["champion"]["digest"] == first.version["spec"]["artifact"]["digest"]
    gate = second.experiment["status"]["gates"][1]
    assert (gate["metric"], gate["verdict"]) == ("logLoss", "Pass")
    difference = float(gate["difference"])
    assert difference == pytest.approx(float(gate["champion"]) - float(gate["challenger"]), abs=1e-4)
    low, high = map(float, gate["interval"])
    assert low <= difference <= high and low < high
    assert gate["groups"] == days(world.winter["evaluation"])


def test_train_is_given_its_files_and_no_evaluation_row(world: World, seen: dict[str, list[str]]) -> None:
    files = set(seen["files"])
    assert {path for path in files if path.startswith("/trimtab")} == GIVEN
    assert not {path for path in files if "evaluation" in path}
    evaluated = {flight.date.isoformat() for flight in world.winter["evaluation"]}
    given = {
        flight.date.isoformat() for part in SPLITS if part != "evaluation" for flight in world.winter[part]
    }
    assert set(seen["dates"]) == given
    assert not given & evaluated


def test_train_has_no_credentials_and_no_token(world: World, seen: dict[str, list[str]]) -> None:
    assert not [line for lines in seen.values() for line in lines if world.registry.password in line]
    assert not [path for path in seen["files"] if "credentials" in path or "serviceaccount" in path]
    assert not [mount for mount in seen["mounts"] if "credentials" in mount or "serviceaccount" in mount]
    assert not [line for line in seen["environment"] if line.startswith("TRIMTAB_")]


def test_train_writes_only_where_it_should(seen: dict[str, list[str]]) -> None:
    assert seen["writable"] == []
    assert seen["user"] == ["65532"]


def test_pod_security_is_enforced_where_all_this_ran(world: World, second: Made) -> None:
    labels = world.kubectl.get("namespace", world.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    (pod,) = world.trial_pods("flights-second")
    assert pod["spec"]["automountServiceAccountToken"] is False
    tokens = [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
    assert tokens == []
