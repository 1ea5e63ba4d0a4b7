"""The statistics of the raw rows, by the definitions that users of scipy and NannyML know.

scipy: ks_2samp, wasserstein_distance, energy_distance, chi2_contingency without correction. NannyML
(nannyml/drift/univariate/methods.py, 0.13): Jensen-Shannon and Hellinger of numbers over the bins of
numpy.histogram_bin_edges(reference, "doane"), of few distinct numbers by value, what lies outside as one bin
more; L-infinity by value. Missing values are left out, and are a value of a column of texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import scipy

from trimtab.replay import statistics as names
from trimtab.replay.rows import Column, Floats, Numbers, Texts
from trimtab.replay.statistics import Statistic
from trimtab.stats.estimated import METRICS, NotCalibrated, calibrate, metrics_of
from trimtab_runtime.contract.buckets import Value

# NannyML takes a column of numbers for classes unless it has more distinct values than this, or this share.
_DISTINCT, _DISTINCT_SHARE = 50, 0.1


def exact_statistics(reference: Column, current: Column) -> Mapping[str, Statistic]:
    """By name; nothing where a side has no value."""
    match reference, current:
        case Numbers(before), Numbers(after):
            known, seen = before[~np.isnan(before)], after[~np.isnan(after)]
            found = dict(_of_numbers(known, seen)) if known.size and seen.size else {}
        case Texts(), Texts() if len(current.codes):
            found = dict(_of_texts(reference, current))
        case _:
            found = {}
    return MappingProxyType(found)


def _of_numbers(reference: Floats, current: Floats) -> Iterator[tuple[str, Statistic]]:
    test = scipy.stats.ks_2samp(reference, current)
    yield names.KS, Statistic(float(test.statistic), p=float(test.pvalue))
    p, q = _shares_of_numbers(reference, current)
    yield names.JENSEN_SHANNON, Statistic(_jensen_shannon(p, q))
    yield names.HELLINGER, Statistic(_hellinger(p, q))
    moved = float(scipy.stats.wasserstein_distance(reference, current))
    yield names.WASSERSTEIN, Statistic(moved, unit="feature")
    sigma = float(np.std(reference))
    if sigma > 0:
        yield names.WASSERSTEIN_SIGMA, Statistic(moved / sigma)
    apart = float(scipy.stats.energy_distance(reference, current))
    yield names.ENERGY, Statistic(apart, unit="sqrt(feature)")


def _of_texts(reference: Texts, current: Texts) -> Iterator[tuple[str, Statistic]]:
    values = sorted({str(value) for value in (*reference.values, *current.values)})
    counts = np.array([_counts(side, values) for side in (reference, current)])
    counts = counts[:, counts.any(axis=0)]
    p, q = counts / counts.sum(axis=1, keepdims=True)
    if counts.shape[1] > 1:
        test = scipy.stats.chi2_contingency(counts, correction=False)
        yield names.CHI_SQUARE, Statistic(float(test.statistic), p=float(test.pvalue), df=int(test.dof))
    yield names.JENSEN_SHANNON, Statistic(_jensen_shannon(p, q))
    yield names.HELLINGER, Statistic(_hellinger(p, q))
    yield names.L_INFINITY, Statistic(float(np.abs(p - q).max()))


def _counts(side: Texts, values: list[str]) -> list[int]:
    """Rows by value, and of none."""
    found = np.bincount(side.codes + 1, minlength=len(side.values) + 1).tolist()
    by_value: dict[Value, int] = dict(zip(side.values, found[1:], strict=True))
    return [*(by_value.get(value, 0) for value in values), found[0]]


def _shares_of_numbers(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    distinct = np.unique(reference)
    if distinct.size > _DISTINCT or distinct.size / reference.size > _DISTINCT_SHARE:
        bins = np.histogram_bin_edges(reference, bins="doane")
        before, after = (np.histogram(side, bins=bins)[0] for side in (reference, current))
    else:
        before, after = ((side[:, None] == distinct[None, :]).sum(axis=0) for side in (reference, current))
    outside = [side.size - inside.sum() for side, inside in ((reference, before), (current, after))]
    return (
        np.append(before, outside[0]) / reference.size,
        np.append(after, outside[1]) / current.size,
    )


def _jensen_shannon(p: Floats, q: Floats) -> float:
    return float(scipy.spatial.distance.jensenshannon(p, q, base=2))


def _hellinger(p: Floats, q: Floats) -> float:
    return float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2))


def exact_estimate(
    scores: Floats, labels: Floats, current: Floats, threshold: float
) -> Mapping[str, float | None]:
    """CBPE of raw scores: isotonic calibration between the reference's distinct scores, as sklearn's
    IsotonicRegression(out_of_bounds="clip") which NannyML fits. Empty without a calibration."""
    distinct, place = np.unique(scores, return_inverse=True)
    found = calibrate(np.bincount(place), np.bincount(place, labels))
    if isinstance(found, NotCalibrated) or not current.size:
        return MappingProxyType(dict.fromkeys(METRICS))
    ordered = np.sort(current)
    rates = np.interp(ordered, distinct, found.rates)
    first = int(np.searchsorted(ordered, threshold, side="right"))
    return metrics_of(rates, 1 - rates, first_positive=first)
