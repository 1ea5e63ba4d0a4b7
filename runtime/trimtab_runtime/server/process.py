"""`serve`: verify, load, listen, warm up, be ready; SIGTERM ends it in order."""

from __future__ import annotations

import logging
import time

from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.serving import MAX_PAGE_BYTES, PageShape
from trimtab_runtime.layout import Layout
from trimtab_runtime.model.folder import Model, verify_model

from .counters import Counters

log = logging.getLogger(__name__)


def serve(config: ServeModel, layout: Layout) -> None:
    """Serve /trimtab/model until SIGTERM.

    DigestMismatch, RuntimeMismatch and ModelInvalid come before the port is open. Imports are in the order of
    need: a wrong digest is told at once, not after the seconds that the framework and the SDK take.
    """
    began = time.monotonic()
    model = verify_model(layout.model, config.digest)
    _check_profile(model, config)
    counters = _counters(model, config)
    from trimtab_runtime.model.prediction import load

    loaded = load(model)
    log.info("%s %s verified and loaded in %.2f s", config.model, config.digest, time.monotonic() - began)
    from .running import run

    run(config, model, loaded, counters)


def _check_profile(model: Model, config: ServeModel) -> None:
    found = model.profile.digest if model.profile else ""
    if found != config.profile_digest:
        raise ContractError(
            Reason.DIGEST_MISMATCH, "profile.json", "is not the profile that the configuration names"
        )


def _counters(model: Model, config: ServeModel) -> Counters:
    inputs = tuple(tensor.name for tensor in model.signature.inputs)
    counters = Counters(
        PageShape.of(config.digest, model.profile, inputs),
        model.profile,
        inputs,
        profile_digest=config.profile_digest,
        start_time_seconds=round(time.time(), 3),
    )
    if counters.largest_page_bytes() > MAX_PAGE_BYTES:
        raise ContractError(
            Reason.MODEL_INVALID,
            "signature.json.inputs",
            f"{len(inputs)} features make a metrics page of more than {MAX_PAGE_BYTES} bytes: use fewer",
        )
    return counters
