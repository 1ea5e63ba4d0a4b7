"""Whatever happens to the Jobs, the process and the ConfigMap: one version at most, and an end."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.unit.operator import cluster_objects as cluster
from tests.unit.operator import samples
from tests.unit.operator.effort import examples
from tests.unit.operator.experiment_world import World

from trimtab.model import names
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.message import Failure, format_message

PICK = st.integers(0, 9)
DATA_INVALID = format_message(Failure(1, Reason.DATA_INVALID, "temp", "holds text")).decode()
FAILURES = [
    (cluster.failed(), cluster.failed_train_pod(cluster.terminated(1, "boom"))),
    (cluster.failed(), cluster.failed_train_pod(cluster.terminated(137, reason="OOMKilled"))),
    (cluster.failed("PodFailurePolicy"), cluster.failed_train_pod(cluster.terminated(42, DATA_INVALID))),
    (cluster.failed("DeadlineExceeded"),),
]
LOST_MESSAGES = [
    (cluster.complete(),),
    (cluster.complete(), cluster.succeeded_trial_pod("")),
    (cluster.complete(), cluster.succeeded_trial_pod("Traceback: boom")),
]


class ExperimentMachine(RuleBasedStateMachine):
    world: World

    @initialize(
        trials=st.integers(1, 4),
        parallel=st.integers(1, 3),
        failures=st.integers(0, 1),
        champion=st.booleans(),
        undisturbed_until=st.sampled_from(["", "", "Evaluating", "Registering"]),
    )
    def begin(
        self, trials: int, parallel: int, failures: int, champion: bool, undisturbed_until: str
    ) -> None:
        budget = {
            "maxTrials": trials,
            "parallelTrials": min(parallel, trials),
            "maxFailedTrials": failures,
        }
        self.world = World(samples.spec(budget=budget), champion=champion)
        self.world.run_well(until=undisturbed_until)

    # --- the operator, which may die, and the Job controller ------------------------------------------------

    @rule(passes=st.integers(1, 4), started=st.booleans())
    def reconcile(self, passes: int, started: bool) -> None:
        for _ in range(passes):
            self.world.reconcile()
            if started:
                self.world.start_all()

    @rule(writes=st.integers(0, 4))
    def die(self, writes: int) -> None:
        self.world.reconcile(crash_after=writes)
        self.world.start_all()

    # --- Jobs ----------------------------------------------------------------------------------------------

    def _pick(self, among: list[str], pick: int) -> str:
        return among[pick % len(among)]

    @precondition(lambda self: self.world.running_jobs())
    @rule(pick=PICK, value=st.floats(-10, 10), auc=st.sampled_from([0.7, 0.7, 0.4]), compared=st.booleans())
    def succeed(self, pick: int, value: float, auc: float, compared: bool) -> None:
        name = self._pick(self.world.running_jobs(), pick)
        self.world.succeed(name, value, auc=auc, compared=compared)

    @precondition(lambda self: self.world.running_jobs())
    @rule(pick=PICK, how=st.sampled_from([*FAILURES, *LOST_MESSAGES]), pushed=st.booleans())
    def end_badly(self, pick: int, how: Any, pushed: bool) -> None:
        name = self._pick(self.world.running_jobs(), pick)
        if pushed and "-eval-" not in name:
            self.world.pushed[name] = {"logLoss": 0.4}
        self.world.end(name, *how)

    @precondition(lambda self: self.world.jobs)
    @rule(pick=PICK, noticed=st.booleans())
    def vanish(self, pick: int, noticed: bool) -> None:
        if noticed:
            self.world.start_all()
            self.world.reconcile()
        unended = [*self.world.running_jobs(), *self.world.waiting_jobs()]
        left = unended or sorted(self.world.jobs)
        if left:
            self.world.vanish(self._pick(left, pick))

    # --- people, rivals and outages ------------------------------------------------------------------------

    @rule(what=st.sampled_from(["suspended", "resumed", "budget raised", "registry away", "registry back"]))
    def inputs_change(self, what: str) -> None:
        world = self.world
        match what:
            case "suspended" | "resumed":
                world.change_spec(suspend=what == "suspended")
            case "budget raised" if world.status.get("winner") is None:
                world.raise_budget()
            case "registry away" | "registry back":
                world.registry_is_away = what == "registry away"

    @precondition(lambda self: self.world.status.get("phase") == "Registering")
    @rule(what=st.sampled_from(["rival reserves", "number taken", "version forged", "ConfigMap deleted"]))
    def registration_is_disturbed(self, what: str) -> None:
        world = self.world
        reserved = world.status.get("result", {}).get("reserved")
        match what:
            case "rival reserves":
                world.reconcile(meanwhile=self._rival_reserves)
            case "number taken":
                number = max((version.version for version in world.versions), default=0) + 1
                world.versions.append(samples.version(number, approved=False))
            case "version forged" if reserved and all(v.version != reserved for v in world.versions):
                forged = samples.version(reserved, approved=False, experiment_uid=samples.UID)
                world.versions.append(forged)
            case "ConfigMap deleted":
                world.config_map = None

    def _rival_reserves(self) -> None:
        taken = self.world.config_map
        if taken is not None:
            number = str(int(taken["data"][names.KEY_HIGH_WATER]) + 1)
            more = {names.KEY_HIGH_WATER: number, names.reserved_key(samples.OTHER_UID): number}
            self.world.config_map = {**taken, "data": {**taken["data"], **more}}
            self.world.touch_config_map()

    # --- the end -------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.settle()
        assert not self.world.running_jobs(), "the Experiment has ended and its Jobs run on"
        status = self.world.status
        if status["phase"] == "Succeeded":
            assert self.world.made == [status["result"]["modelVersion"]]
        else:
            assert self.world.made == []


TestExperiment = ExperimentMachine.TestCase
TestExperiment.settings = examples(10, steps=20)


def outcome(world: World) -> dict[str, Any]:
    """What must not depend on when a process died: everything but times."""
    untimed = {
        k: v for k, v in world.typed.model_dump(exclude={"conditions", "history"}).items() if k != "trials"
    }
    return untimed | {"made": world.made, "history": samples.history_ids(world.status)}


def test_a_crash_after_any_write_changes_nothing() -> None:
    """Every crash point of the plain path has a number; each leads to the same end."""
    calm = World(samples.spec(), champion=True)
    calm.settle()
    for write in range(calm.writes):
        world = World(samples.spec(), champion=True)
        world.dies_after = write
        world.settle()
        assert world.dies_after is None, "the crash was not reached"
        assert outcome(world) == outcome(calm), f"crash after write {write}"


def test_without_harm_an_experiment_takes_few_passes() -> None:
    """A bound on the writes of the plain path: each pass of it is a request to the API server or two."""
    world = World(samples.spec(), champion=True)
    world.settle()
    assert world.status["phase"] == "Succeeded"
    assert world.made == ["flights-v2"]
    assert samples.history_ids(world.status) == [
        "data-resolved",
        "trial-1-succeeded",
        "trial-2-succeeded",
        "trial-3-succeeded",
        "winner",
        "gates",
        "end",
    ]


def test_a_failed_experiment_stays_failed_when_the_budget_is_raised_later() -> None:
    world = World(samples.spec(budget={"maxTrials": 3, "maxFailedTrials": 0}), champion=False)
    while not world.running_jobs():
        world.reconcile()
        world.start_all()
    world.end(
        world.running_jobs()[0], cluster.failed(), cluster.failed_train_pod(cluster.terminated(1, "no"))
    )
    world.settle()
    assert world.status["phase"] == "Failed"
    world.raise_budget()
    world.settle()
    assert (world.status["phase"], world.status["observedGeneration"]) == ("Failed", 2)
    assert len(world.status["trials"]) == 1, "for another try: create a new Experiment"
