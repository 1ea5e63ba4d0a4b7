"""Our model server beside the bare KServe SDK: cold start, memory, requests per second, CPU per request.

    python -m tests.bench.serving [--rounds 15] [--seconds 1] [--json summary.json]

Both serve the flights model of examples/flights, one row per request, in one run; short rounds alternate
between them, so that other work on the machine touches both. Judged are requests per second of the server's
own processor time, which is its rate on a core of its own, whatever else runs; the rates by the clock stand
beside it. Exits 1 if ours is below 0.9 of the SDK's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml
from tests.bench.closed_loop import answers_in, cpu_seconds, post, resident_mebibytes
from tests.bench.measure import Measure
from tests.cluster.ports import free_port
from tests.load.rows import DATATYPES, Input, read_pool, request_body
from tests.runtime.model_folder import assemble, running_server, write_inputs

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.data import TRIAL_SPLITS, DataContract, parse_data_contract
from trimtab_runtime.contract.signature import signature_of

REPOSITORY = Path(__file__).parents[2]
TARGET = 0.9
POOL_ROWS = 500
ROUNDS, SECONDS, CONNECTIONS = 15, 1.0, 4


@dataclass
class Side:
    """One server under measurement."""

    name: str
    port: int
    pid: int
    cold_start_seconds: float
    rates: list[float] = field(default_factory=list)
    cpu_rates: list[float] = field(default_factory=list)

    def measure(self, bodies: Sequence[bytes], connections: int, seconds: float) -> None:
        """One round."""
        requests_ = [post("/v2/models/flights/infer", body) for body in bodies]
        before = cpu_seconds(self.pid)
        answers, elapsed = answers_in(self.port, requests_, connections, seconds)
        self.rates.append(answers / elapsed)
        self.cpu_rates.append(answers / (cpu_seconds(self.pid) - before))

    def summary(self) -> dict[str, Any]:
        """JSON."""
        return {
            "name": self.name,
            "coldStartSeconds": round(self.cold_start_seconds, 2),
            "residentMebibytes": round(resident_mebibytes(self.pid)),
            "requestsPerSecond": round(statistics.median(self.rates)),
            "requestsPerCpuSecond": round(statistics.median(self.cpu_rates)),
        }


def train_flights(root: Path) -> tuple[ServeModel, Path, DataContract]:
    """The model of the example, trained in a pod's folder; also its traffic pool."""
    contract = parse_data_contract(
        yaml.safe_load((REPOSITORY / "examples/flights/experiment-winter.yaml").read_text())["spec"][
            "dataContract"
        ]
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "examples"), paths.ROOT_ENV: str(root)}
    data = root / "data"
    _run("flights.data", "--season", "winter", "--out", str(data), environment=environment)
    write_inputs(root, contract, {split: data / f"{split}.csv" for split in TRIAL_SPLITS}, {})
    _run("flights.train", environment=environment)
    return assemble(root), data / "traffic.csv", contract


def _run(module: str, *arguments: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], env=environment, check=True)


@contextmanager
def bare_sdk(root: Path, *, quiet: bool) -> Iterator[Side]:
    """The SDK alone."""
    port = free_port()
    file = root / "model/model/model.joblib"
    command = [sys.executable, "-m", "tests.bench.bare_sdk", "--file", str(file), "--port", str(port)]
    name = "KServe SDK, no latency log" if quiet else "KServe SDK, as it comes"
    with (root / "bare.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *(["--quiet"] if quiet else [])],
            stdout=log,
            stderr=log,
            cwd=REPOSITORY,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    began = time.monotonic()
    try:
        while not _is_ready(f"http://127.0.0.1:{port}/v2/models/flights/ready"):
            assert process.poll() is None, (root / "bare.log").read_text()
            time.sleep(0.02)
        yield Side(name, port, process.pid, time.monotonic() - began)
    finally:
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


@contextmanager
def ours(root: Path, config: ServeModel) -> Iterator[Side]:
    """Our server."""
    began = time.monotonic()
    with running_server(root, config) as server:
        yield Side("trimtab-runtime", config.port, server.process.pid, time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    summary = measure(options.rounds, options.seconds, options.connections)
    _print(summary)
    if options.json:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
    return 0 if summary["ratio"] >= TARGET else 1


def measures() -> list[Measure]:
    """The ratio, and what it is made of."""
    summary = measure()
    mine, *others = summary["sides"]

    def told(side: dict[str, Any]) -> str:
        cold, memory = side["coldStartSeconds"], side["residentMebibytes"]
        return f"{cold} s, {memory} MiB, {side['requestsPerCpuSecond']}"

    beside = "; ".join(f"{side['name']}: {told(side)}" for side in others)
    return [
        Measure(
            "model server: cold start, RSS, requests per second of processor time",
            told(mine),
            beside=beside,
        ),
        Measure(
            "the same requests beside the faster bare SDK",
            str(summary["ratio"]),
            f">= {TARGET}",
            met=summary["ratio"] >= TARGET,
        ),
    ]


def measure(rounds: int = ROUNDS, seconds: float = SECONDS, connections: int = CONNECTIONS) -> dict[str, Any]:
    """Our server and the bare SDK, in one run."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config, pool, contract = train_flights(root)
        inputs = [Input(tensor.name, DATATYPES[tensor.datatype]) for tensor in signature_of(contract).inputs]
        rows = read_pool(pool, inputs, contract.label)
        bodies = [request_body(rows, row) for row in range(POOL_ROWS)]
        with (
            ours(root, config) as mine,
            bare_sdk(root, quiet=False) as bare,
            bare_sdk(root, quiet=True) as quiet,
        ):
            sides = (mine, bare, quiet)
            for round_ in range(rounds + 1):
                for side in sides:
                    side.measure(bodies, connections, seconds)
                    if round_ == 0:  # not counted: everything gets warm
                        side.rates.clear()
                        side.cpu_rates.clear()
            return _summary(sides)


def _summary(sides: Sequence[Side]) -> dict[str, Any]:
    ours_, *others = sides
    return {
        "sides": [side.summary() for side in sides],
        "ratio": min(_ratio(ours_.cpu_rates, side.cpu_rates) for side in others),
        "ratioByTheClock": min(_ratio(ours_.rates, side.rates) for side in others),
        "target": TARGET,
    }


def _ratio(mine: Sequence[float], other: Sequence[float]) -> float:
    """Median over rounds, each compared with the round beside it."""
    return round(statistics.median(a / b for a, b in zip(mine, other, strict=True)), 2)


def _print(summary: dict[str, Any]) -> None:
    print(f"{'':28} {'cold start':>10} {'RSS':>8} {'req/s':>7} {'req/s of CPU time':>18}")
    for side in summary["sides"]:
        print(
            f"{side['name']:28} {side['coldStartSeconds']:>8.2f} s {side['residentMebibytes']:>4} MiB"
            f" {side['requestsPerSecond']:>7} {side['requestsPerCpuSecond']:>18}"
        )
    ratio, clock, target = (summary[key] for key in ("ratio", "ratioByTheClock", "target"))
    print(f"ours / the faster SDK: {ratio} by CPU time (target >= {target}), {clock} by the clock; medians")


if __name__ == "__main__":
    sys.exit(main())
