"""`python -m trimtab_runtime fetch|publish|predict`: the containers of Trimtab's pods."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from .command import run
from .contract import paths
from .contract.config import Config, FetchTrial, PublishTrial
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
    """Run the command that the configuration is for; imports are late, each container needs only its own."""
    match verb, config:
        case "fetch", FetchTrial():
            from .fetch.trial import fetch_trial

            fetch_trial(config, layout)
            return None
        case "publish", PublishTrial():
            from .publish.trial import publish_trial

            return publish_trial(config, layout)
        case _:
            raise ContractError(Reason.CONFIG_INVALID, "command", f"is not for the container command {verb}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trimtab-runtime", description=__doc__)
    parser.add_argument("verb", choices=("fetch", "publish", "predict"))
    parser.add_argument("--config", type=Path, help=f"configuration file; default ${paths.CONFIG_ENV}")
    parser.add_argument("--termination-log", type=Path, default=paths.TERMINATION_LOG)
    return parser


if __name__ == "__main__":
    sys.exit(main())
