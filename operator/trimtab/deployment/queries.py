"""Metrics that somebody else computes: a query to a source, one number per side and look.

Such a number has no error control: nobody knows how it was made. So one look decides nothing. A verdict takes
several looks in a row on one side of the bound, and looks without a number are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.pod_counters import SideName


@dataclass(frozen=True)
class Sample:
    """The value of one series at a moment."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Answer:
    """One number; or none, and then ``problem`` says why the source could not be asked. Empty: it was asked,
    and has no number yet. ``samples`` where it was asked for counts."""

    value: float | None = None
    problem: str = ""
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Question:
    """A query as it is asked for each side; stable is left out where the bound does not need it.

    ``since``: the last look that there was, before this process or in it. ``counts``: it asks for the series
    of a preset as they are, not for one number.
    """

    metric: str
    source: str
    texts: tuple[tuple[SideName, str], ...]
    since: datetime | None = None
    counts: bool = False


@dataclass(frozen=True)
class Look:
    """The answers for both sides, evaluated at the same moment."""

    at: datetime
    candidate: Answer
    stable: Answer | None = None

    @property
    def problem(self) -> str:
        """Why it says nothing about the candidate; empty if it does, or if there is no number yet."""
        stable = "" if self.stable is None else self.stable.problem
        return self.candidate.problem or stable


@dataclass(frozen=True)
class QueryEvidence:
    """The looks at one metric so far. ``rule``: query and bound; another one is another metric.

    ``beyond`` and ``within``: how many looks in a row, up to the last one with a number, were on that side of
    the bound; at most one of them is above 0. ``within`` counts in ``step`` only: a step must be passed by
    its own looks.
    """

    rule: str
    step: int = 0
    looks: int = 0
    beyond: int = 0
    within: int = 0
    value: float | None = None
    message: str = ""
    empty: bool = False
    problem: str = ""
    at: datetime | None = None


def question(
    metric: Metric,
    *,
    namespace: str,
    deployment: str,
    revisions: dict[SideName, str],
    known: QueryEvidence | None,
) -> Question:
    """What is filled in are letters, digits, dots and dashes, so it ends no string of the query."""
    sides: tuple[SideName, ...] = ("candidate", "stable") if metric.max_ratio else ("candidate",)

    def text(side: SideName) -> str:
        return (
            (metric.query or "")
            .replace("{{revision}}", revisions[side])
            .replace("{{deployment}}", deployment)
            .replace("{{namespace}}", namespace)
        )

    source = metric.source_ref.name if metric.source_ref else ""
    texts = tuple((side, text(side)) for side in sides)
    return Question(metric.name, source, texts, since=known.at if known else None)


def with_look(known: QueryEvidence | None, metric: Metric, look: Look, step: int) -> QueryEvidence:
    """The evidence after one more look; one that was counted already changes nothing."""
    rule = f"{metric.query} maxRatio {metric.max_ratio} maxValue {metric.max_value}"
    if known is None or known.rule != rule:
        known = QueryEvidence(rule)
    if known.at is not None and look.at <= known.at:
        return known
    if known.step != step:
        known = replace(known, step=step, within=0)
    value, problem = _value(metric, look)
    seen = replace(known, at=look.at, value=value, problem=problem, empty=value is None and not problem)
    seen = replace(seen, message=_message(metric, look, value))
    if value is None:
        return seen
    if value > bound_of(metric):
        return replace(seen, looks=known.looks + 1, beyond=known.beyond + 1, within=0)
    return replace(seen, looks=known.looks + 1, beyond=0, within=known.within + 1)


def bound_of(metric: Metric) -> float:
    """What its value is held against."""
    return float(metric.max_ratio or metric.max_value or "inf")


def _value(metric: Metric, look: Look) -> tuple[float | None, str]:
    """What is held against the bound, or why there is nothing to hold."""
    ours, theirs = look.candidate.value, look.stable.value if look.stable else None
    if look.problem or not metric.max_ratio:
        return ours, look.problem
    if ours is None or theirs is None:
        return None, ""
    if ours < 0 or theirs < 0:
        return None, "a ratio needs values that are not negative"
    if theirs == 0:
        # Nothing of what stable does not do at all is the same; anything is infinitely more.
        return (0.0 if ours == 0 else float("inf")), ""
    return ours / theirs, ""


def _message(metric: Metric, look: Look, value: float | None) -> str:
    def shown(answer: Answer) -> str:
        return "no number" if answer.value is None else f"{answer.value:.4g}"

    if look.stable is None:
        return f"candidate {shown(look.candidate)}"
    ratio = "" if value is None else f", ratio {value:.4g}"
    return f"candidate {shown(look.candidate)}, stable {shown(look.stable)}{ratio}"
