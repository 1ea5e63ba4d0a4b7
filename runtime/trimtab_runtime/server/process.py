"""`serve`: verify, load, listen, warm up, be ready; SIGTERM ends it in order."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import uvloop

from trimtab_runtime.command import Terminated
from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.serving import MAX_PAGE_BYTES, PageShape
from trimtab_runtime.layout import Layout
from trimtab_runtime.model.folder import Model, verify_model
from trimtab_runtime.model.prediction import load
from trimtab_runtime.scoring import THRESHOLD

from .application import Application
from .connections import Connections
from .counters import Counters
from .drain import Drain
from .feedback import Feedback, RecentNonces
from .predictor import Predictor
from .sdk import ServedModel, WarmDataPlane, rest_server, sdk_endpoints
from .warmup import warm_up

log = logging.getLogger(__name__)


def serve(config: ServeModel, layout: Layout) -> None:
    """Serve /trimtab/model until SIGTERM. Digest and runtime are checked before anything is loaded."""
    began = time.monotonic()
    model = verify_model(layout.model, config.digest)
    _check_profile(model, config)
    counters = _counters(model, config)
    predictor = _predictor(model, load(model), counters, config)
    log.info("%s %s verified and loaded in %.2f s", config.model, config.digest, time.monotonic() - began)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(config, model, predictor, counters))
    except Terminated:
        log.info("ended by SIGTERM, everything in flight was answered")


async def _run(config: ServeModel, model: Model, predictor: Predictor, counters: Counters) -> None:
    connections = Connections(counters)
    served = ServedModel(config.model, model.signature, predictor)
    plane = WarmDataPlane(served)
    nonces = RecentNonces()
    application = Application(
        model=config.model,
        infer=plane.answer,
        sdk=sdk_endpoints(),
        counters=counters,
        feedback=Feedback(counters, config.digest, config.max_label_age_seconds, nonces, time.time),
        drain=Drain(connections),
    )
    server = rest_server(plane, application, connections, config.port)
    serving = asyncio.create_task(server.start())
    seconds = await warm_up(predictor, counters, model.signature, model.profile, config.warmup_rows)
    served.load()
    log.info("ready: %d rows answered, %.2f ms for one row", config.warmup_rows, seconds * 1000)
    await serving


def _check_profile(model: Model, config: ServeModel) -> None:
    found = model.profile.digest if model.profile else ""
    if found != config.profile_digest:
        raise ContractError(
            Reason.DIGEST_MISMATCH, "profile.json", "is not the profile that the configuration names"
        )


def _counters(model: Model, config: ServeModel) -> Counters:
    inputs = tuple(tensor.name for tensor in model.signature.inputs)
    shape = PageShape.of(config.digest, model.profile, inputs)
    counters = Counters(
        shape,
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


def _predictor(model: Model, loaded: Any, counters: Counters, config: ServeModel) -> Predictor:
    return Predictor(
        name=config.model,
        digest=config.digest,
        loaded=loaded,
        signature=model.signature,
        counters=counters,
        threshold=model.profile.score.threshold if model.profile else THRESHOLD,
        max_rows=config.max_rows,
    )
