"""What holds for every Experiment that can be admitted and every record of it that can be observed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from tests.unit.operator import samples, strategies
from tests.unit.operator.effort import examples
from tests.unit.operator.samples import NOW
from tests.unit.operator.schema_limits import assert_storable
from tests.unit.operator.test_experiment_jobs import containers, kubelet_expands, variable

from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.experiment import build
from trimtab.experiment.decide import decide
from trimtab.experiment.observed import ExperimentObserved
from trimtab.experiment.reasons import Reason
from trimtab.experiment.stages import FINAL_PHASES
from trimtab.model.plan import ChildWrite, Create, Delete, Patch
from trimtab.search.random_search import suggest
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchTrial, PublishTrial, parse_config

REASONS = frozenset(Reason)


@examples(25)
@given(strategies.experiments())
def test_any_record_gets_a_plan_that_can_be_carried_out(observed: ExperimentObserved) -> None:
    plan = decide(observed, NOW)
    assert plan == decide(observed, NOW), "equal arguments, equal plans"
    if plan.status is not None:
        _assert_stored_as_written(plan.status)
    if observed.status.phase in FINAL_PHASES:
        assert not plan.children, "an Experiment that has ended touches nothing any more"
        assert not plan.deletions
        assert plan.status is None or plan.status["phase"] == observed.status.phase
    for write in [*plan.children, *plan.deletions]:
        _assert_touches_only_its_own(write, observed)


def _assert_stored_as_written(status: Any) -> None:
    assert_storable("Experiment", status)
    assert ExperimentStatus.model_validate(status).to_wire() == status
    assert {c["reason"] for c in status.get("conditions", ())} <= REASONS


def _assert_touches_only_its_own(write: ChildWrite | Delete, observed: ExperimentObserved) -> None:
    match write:
        case Create(body=body) if body["kind"] == "Job":
            (owner,) = body["metadata"]["ownerReferences"]
            assert owner["uid"] == samples.UID
            assert body["metadata"]["name"] not in observed.jobs, "it exists already"
        case Patch() | Delete():
            known = observed.jobs[write.name]
            assert (write.uid, write.resource_version) == (known.uid, known.resource_version)
        case _:
            pass


@examples(20)
@given(strategies.experiments())
def test_while_nothing_happens_the_status_settles(observed: ExperimentObserved) -> None:
    """Each pass decides on what the one before has written; the world stands still: soon nothing is written,
    and nothing but times never is."""
    for day in range(8):
        plan = decide(observed, NOW + timedelta(days=day))
        if plan.status is None:
            return
        before = observed.status.to_wire()
        assert _untimed(plan.status) != _untimed(before), "times alone are no reason to write"
        observed = replace(observed, status=ExperimentStatus.model_validate(plan.status))
    raise AssertionError(f"still writing: {observed.status.phase}")


def _untimed(status: Any) -> Any:
    shown = [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status.get("conditions", ())]
    return status | {"conditions": shown}


@examples(20)
@given(strategies.specs())
def test_any_trial_is_told_what_the_spec_says(spec: ExperimentSpec) -> None:
    """The configuration survives operator, API server, kubelet and the parser in the pod."""
    drawn = suggest(spec.search, seed=spec.seed, index=1) if spec.search else {}
    observed = samples.observed(samples.pinned(), of=spec)
    trial = samples.trial(1, "Pending", parameters=drawn)
    by_name = containers(build.trial_job(observed, trial).body)
    parameters = {**spec.parameters, **drawn}
    for name, form in (("fetch", FetchTrial), ("publish", PublishTrial)):
        config = parse_config(kubelet_expands(variable(by_name[name], paths.CONFIG_ENV), {}))
        assert isinstance(config, form)
        assert dict(config.parameters) == parameters
        assert config.deadline_seconds == spec.trial.deadline_seconds
    train = by_name["train"]
    for argument, text in zip(spec.trial.args, train.get("args", []), strict=True):
        name = argument.removeprefix("$(params.").removesuffix(")")
        if name in parameters:
            assert kubelet_expands(text, {"HOME": "/"}) == parameters[name]
