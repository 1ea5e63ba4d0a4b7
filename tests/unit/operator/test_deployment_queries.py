"""Queries: one number per side and look, and what several in a row decide."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.analysis import Analysis, Metric
from trimtab.deployment.analysis import Profiles, Verdict, alpha_of
from trimtab.deployment.bounds import judge_query
from trimtab.deployment.checkpoint import dump, load
from trimtab.deployment.evidence import Evidence, with_looks
from trimtab.deployment.judgement import judge
from trimtab.deployment.queries import Answer, Look, question

QUERY = 'sum(rate(failed{app="{{namespace}}/{{deployment}}", revision="{{revision}}"}[1m]))'
ERRORS = {"name": "errors", "preset": "errorRate"}
EMPTY, DOWN = Answer(), Answer(problem="source main: answered 500")
NUMBERS = dict[str, Any]


def metric(**fields: Any) -> Metric:
    wire = {"name": "failed", "query": QUERY, "sourceRef": {"name": "main"}, "maxRatio": "1.5", **fields}
    return Metric.model_validate({name: value for name, value in wire.items() if value is not None})


BOUND = {"maxRatio": None, "maxValue": "0.5"}


class Looks:
    """One look after the other, 30 seconds apart."""

    def __init__(self, judged: Metric) -> None:
        self.metric = judged
        self.evidence = Evidence("turn", NOW)
        self._number = 0

    def look(self, candidate: Any, stable: Any = None, *, step: int = 1) -> Verdict:
        self._number += 1
        at = NOW + timedelta(seconds=30 * self._number)
        sides = [side if isinstance(side, Answer) else Answer(side) for side in (candidate, stable)]
        look = Look(at, sides[0], sides[1] if self.metric.max_ratio else None)
        analysis = Analysis(metrics=(self.metric,))
        self.evidence = with_looks(self.evidence, analysis, {"failed": look}, step)
        again = with_looks(self.evidence, analysis, {"failed": look}, step)
        assert again == self.evidence, "a look counts once"
        assert load(json.loads(json.dumps(dump(self.evidence)))).queries["failed"] == replace(
            self.evidence.queries["failed"], value=None
        )
        return judge_query(self.metric, self.evidence, step).verdict


def test_a_question_is_asked_for_each_side() -> None:
    revisions: NUMBERS = {"stable": "5f3c09aa", "candidate": "8a11d2c4"}

    def texts(**fields: Any) -> Any:
        asked = question(metric(**fields), namespace="ml", deployment="f", revisions=revisions, known=None)
        assert asked.source == "main"
        return dict(asked.texts)

    expected = 'sum(rate(failed{app="ml/f", revision="8a11d2c4"}[1m]))'
    assert texts() == {"candidate": expected, "stable": expected.replace("8a11d2c4", "5f3c09aa")}
    assert texts(**BOUND) == {"candidate": expected}, "a bound needs no stable"


@pytest.mark.parametrize(
    ("fields", "looks", "verdict", "why"),
    [
        ({}, [(2, 1)] * 2, Verdict.INCONCLUSIVE, "two looks decide nothing"),
        ({}, [(2, 1)] * 3, Verdict.FAIL, "three in a row beyond the bound"),
        ({}, [(1.4, 1)] * 3, Verdict.PASS, "three in a row within it"),
        ({}, [(2, 1), (2, 1), (1, 1), (2, 1), (2, 1)], Verdict.INCONCLUSIVE, "a look between them"),
        ({}, [(2, 1), (2, 1), (EMPTY, 1), (2, DOWN), (2, 1)], Verdict.FAIL, "no number is left out"),
        ({}, [(1, 1)] * 3 + [(EMPTY, 1)], Verdict.NO_DATA, "a pass must be one now"),
        ({}, [(1, 1)] * 3 + [(1, DOWN)], Verdict.PROVIDER_ERROR, "a pass must be one now"),
        ({}, [(2, 1)] * 3 + [(DOWN, DOWN)], Verdict.FAIL, "a failure that stood stays one"),
        ({}, [(0, 0)] * 3, Verdict.PASS, "nothing of what stable has nothing of"),
        ({}, [(0.001, 0)] * 3, Verdict.FAIL, "anything of what stable has nothing of"),
        ({}, [(1, -1)] * 3, Verdict.PROVIDER_ERROR, "no ratio of a negative number"),
        ({"consecutive": 1}, [(2, 1)], Verdict.FAIL, "as somebody asked for"),
        (BOUND, [(0.6,)] * 3, Verdict.FAIL, "a bound of its own"),
        (BOUND, [(0.5,)] * 3, Verdict.PASS, "at the bound is within it"),
        (BOUND, [(-9,)] * 3, Verdict.PASS, "a bound takes any number"),
    ],
)
def test_what_looks_decide(fields: Any, looks: Any, verdict: Verdict, why: str) -> None:
    asked = Looks(metric(**fields))
    assert [asked.look(*answers) for answers in looks][-1] is verdict, why


def test_a_step_is_passed_by_its_own_looks_and_a_failure_runs_through() -> None:
    asked = Looks(metric())
    assert [asked.look(1, 1) for _ in range(3)][-1] is Verdict.PASS
    assert judge_query(asked.metric, asked.evidence, 3).verdict is Verdict.INCONCLUSIVE
    assert asked.look(1, 1, step=3) is Verdict.INCONCLUSIVE
    assert [asked.look(2, 1, step=3), asked.look(2, 1, step=3)][-1] is Verdict.INCONCLUSIVE
    assert asked.look(2, 1, step=4) is Verdict.FAIL


def test_another_bound_is_another_metric() -> None:
    asked = Looks(metric())
    assert [asked.look(2, 1) for _ in range(2)][-1] is Verdict.INCONCLUSIVE
    asked.metric = metric(maxRatio="1.9")
    assert asked.look(2, 1) is Verdict.INCONCLUSIVE
    found = judge_query(asked.metric, asked.evidence, 1)
    assert (found.samples, found.samples_to_verdict) == (1, 2)


def test_a_query_takes_no_part_of_alpha() -> None:
    both = Analysis.model_validate({"alpha": "0.04", "metrics": [ERRORS, metric().to_wire()]})
    assert alpha_of(both) == 0.04


@pytest.mark.parametrize(
    ("metrics", "pods", "query", "frozen", "why"),
    [
        ([metric().to_wire()], "", "answered 500", True, "it is to decide"),
        ([metric(onFail="Observe").to_wire()], "", "answered 500", False, "it is shown only"),
        ([metric().to_wire()], "no page", "", False, "the pods are asked nothing"),
        ([ERRORS, metric().to_wire()], "no page", "", True, "the pods are to decide as well"),
    ],
)
def test_what_an_outage_stops(metrics: Any, pods: str, query: str, frozen: bool, why: str) -> None:
    of = samples.spec(rollout={"steps": [{"weight": 50}, {"analyze": {}}], "analysis": {"metrics": metrics}})
    problems = {"failed": query} if query else {}
    seen = samples.observed(of=of, metrics_problem=pods, query_problems=problems)
    assert seen.is_frozen is frozen, why


def test_pods_that_cannot_be_read_say_nothing_about_a_query() -> None:
    asked = Looks(metric())
    for _ in range(3):
        asked.look(1, 1)
    of = samples.spec(rollout={"analysis": {"metrics": [ERRORS, metric().to_wire()]}})
    evidence = replace(asked.evidence, queries={"failed": replace(asked.evidence.queries["failed"], step=0)})
    verdicts, _ = judge(of, None, evidence, Profiles(), "no page")
    assert {v.name: v.verdict for v in verdicts} == {"errors": Verdict.PROVIDER_ERROR, "failed": Verdict.PASS}
