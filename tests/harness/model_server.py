"""What a played serving pod answers: the metrics page, written by the real server's counters."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from tests.harness import pod_network
from tests.harness.population import FEATURES, Clients

from trimtab_runtime.contract.answers import ANSWERS_PATH
from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.serving import LIVE, METRICS_PATH, PageShape
from trimtab_runtime.server.answers import RecentAnswers
from trimtab_runtime.server.counters import Counters

ANSWER_SECONDS = 0.004


class ModelServer:
    """One server process. Belongs to the harness' event loop, as its counters do.

    `page`: what /metrics answers instead of the counters. `status`: what every request is answered with.
    `score`: of every row, where there are no clients that say more.
    `pod`: the metadata of the pod that it is in.
    """

    def __init__(
        self,
        config: ServeModel,
        revision: str,
        profile: Profile | None = None,
        clients: Clients | None = None,
        *,
        began: float | None = None,
    ) -> None:
        self.revision = revision
        self.address = ""
        self.pod: Mapping[str, Any] = {}
        self.page: bytes | None = None
        self.status = 200
        self.score = 0.5
        self.connections = 0
        self.failures = 0
        self.scrapes = 0
        self._port = config.port
        self._digest = config.digest
        self._clients = clients if profile else None
        inputs = tuple(sorted(profile.features)) if profile else FEATURES
        shape = PageShape.of(config.digest, profile, inputs)
        self.began = time.time() if began is None else began
        digest = config.profile_digest
        self._answers = RecentAnswers(config.digest, time.time)
        self._counters = Counters(
            shape, profile, inputs, profile_digest=digest, start_time_seconds=self.began
        )

    async def start(self) -> None:
        """Listens on an address of its own from now on."""
        app = web.Application()
        app.router.add_get(METRICS_PATH, self._metrics)
        app.router.add_get(ANSWERS_PATH, self._tell)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        while not self.address:
            address = pod_network.some_address()
            try:
                await web.TCPSite(self._runner, address, self._port).start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                self.address = address

    async def stop(self) -> None:
        await self._runner.cleanup()

    def serve(self, connections: int) -> None:
        """So many clients connect, ask once and go."""
        for _ in range(connections):
            self.connections += 1
            self._counters.connection(LIVE)
            if self.status >= 500:
                self.failures += 1
                self._counters.error_connection(LIVE)
            elif self.status == 200:
                self._answer()
            self._counters.answered(LIVE, self.status, ANSWER_SECONDS)

    def connect(self) -> None:
        """A client connects that will ask more than once."""
        self.connections += 1
        self._counters.connection(LIVE)

    def ask(self, status: int, *, first_error: bool) -> None:
        """One more request on a connection that there is."""
        if first_error:
            self._counters.error_connection(LIVE)
        self._counters.answered(LIVE, status, ANSWER_SECONDS)

    def _answer(self) -> None:
        if self._clients is None:
            self._counters.rows(LIVE, (), (self.score,))
            self._answers.note(self._body(), self.score)
            return
        row = self._clients.draw()
        (bucket,) = self._counters.rows(LIVE, row.columns, (row.score,))
        if row.label is not None:
            self._counters.label(self._digest, bucket, row.label, "0")

    def _body(self) -> bytes:
        """Twenty requests of every second, which copies of them are equal to."""
        return b"%d of %d" % (self.connections % 20, time.time())

    def text(self) -> bytes:
        """The page of its counters."""
        return self._counters.page()

    async def _tell(self, _: web.Request) -> web.Response:
        return web.Response(body=self._answers.page())

    async def _metrics(self, _: web.Request) -> web.Response:
        self.scrapes += 1
        return web.Response(body=self.text() if self.page is None else self.page)


class MlServer(ModelServer):
    """The same with the page of MLServer: requests by status, and nothing of features and scores."""

    def text(self) -> bytes:
        name, path = "rest_server_requests_total", 'method="POST",path="/v2/models/{model_name}/infer"'
        counts = {"200": self.connections - self.failures, "500": self.failures}
        lines = [f'{name}{{{path},status_code="{status}"}} {n}.0' for status, n in counts.items()]
        return "\n".join([f"process_start_time_seconds {self.began!r}", *lines, ""]).encode()
