"""GatewayAPI: pods for a weight. A router divides requests, so pods are capacity only, not the share.

With N = spec.serving.replicas, w the candidate's weight in percent: stable N until promotion, candidate
ceil(N w / 100), at least 1; from 100 on N beside N, until the roles swap.

    N   w    stable  candidate
    4   1    4       1
    4   50   4       2
    4   51   4       3
    4   100  4       4
    1   5    1       1

Stable stays whole, so that an abort at any weight finds all of the capacity there: one write, no waiting.
"""

from __future__ import annotations

from trimtab.deployment.traffic.replica_ratio import Pair


def pods_for(replicas: int, weight: int) -> int:
    """Pods that a share of 0..100 percent of the requests takes."""
    return 0 if weight <= 0 else max(1, -(-replicas * weight // 100))


def pods(replicas: int, weight: int) -> Pair:
    return Pair(replicas, pods_for(replicas, min(weight, 100)))
