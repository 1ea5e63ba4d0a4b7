"""What a step waits for while all is well, in words that stay the same from pass to pass.

Status says it when the step begins. How far it has got (pods, weight) is no reason to write: a rollout would
cost several times the writes, and the next step says it anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.reasons import Reason
from trimtab.deployment.steps import Position
from trimtab.deployment.traffic.providers import provider_of


@dataclass(frozen=True)
class Waiting:
    reason: Reason
    message: str
    phase: str = "Progressing"


def waiting(at: Position, spec: DeploymentSpec, replicas: int, verdicts: Sequence[MetricVerdict]) -> Waiting:
    """``replicas``: pods that all of the traffic takes. ``verdicts``: as of this pass."""
    if at.step is None:
        return Waiting(Reason.PROMOTING, f"all {replicas} pods, then all traffic")
    if at.step.moves_traffic:
        reason = Reason.SETTING_MIRROR if at.share.mirror else Reason.SETTING_WEIGHT
        return Waiting(reason, provider_of(spec).share_text(at.share, replicas))
    if at.step.experiment is not None:
        text = (
            f"experiment for {at.step.experiment.for_} at weight {at.weight}: the share of labels that are 1"
        )
        return Waiting(Reason.EXPERIMENTING, text)
    if at.step.pause is None:
        return Waiting(Reason.ANALYZING, analysis_text(verdicts))
    if at.step.pause.seconds is None:
        return Waiting(Reason.AWAITING_PERSON, "waits for `trimtab promote`, or `trimtab abort`", "Paused")
    at_share = f"with {at.share.mirror} % mirrored" if at.share.mirror else f"at weight {at.weight}"
    return Waiting(Reason.PAUSED, f"pause of {at.step.pause.for_} {at_share}", "Paused")


def analysis_text(verdicts: Sequence[MetricVerdict]) -> str:
    return "waits for " + ", ".join(f"{v.name} ({v.verdict})" for v in undecided(verdicts))


def undecided(verdicts: Sequence[MetricVerdict]) -> list[MetricVerdict]:
    """The metrics that an analysis still waits for."""
    return [v for v in verdicts if v.aborts and v.verdict is not Verdict.PASS]
