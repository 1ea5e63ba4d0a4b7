"""Command line of the load generator; `python -m tests.load run --help` lists what it takes."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

import aiohttp
from tests.load.control import Control, ControlServer
from tests.load.generator import Generator, Load
from tests.load.rows import DATATYPES, Input, read_pool
from tests.load.schedule import Arrivals


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when nothing failed, 1 otherwise: for scripts that expect no failed request."""
    options = _parser().parse_args(arguments)
    if options.verb == "run":
        return asyncio.run(_run(options))
    return _steer(options)


async def _run(options: argparse.Namespace) -> int:
    inputs = options.input or await _ask_inputs(options.url, options.model, options.host)
    load = Load(
        url=options.url,
        model=options.model,
        rate_per_second=options.rate,
        arrivals=options.arrivals,
        keep_alive=options.keep_alive,
        timeout_seconds=options.timeout,
        label_delay_seconds=options.label_delay,
        seed=options.seed,
        host=options.host,
    )
    generator = Generator(load, read_pool(options.pool, inputs, options.label))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, generator.stop)
    async with AsyncExitStack() as stack:
        if options.control:
            server = ControlServer(generator, inputs, options.label)
            await stack.enter_async_context(await server.serve(options.control))
        summary = await generator.run(options.duration)
    _print(summary)
    if options.json:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")
        print(f"summary: {options.json}")
    return 1 if summary["total"]["failed"] else 0


async def _ask_inputs(url: str, model: str, host: str | None) -> list[Input]:
    """The server's own list of inputs (Open Inference Protocol, model metadata)."""
    headers = {"Host": host} if host else {}
    async with (
        aiohttp.ClientSession(headers=headers, raise_for_status=True) as session,
        session.get(f"{url}/v2/models/{model}") as answer,
    ):
        metadata = await answer.json()
    return [Input(one["name"], DATATYPES[one["datatype"]]) for one in metadata["inputs"]]


def _steer(options: argparse.Namespace) -> int:
    with Control(options.control) as control:
        match options.verb:
            case "pool":
                control.switch(options.pool.resolve())
            case "mark":
                control.mark(options.name)
            case "summary":
                print(json.dumps(control.summary(), indent=2))
            case "stop":
                control.stop()
    return 0


def _print(summary: dict[str, Any]) -> None:
    for phase in [*summary["phases"], summary["total"]]:
        latency = " ".join(f"{name} {value:g}" for name, value in phase["latencyMilliseconds"].items())
        print(
            f"{phase['name']:>16}: {phase['sent']:6} sent, {phase['failed']:4} failed "
            f"{phase['failures'] or ''}  ms from arrival: {latency or 'none'}"
        )
    for pool in summary["pools"]:
        print(
            f"{'pool ' + pool['name']:>16}: {pool['drawn']:6} of {pool['rows']} rows, pass {pool['passes']}"
        )
    if summary["labels"]:
        print(f"{'labels':>16}: {summary['labels']}")
    lag, cpu = summary["total"]["lagMilliseconds"], summary["cpuSeconds"] / summary["elapsedSeconds"]
    print(f"{'generator':>16}: {cpu:.1%} of one core, started late by ms: {lag}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    _add_run(verbs.add_parser("run", help="send rows of a pool at a fixed rate"))
    for verb, text in (
        ("pool", "draw from another pool"),
        ("mark", "begin a new phase"),
        ("summary", "print the numbers so far"),
        ("stop", "end the run"),
    ):
        steer = verbs.add_parser(verb, help=text)
        steer.add_argument("--control", type=Path, required=True, help="socket of the running generator")
        if verb == "pool":
            steer.add_argument("pool", type=Path)
        if verb == "mark":
            steer.add_argument("name")
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--url", required=True, help="scheme, host and port of the server")
    run.add_argument("--model", required=True)
    run.add_argument("--host", help="Host header")
    run.add_argument("--pool", type=Path, required=True, help="CSV with a header")
    run.add_argument("--label", required=True, help="column of the pool with the label")
    run.add_argument(
        "--input",
        type=_input,
        action="append",
        metavar="NAME=DATATYPE",
        help="a named input; without any, the server's metadata decides",
    )
    run.add_argument("--rate", type=float, default=60.0, help="requests per second")
    run.add_argument("--arrivals", choices=get_args(Arrivals), default="even")
    run.add_argument("--keep-alive", action="store_true", help="default: a new connection for each request")
    run.add_argument("--timeout", type=float, default=10.0, help="seconds")
    run.add_argument("--label-delay", type=float, help="seconds until a label is returned; default: never")
    run.add_argument("--duration", type=float, help="seconds; default: until stopped")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--control", type=Path, help="Unix socket to be steered by")
    run.add_argument("--json", type=Path, help="write the summary here")


def _input(text: str) -> Input:
    name, _, datatype = text.partition("=")
    if not name or datatype not in DATATYPES:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=DATATYPE with one of {', '.join(DATATYPES)}")
    return Input(name, DATATYPES[datatype])


if __name__ == "__main__":
    sys.exit(main())
