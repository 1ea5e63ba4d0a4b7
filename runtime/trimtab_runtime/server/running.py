"""The life of the server from a loaded model to SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import uvloop

from trimtab_runtime.command import Terminated
from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.model.folder import Model
from trimtab_runtime.scoring import THRESHOLD

from .answers import RecentAnswers
from .application import Application
from .connections import Connections
from .counters import Counters
from .drain import Drain
from .feedback import Feedback, RecentNonces
from .predictor import Predictor
from .sdk import ServedModel, WarmDataPlane, rest_server, sdk_endpoints
from .warmup import warm_up

log = logging.getLogger(__name__)


def run(config: ServeModel, model: Model, loaded: Any, counters: Counters) -> None:
    """Listen, warm up, be ready, and return after SIGTERM when everything in flight is answered."""
    predictor = Predictor(
        name=config.model,
        digest=config.digest,
        loaded=loaded,
        signature=model.signature,
        counters=counters,
        threshold=model.profile.score.threshold if model.profile else THRESHOLD,
        max_rows=config.max_rows,
    )
    try:
        # The SDK leaves the choice of the event loop to whoever calls its start().
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(config, model, predictor, counters))
    except Terminated:  # uvicorn raises the signal again when it is done with it
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
        answers=RecentAnswers(config.digest, time.time),
        drain=Drain(connections),
    )
    server = rest_server(plane, application, connections, config.port)
    serving = asyncio.create_task(server.start())
    seconds = await warm_up(predictor, counters, model.signature, model.profile, config.warmup_rows)
    served.load()
    log.info("ready: %d rows answered, %.2f ms for one row", config.warmup_rows, seconds * 1000)
    await serving
