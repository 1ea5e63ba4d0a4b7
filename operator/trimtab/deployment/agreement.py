"""Answers of both sides to the same requests, one by one, while requests are copied.

The servers remember scores by a hash of the request (`trimtab_runtime.contract.answers`). A key that both
sides have is a pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.deployment.pod_counters import SIDES, SideName
from trimtab_runtime.contract.answers import Answers


@dataclass(frozen=True)
class Agreement:
    """Pairs so far, how many of them are of one class, and the sum of the differences of their scores."""

    pairs: int = 0
    agreeing: int = 0
    difference: float = 0.0

    @property
    def share(self) -> float | None:
        return self.agreeing / self.pairs if self.pairs else None

    @property
    def text(self) -> str:
        if self.share is None:
            return "no request that both sides have answered"
        mean = self.difference / self.pairs
        return f"{100 * self.share:.1f} % of {self.pairs} pairs are of one class, scores differ by {mean:.3f}"


@dataclass(frozen=True)
class Joined:
    """``known``: the keys of the last look that both sides had; None before the first look, whose pairs may
    have been counted by another process."""

    agreement: Agreement = Agreement()
    known: frozenset[str] | None = None


def joined(
    before: Joined,
    pages: Iterable[tuple[SideName, Answers]],
    thresholds: Mapping[SideName, float],
) -> Joined:
    """After one more look at all pods. ``thresholds``: the score above which a side's class is 1."""
    scores: dict[SideName, dict[str, float]] = {side: {} for side in SIDES}
    for side, answers in pages:
        for epoch in answers.epochs.values():
            scores[side].update(epoch)
    both = frozenset(scores["stable"].keys() & scores["candidate"].keys())
    if before.known is None:
        return Joined(before.agreement, both)
    fresh = both - before.known
    pairs = [(scores["stable"][key], scores["candidate"][key]) for key in fresh]
    same = sum((s > thresholds["stable"]) == (c > thresholds["candidate"]) for s, c in pairs)
    known = before.agreement
    after = Agreement(
        pairs=known.pairs + len(pairs),
        agreeing=known.agreeing + same,
        difference=known.difference + sum(abs(s - c) for s, c in pairs),
    )
    return Joined(after, both)
