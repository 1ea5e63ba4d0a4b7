"""The open loop: start each request at its arrival time, whatever became of the ones before."""

from __future__ import annotations

import asyncio
import json
import resource
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.load.labels import LabelReturn
from tests.load.rows import Draw, Pool, request_body
from tests.load.schedule import Arrivals, arrival_seconds
from tests.load.tally import FailureKind, Phase, Tally

LABEL_POST_SECONDS = 0.5


@dataclass(frozen=True)
class Load:
    """What to send where. `label_delay_seconds` None = no labels are returned."""

    url: str
    model: str
    rate_per_second: float
    arrivals: Arrivals = "even"
    keep_alive: bool = False
    timeout_seconds: float = 10.0
    label_delay_seconds: float | None = None
    seed: int = 1
    host: str | None = None
    """Host header, for a front that routes by name."""


class Generator:
    """One run of a load. `switch`, `mark` and `stop` may be called during `run`, from its event loop."""

    def __init__(self, load: Load, pool: Pool) -> None:
        self.load = load
        self.tally = Tally()
        self._draws = [Draw(pool, load.seed)]
        self._stopping = asyncio.Event()
        self._started_seconds = 0.0
        self._cpu_before_seconds = 0.0
        self._in_flight: set[asyncio.Task[None]] = set()

    def switch(self, pool: Pool) -> None:
        """Draw the next rows from another pool, from its first pass."""
        self._draws.append(Draw(pool, self.load.seed))

    def mark(self, name: str) -> None:
        """Begin a new phase of the tally."""
        self.tally.mark(name, self._elapsed_seconds())

    def stop(self) -> None:
        """Send nothing new; `run` ends when the last answers and labels are through."""
        self._stopping.set()

    async def run(self, duration_seconds: float | None = None) -> dict[str, Any]:
        """Send until `stop` or for the given time, wait for what is in flight, and return the summary."""
        self._started_seconds = asyncio.get_running_loop().time()
        self._cpu_before_seconds = _cpu_seconds()
        async with _session(self.load) as session:
            labels = self._label_return(session)
            posting = asyncio.create_task(labels.run(LABEL_POST_SECONDS)) if labels else None
            await self._send_all(session, labels, duration_seconds)
            await asyncio.gather(*self._in_flight)
            if labels and posting:
                labels.close()
                await posting
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """JSON: the load, totals, phases, passes through each pool, labels, failures and the CPU it took."""
        return {
            "load": {
                "url": self.load.url,
                "ratePerSecond": self.load.rate_per_second,
                "arrivals": self.load.arrivals,
                "connections": "kept alive" if self.load.keep_alive else "new for each request",
                "draw": "uniform without replacement, reshuffled with the next seed for each pass",
                "seed": self.load.seed,
            },
            "elapsedSeconds": round(self._elapsed_seconds(), 3),
            "total": self.tally.total().summary(),
            "phases": [phase.summary() for phase in self.tally.phases],
            "pools": [
                {
                    "name": draw.pool.name,
                    "rows": len(draw.pool.rows),
                    "drawn": draw.drawn,
                    "passes": draw.passes,
                }
                for draw in self._draws
            ],
            "labels": dict(sorted(self.tally.labels.items())),
            "firstFailures": self.tally.kept_failures,
            "cpuSeconds": round(_cpu_seconds() - self._cpu_before_seconds, 3),
        }

    def _label_return(self, session: aiohttp.ClientSession) -> LabelReturn | None:
        if self.load.label_delay_seconds is None:
            return None
        return LabelReturn(
            session, f"{self.load.url}/feedback", self.load.label_delay_seconds, self.tally.labels
        )

    async def _send_all(
        self, session: aiohttp.ClientSession, labels: LabelReturn | None, duration_seconds: float | None
    ) -> None:
        for at_seconds in arrival_seconds(self.load.rate_per_second, self.load.arrivals, self.load.seed):
            if duration_seconds is not None and at_seconds >= duration_seconds:
                return
            await self._sleep_until(at_seconds)
            if self._stopping.is_set():
                return
            task = asyncio.create_task(self._send(session, labels, self._arrive(at_seconds)))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _sleep_until(self, at_seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_seconds - self._elapsed_seconds()):
                await self._stopping.wait()

    def _arrive(self, at_seconds: float) -> _Arrival:
        draw, phase = self._draws[-1], self.tally.current
        phase.sent += 1
        phase.lags_seconds.append(self._elapsed_seconds() - at_seconds)
        return _Arrival(at_seconds, phase, draw.pool, draw.next_row())

    async def _send(
        self, session: aiohttp.ClientSession, labels: LabelReturn | None, arrival: _Arrival
    ) -> None:
        phase = arrival.phase
        try:
            version, token = _read_answer(await self._exchange(session, arrival))
        except _RequestFailed as failure:
            self.tally.fail(phase, failure.kind, failure.detail, arrival.at_seconds)
            return
        phase.latencies_seconds.append(self._elapsed_seconds() - arrival.at_seconds)
        phase.versions[version] += 1
        if labels and token:
            labels.add(token, arrival.pool.labels[arrival.row])

    async def _exchange(self, session: aiohttp.ClientSession, arrival: _Arrival) -> bytes:
        url = f"{self.load.url}/v2/models/{self.load.model}/infer"
        try:
            async with session.post(url, data=request_body(arrival.pool, arrival.row)) as answer:
                body = await answer.read()
        except TimeoutError as error:
            raise _RequestFailed("timeout", f"no answer in {self.load.timeout_seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise _RequestFailed("connection", f"{type(error).__name__}: {error}") from error
        if not answer.ok:
            raise _RequestFailed("status", f"{answer.status}: {body[:200].decode(errors='replace')}")
        return body

    def _elapsed_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._started_seconds


@dataclass(frozen=True)
class _Arrival:
    at_seconds: float
    phase: Phase
    pool: Pool
    row: int


class _RequestFailed(Exception):
    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def _session(load: Load) -> aiohttp.ClientSession:
    # aiohttp sends a request again only for idempotent methods on a kept connection, and POST is none.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=not load.keep_alive),
        timeout=aiohttp.ClientTimeout(total=load.timeout_seconds),
        headers={"Content-Type": "application/json"} | ({"Host": load.host} if load.host else {}),
    )


def _read_answer(body: bytes) -> tuple[str, str | None]:
    """The version that answered and the row's label token; either may be absent."""
    try:
        answer = json.loads(body)
        scores = answer["outputs"][0]["data"]
        tokens = answer.get("parameters", {}).get("trimtab_tokens", [None])
        if len(scores) != 1 or len(tokens) != 1:
            raise ValueError(f"{len(scores)} scores and {len(tokens)} tokens for one row")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _RequestFailed("answer", f"{type(error).__name__}: {error}") from error
    return str(answer.get("model_version", "")), tokens[0]


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
