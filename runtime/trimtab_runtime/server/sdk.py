"""What we take from the KServe Python SDK, and where we plug into it.

Its model interface, model repository, data plane, REST server and protocol endpoints, as they are. Plugged
in: a model (`ServedModel`), readiness (the SDK says ready without asking the model), and our ASGI application
in front of the SDK's, whose own inference endpoint puts request and answer through pydantic and logs four
lines about them.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi.exceptions import FastAPIDeprecationWarning

from trimtab_runtime.contract.serving import LIVE
from trimtab_runtime.contract.signature import Signature, Tensor

from .application import Application, Asgi, NotReady
from .connections import Connections
from .predictor import Predictor


@contextmanager
def _without_arguments() -> Iterator[None]:
    """The SDK reads the command line on import: it would take our --config for its --configure_logging."""
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        yield
    finally:
        sys.argv = arguments


with _without_arguments():
    from kserve.errors import ServerNotReady
    from kserve.model import InferenceModel, InferenceVerb
    from kserve.model_repository import ModelRepository
    from kserve.model_server import app as sdk_application
    from kserve.protocol.dataplane import DataPlane
    from kserve.protocol.model_repository_extension import ModelRepositoryExtension
    from kserve.protocol.rest.server import RESTServer

KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 25


class ServedModel(InferenceModel):  # type: ignore[misc]  # the SDK has no types
    """One model of the SDK's repository."""

    def __init__(self, name: str, signature: Signature, predictor: Predictor) -> None:
        super().__init__(name)
        self._signature = signature
        self._predictor = predictor

    async def __call__(
        self, body: Any, headers: dict[str, str] | None = None, verb: InferenceVerb = InferenceVerb.PREDICT
    ) -> tuple[Any, dict[str, str]]:
        """Answer a decoded request; returns the answer and no headers."""
        if verb is not InferenceVerb.PREDICT:
            raise NotImplementedError("this server predicts only")
        return await self._predictor.answer(body, LIVE), {}

    def get_input_types(self) -> list[dict[str, Any]]:
        return [_metadata(tensor) for tensor in self._signature.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        return [_metadata(tensor) for tensor in self._signature.outputs]


class WarmDataPlane(DataPlane):  # type: ignore[misc]
    """The SDK's data plane, which is ready when its one model is."""

    def __init__(self, model: ServedModel) -> None:
        super().__init__(ModelRepository())
        self.model_registry.update(model)
        self._model = model

    async def ready(self) -> bool:
        return bool(self._model.ready)

    async def answer(self, body: Any) -> Any:
        """The SDK's inference on a decoded request; NotReady before the warm-up."""
        if not self._model.ready:
            raise NotReady
        answer, _ = await self.infer(self._model.name, body)
        return answer


def rest_server(
    plane: WarmDataPlane, application: Application, connections: Connections, port: int
) -> RESTServer:
    """The SDK's server of these endpoints, listening on all addresses when started."""
    _quieten()
    server = RESTServer(
        "kserve.model_server:app",
        plane,
        ModelRepositoryExtension(plane.model_registry),
        port,
        grace_period=GRACE_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config = server.config
    config.app = application
    config.http = connections.protocol
    config.ws = "none"
    config.proxy_headers = False
    config.server_header = False
    return server


def _quieten() -> None:
    """Without this: a line per request, three per probe, and a traceback per probe during the warm-up."""
    logging.getLogger("uvicorn.access").propagate = False
    logging.getLogger("kserve.trace").setLevel(logging.WARNING)
    logging.getLogger("kserve").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], ServerNotReady))
    )
    warnings.filterwarnings("ignore", category=FastAPIDeprecationWarning)  # of the SDK's response class


def sdk_endpoints() -> Asgi:
    """The SDK's own application: health and metadata."""
    return sdk_application  # type: ignore[no-any-return]


def _metadata(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": [-1]}
