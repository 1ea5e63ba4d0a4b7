"""CEL rules over the weights of a rollout: increasing, and reachable with the replicas there are.

A Gateway counts requests: any number of pods gives any weight, so only ReplicaRatio asks for the second, and
`traffic.allowCoarse` does without it. Two weights that are the same are refused all the same.

The arithmetic is that of `trimtab.deployment.traffic.replica_ratio`; a test holds both against each other.
"""

from trimtab.apis.markers import Rule

_WEIGHTS = "self.rollout.steps.filter(step, has(step.weight)).map(step, step.weight)"
_NO_STEPS = "!has(self.rollout) || !has(self.rollout.steps)"
_BY_REQUESTS = f"{_NO_STEPS} || self.?traffic.?provider.orValue('ReplicaRatio') == 'GatewayAPI'"
_COARSE = "self.?traffic.?allowCoarse.orValue(false)"
_N = "self.?serving.?replicas.orValue(1)"


def _candidate_pods(weight: str) -> str:
    """Candidate pods at a weight of at most 50: the nearest whole number."""
    return f"((2 * {_N} * {weight} + 100 - {weight}) / (2 * (100 - {weight})))"


def _stable_pods(weight: str) -> str:
    """Stable pods at a weight above 50."""
    return f"((2 * {_N} * (100 - {weight}) + {weight}) / (2 * {weight}))"


def _near(pods: str, share: str) -> str:
    """At least one pod, and its share of N + pods within 5 points of ``share`` percent."""
    total = f"({_N} + {pods})"
    low, high = f"100 * {pods} - {share} * {total}", f"{share} * {total} - 100 * {pods}"
    return f"{pods} >= 1 && {low} <= 5 * {total} && {high} <= 5 * {total}"


def _reachable(weight: str) -> str:
    candidate, stable = (
        _near(_candidate_pods(weight), weight),
        _near(_stable_pods(weight), f"(100 - {weight})"),
    )
    return f"({weight} <= 50 ? ({candidate}) : ({stable}))"


def _pair(weight: str) -> str:
    """A number that is equal for equal pairs of pods. Each side has at least one of them."""
    candidate, stable = _at_least_one(_candidate_pods(weight)), _at_least_one(_stable_pods(weight))
    return f"({weight} <= 50 ? {candidate} : 2 * {_N} - {stable})"


def _at_least_one(pods: str) -> str:
    return f"[1, {pods}].max()"


# Held against replica_ratio.smallest_replicas by a test.
_ENOUGH = "1: 50, 2: 25, 3: 17, 5: 10, 10: 6, 15: 4, 20: 3, 25: 3, 30: 2, 40: 3, 50: 1"

WEIGHT_RULES = (
    Rule(
        f"{_NO_STEPS} || ({_WEIGHTS}.isSorted() && {_WEIGHTS}.all(w, {_WEIGHTS}.exists_one(x, x == w)))",
        "weights must increase from step to step: sort them and remove repeated ones",
    ),
    Rule(
        f"{_BY_REQUESTS} || {_COARSE} || {_WEIGHTS}.all(w, {_reachable('w')})",
        "a weight cannot be reached within 5 points with serving.replicas pods: raise serving.replicas, "
        "change the weight, or set traffic.allowCoarse to take the nearest one. Replicas that do, by weight "
        f"(or 100 - weight): {_ENOUGH}",
    ),
    Rule(
        f"{_BY_REQUESTS} || {_WEIGHTS}.all(w, {_WEIGHTS}.exists_one(x, {_pair('x')} == {_pair('w')}))",
        "two weights give the same number of pods: remove one of the steps, or raise serving.replicas",
    ),
)
