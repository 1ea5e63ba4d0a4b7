"""`make bench`: every number, then one table; `--page docs/benchmarks.md` keeps it there.

python -m tests.bench [--page docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import controller, drift_window, reaction, serving
from tests.bench.measure import table

PARTS = (drift_window, serving, reaction, controller)
BEGIN, END = "## Latest", "## What is measured"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--page", type=Path, help="a page under whose heading Latest the table is put")
    options = parser.parse_args(arguments)
    found = [measure for part in PARTS for measure in part.measures()]
    text = f"{_circumstances()}\n\n{table(found)}"
    print(f"\n{text}")
    if options.page:
        _keep(options.page, text)
    return 0 if all(measure.met for measure in found) else 1


def _circumstances() -> str:
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    machine = f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}"
    return f"{day}, {machine}, {load}."


def _keep(page: Path, text: str) -> None:
    pattern = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)
    page.write_text(pattern.sub(lambda _: f"\n{text}\n\n", page.read_text()))


if __name__ == "__main__":
    sys.exit(main())
