"""The ASGI application: inference, labels, answers, metrics, drain; health and metadata are the SDK's."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import orjson

from trimtab_runtime.contract.answers import ANSWERS_PATH
from trimtab_runtime.contract.serving import (
    DRAIN_PATH,
    FEEDBACK_PATH,
    LIVE,
    METRICS_PATH,
    OTHER_FIELD,
    REJECTED_SHAPE,
)

from .answers import RecentAnswers
from .connections import BEGAN, CONNECTION, Connection
from .counters import Counters
from .drain import Drain, parse_seconds
from .feedback import Feedback, Unreadable
from .request import Refused

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 8 << 20
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_CLOSE = (b"connection", b"close")
_SDK_PATHS = ("/v2/health/live", "/v2/health/ready", "/v2", "/v2/models")


class Inference(Protocol):
    """What answers decoded inference requests: the SDK's data plane."""

    async def __call__(self, body: Any) -> Any:
        """The answer; Refused for a 400, NotReady for a 503."""


class NotReady(Exception):
    """The model has not warmed up."""


class Gone(Exception):
    """The client left before its request was complete."""


class TooLarge(Exception):
    """A body of more than MAX_BODY_BYTES."""


class Application:
    """Routes what this server answers; anything else, also the SDK's other endpoints, is 404.

    The SDK would let anybody unload the model (POST /v2/repository/models/{name}/unload) and predict past the
    counters (/v1, /openai): those paths do not exist here.
    """

    def __init__(
        self,
        *,
        model: str,
        infer: Inference,
        sdk: Asgi,
        counters: Counters,
        feedback: Feedback,
        answers: RecentAnswers,
        drain: Drain,
    ) -> None:
        self._infer = infer
        self._sdk = sdk
        self._counters = counters
        self._feedback = feedback
        self._answers = answers
        self._drain = drain
        self._infer_path = f"/v2/models/{model}/infer"
        self._sdk_paths = frozenset({*_SDK_PATHS, f"/v2/models/{model}", f"/v2/models/{model}/ready"})

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # lifespan
            await self._sdk(scope, receive, send)
            return
        connection: Connection = scope["state"][CONNECTION]
        path = scope["path"]
        if path.startswith("/v2/models/") and path.endswith("/infer"):
            await self._answer_inference(scope, receive, send, connection)
            return
        connection.is_service = path != FEEDBACK_PATH
        if path in self._sdk_paths and scope["method"] == "GET":
            await self._sdk(scope, receive, self._closing(send) if self._drain.is_on else send)
            return
        status, body, kind = await self._answer(path, scope, receive)
        await self._send(send, status, body, kind)
        if path == METRICS_PATH:
            self._drain.scraped()

    async def _answer_inference(
        self, scope: Message, receive: Receive, send: Send, connection: Connection
    ) -> None:
        status = 500
        connection.begin()
        try:
            status, body = await self._inference(scope, receive)
            await self._send(send, status, body, _JSON)
        except Gone:
            return  # counted when the connection was lost
        finally:
            connection.end(status, time.perf_counter() - scope["state"][BEGAN])

    async def _inference(self, scope: Message, receive: Receive) -> tuple[int, bytes]:
        if scope["method"] != "POST":
            return 405, _error("use POST")
        if scope["path"] != self._infer_path:
            return 404, _error(f"this server has one model: POST {self._infer_path}")
        try:
            body = await _body(receive)
            answer = await self._infer(orjson.loads(body))
            self._answers.note(body, answer["outputs"][0]["data"][0])
            return 200, orjson.dumps(answer)
        except Gone:
            raise
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> tuple[int, bytes]:
        """The answer to an inference request that failed."""
        match error:
            case Refused():
                return 400, _error(str(error))
            case TooLarge() | orjson.JSONDecodeError():
                self._counters.rejected(LIVE, OTHER_FIELD, REJECTED_SHAPE, 1)
                return _unreadable(error)
            case NotReady():
                return 503, _error("the model is not ready yet")
            case _:
                log.error("the model failed", exc_info=error)
                return 500, _error("the model failed on this request; the server's log has the traceback")

    async def _answer(
        self, path: str, scope: Message, receive: Receive
    ) -> tuple[int, bytes, tuple[bytes, bytes]]:
        match path, scope["method"]:
            case (p, "GET") if p == METRICS_PATH:
                return 200, self._counters.page(), _TEXT
            case (p, "GET") if p == ANSWERS_PATH:
                return 200, self._answers.page(), _JSON
            case (p, "POST") if p == FEEDBACK_PATH:
                return *await self._answer_feedback(receive), _JSON
            case (p, "GET" | "POST") if p == DRAIN_PATH:
                return *await self._answer_drain(scope["query_string"]), _JSON
            case _:
                return 404, _error("there is no such endpoint"), _JSON

    async def _answer_feedback(self, receive: Receive) -> tuple[int, bytes]:
        try:
            return 202, orjson.dumps(self._feedback.receive(orjson.loads(await _body(receive))))
        except Unreadable as error:
            return 400, _error(str(error))
        except (TooLarge, orjson.JSONDecodeError) as error:
            return 400, _unreadable(error)[1]

    async def _answer_drain(self, query: bytes) -> tuple[int, bytes]:
        seconds = parse_seconds(query)
        if seconds is None:
            return 400, _error("say how long: /drain?seconds=10")
        return 200, orjson.dumps(await self._drain.wait(seconds))

    async def _send(self, send: Send, status: int, body: bytes, kind: tuple[bytes, bytes]) -> None:
        headers = [kind, (b"content-length", b"%d" % len(body))]
        if self._drain.is_on:
            headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @staticmethod
    def _closing(send: Send) -> Send:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        return closing


async def _body(receive: Receive) -> bytes:
    """The whole body; Gone if the client left, TooLarge beyond the limit."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message["body"]
    else:
        whole = await _rest(message, receive)
    if len(whole) > MAX_BODY_BYTES:
        raise TooLarge
    return whole


async def _rest(message: Message, receive: Receive) -> bytes:
    parts, size = [], 0
    while message["type"] == "http.request" and size <= MAX_BODY_BYTES:
        parts.append(message["body"])
        size += len(parts[-1])
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    raise TooLarge if message["type"] == "http.request" else Gone


def _unreadable(error: Exception) -> tuple[int, bytes]:
    match error:
        case TooLarge():
            return 413, _error(f"the body has more than {MAX_BODY_BYTES} bytes, send several requests")
        case _:
            return 400, _error("the body is not JSON")


def _error(message: str) -> bytes:
    return orjson.dumps({"error": message})
