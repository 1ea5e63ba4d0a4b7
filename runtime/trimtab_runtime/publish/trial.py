"""`publish trial`: check what `train` left, push it, say what was pushed."""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.artifact import (
    MODEL_ARTIFACT,
    MODEL_LAYER,
    PROFILE_LAYER,
    RESULT_LAYER,
    SIGNATURE_LAYER,
    result_tag,
)
from trimtab_runtime.contract.config import PublishTrial
from trimtab_runtime.contract.data import LEARNT_SPLITS, REFERENCE
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.message import MAX_MESSAGE_METRICS, TrialResult
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.result import TrialRecord
from trimtab_runtime.contract.strict import MAX_JSON_BYTES
from trimtab_runtime.layout import Layout
from trimtab_runtime.model.archive import Packed, pack
from trimtab_runtime.oci import Layer, Registry, Unauthorized, Unavailable
from trimtab_runtime.patience import Patience

from .output import TrialOutput, read_output

log = logging.getLogger(__name__)

LONGEST_MARGIN_SECONDS = 10.0  # between giving up ourselves and being killed with the message lost


def publish_trial(config: PublishTrial, layout: Layout) -> TrialResult:
    """Push model, signature, profile and result; returns the message of success.

    The push is repeated until shortly before the deadline, also while the password is refused: credentials
    are read anew each time, and a training run must not be lost to a rotation. Idempotent by digest.
    """
    output = read_output(layout.outputs, objective=config.trial.objective.metric)
    _check_profile(output.profile, config)
    tag = result_tag(config.experiment_uid, config.trial.trial, config.trial.attempt)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.tar.gz"
        record = _record(config, output, pack(output.model_folder, output.files, archive))
        layers = _layers(output, record, archive)
        patience = Patience(_deadline(config, layout), (Unavailable, Unauthorized))
        digest = patience.call(
            lambda: Registry(config.registry).push(config.repository, MODEL_ARTIFACT, layers, tag=tag)
        )
    log.info("pushed %s, %d files, tag %s", digest, len(output.files), tag)
    return TrialResult(config.trial.attempt, digest, _message_metrics(config, output.metrics))


def _check_profile(profile: Profile | None, config: PublishTrial) -> None:
    """The profile must be of the reference entry; digests of learnt data are no reference."""
    if profile is None:
        return
    references = [entry.digest for entry in config.data if entry.split == REFERENCE]
    learnt = [entry.digest for entry in config.data if entry.split in LEARNT_SPLITS]
    if profile.data_digest in learnt or profile.data_digest not in references:
        raise ContractError(
            Reason.RESULT_INVALID,
            f"{paths.PROFILE_FILE}.dataDigest",
            "is not the digest of the entry with split reference: call save_model(reference=...)",
        )


def _record(config: PublishTrial, output: TrialOutput, packed: Packed) -> TrialRecord:
    return TrialRecord(
        trial=config.trial,
        experiment_uid=config.experiment_uid,
        parameters=config.parameters,
        metrics=output.metrics,
        data=config.data,
        signature_digest=output.signature.digest,
        profile_digest=output.profile.digest if output.profile else "",
        files=packed.files,
        size_bytes=packed.size_bytes,
        card=output.card,
        code=config.code,
        image=config.image,
    )


def _layers(output: TrialOutput, record: TrialRecord, archive: Path) -> list[Layer]:
    result = record.to_bytes()
    if len(result) > MAX_JSON_BYTES:
        raise ContractError(Reason.RESULT_INVALID, paths.METRICS_FILE, "has too many metrics or model files")
    profile = []
    if output.profile:
        profile = [Layer(PROFILE_LAYER, output.profile.to_bytes(), paths.PROFILE_FILE)]
    return [
        Layer(MODEL_LAYER, archive, "model.tar.gz"),
        Layer(SIGNATURE_LAYER, output.signature.to_bytes(), paths.SIGNATURE_FILE),
        *profile,
        Layer(RESULT_LAYER, result, paths.RESULT_FILE),
    ]


def _message_metrics(config: PublishTrial, metrics: dict[str, float]) -> dict[str, float]:
    """The objective and as many others, by name, as a message takes; result.json has all."""
    objective = config.trial.objective.metric
    others = [name for name in sorted(metrics) if name != objective]
    return {name: metrics[name] for name in [objective, *others[: MAX_MESSAGE_METRICS - 1]]}


def _deadline(config: PublishTrial, layout: Layout) -> float:
    """Monotonic time at which to give up: the pod started when `fetch` wrote trial.json."""
    written = (layout.inputs / paths.TRIAL_FILE).stat().st_mtime
    margin = min(LONGEST_MARGIN_SECONDS, config.deadline_seconds * 0.1)
    elapsed = max(0.0, time.time() - written)
    return time.monotonic() + config.deadline_seconds - margin - elapsed
