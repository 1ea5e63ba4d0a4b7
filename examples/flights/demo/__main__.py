"""python -m flights.demo: tell the story; exit 0 only if every step of it happened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.progress import CannotContinue, say

from flights.demo import story, summary
from flights.demo.ground import FOLDER
from flights.demo.report import DidNotHappen, Report


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m flights.demo", description=__doc__)
    parser.add_argument("--split-seed", type=int, default=0, help="another division of the days")
    parser.add_argument("--seed", type=int, default=7, help="of the search and the training")
    parser.add_argument("--summary", type=Path, default=FOLDER / "summary.json", help="where the JSON goes")
    options = parser.parse_args(arguments)
    report = Report()
    say(summary.reach())
    world = None
    try:
        world = story.tell(report, split_seed=options.split_seed, seed=options.seed)
    except DidNotHappen as reason:
        say(f"did not happen: {reason}")
    except CannotContinue as reason:
        say(f"cannot continue: {reason}")
    finally:
        report.write(
            options.summary, splitSeed=options.split_seed, seed=options.seed, happened=world is not None
        )
        print(f"\n{summary.render(report)}\n\nsummary as JSON: {options.summary}")
    if world is None:
        return 1
    print(f"\n{summary.what_to_look_at(world)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
