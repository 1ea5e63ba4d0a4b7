"""Print the tables of docs/analysis.md and docs/drift.md, and draw their pictures:
python -m tests.simulations [runs]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from tests.cluster.cache import CLONE
from tests.simulations import alarms, drift_pictures, pictures
from tests.simulations.alarms import FEATURES, SHIFTED, Alarms, Draw, correlated, independent
from tests.simulations.checkers import Checker
from tests.simulations.detection import NOTHING, OURS, RATIOS, TWICE, Cost, costs
from tests.simulations.false_alarms import ALPHA, LOOKS, SCENARIOS, simulate

from trimtab.stats.features import DriftLimits

SEED = 20
REFERENCES, SHIFT = 100, 0.15
PICTURES = CLONE / "docs" / "images"


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    _false_alarms(runs)
    found = {tolerated: costs(runs // 10, runs // 4, SEED, tolerated) for tolerated in (NOTHING, TWICE)}
    for tolerated, costs_ in found.items():
        _detection(costs_, tolerated)
    pictures.draw(PICTURES, found[NOTHING], runs=runs, seed=SEED)
    drift_pictures.draw(PICTURES, SEED)
    _alarms(windows=runs // 10)
    _power(references=max(2, runs // 100))
    return 0


def _alarms(windows: int) -> None:
    """One row per kind of rows: windows off by themselves, and alarms after 2 of 3."""
    print(
        f"\nA drift monitor of {FEATURES} features, {REFERENCES} references, {windows:,} windows of each:\n"
    )
    _row(["Nothing drifts", "rows", "a window is off", "an alarm", "at most (95 %)"])
    _row("---" for _ in range(5))
    for name, draw in {"independent": independent(), "any two correlated by 0.5": correlated(0.5)}.items():
        for rows in (400, 1_000):
            found = simulate_alarms(draw, REFERENCES, windows, rows, DriftLimits())
            off, raised, upper = found.drifted_share, found.raised_share, found.raised_upper
            _row([name, f"{rows:,}", f"{off:.1e}", f"{raised:.1e}", f"{upper:.1e}"])


def _power(references: int) -> None:
    print(f"\nSeen in one window, a shift by {SHIFT} standard deviations in {SHIFTED} of {FEATURES}:\n")
    _row(["floor", "rows", "seen", "at least (95 %)"])
    _row("---" for _ in range(4))
    for floor in (0.02, 0.05):
        for rows in (1_000, 1_400):
            found = simulate_alarms(independent(SHIFT), references, 20, rows, DriftLimits(floor=floor))
            _row([f"{floor}", f"{rows:,}", f"{found.drifted_share:.3f}", f"{found.drifted_lower:.3f}"])


def simulate_alarms(draw: Draw, references: int, windows: int, rows: int, limits: DriftLimits) -> Alarms:
    return alarms.simulate(draw, references=references, windows=windows, rows=rows, limits=limits, seed=SEED)


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
