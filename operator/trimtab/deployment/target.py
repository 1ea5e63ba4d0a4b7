"""Which version the spec asks for: an ordered chain of small checks, the first that objects says why."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.deployment.observed import DeploymentObserved, VersionObserved
from trimtab.deployment.reasons import Reason
from trimtab.deployment.revision import revision_of
from trimtab.deployment.runtimes import formats_of
from trimtab.model import names


@dataclass(frozen=True)
class NoTarget:
    """Why there is nothing to roll out. ``waiting`` = may change by itself (a version may yet be
    approved)."""

    reason: Reason
    message: str
    waiting: bool


def target_of(observed: DeploymentObserved) -> VersionObserved | NoTarget:
    """The version that should serve all traffic."""
    found = _followed(observed) if observed.spec.model.follow is not None else _pinned(observed)
    return _served_by_runtime(observed, found) if isinstance(found, VersionObserved) else found


def _served_by_runtime(observed: DeploymentObserved, version: VersionObserved) -> VersionObserved | NoTarget:
    runtime = observed.spec.serving.runtime
    if version.format in formats_of(runtime):
        return version
    text = (
        f"{version.name} has format {version.format}, and runtime {runtime} serves "
        f"{', '.join(formats_of(runtime))} only; set serving.runtime to another, or serve another version"
    )
    return NoTarget(Reason.FORMAT_NOT_SERVED, text, False)


def _pinned(observed: DeploymentObserved) -> VersionObserved | NoTarget:
    model = observed.spec.model
    name = names.model_version(model.name, model.version or 0)
    version = next((v for v in observed.versions if v.name == name), None)
    if version is None:
        return NoTarget(
            Reason.MODEL_VERSION_MISSING, f"there is no ModelVersion {name}; set model.version to one", True
        )
    if model.digest is not None and version.digest != model.digest:
        return NoTarget(
            Reason.DIGEST_MISMATCH,
            f"{name} has digest {version.digest}, model.digest asks for another; correct one of them",
            False,
        )
    match version.phase:
        case "Approved":
            return version
        case "Rejected":
            return NoTarget(
                Reason.VERSION_REJECTED, f"{name} is rejected; set model.version to another", False
            )
        case _:
            return NoTarget(Reason.AWAITING_APPROVAL, f"{name} is not approved yet", True)


def _followed(observed: DeploymentObserved) -> VersionObserved | NoTarget:
    """The highest approved number that is not quarantined, never below what is served.

    If all of them are, the highest stays the target: a person has to change something, and is told so.
    """
    name, stable = observed.spec.model.name, observed.status.stable
    # By its name, not by its object: when that was deleted, an older version is no reason to change traffic.
    served = names.version_number(name, stable.model_version) if stable else 0
    newer = [v for v in observed.versions if v.phase == "Approved" and v.version >= served]
    sound = [v for v in newer if not _is_quarantined(observed, v)]
    if newer:
        return max(sound or newer, key=lambda v: v.version)
    if stable is not None and not any(v.name == stable.model_version for v in observed.versions):
        text = f"ModelVersion {stable.model_version} is gone; it serves on until a newer version is approved"
        return NoTarget(Reason.MODEL_VERSION_MISSING, text, True)
    text = f"no version of model {name} from number {max(served, 1)} on is approved"
    return NoTarget(Reason.AWAITING_VERSION, text, True)


def _is_quarantined(observed: DeploymentObserved, version: VersionObserved) -> bool:
    """The same bytes under the same settings have failed here."""
    revision = revision_of(version.digest, observed.spec.serving)
    return any(entry.revision == revision for entry in observed.status.quarantine)
