"""Print the tables of docs/analysis.md and draw its pictures: python -m tests.simulations [runs]"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from tests.cluster.cache import CLONE
from tests.simulations import pictures
from tests.simulations.checkers import Checker
from tests.simulations.detection import NOTHING, OURS, RATIOS, TWICE, Cost, costs
from tests.simulations.false_alarms import ALPHA, LOOKS, SCENARIOS, simulate

SEED = 20
PICTURES = CLONE / "docs" / "images"


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    _false_alarms(runs)
    found = {tolerated: costs(runs // 10, runs // 4, SEED, tolerated) for tolerated in (NOTHING, TWICE)}
    for tolerated, costs_ in found.items():
        _detection(costs_, tolerated)
    pictures.draw(PICTURES, found[NOTHING], runs=runs, seed=SEED)
    return 0


def _false_alarms(runs: int) -> None:
    """One row per scenario: the share given up at each schedule of looks."""
    print(f"\nSound candidates given up, of {runs:,} (alpha {ALPHA}):\n")
    _row(["Traffic", *(f"every {seconds} s" for seconds in LOOKS)])
    _row("---" for _ in range(1 + len(LOOKS)))
    for scenario in SCENARIOS:
        rates = simulate(scenario, runs, SEED)
        _row([scenario.name, *(f"{100 * rates[seconds].share:.1f} %" for seconds in LOOKS)])


def _detection(found: dict[str | Checker, dict[float, Cost]], tolerated: float) -> None:
    """Errors and requests until a broken candidate is given up."""
    ratios = RATIOS[tolerated]
    print(f"\nErrors until a broken candidate is given up (its requests), {tolerated:g} times tolerated:\n")
    _row(["Candidate's error rate", *(f"{ratio:g} times stable's" for ratio in ratios)])
    _row("---" for _ in range(1 + len(ratios)))
    rows: dict[str, Sequence[Cost]] = {OURS: [found[OURS][ratio] for ratio in ratios]}
    for against in ("limit", "stable"):
        checks = [row for checker, row in found.items() if _is_against(checker, against)]
        rows[f"the best check against {against}"] = [
            min((row[ratio] for row in checks), key=lambda cost: cost.errors) for ratio in ratios
        ]
    for name, checker in pictures.AS_DOCUMENTED.items():
        rows[name] = [found[checker][ratio] for ratio in ratios]
    for name, row in rows.items():
        _row([name, *(f"{cost.errors:.0f} ({cost.requests:,.0f})" for cost in row)])


def _is_against(checker: str | Checker, against: str) -> bool:
    return isinstance(checker, Checker) and checker.against == against


def _row(cells: Iterable[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
