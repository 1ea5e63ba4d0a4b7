"""The training stage: harvest what ended, restart what vanished, start what the budget allows, pick the
winner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus, TrialStatus
from trimtab.experiment import build
from trimtab.experiment.observed import ExperimentObserved, JobObserved, Problem
from trimtab.experiment.outcome import Decision, fail, progress
from trimtab.experiment.reasons import HOPELESS, Reason
from trimtab.experiment.results import MAX_STATUS_METRICS, TrialOutcome, judge_trial
from trimtab.model import names
from trimtab.model.kinds import JOB
from trimtab.model.numbers import shown
from trimtab.model.plan import Create, Delete
from trimtab.search.random_search import suggest

ENDED = frozenset({"Succeeded", "Failed"})


def decide(observed: ExperimentObserved, now: datetime) -> Decision:
    """Order matters: what has ended is in status before it decides over further trials."""
    harvested = [_advance(observed, trial) for trial in observed.status.trials]
    if list(observed.status.trials) != harvested:
        return _record(observed, harvested, now)
    culprit = _failed_for_good(observed, harvested)
    if culprit is not None:
        return _give_up(observed, harvested, culprit, now)
    if _all_ended(observed, harvested):
        return _choose(observed, harvested, now)
    return _go_on(observed, harvested, now)


def _advance(observed: ExperimentObserved, trial: TrialStatus) -> TrialStatus:
    """The trial as its Job now shows it. An absent Job of a running trial is absent by a live read."""
    if trial.phase in ENDED:
        return trial
    job = observed.jobs.get(names.trial_job(observed.name, trial.index, trial.attempt))
    match job:
        case None if trial.phase == "Running":
            return trial.model_copy(
                update={"attempt": trial.attempt + 1, "phase": "Pending", "started_at": None}
            )
        case None:
            return trial
        case JobObserved(state="Active", started_at=None):
            return trial  # created, or suspended: it runs once the Job controller has started it
        case JobObserved(state="Active"):
            return trial.model_copy(update={"phase": "Running", "started_at": job.started_at})
        case JobObserved():
            return _ended(observed, trial, job)


def _ended(observed: ExperimentObserved, trial: TrialStatus, job: JobObserved) -> TrialStatus:
    spec = observed.spec
    outcome = judge_trial(job, attempt=trial.attempt, objective=spec.objective.metric, image=spec.trial.image)
    times = {"started_at": job.started_at, "finished_at": job.finished_at}
    match outcome:
        case Problem():
            problem = {"phase": "Failed", "reason": str(outcome.reason), "message": outcome.message[:1024]}
            return trial.model_copy(update=problem | times)
        case TrialOutcome():
            kept = sorted(outcome.metrics)[:MAX_STATUS_METRICS]
            return trial.model_copy(
                update=times
                | {
                    "phase": "Succeeded",
                    "objective": shown(outcome.objective),
                    "metrics": {name: shown(outcome.metrics[name]) for name in kept},
                    "manifest_digest": outcome.manifest_digest,
                    "image": outcome.image,
                }
            )


def _record(observed: ExperimentObserved, trials: Sequence[TrialStatus], now: datetime) -> Decision:
    """Write what was harvested; its consequences are decided on the written status."""
    decision = _training(observed, _with_trials(observed.status, trials))
    for before, after in zip(observed.status.trials, trials, strict=True):
        if after.phase == "Succeeded" and before.phase != "Succeeded":
            text = f"trial {after.index}: {observed.spec.objective.metric} {after.objective}"
            decision = decision.note(f"trial-{after.index}-succeeded", Reason.TRIAL_SUCCEEDED, text, now)
        if after.phase == "Failed" and before.phase != "Failed":
            text = f"trial {after.index}: {after.reason}: {after.message}"
            decision = decision.note(
                f"trial-{after.index}-failed", Reason.TRIAL_FAILED, text, now, warning=True
            )
        if after.attempt != before.attempt:
            text = (
                f"trial {after.index}: its Job vanished before its result was stored; attempt {after.attempt}"
            )
            decision = decision.note(
                f"trial-{after.index}-attempt-{after.attempt}",
                Reason.TRIAL_RESTARTED,
                text,
                now,
                warning=True,
            )
    return decision


def _go_on(observed: ExperimentObserved, trials: list[TrialStatus], now: datetime) -> Decision:
    """Declare the trials that may start now; their Jobs follow the status that declares them."""
    budget, spec = observed.spec.budget, observed.spec
    live = [trial for trial in trials if trial.phase not in ENDED]
    room = min(budget.parallel_trials - len(live), _wanted(observed) - len(trials))
    for index in range(len(trials) + 1, len(trials) + 1 + max(0, room)):
        drawn = suggest(spec.search, seed=spec.seed, index=index) if spec.search else {}
        trials.append(TrialStatus(index=index, parameters=drawn))
    status = _with_trials(observed.status, trials)
    return _training(observed, status, children=_missing_jobs(observed, trials))


def _missing_jobs(observed: ExperimentObserved, trials: Sequence[TrialStatus]) -> tuple[Create, ...]:
    return tuple(
        build.trial_job(observed, trial)
        for trial in trials
        if trial.phase == "Pending"
        and names.trial_job(observed.name, trial.index, trial.attempt) not in observed.jobs
    )


def _training(
    observed: ExperimentObserved, status: ExperimentStatus, *, children: tuple[Create, ...] = ()
) -> Decision:
    done = sum(trial.phase in ENDED for trial in status.trials)
    waiting = [job.waiting for job in observed.jobs.values() if job.state == "Active" and job.waiting]
    if waiting:
        return progress(status, "Training", waiting[0].reason, waiting[0].message, children=children)
    message = f"{done} of {_wanted(observed)} trials ended"
    return progress(status, "Training", Reason.TRAINING, message, children=children)


def _own_failures(trials: Sequence[TrialStatus]) -> list[TrialStatus]:
    return [trial for trial in trials if trial.phase == "Failed" and trial.reason != Reason.TRIAL_STOPPED]


def _failed_for_good(observed: ExperimentObserved, trials: Sequence[TrialStatus]) -> TrialStatus | None:
    """The trial whose failure ends the Experiment: a hopeless one, or the one that exceeds the budget.

    Once a trial was stopped for it, the end stands, whatever the budget says later.
    """
    failed = _own_failures(trials)
    hopeless = next((trial for trial in failed if trial.reason in HOPELESS), None)
    if hopeless is not None:
        return hopeless
    decided = any(trial.reason == Reason.TRIAL_STOPPED for trial in trials)
    too_many = len(failed) > observed.spec.budget.max_failed_trials
    return failed[-1] if failed and (decided or too_many) else None


def _give_up(
    observed: ExperimentObserved, trials: Sequence[TrialStatus], culprit: TrialStatus, now: datetime
) -> Decision:
    """Stop what still runs first; the end is written when nothing runs any more.

    The trials are called stopped before their Jobs are deleted: a Job that is gone is then no vanished one.
    """
    status = _with_trials(observed.status, [_stopped(trial) for trial in trials])
    running = [job for job in observed.jobs.values() if job.state == "Active"]
    if running:
        decision = _training(observed, status)
        stopped = tuple(
            Delete(JOB, observed.namespace, job.name, job.uid, job.resource_version) for job in running
        )
        return Decision(decision.status, decision.conditions, deletions=stopped)
    if culprit.reason in HOPELESS:
        return fail(status, "Failed", str(culprit.reason), culprit.message, now)
    message = (
        f"{len(_own_failures(trials))} trials failed, budget.maxFailedTrials is "
        f"{observed.spec.budget.max_failed_trials}; the last: {culprit.reason}: {culprit.message}"
    )
    return fail(status, "Failed", Reason.TRIALS_FAILED, message, now)


def _stopped(trial: TrialStatus) -> TrialStatus:
    if trial.phase in ENDED:
        return trial
    return trial.model_copy(
        update={
            "phase": "Failed",
            "reason": Reason.TRIAL_STOPPED.value,
            "message": "stopped with the Experiment",
        }
    )


def _choose(observed: ExperimentObserved, trials: Sequence[TrialStatus], now: datetime) -> Decision:
    """The best objective wins; of equal ones the first trial."""
    succeeded = [trial for trial in trials if trial.phase == "Succeeded"]
    if not succeeded:
        return fail(observed.status, "Failed", Reason.TRIALS_FAILED, "no trial succeeded", now)
    sign = 1.0 if observed.spec.objective.goal == "minimize" else -1.0
    best = min(succeeded, key=lambda trial: (sign * float(trial.objective or "0"), trial.index))
    status = observed.status.model_copy(update={"winner": best.index})
    text = f"trial {best.index} with {observed.spec.objective.metric} {best.objective}"
    return progress(status, "Evaluating", Reason.EVALUATING, text).note(
        "winner", Reason.WINNER_CHOSEN, text, now
    )


def _all_ended(observed: ExperimentObserved, trials: Sequence[TrialStatus]) -> bool:
    return len(trials) >= _wanted(observed) and all(trial.phase in ENDED for trial in trials)


def _wanted(observed: ExperimentObserved) -> int:
    return observed.spec.budget.max_trials if observed.spec.search else 1


def _with_trials(status: ExperimentStatus, trials: Sequence[TrialStatus]) -> ExperimentStatus:
    return status.model_copy(update={"trials": tuple(trials)})
