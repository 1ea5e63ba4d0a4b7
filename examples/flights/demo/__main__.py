"""python -m flights.demo: tell the story; exit 0 only if every step of it happened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.cluster.progress import CannotContinue, say

from flights.demo import ground, summary
from flights.demo.ground import FOLDER, Ground
from flights.demo.report import DidNotHappen, Report
from flights.demo.story import Seeds, Story


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code; the summary is written in any case."""
    parser = argparse.ArgumentParser(prog="python -m flights.demo", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=0, help="another division of the days and another order of the traffic"
    )
    parser.add_argument("--summary", type=Path, default=FOLDER / "summary.json", help="where the JSON goes")
    options = parser.parse_args(arguments)
    report, seeds = Report(), Seeds.of(options.seed)
    world = None
    try:
        world = tell(report, seeds)
    except DidNotHappen as reason:
        say(f"did not happen: {reason}")
    except CannotContinue as reason:
        say(f"cannot continue: {reason}")
    finally:
        report.write(options.summary, seed=options.seed, seeds=asdict(seeds), happened=world is not None)
        print(f"\n{summary.render(report)}\n\nsummary as JSON: {options.summary}")
    if world is None:
        return 1
    print(f"\n{summary.what_to_look_at(world)}")
    return 0


def tell(report: Report, seeds: Seeds) -> Ground:
    """From nothing to the end of the story."""
    world = ground.prepare(report)
    Story(report, world, seeds).tell()
    return world


if __name__ == "__main__":
    sys.exit(main())
