"""Evidence of copied requests, and of answered ones: they are never added up.

A client waits for an answer and may give up; nobody waits for that of a copy, which a Gateway may also drop.
So a candidate that did well on copies begins anew with its first weight, and each of the two is judged at
half of a metric's alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trimtab.apis.v1alpha1.rollout import Step
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.load import Load
from trimtab.deployment.pod_counters import SIDES
from trimtab.deployment.steps import Share, has_shadow
from trimtab_runtime.contract.counts import ServerCounts


def chances(steps: Sequence[Step]) -> int:
    """How many times a metric that may be looked at after every scrape begins from nothing."""
    return 2 if has_shadow(steps) else 1


def at_share(evidence: Evidence, share: Share, applied_weight: int) -> Evidence:
    """Evidence before what is counted next. ``share``: what the step asks for. ``applied_weight``: what of it
    is known to be in effect.

    Counters of pods, time, queries and looks stay: they know what they were taken of.
    """
    if share.mirror:
        return evidence if evidence.mirrored else replace(evidence, mirrored=True)
    if not evidence.mirrored or applied_weight == 0:
        return evidence
    return replace(
        evidence,
        mirrored=False,
        rates={},
        sums={side: ServerCounts({}) for side in SIDES},
        units=dict.fromkeys(SIDES, 0),
        load=dict.fromkeys(SIDES, Load()),
        counted={name: replace(counted, units=0) for name, counted in evidence.counted.items()},
        traffic_seconds=0.0,
    )
