"""What status says about a running analysis, without a write for every scrape.

Steps and verdicts are written when they change; the numbers beside them, with the
weight on its way, at most once a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from trimtab.apis.v1alpha1.deployment_status import (
    DeploymentStatus,
    MetricStatus,
    StepStatus,
    WeightStatus,
)
from trimtab.deployment.analysis import MetricVerdict
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.health import NAME as POD_HEALTH
from trimtab.model.numbers import shown

REPORT_SECONDS = 60


def with_report(
    status: DeploymentStatus,
    stored: DeploymentStatus,
    verdicts: Sequence[MetricVerdict],
    evidence: Evidence | None,
    *,
    seconds: float,
    judging: bool,
) -> DeploymentStatus:
    """``status`` with analysis, observed weight and observed seconds: fresh ones if it is time, else as
    stored. ``judging``: the step waits for the verdicts."""
    if status.step is None:
        return status
    fresh = tuple(_metric(verdict, evidence) for verdict in verdicts)
    if not _is_due(status, stored, fresh, seconds, judging=judging):
        return status.model_copy(
            update={
                "analysis": stored.analysis,
                "step": _kept(status.step, stored.step),
                "weight": _same(status, stored),
            }
        )
    step = status.step.model_copy(update={"observed_seconds": int(seconds)})
    weight = status.weight
    if weight is not None:
        weight = weight.model_copy(update={"observed": observed_weight(evidence)})
    return status.model_copy(update={"analysis": fresh, "step": step, "weight": weight})


def observed_weight(evidence: Evidence | None) -> int | None:
    """The candidate's share of the connections or requests counted so far, in percent; of copies how many
    there were for a hundred requests of stable."""
    if evidence is None:
        return None
    ours, theirs = evidence.units["candidate"], evidence.units["stable"]
    total = theirs if evidence.mirrored else ours + theirs
    return min(100, round(100 * ours / total)) if total else None


def _is_due(
    status: DeploymentStatus,
    stored: DeploymentStatus,
    fresh: tuple[MetricStatus, ...],
    seconds: float,
    *,
    judging: bool,
) -> bool:
    if stored.step is None or status.step is None or stored.step.index != status.step.index:
        return True
    if _news(stored.analysis, judging=judging) != _news(fresh, judging=judging):
        return True
    return seconds - stored.step.observed_seconds >= REPORT_SECONDS


def _news(analysis: Sequence[MetricStatus], *, judging: bool) -> dict[str, str]:
    """The verdicts that say something. That pods are well is no news, and that there is too little data is
    none while nobody waits for it: pods of the step may not be there yet."""
    silent = set() if judging else {"NoData", "Inconclusive"}
    well = {POD_HEALTH: {"Pass"}}
    return {m.metric: m.verdict for m in analysis if m.verdict not in silent | well.get(m.metric, set())}


def _kept(step: StepStatus, stored: StepStatus | None) -> StepStatus:
    seconds = stored.observed_seconds if stored else 0
    return step.model_copy(update={"observed_seconds": seconds})


def _same(status: DeploymentStatus, stored: DeploymentStatus) -> WeightStatus | None:
    """As stored, unless another weight is asked for."""
    fresh, known = status.weight, stored.weight
    if fresh is None or known is None or (fresh.desired, fresh.mirror) != (known.desired, known.mirror):
        return fresh
    return known


def seconds_to_verdict(verdict: MetricVerdict, evidence: Evidence | None) -> int | None:
    """Missing samples at the candidate's samples per second so far; None where either is not known.

    A step that has just raised the weight goes faster than this says: the mean is over all steps.
    """
    missing = verdict.samples_to_verdict
    if not missing or not verdict.samples or evidence is None or not evidence.traffic_seconds:
        return 0 if missing == 0 else None
    return ceil(missing * evidence.traffic_seconds / verdict.samples)


def _metric(verdict: MetricVerdict, evidence: Evidence | None) -> MetricStatus:
    return MetricStatus(
        metric=verdict.name,
        verdict=verdict.verdict.value,
        samples=verdict.samples,
        value=None if verdict.value is None else shown(verdict.value),
        bound=None if verdict.bound is None else shown(verdict.bound),
        samples_to_verdict=verdict.samples_to_verdict,
        seconds_to_verdict=seconds_to_verdict(verdict, evidence),
        message=verdict.message[:1024],
    )
