"""The load generator against a real server that fails on demand."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.load.control import Control, ControlServer
from tests.load.generator import Generator, Load
from tests.load.rows import Draw, Input, Pool, read_pool, request_body
from tests.load.schedule import arrival_seconds
from tests.unit.load.model_server import ModelServer

INPUTS = (Input("temp", "FP64"), Input("carrier", "BYTES"))
RATE = 200.0


def write_pool(path: Path, rows: list[str]) -> Path:
    path.write_text("date,temp,carrier,late\n" + "".join(f"2013-01-01,{row}\n" for row in rows))
    return path


@pytest.fixture
def winter(tmp_path: Path) -> Pool:
    return read_pool(write_pool(tmp_path / "winter.csv", ["30.5,UA,0", ",B6,1", "28,UA,0"]), INPUTS, "late")


def load(server: ModelServer, **changes: object) -> Load:
    return Load(**{"url": server.url, "model": "flights", "rate_per_second": RATE, **changes})  # type: ignore[arg-type]


@given(seed=st.integers(0, 100))
def test_poisson_arrivals_are_reproducible_and_keep_the_rate(seed: int) -> None:
    first, again = (list(itertools.islice(arrival_seconds(50, "poisson", seed), 2000)) for _ in range(2))
    assert first == again == sorted(first)
    assert 2000 / first[-1] == pytest.approx(50, rel=0.15)


def test_even_arrivals_do_not_add_up_rounding() -> None:
    assert next(itertools.islice(arrival_seconds(60, "even", 1), 36_000, None)) == 600.0


@given(count=st.integers(1, 30), drawn=st.integers(1, 100), seed=st.integers(0, 50))
def test_every_pass_draws_each_row_once(count: int, drawn: int, seed: int) -> None:
    draw = Draw(Pool("p", (), tuple((n,) for n in range(count)), (0,) * count), seed)
    order = [draw.next_row() for _ in range(drawn)]
    assert draw.passes == -(-drawn // count)
    for start in range(0, drawn, count):
        part = order[start : start + count]
        assert len(set(part)) == len(part)


def test_the_body_has_one_named_input_per_feature_and_null_for_missing(winter: Pool) -> None:
    assert json.loads(request_body(winter, 1)) == {
        "inputs": [
            {"name": "temp", "shape": [1], "datatype": "FP64", "data": [None]},
            {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["B6"]},
        ]
    }


@pytest.mark.parametrize(
    ("rows", "says"),
    [(["warm,UA,0"], "line 2"), ([], "no rows")],
)
def test_a_bad_pool_is_refused_by_name(tmp_path: Path, rows: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_pool(write_pool(tmp_path / "bad.csv", rows), INPUTS, "late")
    with pytest.raises(ValueError, match="dewp"):
        read_pool(tmp_path / "bad.csv", (Input("dewp", "FP64"),), "late")


@pytest.mark.parametrize("keep_alive", [False, True])
async def test_connections_are_new_for_each_request_or_kept(winter: Pool, keep_alive: bool) -> None:
    async with ModelServer().running() as server:
        # Slow enough that a kept connection is free again before the next arrival, most of the time.
        slow = load(server, keep_alive=keep_alive, rate_per_second=40.0)
        summary = await Generator(slow, winter).run(duration_seconds=1.0)
    total = summary["total"]
    assert (total["sent"], total["answered"], total["failed"]) == (40, 40, 0)
    assert total["versions"] == {"v1": 40}
    connections = len(server.connections)
    assert connections < 40 if keep_alive else connections == 40
    assert summary["pools"] == [{"name": "winter", "rows": 3, "drawn": 40, "passes": 14}]


async def test_failures_are_counted_by_kind_and_nothing_is_sent_twice(winter: Pool) -> None:
    plan = {2: "500", 3: "500", 5: "drop", 8: "garbage", 11: "silence"}
    for keep_alive in (False, True):
        async with ModelServer(plan).running() as server:  # type: ignore[arg-type]
            one = load(server, keep_alive=keep_alive, timeout_seconds=1.0)
            summary = await Generator(one, winter).run(duration_seconds=0.1)
        assert summary["total"]["failures"] == {"answer": 1, "connection": 1, "status": 2, "timeout": 1}
        assert summary["total"]["answered"] == 15
        assert len(server.requests) == summary["total"]["sent"] == 20
        assert {one["kind"] for one in summary["firstFailures"]} == set(summary["total"]["failures"])


async def test_nobody_listening_is_a_failed_request_each(winter: Pool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        summary = await Generator(Load(url, "flights", RATE), winter).run(duration_seconds=0.1)
    assert summary["total"]["failures"] == {"connection": 20}


async def test_a_slow_server_slows_no_arrival_and_latency_counts_from_it(winter: Pool) -> None:
    async with ModelServer(delay_seconds=0.5).running() as server:
        summary = await Generator(load(server), winter).run(duration_seconds=0.3)
    assert summary["total"]["answered"] == 60
    assert 500 <= summary["total"]["latencyMilliseconds"]["p50"] <= 1500
    assert summary["elapsedSeconds"] < 3  # a closed loop would need 30 s


async def test_a_stall_of_the_generator_counts_as_latency(winter: Pool) -> None:
    async with ModelServer().running() as server:
        asyncio.get_running_loop().call_later(0.1, time.sleep, 0.4)
        summary = await Generator(load(server), winter).run(duration_seconds=0.5)
    assert summary["total"]["latencyMilliseconds"]["max"] >= 350
    assert summary["total"]["lagMilliseconds"]["max"] >= 350


async def test_labels_come_back_once_after_the_delay(winter: Pool) -> None:
    async with ModelServer({4: "500"}).running() as server:
        generator = Generator(load(server, label_delay_seconds=0.6), winter)
        summary = await generator.run(duration_seconds=0.2)
    answered = summary["total"]["answered"]
    assert answered == 39
    assert summary["labels"] == {"accepted": 39, "sent": 39}
    assert summary["elapsedSeconds"] >= 0.6
    sent = {
        f"token-{place}": winter.labels[winter.rows.index(tuple(one["data"][0] for one in body["inputs"]))]
        for place, body in enumerate(server.requests)
        if place != 4
    }
    assert {one["token"]: one["label"] for one in server.labels} == sent


async def test_a_post_of_labels_under_way_at_the_end_is_counted(winter: Pool) -> None:
    server = ModelServer()
    server.feedback_delay_seconds = 1.0  # the first post begins half a second after the start
    async with server.running():
        summary = await Generator(load(server, label_delay_seconds=0.0), winter).run(duration_seconds=0.8)
    assert summary["labels"] == {"accepted": 160, "sent": 160}


async def test_labels_nobody_takes_are_counted_and_not_sent_again(winter: Pool) -> None:
    async with ModelServer(feedback_status=503).running() as server:
        summary = await Generator(load(server, label_delay_seconds=0.0), winter).run(duration_seconds=0.05)
    assert summary["total"]["failed"] == 0
    assert summary["labels"] == {"failed": 10, "failed: ClientResponseError": 10, "sent": 10}
    assert len(server.labels) == 10


async def test_another_process_switches_the_pool_marks_and_stops(tmp_path: Path, winter: Pool) -> None:
    july = write_pool(tmp_path / "july.csv", ["80.5,UA,1"])
    path = tmp_path / "control"
    async with ModelServer().running() as server:
        generator = Generator(load(server), winter)
        control = ControlServer(generator, INPUTS, "late")
        async with await control.serve(path):
            run = asyncio.create_task(generator.run())
            await asyncio.to_thread(_steer, path, july)
            summary = await run
    assert [one["name"] for one in summary["pools"]] == ["winter", "july"]
    assert [one["name"] for one in summary["phases"]] == ["start", "summer"]
    temps = [body["inputs"][0]["data"][0] for body in server.requests]
    assert temps[-summary["pools"][1]["drawn"] :] == [80.5] * summary["pools"][1]["drawn"]
    assert sum(one["sent"] for one in summary["phases"]) == summary["total"]["sent"] == len(temps)


def _steer(path: Path, july: Path) -> None:
    with Control(path) as control:
        with pytest.raises(RuntimeError, match="nowhere"):
            control.switch(july.with_name("nowhere.csv"))
        control.switch(july)
        control.mark("summer")
        while control.summary()["phases"][-1]["answered"] < 20:
            pass
        control.stop()


async def test_the_command_line_asks_the_server_for_its_inputs(tmp_path: Path, winter: Pool) -> None:
    pool, out = write_pool(tmp_path / "pool.csv", ["30.5,UA,0"]), tmp_path / "out.json"
    async with ModelServer({3: "500"}).running() as server:
        command = (
            *("-m", "tests.load", "run", "--url", server.url, "--model", "flights", "--label", "late"),
            *(
                "--pool",
                str(pool),
                "--rate",
                "100",
                "--duration",
                "0.1",
                "--json",
                str(tmp_path / "out.json"),
            ),
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
    assert process.returncode == 1  # something failed
    assert b"10 sent,    1 failed" in printed
    assert json.loads(out.read_text())["total"]["failures"] == {"status": 1}
