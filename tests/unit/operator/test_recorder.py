"""Events are made once for each young line of a history; they cost no pass anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.operator import samples
from tests.unit.operator.small_api_server import SmallApiServer

from trimtab.model.history import EVENT_MAX_AGE_SECONDS
from trimtab.model.kinds import EVENT, EXPERIMENT
from trimtab.runtime import recorder as module
from trimtab.runtime.recorder import Recorder

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
PATH = EVENT.collection_path("ml")


def subject(*ages_seconds: float) -> dict[str, Any]:
    """An Experiment whose history has a line of each of these ages."""
    return {
        "metadata": {"name": "winter", "namespace": "ml", "uid": samples.UID},
        "status": {
            "history": [
                {
                    "id": f"line-{age:g}",
                    "time": (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "type": "Normal",
                    "reason": "Registered",
                    "message": f"{age:g} s ago",
                }
                for age in ages_seconds
            ]
        },
    }


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[Recorder, SmallApiServer]]:
    async with SmallApiServer() as server:
        recorder = Recorder(server.client)
        running = asyncio.create_task(recorder.run())
        try:
            yield recorder, server
        finally:
            running.cancel()


def made(server: SmallApiServer) -> list[str]:
    return [obj["message"] for obj in server.objects.values() if obj.get("kind") == "Event"]


async def test_a_young_line_becomes_one_event_however_often_it_is_seen() -> None:
    async with recording() as (recorder, server):
        for _ in range(3):
            recorder.record(EXPERIMENT, subject(EVENT_MAX_AGE_SECONDS + 1, 60, 1), NOW)
        await server.until(lambda: len(made(server)) == 2)
        assert made(server) == ["60 s ago", "1 s ago"]
        assert server.writes == [("POST", PATH)] * 2


async def test_what_a_predecessor_has_made_is_left_as_it_is() -> None:
    async with recording() as (recorder, server):
        recorder.record(EXPERIMENT, subject(60), NOW)
        await server.until(lambda: len(made(server)) == 1)
        successor = Recorder(server.client)
        running = asyncio.create_task(successor.run())
        successor.record(EXPERIMENT, subject(60, 1), NOW)
        await server.until(lambda: len(made(server)) == 2)
        running.cancel()
        assert server.writes == [("POST", PATH)] * 3


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_a_refusal_matters_to_nobody(status: int) -> None:
    async with recording() as (recorder, server):
        server.answer = lambda verb, path: status if len(server.requests) == 1 else None
        recorder.record(EXPERIMENT, subject(60, 1), NOW)
        await server.until(lambda: len(server.writes) == 2)
        await server.until(lambda: made(server) == ["1 s ago"])


@pytest.mark.parametrize("fault", [503, "silence"])
async def test_what_got_no_answer_is_tried_again_in_its_order(
    fault: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    async with recording() as (recorder, server):
        server.answer = lambda verb, path: fault if len(server.requests) == 1 else None
        recorder.record(EXPERIMENT, subject(60, 1), NOW)
        await server.until(lambda: len(made(server)) == 2)
        assert made(server) == ["60 s ago", "1 s ago"]
        assert len(server.writes) == 3


async def test_a_line_without_room_is_taken_in_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_LIMIT", 2)
    async with SmallApiServer() as server:
        recorder = Recorder(server.client)
        recorder.record(EXPERIMENT, subject(60, 30, 1), NOW)
        running = asyncio.create_task(recorder.run())
        await server.until(lambda: len(made(server)) == 2)
        recorder.record(EXPERIMENT, subject(60, 30, 1), NOW)
        await server.until(lambda: len(made(server)) == 3)
        running.cancel()


async def test_what_is_too_old_is_forgotten() -> None:
    async with SmallApiServer() as server:
        recorder = Recorder(server.client)
        recorder.record(EXPERIMENT, subject(60, 1), NOW)
        recorder.record(EXPERIMENT, subject(60, 1), NOW + timedelta(seconds=EVENT_MAX_AGE_SECONDS - 30))
        assert len(recorder._seen) == 1
