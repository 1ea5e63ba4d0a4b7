"""Bad data and bad containers: each ends with its own reason, and a message that says what to mend."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests import objects
from tests.cluster.processes import wait_until
from tests.e2e.world import World, with_column

from flights.demo import manifests
from trimtab_runtime.contract.signature import Signature, Tensor

SIGNATURE = Signature((Tensor("x", "FP64"),), (Tensor("late", "FP64"),)).to_bytes().decode()
MODEL = (
    "set -e; mkdir -p /trimtab/out/model; echo x > /trimtab/out/model/x; "
    f"echo '{SIGNATURE}' > /trimtab/out/signature.json; "
)
NAN = 'echo \'{"step": 0, "metric": "logLoss", "value": NaN}\' > /trimtab/out/metrics.jsonl'
GARBAGE = "head -c 4096 /dev/urandom > /trimtab/out/metrics.jsonl"
HUGE = "head -c 1048576 /dev/zero | tr '\\0' x > /trimtab/out/metrics.jsonl"


@dataclass(frozen=True)
class Case:
    name: str
    reason: str
    says: str
    tag: str = "winter"
    train: str = "exit 3"  # not reached where the data is refused
    max_seconds: int = 240


DATA = (
    Case("text-in-numbers", "DataInvalid", "temp", tag="text-in-numbers"),
    Case("rows-twice", "SplitOverlap", "evaluation", tag="rows-twice"),
)
CONTAINERS = (
    Case("no-output", "ResultMissing", "model", train="true"),
    Case("not-a-number", "ResultInvalid", "logLoss: the objective has no finite value", train=MODEL + NAN),
    Case("garbage", "ResultInvalid", "metrics.jsonl", train=MODEL + GARBAGE),
    Case("huge", "ResultInvalid", "metrics.jsonl:1: the line has more than", train=MODEL + HUGE),
    Case("fails", "TrainingFailed", "the disk is on fire", train="echo the disk is on fire >&2; exit 3"),
)


@pytest.fixture(scope="module", autouse=True)
def applied(world: World) -> None:
    """All at once: they share the node while each test waits for its own."""
    winter = world.winter
    world.publish("text-in-numbers", winter | {"train": with_column(winter["train"], 7, "temp", "warm")})
    world.publish("rows-twice", winter | {"train": [*winter["train"], *winter["evaluation"][:5]]})
    for case in (*DATA, *CONTAINERS):
        document = world.single(case.name, case.tag, model=f"refused-{case.name}")
        command = ["sh", "-c", case.train]
        world.apply(manifests.trial_with(document, command=command, retries=0))


@pytest.mark.parametrize("case", DATA, ids=lambda case: case.name)
def test_data_is_refused_before_training(world: World, case: Case) -> None:
    experiment = world.ended(case.name, case.max_seconds)
    ready = objects.condition(experiment, "Ready")
    assert (objects.phase(experiment), ready["reason"]) == ("Failed", case.reason)
    assert case.says in ready["message"]
    assert objects.condition(experiment, "Stalled")["status"] == "True"
    (pod,) = world.trial_pods(case.name)
    ended = {c["name"]: c["state"] for c in pod["status"]["initContainerStatuses"]}
    assert "terminated" in ended["fetch"] and "terminated" not in ended["train"]


@pytest.mark.parametrize("case", CONTAINERS, ids=lambda case: case.name)
def test_containers_without_a_result(world: World, case: Case) -> None:
    experiment = world.ended(case.name, case.max_seconds)
    assert objects.phase(experiment) == "Failed"
    (trial,) = experiment["status"]["trials"]
    assert (trial["phase"], trial["reason"]) == ("Failed", case.reason)
    assert case.says in trial["message"]
    ready = objects.condition(experiment, "Ready")
    assert ready["reason"] == "TrialsFailed" and case.reason in ready["message"]


def test_no_version_came_of_it(world: World) -> None:
    for case in (*DATA, *CONTAINERS):
        world.ended(case.name, case.max_seconds)
    models = {version["spec"]["model"] for version in world.get("modelversions")["items"]}
    assert not {model for model in models if model.startswith("refused-")}


def test_an_image_that_does_not_exist(world: World) -> None:
    name = "no-image"
    document = world.single(name, model="refused-no-image")
    world.apply(manifests.trial_with(document, image="localhost/no-such-image:1"))
    waiting = world.until(
        name,
        lambda e: objects.condition(e, "Ready").get("reason") == "ImagePullError",
        "to say that its image cannot be pulled",
    )
    assert "localhost/no-such-image:1" in objects.condition(waiting, "Ready")["message"]
    assert objects.condition(waiting, "Reconciling")["status"] == "True"
    world.kubectl("delete", "experiment", name, "--namespace", world.namespace)

    def nothing_left() -> bool:
        left = world.get("jobs,pods", f"--selector=trimtab.dev/experiment={name}")["items"]
        return not left

    wait_until(nothing_left, 60, f"Jobs and pods of {name} to go")
