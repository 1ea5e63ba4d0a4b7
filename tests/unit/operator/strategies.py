"""Any Experiment that the API server would admit, and any record of it that could be observed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from tests.unit.operator import samples
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus, TrialStatus
from trimtab.experiment.observed import (
    ExperimentObserved,
    JobObserved,
    Problem,
    TrialRecovered,
    VersionObserved,
)
from trimtab.experiment.stages import Stage, stage_of
from trimtab.model import names
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.message import EvaluationResult, Failure, TrialResult

TEXT = st.sampled_from(["", "a", "x" * 256, "$(HOME)", "$$", "ä\n{}", "$(params.p1)"])
DECIMAL = st.sampled_from(["0", "-1.5", "0.01", "1e-9", "123456789012345", "9E99"])
NUMBER = st.sampled_from([0.0, -0.0, 0.5, 1e-300, -1.7e308, 0.1 + 0.2, 12345678901.0])
DIGESTS = st.sampled_from([samples.MODEL, samples.digest("1"), samples.digest("0")])
SEARCHED = (
    {"name": "p1", "type": "int", "min": "1", "max": "9"},
    {"name": "p2", "type": "double", "min": "-1e9", "max": "9E99"},
    {"name": "p3", "type": "categorical", "values": ["$$(x)"]},
    {"name": "p.4-_", "type": "double", "min": "0.001", "max": "1", "scale": "log"},
)
GATES = (
    {"metric": "auc", "min": "0.55"},
    {"metric": "brier", "max": "0.25", "min": "0"},
    {"metric": "logLoss", "notWorseThan": "Champion", "tolerance": "0"},
    {"metric": "accuracy", "notWorseThan": "Champion", "tolerance": "9E99", "require": "LowerBound"},
)
COLUMNS = (
    {"type": "string", "categories": ["a", "$(HOME)"]},
    {"type": "double", "range": {"min": "-9E99", "max": "1e-9"}, "nullable": True},
    {"type": "int", "range": {"max": "123456789012345"}},
    {"type": "bool"},
)


@st.composite
def specs(draw: st.DrawFn) -> ExperimentSpec:
    searched = draw(st.lists(st.sampled_from(SEARCHED), max_size=4, unique_by=lambda p: p["name"]))  # type: ignore[arg-type, return-value]
    fixed = draw(st.dictionaries(st.sampled_from(["f1", "f_2", "F.3-x"]), TEXT, max_size=3))
    known = [f"$(params.{name})" for name in [*fixed, *(str(p["name"]) for p in searched)]]
    trials = draw(st.integers(1, 50)) if searched else 1
    trial = samples.spec_wire()["trial"] | {
        "args": draw(st.lists(st.sampled_from(["--x", "$$(HOME)", *known]), max_size=4)),
        "env": [{"name": f"V{i}", "value": v} for i, v in enumerate(draw(st.lists(TEXT, max_size=3)))],
        "deadline": draw(st.sampled_from(["1s", "1ms1h", "720h"])),
        "retries": draw(st.integers(0, 10)),
    }
    columns = {f"c{i}": column for i, column in enumerate(draw(st.permutations(COLUMNS)))}
    wire = samples.spec_wire(
        suspend=draw(st.booleans()),
        seed=draw(st.sampled_from([0, 2147483647])),
        parameters=fixed,
        search={"parameters": searched} if searched else None,
        budget={
            "maxTrials": trials,
            "parallelTrials": draw(st.integers(1, min(10, trials))),
            "maxFailedTrials": draw(st.sampled_from([0, 1, 49])),
        },
        objective={"metric": "logLoss", "goal": draw(st.sampled_from(["minimize", "maximize"]))},
        trial=trial,
        dataContract={"label": "late", "columns": columns},
        evaluation={"gates": draw(st.lists(st.sampled_from(GATES), min_size=1, max_size=10))},
    )
    return ExperimentSpec.model_validate(wire)


# --- status ------------------------------------------------------------------------------------------------


@st.composite
def trials(draw: st.DrawFn, index: int) -> TrialStatus:
    phase = draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]))
    attempt = draw(st.sampled_from([1, 2, 7]))
    if phase == "Succeeded":
        return samples.succeeded_trial(index, draw(DECIMAL), attempt=attempt)
    reason = (
        draw(st.sampled_from(["DataInvalid", "TrainingFailed", "TrialStopped"]))
        if phase == "Failed"
        else None
    )
    return samples.trial(index, phase, attempt=attempt, reason=reason)


@st.composite
def statuses(draw: st.DrawFn, spec: ExperimentSpec) -> ExperimentStatus:
    """As the operator may have left it; phase is derived and never an input, except where it is final."""
    count = draw(st.integers(0, min(4, spec.budget.max_trials if spec.search else 1)))
    listed = tuple(draw(trials(index)) for index in range(1, count + 1))
    winners = [trial.index for trial in listed if trial.phase == "Succeeded"]
    reached = draw(st.sampled_from(["new", "pinned", "chosen", "evaluating", "registering", "reserved"]))
    if reached == "new":
        status = ExperimentStatus()
    elif reached == "pinned" or not winners:
        status = samples.pinned(trials=listed)
    else:
        update: dict[str, Any] = {"trials": listed, "winner": draw(st.sampled_from(winners))}
        base = samples.registering() if reached in ("registering", "reserved") else samples.chosen()
        if reached == "evaluating":
            base = samples.evaluating(
                draw(st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])),
                champion=draw(st.sampled_from([None, samples.CHAMPION])),
            )
        if reached == "reserved":
            base = ExperimentStatus.model_validate(base.to_wire() | {"result": {"reserved": 3}})
        status = base.model_copy(update=update)
    phase = draw(st.sampled_from([status.phase, status.phase, "Pending", "Suspended", "Failed", "Succeeded"]))
    return status.model_copy(update={"phase": phase})


# --- what is observed --------------------------------------------------------------------------------------

REASON = st.sampled_from(["RegistryUnavailable", "DataInvalid", "OutOfMemory"])
PROBLEM = st.builds(Problem, REASON, st.sampled_from(["", "why", "x" * 5000]), st.booleans())
METRICS = st.dictionaries(st.sampled_from(["logLoss", "auc", "brier", "m" * 63]), NUMBER, max_size=4)
COMPARISONS = st.lists(
    st.builds(
        samples.comparison,
        st.sampled_from(["logLoss", "accuracy", "auc"]),
        difference=NUMBER,
        interval=st.none() | st.just((-1.0, 1.0)),
    ),
    max_size=3,
)
MESSAGE = st.one_of(
    st.none(),
    PROBLEM,
    st.builds(TrialResult, st.sampled_from([1, 2, 7]), DIGESTS, METRICS),
    st.builds(
        EvaluationResult,
        st.sampled_from([1, 2]),
        st.sampled_from([samples.DATA["evaluation"], samples.MODEL]),
        st.just(10),
        st.just(2),
        METRICS,
        COMPARISONS.map(tuple),
    ),
    st.builds(Failure, st.just(1), st.sampled_from(list(Reason)), st.just("field"), st.just("x" * 512)),
)
RECOVERED = st.none() | st.builds(TrialRecovered, DIGESTS, METRICS)


def jobs_named(name: str) -> st.SearchStrategy[JobObserved]:
    return st.builds(
        JobObserved,
        name=st.just(name),
        uid=st.just(f"uid-of-{name}"),
        resource_version=st.just("7"),
        state=st.sampled_from(["Active", "Succeeded", "Failed"]),  # type: ignore[arg-type]
        suspended=st.booleans(),
        started_at=st.sampled_from([None, NOW]),
        finished_at=st.sampled_from([None, NOW]),
        message=MESSAGE,
        recovered=RECOVERED,
        failure=st.none() | PROBLEM,
        waiting=st.none() | PROBLEM,
        image=st.sampled_from(["", samples.IMAGE]),
    )


@st.composite
def jobs_of(draw: st.DrawFn, status: ExperimentStatus) -> dict[str, JobObserved]:
    attempts = [names.trial_job("winter", t.index, a) for t in status.trials for a in {1, t.attempt}]
    possible = [*attempts, "winter-t9-a1", "winter-eval-a1", "winter-eval-a2"]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True, max_size=4))
    return {name: draw(jobs_named(name)) for name in chosen}


VERSIONS = st.lists(
    st.builds(
        VersionObserved,
        name=st.just("flights-v3"),
        version=st.just(3),
        digest=DIGESTS,
        image=st.sampled_from([samples.IMAGE, "other@" + samples.MODEL]),
        approved=st.booleans(),
        experiment_uid=st.sampled_from([samples.UID, samples.OTHER_UID]),
    ),
    max_size=1,
).map(tuple)
ARTIFACTS = st.none() | PROBLEM | st.sampled_from([samples.artifact(), samples.artifact(profile_digest="")])
RESERVATIONS = st.sampled_from(
    [
        None,
        samples.reservations(),
        samples.reservations(samples.config_map(highWater="3"), high_water=3),
        samples.reservations(samples.config_map(highWater="3"), high_water=3, reserved={samples.UID: 3}),
    ]
)


@st.composite
def experiments(draw: st.DrawFn) -> ExperimentObserved:
    spec = draw(specs())
    status = draw(statuses(spec))
    parts: dict[str, Any] = {}
    match stage_of(status):
        case Stage.RESOLVE_DATA:
            parts["data"] = draw(st.none() | PROBLEM | st.just(samples.DATA))
        case Stage.TRAIN | Stage.EVALUATE:
            parts["jobs"] = draw(jobs_of(status))
        case Stage.CHOOSE_CHAMPION:
            parts["versions"] = draw(st.none() | VERSIONS)
        case Stage.REGISTER:
            parts = {
                "versions": draw(VERSIONS),
                "artifact": draw(ARTIFACTS),
                "reservations": draw(RESERVATIONS),
            }
        case _:
            parts["jobs"] = draw(jobs_of(status))
    return samples.observed(status, of=spec, generation=draw(st.integers(1, 3)), **parts)
