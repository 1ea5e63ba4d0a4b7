"""Whom the winner is compared with: what serves, else the best that was approved."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.apis.v1alpha1.experiment_status import ChampionStatus
from trimtab.experiment.observed import DeploymentOfModel, Problem, VersionObserved
from trimtab.experiment.reasons import Reason


def champion_of(
    versions: Sequence[VersionObserved], deployments: Sequence[DeploymentOfModel], named: str | None
) -> ChampionStatus | Problem | None:
    """The stable version of the one Deployment that serves the model, or of the one that the spec names.

    Without one: the highest approved version that no Deployment has quarantined; without that: None. Several
    Deployments and none named is a Problem: guessing would make the gate mean something else each time.
    """
    if named is not None:
        deployments = [d for d in deployments if d.name == named]
        if not deployments:
            text = f"evaluation.champion.deployment {named} does not exist or serves another model"
            return Problem(Reason.CHAMPION_AMBIGUOUS, text, False)
    if len(deployments) > 1:
        found = ", ".join(sorted(d.name for d in deployments))
        text = f"several Deployments serve the model ({found}); set evaluation.champion.deployment to one"
        return Problem(Reason.CHAMPION_AMBIGUOUS, f"{text} in a new Experiment", False)
    served = {d.stable for d in deployments if d.stable}
    stable = next((v for v in versions if v.name in served), None)
    return _status(stable or _highest(versions))


def _highest(versions: Sequence[VersionObserved]) -> VersionObserved | None:
    candidates = [version for version in versions if version.approved and not version.quarantined]
    return max(candidates, key=lambda version: version.version, default=None)


def _status(version: VersionObserved | None) -> ChampionStatus | None:
    if version is None:
        return None
    return ChampionStatus(model_version=version.name, digest=version.digest, image=version.image)
