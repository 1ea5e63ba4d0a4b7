"""ReplicaRatio: a weight becomes a ratio of pods behind one Service. Works in any cluster, without a router.

With N = spec.serving.replicas, w the candidate's weight in percent:

    w <= 50: stable N, candidate max(1, round(N w / (100 - w)))
    w >  50: candidate N, stable max(1, round(N (100 - w) / w))

    N   w    stable  candidate  effective weight
    4   20   4       1          20
    5   20   5       1          17
    5   40   5       3          38
    5   60   3       5          63
    5   80   1       5          83
    10  5    10      1          9
    4   50   4       4          50
    4   5    4       1          20    let in by traffic.allowCoarse only
    1   90   1       1          50    let in by traffic.allowCoarse only

The candidate comes up before stable goes down; at most 2 N pods exist. The unit is the connection: kube-proxy
chooses a pod per connection, so a share is one of connections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_ERROR_POINTS = 5


@dataclass(frozen=True)
class Pair:
    """Pods of both sides."""

    stable: int
    candidate: int

    @property
    def effective_weight(self) -> float:
        """The candidate's share of the pods, in percent."""
        return 100.0 * self.candidate / (self.stable + self.candidate)

    def gives(self, weight: int) -> bool:
        """Whether it gives the weight within 5 points."""
        return abs(self.effective_weight - weight) <= MAX_ERROR_POINTS


def pair(replicas: int, weight: int) -> Pair:
    """Pods that a weight of 0..100 percent takes."""
    if weight <= 0:
        return Pair(replicas, 0)
    if weight >= 100:
        return Pair(0, replicas)
    if weight <= 50:
        return Pair(replicas, max(1, _round(replicas * weight, 100 - weight)))
    return Pair(max(1, _round(replicas * (100 - weight), weight)), replicas)


def smallest_replicas(weight: int) -> int:
    """The fewest replicas with which the weight can be reached: see `is_reachable`."""
    return next(n for n in range(1, 101) if is_reachable(n, weight))


def is_reachable(replicas: int, weight: int) -> bool:
    """Whether the smaller side rounds to a pod or more, and the pods give the weight within 5 points."""
    smaller = min(weight, 100 - weight)
    if 2 * replicas * smaller < 100 - smaller:
        return False
    return pair(replicas, weight).gives(weight)


def _round(numerator: int, denominator: int) -> int:
    """Nearest integer, halves up: what CEL's integer division gives for (2 a + b) / (2 b)."""
    return math.floor((2 * numerator + denominator) / (2 * denominator))
