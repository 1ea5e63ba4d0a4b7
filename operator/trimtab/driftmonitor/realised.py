"""Realised performance of a window: metrics of the labels that arrived in it, against the reference.

A window of labels is one of their arrival: they are for answers of this window and of earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from trimtab.apis.v1alpha1.driftmonitor import PerformanceLimit, RealisedPerformanceSpec
from trimtab.apis.v1alpha1.driftmonitor_status import PerformanceStatus
from trimtab.driftmonitor.signals import Judge, Signal, SignalFinding, rounded, seconds_to, silent
from trimtab.driftmonitor.windows import ClosedWindow
from trimtab.stats.degradation import SIGMAS, Degradation, Metric, compare
from trimtab.stats.performance import Performance, bucket_scores, realised
from trimtab.stats.persistence import Mark, PersistenceRule, mark
from trimtab.stats.verdicts import DriftVerdict, combine
from trimtab_runtime.contract.counts import FeedbackKey
from trimtab_runtime.contract.profile import Profile

VOID_SIGMAS = 5.0
RECENT = "0"  # labels that came within an hour: their answers are in this window or just before it


Labels = tuple[list[int], list[int]]  # per score bucket: labels 0, labels 1


def judge_labels(
    judge: Judge, spec: RealisedPerformanceSpec, window: ClosedWindow, rows_before: int
) -> SignalFinding:
    """The finding of RealisedPerformance. ``rows_before``: rows of the window before this one.

    Fewer than `minLabelled` labels prove nothing. Nor do more labels than answers: the same label was given
    to several replicas, and counts as many times.
    """
    feedback = _known(judge.profile, window)
    labelled = sum(feedback.values())
    if not labelled and not window.rows:
        return silent(Signal.REALISED_PERFORMANCE)
    message = _no_verdict(spec, feedback, window, rows_before)
    found = () if message else _degradations(judge.profile, spec, window, _by_bucket(judge.profile, feedback))
    verdicts = [_verdict(degradation) for _, degradation in found]
    return SignalFinding(
        signal=Signal.REALISED_PERFORMANCE,
        verdict=combine(verdicts),
        marks={limit.metric: _mark(judge, limit, degradation) for limit, degradation in found},
        rules={limit.metric: _rule(judge, limit) for limit in spec.metrics},
        min_samples=spec.min_labelled,
        seconds_to_min_samples=seconds_to(spec.min_labelled, labelled, window.seconds),
        message=message,
        metrics=tuple(_status(degradation) for _, degradation in found if degradation is not None),
    )


def _known(profile: Profile, window: ClosedWindow) -> dict[FeedbackKey, int]:
    """Pages of other versions may name buckets that this version does not have."""
    buckets = len(profile.score.counts)
    return {key: count for key, count in window.counts.feedback().items() if key.bucket < buckets}


def _by_bucket(profile: Profile, feedback: Mapping[FeedbackKey, int]) -> Labels:
    labels: Labels = ([0] * len(profile.score.counts), [0] * len(profile.score.counts))
    for key, count in feedback.items():
        labels[int(key.label)][key.bucket] += count
    return labels


def _no_verdict(
    spec: RealisedPerformanceSpec,
    feedback: Mapping[FeedbackKey, int],
    window: ClosedWindow,
    rows_before: int,
) -> str:
    labelled = sum(feedback.values())
    if labelled < spec.min_labelled:
        return f"{labelled} of {spec.min_labelled} labels that a window needs"
    recent = sum(count for key, count in feedback.items() if key.age == RECENT)
    answered = max(window.rows, rows_before)
    if recent > answered + VOID_SIGMAS * math.sqrt(recent + answered):
        return f"{recent} labels for {answered} answers: the same label is sent more than once"
    return ""


def _degradations(
    profile: Profile, spec: RealisedPerformanceSpec, window: ClosedWindow, labels: Labels
) -> tuple[tuple[PerformanceLimit, Degradation | None], ...]:
    answered = window.counts.scores() if window.rows else None
    now, before = realised(_scores(profile), *labels, answered=answered), _reference(profile)
    found = []
    for limit in spec.metrics:
        metric = Metric(limit.metric)
        ours, theirs = metric.of(now), metric.of(before)
        degradation = compare(metric, ours, theirs, limit.max_change) if ours and theirs else None
        found.append((limit, degradation))
    return tuple(found)


def _reference(profile: Profile) -> Performance:
    """By the same functions of the same buckets, never the metric of exact scores."""
    score = profile.score
    negatives = [count - positive for count, positive in zip(score.counts, score.positives, strict=True)]
    return realised(_scores(profile), negatives, score.positives)


def _scores(profile: Profile) -> tuple[float, ...]:
    return bucket_scores(profile.score.edges, profile.score.counts, profile.score.sums)


def _verdict(degradation: Degradation | None) -> DriftVerdict:
    if degradation is None:
        return DriftVerdict.INSUFFICIENT_DATA
    return DriftVerdict.DRIFTED if degradation.degraded else DriftVerdict.HEALTHY


def _rule(judge: Judge, limit: PerformanceLimit) -> PersistenceRule:
    """Cleared below half of what raises."""
    return judge.rule(limit.max_change, limit.max_change / 2)


def _mark(judge: Judge, limit: PerformanceLimit, degradation: Degradation | None) -> Mark | None:
    if degradation is None:
        return None
    difference = degradation.value - degradation.reference
    worse = -difference if degradation.metric.higher_is_better else difference
    return mark(worse, significant=degradation.sigmas > SIGMAS, rule=_rule(judge, limit))


def _status(degradation: Degradation) -> PerformanceStatus:
    return PerformanceStatus.model_validate(
        {
            "metric": degradation.metric.value,
            "value": rounded(degradation.value),
            "reference": rounded(degradation.reference),
            "bound": rounded(degradation.bound),
            "standardError": rounded(degradation.standard_error),
        }
    )
