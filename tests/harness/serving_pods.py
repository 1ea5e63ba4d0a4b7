"""Plays the serving pods and what stands around them: a server on a real address, and clients of the Service.

Deployments, ReplicaSets and EndpointSlices are made by the real controllers. Clients ask whatever the slices
say is ready, as kube-proxy does, so a side has exactly the traffic that the operator gave it.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.harness.kept_clients import KeptClients
from tests.harness.model_server import MlServer, ModelServer
from tests.harness.plays import Fail, Run, Serve, Stuck
from tests.harness.pod_api import PodApi
from tests.harness.pod_status import PodStatus
from tests.harness.population import Clients

from trimtab.model.kinds import ENDPOINT_SLICE
from trimtab.model.names import ANNOTATION_RUNTIME
from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.profile import Profile

Object = dict[str, Any]
ServingPlay = Serve | Stuck | Run | Fail
SERVICE_LABEL = "kubernetes.io/service-name"
TICK_SECONDS = 0.05
DRAIN_SECONDS = 0.2  # a real one takes 2 s to 10 s


@dataclass
class _Served:
    """``performing``: one at a time. A pod that begins and is told something else meanwhile would report what
    it was told first last, and stay so."""

    pod: Object
    revision: str
    play: ServingPlay
    server: ModelServer | None = None
    leaving: bool = False
    performing: asyncio.Lock = field(default_factory=asyncio.Lock)


class ServingPods:
    """`play` says what pods of a revision do, `rate` how many clients connect per second to each Service.

    `shares` is what a Gateway sends to the Service of each revision, in percent of that rate: nothing unless
    a test plays one. `copies` is how many of its requests it sends there as well, in percent. `clients` say
    what is asked of a model that has a profile; without them a server counts no feature. `kept` are clients
    beside these that keep their connections.
    `unanswered` counts clients that found a Service without any ready pod, once it has had one.
    """

    def __init__(
        self,
        api: PodApi,
        run: Callable[[Any], Any],
        spawn: Callable[[Any], asyncio.Task[None]],
        config_of: Callable[[Object, str], Any],
        profile_of: Callable[[Object], Profile | None],
    ) -> None:
        self.rate = 0.0
        self.shares: Mapping[str, int] = {}
        self.copies: Mapping[str, int] = {}
        self.unanswered = 0
        self.clients: Clients | None = None
        self.kept: KeptClients | None = None
        self._api = api
        self._run = run
        self._spawn = spawn
        self._config_of = config_of
        self._profile_of = profile_of
        self._pods: dict[str, _Served] = {}
        self._plays: dict[str, ServingPlay] = {}
        self._statuses: dict[str, int] = {}
        self._scores: dict[str, float] = {}
        self._pages: dict[str, bytes] = {}
        self._slices: dict[str, tuple[str, list[str]]] = {}
        self._of_revisions: set[str] = set()
        self._slices_moved = asyncio.Event()
        self._begun: set[str] = set()
        self._asked = 0

    # --- what a test says: from its own thread -------------------------------------------------------------

    def play(self, play: ServingPlay, revision: str = "") -> None:
        """Pods of the revision (of all) do this from now on, also those that are there."""
        self._run(self._change(play, revision))

    def play_next(self, play: ServingPlay) -> None:
        """Pods that are not there yet do this, unless `play` says otherwise of their revision."""
        self._plays[""] = play

    def fail_requests(self, revision: str, status: int = 500) -> None:
        """Every request to pods of the revision is answered with this status from now on."""
        self._statuses[revision] = status
        self._run(self._arrange())

    def give_score(self, revision: str, score: float) -> None:
        """Pods of the revision give every row this score from now on."""
        self._scores[revision] = score
        self._run(self._arrange())

    def show_page(self, revision: str, page: bytes | None) -> None:
        """/metrics of the revision's pods answers this; None: its counters again."""
        self._pages = {r: p for r, p in self._pages.items() if r != revision}
        if page is not None:
            self._pages[revision] = page
        self._run(self._arrange())

    def restart(self, revision: str, times: int = 1) -> None:
        """In every pod of the revision the server's container ends and is started again, ``times`` in all."""
        for served in self._of(revision):
            self._run(self._report(served, ready=True, restarts=times))

    def servers(self, revision: str = "") -> list[ModelServer]:
        return [served.server for served in self._of(revision) if served.server is not None]

    def _of(self, revision: str) -> list[_Served]:
        return [served for served in list(self._pods.values()) if revision in ("", served.revision)]

    # --- the kubelet ---------------------------------------------------------------------------------------

    def observe(self, event: str, pod: Object) -> None:
        meta = pod["metadata"]
        uid, known = meta["uid"], self._pods.get(meta["uid"])
        if event == "DELETED":
            if known is not None:
                del self._pods[uid]
                self._spawn(_stop(known))
        elif "deletionTimestamp" in meta:
            if known is not None and not known.leaving:
                known.leaving = True
                self._spawn(self._drain(known))
        elif known is None:
            revision = meta["labels"]["trimtab.dev/revision"]
            play = self._plays.get(revision) or self._plays.get("") or Serve()
            self._pods[uid] = served = _Served(pod, revision, play)
            self._spawn(self._begin(served))

    async def _begin(self, served: _Served) -> None:
        await self._api.bind(served.pod)
        await self._perform(served)

    async def _change(self, play: ServingPlay, revision: str) -> None:
        self._plays[revision] = play
        for served in self._of(revision):
            served.play = play
            await self._perform(served)

    async def _perform(self, served: _Served) -> None:
        async with served.performing:
            await self._play(served, PodStatus(served.pod))

    async def _play(self, served: _Served, status: PodStatus) -> None:
        match served.play:
            case Stuck(container, reason):
                await self._api.report(served.pod, status.waiting(container, reason))
            case Fail(container, code, message, reason):
                await self._api.report(served.pod, status.crashing(container, code, reason, message))
            case Run():
                await self._start(served)
                await self._report(served, ready=False)
            case Serve():
                await self._start(served)
                await self._report(served, ready=True)

    async def _start(self, served: _Served) -> None:
        if served.server is None:
            server = await self._server_of(served)
            server.pod = served.pod["metadata"]
            await server.start()
            served.server = server
            await self._arrange()

    async def _server_of(self, served: _Served) -> ModelServer:
        """Our server, or MLServer where the pod says so: that has a port of its own for metrics."""
        if ANNOTATION_RUNTIME in served.pod["metadata"].get("annotations", {}):
            fetch = self._config_of(served.pod, "fetch")
            ports = {port["name"]: port for port in served.pod["spec"]["containers"][0]["ports"]}
            port = int(ports["metrics"]["containerPort"])
            return MlServer(ServeModel("m", fetch.model.digest, port=port), served.revision)
        config = self._config_of(served.pod, "server")
        assert isinstance(config, ServeModel)
        profile = await asyncio.to_thread(self._profile_of, served.pod) if config.profile_digest else None
        return ModelServer(config, served.revision, profile, self.clients)

    async def _arrange(self) -> None:
        for served in self._pods.values():
            if served.server is not None:
                served.server.status = self._statuses.get(served.revision, 200)
                served.server.score = self._scores.get(served.revision, 0.5)
                served.server.page = self._pages.get(served.revision)

    async def _report(self, served: _Served, *, ready: bool, restarts: int = 0) -> None:
        assert served.server is not None, "the pod has not begun"
        status = PodStatus(served.pod).serving(served.server.address, ready=ready, restarts=restarts)
        await self._api.report(served.pod, status)

    async def _drain(self, served: _Served) -> None:
        """Answers as long as clients are sent here, then ends."""
        uid = served.pod["metadata"]["uid"]
        await asyncio.sleep(DRAIN_SECONDS)
        while any(uid in ready for _, ready in self._slices.values()):
            self._slices_moved.clear()
            await self._slices_moved.wait()
        await self._api.finish(served.pod)

    async def close(self) -> None:
        await asyncio.gather(*(_stop(served) for served in self._pods.values()))

    # --- the clients ---------------------------------------------------------------------------------------

    async def watch_slices(self) -> None:
        await self._api.watch(ENDPOINT_SLICE, SERVICE_LABEL, self._see_slice)

    def _see_slice(self, event: str, obj: Object) -> None:
        meta = obj["metadata"]
        self._slices_moved.set()
        if event == "DELETED":
            self._slices.pop(meta["name"], None)
            return
        ready = [
            endpoint["targetRef"]["uid"]
            for endpoint in obj.get("endpoints") or ()
            if endpoint.get("conditions", {}).get("ready")
        ]
        service = meta["labels"][SERVICE_LABEL]
        self._slices[meta["name"]] = (service, ready)
        if "trimtab.dev/revision" in meta["labels"]:
            self._of_revisions.add(service)

    async def send_requests(self) -> None:
        """Clients arrive evenly, for ever."""
        due: defaultdict[str, float] = defaultdict(float)
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            for service in {service for service, _ in self._slices.values()}:
                due[service] += self.rate * (now - last) * self._share(service)
                self._ask(service, int(due[service]), copied=service in self.copies)
                due[service] %= 1
            if self.kept is not None:
                self.kept.ask(self._ready_servers())
            last = now

    def _ready_servers(self) -> dict[str, ModelServer]:
        """Behind the front Services, by pod uid."""
        of_front = {
            uid for name, uids in self._slices.values() if name not in self._of_revisions for uid in uids
        }
        served = {uid: self._pods[uid].server for uid in of_front & self._pods.keys()}
        return {uid: server for uid, server in served.items() if server is not None}

    def _share(self, service: str) -> float:
        """Clients ask the front Service; those of revisions are for the Gateway."""
        share = self.copies.get(service, self.shares.get(service, 0))
        return share / 100 if service in self._of_revisions else 1.0

    def _ask(self, service: str, clients: int, *, copied: bool) -> None:
        """``copied``: nobody waits for the answers."""
        ready = sorted(uid for name, uids in self._slices.values() if name == service for uid in uids)
        if ready and not copied:
            self._begun.add(service)
        elif not copied and service in self._begun:
            self.unanswered += clients
        for _ in range(clients if ready else 0):
            self._asked += 1
            served = self._pods.get(ready[self._asked % len(ready)])
            if served is not None and served.server is not None:
                served.server.serve(1)
            elif not copied:
                self.unanswered += 1


async def _stop(served: _Served) -> None:
    if served.server is not None:
        await served.server.stop()
