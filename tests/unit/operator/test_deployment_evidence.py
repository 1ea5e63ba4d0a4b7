"""What rounds of scrapes add to the evidence on a candidate, and how much longer it will take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.operator.deployment_pages import ERRORS, Rounds, page

from trimtab.apis.v1alpha1.analysis import Analysis, Metric
from trimtab.deployment.analysis import MetricVerdict, Verdict, judge_rate
from trimtab.deployment.bounds import judge_load
from trimtab.deployment.checkpoint import dump, load
from trimtab.deployment.evidence import fallen
from trimtab.deployment.pod_counters import Interval, Unit
from trimtab.deployment.report import seconds_to_verdict


def _counts(rounds: Rounds, side: str) -> tuple[float, float]:
    counts: Any = getattr(rounds.evidence.rates["errors"], side)
    return counts.trials, counts.events


def test_evidence_survives_the_checkpoint() -> None:
    rounds = Rounds()
    rounds.scrape(s1=page(5), c1=page(3))
    evidence = rounds.scrape(s1=page(50), c1=page(30, errors=2, refused=1))
    assert load(json.loads(json.dumps(dump(evidence)))) == evidence


def test_a_counter_that_falls_is_left_out_and_nothing_counts_twice() -> None:
    """The process is the same, so the page lies or is another's: it is no error, and no success either."""
    rounds = Rounds()
    rounds.scrape(s1=page(10), c1=page(10))
    rounds.scrape(s1=page(20), c1=page(20, errors=5))
    rounds.scrape(s1=page(30), c1=page(4))
    assert _counts(rounds, "candidate") == (20, 5), "as if the round had not been"
    assert fallen(rounds.evidence, {"c1": ("candidate", page(4))}) == {"c1"}
    rounds.scrape(s1=page(40), c1=page(14))
    assert _counts(rounds, "candidate") == (20, 5), "still less than was counted"
    rounds.scrape(s1=page(40), c1=page(26, errors=6))
    assert _counts(rounds, "candidate") == (26, 6)
    assert _counts(rounds, "stable") == (30, 0), "stable had 10 before its first round"


def test_a_process_that_began_again_counts_from_zero() -> None:
    rounds = Rounds()
    rounds.scrape(s1=page(10), c1=page(10))
    rounds.scrape(s1=page(10, began=2.0), c1=page(4, errors=1, began=2.0))
    assert _counts(rounds, "candidate") == (14, 1)
    assert _counts(rounds, "stable") == (0, 0), "what a stable process did before it was seen is not known"


def test_load_is_the_mean_number_of_requests_in_a_pod() -> None:
    """100 requests of 0.1 s in 5 s are two at a time, in one of two pods."""
    rounds = Rounds()
    rounds.scrape(s1=page(1000), c1=page(500, seconds=0.1), c2=page(0))
    assert rounds.evidence.load["candidate"].requests_per_pod is None, "how long these took is not known"
    rounds.scrape(s1=page(1000), c1=page(600, seconds=0.1), c2=page(0))
    assert rounds.evidence.load["candidate"].requests_per_pod == pytest.approx(1.0)
    assert rounds.evidence.load["stable"].requests_per_pod == 0
    for number in range(60):
        rounds.scrape(s1=page(1000), c1=page(700 + 25 * number, seconds=0.1), c2=page(0))
    assert rounds.evidence.load["candidate"].requests_per_pod == pytest.approx(0.25, abs=0.02), "of late"


@pytest.mark.parametrize(("bound", "verdict"), [("0.9", Verdict.FAIL), ("1.1", Verdict.PASS)])
def test_saturation_is_held_against_its_bound(bound: str, verdict: Verdict) -> None:
    metric = Metric.model_validate({"name": "load", "preset": "saturation", "maxInFlight": bound})
    rounds = Rounds()
    assert judge_load(metric, rounds.evidence).verdict is Verdict.NO_DATA
    rounds.scrape(s1=page(0), c1=page(0))
    rounds.scrape(s1=page(0), c1=page(50, seconds=0.1))
    found = judge_load(metric, rounds.evidence)
    assert (found.verdict, found.value, found.aborts) == (verdict, pytest.approx(1.0), False)


def test_refused_requests_are_no_errors_and_a_metric_of_their_own() -> None:
    metrics = [{"name": "errors", "preset": "errorRate"}, {"name": "refused", "preset": "clientErrors"}]
    rounds = Rounds(Analysis.model_validate({"metrics": metrics}))
    rounds.scrape(s1=page(0), c1=page(0))
    rounds.scrape(s1=page(40, refused=1), c1=page(40, refused=30))
    refused, errors = rounds.evidence.rates["refused"], rounds.evidence.rates["errors"]
    assert (refused.candidate.events, refused.stable.events) == (30, 1)
    assert errors.candidate.events == 0


@pytest.mark.parametrize(
    ("unit", "counted", "verdict", "why"),
    [
        ("request", (1000, 0), Verdict.PASS, "a Gateway keeps a few connections open for all clients"),
        ("connection", (4, 0), Verdict.NO_DATA, "four connections say nothing"),
    ],
)
def test_errors_are_counted_in_what_the_provider_divides(
    unit: Unit, counted: tuple[int, int], verdict: Verdict, why: str
) -> None:
    rounds = Rounds(unit=unit)
    rounds.scrape(s=page(), c=page())
    rounds.scrape(s=page(4, requests=250), c=page(4, requests=250))
    assert _counts(rounds, "candidate") == counted
    (metric,) = ERRORS.metrics
    assert judge_rate(metric, rounds.evidence, alpha=0.05, min_samples=0).verdict is verdict, why


@pytest.mark.parametrize(
    ("unit", "connections", "verdict", "why"),
    [
        ("connection", 4, Verdict.NO_DATA, "slow as they are, they may be one client's"),
        ("connection", 49, Verdict.NO_DATA, "one too few"),
        ("connection", 50, Verdict.FAIL, "enough to tell clients apart"),
        ("request", 4, Verdict.FAIL, "a Gateway spreads the requests of all clients over few connections"),
    ],
)
def test_what_is_counted_by_request_waits_for_connections(
    unit: Unit, connections: int, verdict: Verdict, why: str
) -> None:
    slow = {"name": "slow", "preset": "latency", "quantile": "0.95", "maxDuration": "50ms"}
    analysis = Analysis.model_validate({"metrics": [slow]})
    rounds = Rounds(analysis, unit)
    rounds.scrape(s=page(), c=page())
    rounds.scrape(s=page(connections, requests=50), c=page(connections, requests=50, seconds=0.2))
    found = judge_rate(analysis.metrics[0], rounds.evidence, alpha=0.05, min_samples=0)
    assert found.verdict is verdict, why
    assert found.samples == 50 * connections


def test_every_failed_request_and_every_one_without_an_answer_is_an_error() -> None:
    rounds = Rounds(unit="request")
    rounds.scrape(s=page(), c=page())
    rounds.scrape(s=page(4, requests=100), c=page(4, errors=1, requests=100))
    assert _counts(rounds, "candidate") == (400, 100)
    assert Interval(connections=9, error_connections=3, requests=90, failed=1).errors("request") == 3


def test_another_unit_in_the_middle_of_a_rollout_counts_on() -> None:
    rounds = Rounds(unit="request")
    rounds.scrape(s=page(), c=page())
    rounds.scrape(s=page(4, requests=100), c=page(4, requests=100))
    rounds.unit = "connection"
    rounds.scrape(s=page(6, requests=100), c=page(5, requests=100))
    assert rounds.evidence.units == {"stable": 402, "candidate": 401}


def _verdict(samples: int, missing: int | None) -> MetricVerdict:
    return MetricVerdict("errors", Verdict.INCONCLUSIVE, True, samples=samples, samples_to_verdict=missing)


@pytest.mark.parametrize(
    ("samples", "missing", "seconds", "why"),
    [
        (40, 60, 15, "40 samples took 10 s"),
        (40, 1, 1, "rounded up"),
        (40, 0, 0, "there is a verdict"),
        (40, None, None, "never, at these rates"),
        (0, 60, None, "no sample, no rate"),
    ],
)
def test_the_time_to_a_verdict(samples: int, missing: int | None, seconds: int | None, why: str) -> None:
    rounds = Rounds()
    rounds.scrape(s1=page(0), c1=page(0))
    rounds.scrape(s1=page(50), c1=page(0))
    assert rounds.evidence.traffic_seconds == 0, "the candidate has no traffic yet"
    assert seconds_to_verdict(_verdict(40, 60), rounds.evidence) is None
    rounds.scrape(s1=page(90), c1=page(20))
    rounds.scrape(s1=page(130), c1=page(40))
    assert rounds.evidence.traffic_seconds == 10
    assert seconds_to_verdict(_verdict(samples, missing), rounds.evidence) == seconds, why
