"""What a runtime does not count cannot be judged: NoData, and the reason, instead of a verdict on nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.pod_counters import SideName
from trimtab.deployment.runtimes import COUNTED_PRESETS, presets_of


def without_uncounted(
    verdicts: Iterable[MetricVerdict], metrics: Iterable[Metric], runtimes: Mapping[SideName, str]
) -> tuple[MetricVerdict, ...]:
    """The verdicts, NoData where the runtime of a side has no counts for the metric."""
    presets = {metric.name: metric.preset or "" for metric in metrics}
    return tuple(_checked(verdict, presets.get(verdict.name, ""), runtimes) for verdict in verdicts)


def _checked(verdict: MetricVerdict, preset: str, runtimes: Mapping[SideName, str]) -> MetricVerdict:
    if preset not in COUNTED_PRESETS:
        return verdict
    for side, runtime in runtimes.items():
        if preset not in presets_of(runtime):
            text = f"{side} is served by runtime {runtime}, which exports no counts for {preset}"
            return replace(
                verdict,
                verdict=Verdict.NO_DATA,
                samples=0,
                value=None,
                bound=None,
                samples_to_verdict=None,
                message=text,
            )
    return verdict
