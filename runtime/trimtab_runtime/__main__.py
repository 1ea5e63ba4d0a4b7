"""`python -m trimtab_runtime fetch|publish|predict|serve`: the containers of Trimtab's pods."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from .command import run
from .contract import paths
from .contract.config import (
    Config,
    FetchEvaluation,
    FetchModel,
    FetchTrial,
    Predict,
    PublishEvaluation,
    PublishTrial,
    ServeModel,
)
from .contract.errors import ContractError, Reason
from .contract.message import Message
from .layout import Layout


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, run, return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    layout = Layout.from_environment()
    return run(lambda config: dispatch(options.verb, config, layout), options.config, options.termination_log)


def dispatch(verb: str, config: Config, layout: Layout) -> Message | None:
    """Run what the configuration is for. Imports are late: start-up counts, and frameworks may be absent."""
    match verb, config:
        case "fetch", FetchTrial():
            from .fetch.trial import fetch_trial

            fetch_trial(config, layout)
        case "fetch", FetchEvaluation():
            from .fetch.evaluation import fetch_evaluation

            fetch_evaluation(config, layout)
        case "fetch", FetchModel():
            from .fetch.model import fetch_model

            fetch_model(config, layout)
        case "predict", Predict():
            from .predict import predict

            predict(config, layout)
        case "serve", ServeModel():
            from .server.process import serve

            serve(config, layout)
        case "publish", PublishTrial():
            from .publish.trial import publish_trial

            return publish_trial(config, layout)
        case "publish", PublishEvaluation():
            from .publish.evaluation import publish_evaluation

            return publish_evaluation(config, layout)
        case _:
            raise ContractError(Reason.CONFIG_INVALID, "command", f"is not for the container command {verb}")
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trimtab-runtime", description=__doc__)
    parser.add_argument("verb", choices=("fetch", "publish", "predict", "serve"))
    parser.add_argument("--config", type=Path, help=f"configuration file; default ${paths.CONFIG_ENV}")
    parser.add_argument("--termination-log", type=Path, default=paths.TERMINATION_LOG)
    return parser


if __name__ == "__main__":
    sys.exit(main())
