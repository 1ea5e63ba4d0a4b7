"""How long one drift window takes to judge: 50 features of 20 buckets, target < 5 ms (median).

Run: python tests/bench/drift_window.py
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from trimtab.stats.evidence import add_interval, error_limits, no_evidence
from trimtab.stats.features import DriftLimits, FeatureTable, judge_features
from trimtab.stats.horizon import samples_to_verdict
from trimtab.stats.rates import judge
from trimtab.stats.ratios import SideCounts

TARGET_MILLISECONDS = 5.0
REPEATS = 200


def window(rows: int) -> list[FeatureTable]:
    generator = np.random.default_rng(1)
    shares = np.full(20, 0.05)
    return [
        FeatureTable(
            str(i),
            generator.multinomial(6_000, shares).tolist(),
            generator.multinomial(rows, shares).tolist(),
        )
        for i in range(50)
    ]


def median_milliseconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        taken.append(1_000 * (time.perf_counter() - start))
    return statistics.median(taken)


def main() -> int:
    tables, limits = window(600), DriftLimits()
    drift = median_milliseconds(lambda: judge_features(tables, limits))
    evidence = add_interval(
        no_evidence(error_limits()), stable=SideCounts(950, 5), candidate=SideCounts(50, 1)
    )
    verdict = median_milliseconds(lambda: judge(evidence, alpha=0.0125))
    horizon = median_milliseconds(lambda: samples_to_verdict(evidence, alpha=0.0125))
    print(f"drift window, 50 features x 20 buckets: {drift:.2f} ms (target < {TARGET_MILLISECONDS:g} ms)")
    print(f"canary metric: verdict {verdict:.2f} ms, samples to verdict {horizon:.2f} ms")
    return 0 if drift < TARGET_MILLISECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
