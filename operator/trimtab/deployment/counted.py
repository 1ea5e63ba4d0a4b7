"""Counts of a preset from a source instead of from the pods: the same counters, read by somebody else.

A source has a pod's counters as of its own last scrape, and that of two pods at two moments. So a look is one
interval in which each side is counted over a window of its own, as long as the other's but moved by up to the
source's scrape interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.pod_counters import (
    SIDES,
    Interval,
    PodCounters,
    SideName,
    Unit,
    counters,
    difference,
    has_fallen,
)
from trimtab.deployment.queries import Question
from trimtab.deployment.runtimes import MetricMapping
from trimtab_runtime.contract.page import ServerPage


@dataclass(frozen=True)
class Counted:
    """What was counted from ``source`` so far; another source is another metric.

    ``units``: connections or requests of the candidate. ``problem``: why the newest look said nothing.
    """

    source: str
    pods: Mapping[str, PodCounters] = field(default_factory=dict)
    units: int = 0
    at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class CountLook:
    """One look at a source: the counters of each pod, by uid, with its side.

    ``staying``: uids of the pods that exist and are not being deleted; others are counted for the last time.
    ``missing``: ready pods that the source knows nothing of. ``problem``: why it could not be asked, or what
    it said cannot be read.
    """

    at: datetime
    pages: Mapping[str, tuple[SideName, ServerPage]] = field(default_factory=dict)
    staying: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    problem: str = ""


def counts_question(
    metric: Metric,
    *,
    namespace: str,
    deployment: str,
    revisions: Mapping[SideName, str],
    mappings: Mapping[SideName, MetricMapping],
    known: Counted | None,
) -> Question:
    """Asks for the counters of all pods of both sides. Whose a series is follows from its label `pod`."""
    source = metric.source_ref.name if metric.source_ref else ""
    texts = tuple(
        (side, _selector(mapping_for(metric, mappings[side]), namespace, f"{deployment}-{revisions[side]}"))
        for side in SIDES
        if side in mappings
    )
    return Question(metric.name, source, texts, since=known.at if known else None, counts=True)


def mapping_for(metric: Metric, mapping: MetricMapping) -> MetricMapping:
    """The part of a runtime's mapping that a metric needs."""
    return mapping if metric.preset == "latency" else replace(mapping, durations=None)


def with_counts(before: Counted, look: CountLook, unit: Unit) -> tuple[Counted, Mapping[SideName, Interval]]:
    """After one more look, and what each side counted since the last one.

    A look with a gap is left out as a whole: counters are cumulative, so the next one covers it.
    """
    nothing = {side: Interval() for side in SIDES}
    if before.at is not None and look.at <= before.at:
        return before, nothing
    problem = look.problem or _gap(before.source, look) or _fallen(before, look)
    if problem:
        return replace(before, problem=problem), nothing
    pods, trials = dict(before.pods), {side: Interval() for side in SIDES}
    for uid, (side, page) in look.pages.items():
        if uid not in look.staying and uid not in pods:
            continue  # counted already, until it began to leave
        now = counters(side, page)
        trials[side].add(difference(pods.get(uid), now))
        pods[uid] = now
    kept = {uid: pod for uid, pod in pods.items() if uid in look.staying}
    units = before.units + trials["candidate"].units(unit)
    return Counted(before.source, kept, units, look.at), trials


def _gap(source: str, look: CountLook) -> str:
    if not look.missing:
        return ""
    return f"source {source}: no counts of pod {', '.join(sorted(look.missing)[:3])}"


def _fallen(before: Counted, look: CountLook) -> str:
    if any(
        has_fallen(before.pods.get(uid), counters(side, page)) for uid, (side, page) in look.pages.items()
    ):
        return f"source {before.source}: counters fell although the process is the same"
    return ""


def _selector(mapping: MetricMapping, namespace: str, workload: str) -> str:
    """Names are letters, digits and dashes, so they end no string; what else a pattern lets in is no pod of
    ours and left out later."""
    names = "|".join(mapping.series_names)
    return f'{{__name__=~"{names}",namespace="{namespace}",pod=~"{workload}-.+"}}'
