"""The verdict on answers to the same requests: one look per analyze step, while requests are copied."""

from __future__ import annotations

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.steps import Position
from trimtab.stats.agreement import is_surely_below


def judge_agreement(
    metric: Metric, evidence: Evidence, *, alpha: float, looks: int, at: Position
) -> MetricVerdict:
    """Fails when the share of pairs of one class is surely below minAgreement, at ``alpha`` over the
    ``looks`` of the rollout; else passes. Behind the copies there is nothing to add to what they showed."""
    found, least = evidence.agreement, float(metric.min_agreement or "1")

    def said(verdict: Verdict, text: str, *, missing: int = 0, looked: bool = False) -> MetricVerdict:
        return MetricVerdict(
            name=metric.name,
            verdict=verdict,
            aborts=metric.aborts,
            samples=found.pairs,
            value=found.share,
            bound=least,
            samples_to_verdict=missing,
            message=text,
            looked=looked,
        )

    if not at.share.mirror:
        return said(Verdict.PASS, f"requests are no longer copied; {found.text}")
    if found.pairs == 0:
        return said(Verdict.NO_DATA, found.text)
    if at.analyze is None:
        return said(Verdict.INCONCLUSIVE, f"{found.text}; looks in analyze steps")
    missing = at.analyze.min_samples - found.pairs
    if missing > 0:
        return said(Verdict.INCONCLUSIVE, f"{found.text}; waits for {missing} more", missing=missing)
    failed = is_surely_below(found.agreeing, found.pairs, least=least, level=alpha / max(1, looks))
    return said(Verdict.FAIL if failed else Verdict.PASS, found.text, looked=True)
