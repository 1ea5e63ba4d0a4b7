"""Whatever goes wrong in a pass costs only its own key, is said on the object, and decides its next turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.operator import samples
from tests.unit.operator.small_api_server import SmallApiServer

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import NoAnswer
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.errors import Conflict, Gone, Terminal, Transient, Wait
from trimtab.model.kinds import EXPERIMENT, JOB, Kind, ObjectKey
from trimtab.model.plan import Create, Delete, Plan
from trimtab.runtime.executor import Executor
from trimtab.runtime.loop import Loop
from trimtab.runtime.metrics import Metrics
from trimtab.runtime.queue import WorkQueue

WINTER = ObjectKey(EXPERIMENT.id, "ml", "winter")
STATUS_PATH = EXPERIMENT.object_path("ml", "winter", "status")
Decide = Callable[[Any], Plan]


class Scripted:
    """A kind whose decisions are the test's."""

    kind = EXPERIMENT

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.passes = 0

    async def plan(self, obj: Any, now: datetime) -> Plan:
        self.passes += 1
        return self.decide(obj)


class Bench:
    """A loop over one Experiment that stands on the small API server and in the cache."""

    def __init__(self, server: SmallApiServer, decide: Decide) -> None:
        self.server, self.cache, self.queue = server, Cache(), WorkQueue()
        self.reconciler = Scripted(decide)
        self.recorded: list[Any] = []
        self.metrics = Metrics()
        guard = StalenessGuard(self.cache)
        self.loop = Loop(
            client=server.client,
            cache=self.cache,
            guard=guard,
            queue=self.queue,
            executor=Executor(server.client, self.cache, guard, self.record),
            metrics=self.metrics,
            reconcilers={EXPERIMENT.id: self.reconciler},
            beat=lambda: None,
        )
        self.cache.put(EXPERIMENT, server.objects[EXPERIMENT.object_path("ml", "winter")])

    def record(self, kind: Kind, subject: Any, now: datetime) -> None:
        self.recorded.append(subject)

    async def reconcile(self) -> None:
        await self.loop.reconcile(WINTER)

    def ready(self) -> tuple[str, str] | None:
        stored = self.server.objects[EXPERIMENT.object_path("ml", "winter")]
        return samples.condition(stored.get("status", {}), "Ready")

    def outcomes(self) -> list[str]:
        found = self.metrics.reconcile_seconds.collect()
        return [s.labels["outcome"] for m in found for s in m.samples if s.name.endswith("_count")]

    @property
    def retries(self) -> bool:
        return bool(self.queue._later)

    def seconds_until_next_turn(self) -> float:
        ((due, _, key),) = self.queue._later
        assert key == WINTER
        return float(due - asyncio.get_running_loop().time())


@asynccontextmanager
async def bench(decide: Decide) -> AsyncIterator[Bench]:
    experiment = {
        "metadata": {"name": "winter", "namespace": "ml", "uid": samples.UID, "generation": 1},
        "spec": samples.spec_wire(),
    }
    async with SmallApiServer((EXPERIMENT, experiment)) as server:
        yield Bench(server, decide)


def raises(error: Exception) -> Decide:
    def decide(_: Any) -> Plan:
        raise error

    return decide


def creates_a_job(_: Any) -> Plan:
    body = {"metadata": {"name": "winter-t1-a1", "namespace": "ml", "uid": "j"}}
    return Plan(status={"phase": "Training"}, children=(Create(JOB, body, (("controller",), samples.UID)),))


# --- errors of the decision --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "shown", "retried", "outcome", "why"),
    [
        (
            Terminal("InvalidSpec", "x: y"),
            ("False", "InvalidSpec"),
            False,
            "terminal",
            "until an input changes",
        ),
        (
            Transient("RegistryUnavailable", "z"),
            ("False", "RegistryUnavailable"),
            True,
            "transient",
            "it passes",
        ),
        (ZeroDivisionError(), ("False", "InternalError"), True, "error", "a bug costs only its own key"),
        (Conflict("changed"), None, True, "conflict", "nobody needs to hear of it"),
        (Gone("no longer"), None, True, "conflict", "nor of that"),
        (NoAnswer("GET", "/x"), None, True, "unavailable", "a status could not be written either"),
        (Wait("cache"), None, True, "wait", "not an error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_what_a_failed_pass_leaves(
    error: Exception, shown: Any, retried: bool, outcome: str, why: str
) -> None:
    async with bench(raises(error)) as on:
        await on.reconcile()
        assert on.ready() == shown, why
        assert on.retries == retried, why
        assert on.outcomes() == [outcome]
        assert on.queue.depth == 0, "no hot loop"


async def test_what_passes_is_reconciling_and_what_stays_is_stalled() -> None:
    for error, type_ in ((Terminal("A", ""), "Stalled"), (Transient("B", ""), "Reconciling")):
        async with bench(raises(error)) as on:
            await on.reconcile()
            stored = on.server.objects[EXPERIMENT.object_path("ml", "winter")]
            assert samples.condition(stored["status"], type_) == ("True", error.reason)


async def test_a_bug_is_not_explained_to_everybody() -> None:
    async with bench(raises(ValueError("secret"))) as on:
        await on.reconcile()
        assert "secret" not in str(on.server.objects)


async def test_a_wait_wakes_when_it_says() -> None:
    until = datetime.now(UTC) + timedelta(seconds=300)
    async with bench(raises(Wait("window", until))) as on:
        await on.reconcile()
        assert 290 < on.seconds_until_next_turn() < 301


# --- errors of the writes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "shown", "outcome"),
    [
        (403, ("False", "ApiRefused"), "refused"),
        (422, ("False", "ApiRefused"), "refused"),
        (429, ("False", "ApiUnavailable"), "transient"),
        (500, ("False", "ApiUnavailable"), "transient"),
        (401, ("False", "ApiUnauthorized"), "transient"),
    ],
)
async def test_a_child_that_is_refused_is_said_and_tried_again(answer: int, shown: Any, outcome: str) -> None:
    async with bench(creates_a_job) as on:
        on.server.answer = lambda verb, path: answer if verb == "POST" and path.endswith("/jobs") else None
        await on.reconcile()
        assert (on.ready(), on.outcomes(), on.retries) == (shown, [outcome], True)


async def test_a_name_taken_by_another_is_left_alone_and_said() -> None:
    async with bench(creates_a_job) as on:
        foreign = {"metadata": {"name": "winter-t1-a1", "namespace": "ml", "uid": "theirs"}}
        on.server.store(JOB, foreign)
        await on.reconcile()
        assert on.ready() == ("False", "NameConflict")
        assert on.server.objects[JOB.object_path("ml", "winter-t1-a1")]["metadata"]["uid"] == "theirs"
        assert not on.retries, "until somebody renames one of them"


@pytest.mark.parametrize("answer", [403, 409, 500, 404, "silence"])
async def test_an_error_that_cannot_be_shown_does_no_harm(answer: Any) -> None:
    async with bench(raises(Terminal("InvalidSpec", ""))) as on:
        on.server.answer = lambda verb, path: answer if verb == "PUT" else None
        await on.reconcile()
        assert on.retries, "also a Terminal comes back until it has been said"


async def test_a_status_that_this_operator_cannot_read_is_kept_and_says_so() -> None:
    """Written by a newer one: only the conditions are ours to change, and those that still speak stay."""
    told = {
        "type": "GatesPassed",
        "status": "True",
        "reason": "GatesPassed",
        "message": "",
        "lastTransitionTime": "2026-03-04T05:06:07Z",
    }
    newer = {"phase": "FromTheFuture", "trials": [{"index": 99}], "conditions": [told, {"type": 7}]}
    async with bench(raises(Terminal("InvalidSpec", "status.phase: unknown"))) as on:
        path = EXPERIMENT.object_path("ml", "winter")
        on.cache.put(EXPERIMENT, on.server.store(EXPERIMENT, on.server.objects[path] | {"status": newer}))
        await on.reconcile()
        stored = on.server.objects[path]["status"]
        assert (stored["phase"], stored["trials"]) == ("FromTheFuture", [{"index": 99}])
        assert samples.condition(stored, "Stalled") == ("True", "InvalidSpec")
        assert samples.condition(stored, "GatesPassed") == ("True", "GatesPassed")
        assert not on.retries
        await on.reconcile()
        assert len(on.server.writes) == 1, "said once"


async def test_after_a_conflict_the_object_is_read_live_before_the_next_decision() -> None:
    seen: list[str] = []

    def decide(obj: Any) -> Plan:
        seen.append(obj["metadata"]["resourceVersion"])
        return Plan(status={"phase": "Training"})

    async with bench(decide) as on:
        path = EXPERIMENT.object_path("ml", "winter")
        newer = on.server.store(EXPERIMENT, on.server.objects[path])
        await on.reconcile()
        await on.reconcile()
        assert seen == ["101", newer["metadata"]["resourceVersion"]]
        assert on.outcomes() == ["conflict", "written"]


async def test_a_write_without_an_answer_is_looked_up_before_the_next_decision() -> None:
    async with bench(creates_a_job) as on:
        on.server.answer = lambda verb, path: "silence" if path.endswith("/jobs") else None
        await on.reconcile()
        assert on.ready() is None, "nobody knows yet"
        on.server.answer = lambda verb, path: None
        on.reconciler.decide = lambda obj: Plan()
        await on.reconcile()
        assert ("GET", JOB.object_path("ml", "winter-t1-a1")) in on.server.requests
        assert on.cache.get(JOB, "ml", "winter-t1-a1") is not None


# --- passes that go well -----------------------------------------------------------------------------------


async def test_a_pass_that_wrote_is_followed_by_one_that_observes() -> None:
    async with bench(creates_a_job) as on:
        on.queue.add(WINTER)
        assert await on.queue.take() == WINTER
        await on.reconcile()
        on.queue.done(WINTER)
        assert on.queue.depth == 1
        on.reconciler.decide = lambda obj: Plan()
        assert await on.queue.take() == WINTER
        await on.reconcile()
        on.queue.done(WINTER)
        assert (on.queue.depth, on.retries) == (0, False)
        assert on.outcomes() == ["written", "idle"]


async def test_an_idle_object_costs_no_request() -> None:
    async with bench(lambda obj: Plan()) as on:
        await on.reconcile()
        assert on.server.requests == []


async def test_an_object_that_is_gone_or_going_is_not_decided_on() -> None:
    async with bench(creates_a_job) as on:
        stored = on.server.objects[EXPERIMENT.object_path("ml", "winter")]
        going = {
            **stored,
            "metadata": {**stored["metadata"], "deletionTimestamp": "x", "resourceVersion": "200"},
        }
        on.cache.put(EXPERIMENT, going)
        await on.reconcile()
        on.cache.drop(WINTER)
        await on.reconcile()
        assert on.reconciler.passes == 0
        assert on.server.requests == []


async def test_the_cache_must_have_our_own_write_before_the_next_decision() -> None:
    async with bench(creates_a_job) as on:
        await on.reconcile()
        on.cache.drop(ObjectKey(JOB.id, "ml", "winter-t1-a1"))
        await on.reconcile()
        assert on.reconciler.passes == 1
        assert on.outcomes() == ["written", "wait"]


async def test_what_was_deleted_is_looked_up_before_it_would_be_deleted_again() -> None:
    """The event of the deletion may come late; until then the cache still has the object."""
    path = JOB.object_path("ml", "old")

    def deletes_what_it_sees(_: Any) -> Plan:
        return Plan(deletions=(Delete(JOB, "ml", "old", "j", "1"),) if on.cache.get(JOB, "ml", "old") else ())

    async with bench(deletes_what_it_sees) as on:
        on.cache.put(JOB, on.server.store(JOB, {"metadata": {"name": "old", "namespace": "ml", "uid": "j"}}))
        await on.reconcile()
        await on.reconcile()
        assert [request for request in on.server.requests if request[1] == path] == [
            ("DELETE", path),
            ("GET", path),
        ]
        assert on.reconciler.passes == 2


async def test_a_plan_says_when_to_come_back() -> None:
    wake = datetime.now(UTC) + timedelta(seconds=60)
    async with bench(lambda obj: Plan(wake_at=wake)) as on:
        await on.reconcile()
        assert 50 < on.seconds_until_next_turn() < 61


async def test_the_recorder_gets_the_status_that_was_written_and_the_pass_waits_for_no_event() -> None:
    history = [{"id": "end", "time": "2026-11-30T12:00:00Z", "type": "Normal", "reason": "Registered"}]
    async with bench(lambda obj: Plan(status={"phase": "Succeeded", "history": history})) as on:
        await on.reconcile()
        assert [subject["status"]["history"] for subject in on.recorded] == [history]
        assert on.server.writes == [("PUT", STATUS_PATH)]
