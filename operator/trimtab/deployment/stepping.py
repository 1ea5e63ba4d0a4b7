"""What each kind of step waits for."""

from __future__ import annotations

from dataclasses import replace

from trimtab.apis.v1alpha1.deployment_status import ExperimentStatus
from trimtab.apis.v1alpha1.rollout import Experiment, Step
from trimtab.deployment import experiment, probation, scale_down
from trimtab.deployment.children import Wanted, children_of, deletions_of, ready, wanted
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.roles import promoted
from trimtab.deployment.steps import NOTHING, brief_pause, position
from trimtab.deployment.traffic.providers import provider_of
from trimtab.deployment.turn import Turn, enter, give_up, stay, too_late, unready, wait
from trimtab.deployment.waiting import undecided
from trimtab.model import history
from trimtab.model.conditions import progressing

ANSWER_SECONDS = 10.0


def advance(turn: Turn) -> Decision:
    """The step goes on, or the next one begins."""
    observed, at = turn.observed, turn.at
    if observed.status.step is None:
        return enter(turn, 0)
    if at.step is None:
        return _promotion(turn)
    if at.step.moves_traffic:
        return _traffic(turn)
    problem = provider_of(observed.spec).problem(observed)
    if problem is not None and problem.answered:
        return stay(turn, problem.reason, problem.message)
    if observed.is_frozen:
        return stay(turn, Reason.PROVIDER_ERROR, observed.unread)
    return _time(turn, at.step)


def _time(turn: Turn, step: Step) -> Decision:
    """Steps that wait for time to pass, or for evidence."""
    if step.experiment is not None:
        return _experiment(turn, step.experiment)
    return _pause(turn) if step.pause is not None else _analyze(turn)


def time_stands(observed: DeploymentObserved) -> bool:
    """Whether no time is counted for the step: people have frozen the rollout, what is to decide cannot be
    read, or nothing can go on until somebody changes the spec or the cluster."""
    problem = provider_of(observed.spec).problem(observed)
    lasts = problem is not None and problem.lasting
    return observed.is_frozen or observed.spec.rollout.freeze or lasts


def running_step(observed: DeploymentObserved) -> int:
    """The step that time is counted for now: that of status, or the brief pause behind an applied weight."""
    status, steps = observed.status, observed.spec.rollout.steps
    at = position(steps, status.step)
    if at.step is None or brief_pause(steps, at.index) is None:
        return at.index
    want = wanted(observed, status, at.share)
    return at.index + provider_of(observed.spec).is_applied(observed, want, at.share)


def _traffic(turn: Turn) -> Decision:
    provider = provider_of(turn.observed.spec)
    want = wanted(turn.observed, turn.observed.status, turn.at.share)
    if provider.is_applied(turn.observed, want, turn.at.share):
        return _applied(turn)
    if _only_stable_lacks_pods(turn, want):
        # Not the candidate's fault: it is not given up for it, and goes on when the time is over.
        late = turn.seconds >= turn.observed.spec.rollout.progress_deadline_seconds
        return _applied(turn) if late else wait(turn)
    return _short_of(turn, want.pair.candidate)


def _short_of(turn: Turn, size: int) -> Decision:
    """Pods are missing, or the data plane has not taken the share."""
    why, message = unready(turn, size)
    problem = provider_of(turn.observed.spec).problem(turn.observed)
    if why is None and problem is not None and ready(turn.observed, turn.candidate) >= size:
        if problem.lasting:
            return stay(turn, problem.reason, problem.message)
        # A second without an answer is what every change of a route takes: nothing to write.
        shown = problem.answered or turn.seconds > ANSWER_SECONDS
        why, message = (problem.reason if shown else None), problem.message
    return too_late(turn, message) or (stay(turn, why, message) if why else wait(turn))


def _only_stable_lacks_pods(turn: Turn, want: Wanted) -> bool:
    observed = turn.observed
    return (
        provider_of(observed.spec).share(observed) > 0
        and ready(observed, turn.candidate) >= want.pair.candidate
        and ready(observed, observed.status.stable) < want.pair.stable
    )


def _applied(turn: Turn) -> Decision:
    """The next step begins: behind a brief pause, when that is over."""
    pause = brief_pause(turn.observed.spec.rollout.steps, turn.at.index)
    following = turn.at.index + 1
    if pause is not None:
        if turn.observed.is_frozen:
            return stay(turn, Reason.PROVIDER_ERROR, turn.observed.unread)
        left = pause - turn.seconds_in(following)
        if left > 0:
            return wait(turn, wake=left)
        following += 1
    text = provider_of(turn.observed.spec).share_text(turn.at.share, turn.pods)
    mirrored = turn.at.share.mirror > 0
    reason = Reason.MIRROR_APPLIED if mirrored else Reason.WEIGHT_APPLIED
    entry = f"{'mirror' if mirrored else 'weight'}-{turn.at.index}-{turn.name}"
    return _begin(_noted(turn, entry, reason, text), following)


def _noted(turn: Turn, entry_id: str, reason: Reason, message: str) -> Turn:
    """The turn with a line of history before those of what follows in the same pass."""
    status = turn.observed.status
    entries = history.append(
        status.history, entry_id=entry_id, reason=reason, message=message, now=turn.now, warning=False
    )
    noted = status.model_copy(update={"history": entries})
    return replace(turn, observed=replace(turn.observed, status=noted))


def _begin(turn: Turn, index: int) -> Decision:
    """The step ``index``; behind the last one promotion, which takes no pass of its own if all pods are
    there."""
    steps = turn.observed.spec.rollout.steps
    return enter(turn, index) if index < len(steps) or not _is_whole(turn) else _promote(turn)


def _pause(turn: Turn) -> Decision:
    pause = turn.at.step.pause if turn.at.step else None
    if pause is None or pause.seconds is None:
        return wait(turn)
    left = pause.seconds - turn.seconds
    return _begin(turn, turn.at.index + 1) if left <= 0 else wait(turn, wake=left)


def _experiment(turn: Turn, asked: Experiment) -> Decision:
    """Its time, then one look; the result stands in status from then on."""
    left = asked.seconds - turn.seconds
    evidence, known = turn.observed.evidence, turn.observed.status.experiment
    if left > 0 or evidence is None:
        return wait(turn, wake=max(left, 0.0))
    if known is not None:
        return _held_experiment(turn, known)
    found = experiment.result(asked, evidence, turn.at)
    entry = f"experiment-{turn.at.index}-{turn.name}"
    noted = _noted(turn, entry, Reason.EXPERIMENT_ENDED, experiment.text(found))
    status = noted.observed.status.model_copy(update={"experiment": found})
    ended = replace(noted, observed=replace(noted.observed, status=status))
    if found.verdict == "Better" and asked.on_better == "Promote":
        return _begin(ended, turn.at.index + 1)
    return _held_experiment(ended, found)


def _held_experiment(turn: Turn, found: ExperimentStatus) -> Decision:
    text = f"experiment over: {experiment.text(found)}; waits for `trimtab promote`, or `trimtab abort`"
    return stay(turn, Reason.AWAITING_PERSON, text, phase="Paused", held=True)


def _analyze(turn: Turn) -> Decision:
    analyze = turn.at.analyze
    if analyze is None:
        raise AssertionError("the step says that it is an analysis")
    if not undecided(turn.verdicts) and turn.observed.evidence is not None:
        return _begin(turn, turn.at.index + 1)
    left = analyze.max_duration_seconds - turn.seconds
    return _inconclusive(turn, turn.waiting.message) if left <= 0 else wait(turn, wake=left)


def _inconclusive(turn: Turn, text: str) -> Decision:
    """No verdict after maxDuration: what onInconclusive says."""
    match turn.observed.spec.rollout.analysis.on_inconclusive:
        case "Fail":
            return give_up(turn, Reason.INCONCLUSIVE, text)
        case "Hold":
            text = f"no verdict after maxDuration: {text}; waits for `trimtab promote`, or `trimtab abort`"
            return stay(turn, Reason.AWAITING_PERSON, text, phase="Paused", held=True)
        case "Extend":
            return too_late(turn, text) or stay(turn, Reason.ANALYZING, f"extended: {text}")


def _promotion(turn: Turn) -> Decision:
    """All steps are done. The candidate grows to full size; then it is promoted."""
    return _promote(turn) if _is_whole(turn) else _short_of(turn, turn.pods)


def _is_whole(turn: Turn) -> bool:
    """Whether the candidate has all pods, and what else it takes to be stable."""
    observed, candidate = turn.observed, turn.candidate
    enough = ready(observed, candidate) >= turn.pods
    return enough and provider_of(observed.spec).may_promote(observed, candidate)


def _promote(turn: Turn) -> Decision:
    """Roles swap, and the Service follows. Pods keep their labels and are not made again."""
    observed, candidate = turn.observed, turn.candidate
    limit = observed.spec.rollout.revision_history_limit
    status = promoted(observed.status, candidate, limit, turn.now).model_copy(
        update={
            "probation": probation.begun(observed, turn.now),
            "scale_down_at": scale_down.scale_down_at(observed, turn.now),
        }
    )
    text = f"{candidate.model_version}, revision {candidate.revision}, takes all traffic"
    want = wanted(observed, status, NOTHING)
    return Decision(
        status,
        progressing(Reason.PROMOTING, text),
        children_of(observed, status, want),
        deletions_of(observed, status, want),
    ).note(f"promoted-{turn.name}", Reason.PROMOTED, text, turn.now)
