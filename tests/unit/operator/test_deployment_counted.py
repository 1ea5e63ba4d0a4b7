"""Presets that a source counts: what a look adds, what it must not add, and what it cannot say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator.deployment_pages import MODEL, page
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.analysis import Analysis
from trimtab.deployment.analysis import Verdict, judge_counted
from trimtab.deployment.checkpoint import dump, load
from trimtab.deployment.counted import CountLook, counts_question
from trimtab.deployment.evidence import Evidence, ScrapeRound, advance, with_source_counts
from trimtab.deployment.observed import PodObserved
from trimtab.deployment.pod_counters import SIDES
from trimtab.deployment.pod_counters import counters as pod_counters
from trimtab.deployment.queries import Answer, Look, Sample
from trimtab.deployment.runtimes import TRIMTAB_COUNTS, counts_of
from trimtab.runtime.read_counts import count_look
from trimtab.sources.mapped_page import MappedReader
from trimtab_runtime.contract.page import PageReader, ServerPage
from trimtab_runtime.contract.serving import LIVE, WARMUP, PageShape
from trimtab_runtime.server.counters import Counters

ERRORS: dict[str, Any] = {"name": "errors", "preset": "errorRate", "sourceRef": {"name": "main"}}
ALPHA = 0.05


def _analysis(*metrics: dict[str, Any]) -> Analysis:
    return Analysis.model_validate({"metrics": metrics})


class Looks:
    """Half a minute apart, and the evidence that they make. Pods of the candidate begin with a c."""

    def __init__(self) -> None:
        self.evidence = Evidence("turn", NOW)
        self.analysis = _analysis(ERRORS)
        self._number = 0

    def look(
        self,
        *,
        leaving: tuple[str, ...] = (),
        missing: tuple[str, ...] = (),
        problem: str = "",
        **pages: ServerPage,
    ) -> None:
        self._number += 1
        sides: Any = {u: ("candidate" if u.startswith("c") else "stable", p) for u, p in pages.items()}
        staying = frozenset((pages.keys() | set(missing)) - set(leaving))
        at = NOW + timedelta(seconds=30 * self._number)
        look = CountLook(at, sides, staying, missing, problem)
        for _ in range(2):  # several passes see one look
            self.evidence = with_source_counts(self.evidence, self.analysis, {"errors": look}, "connection")

    @property
    def counts(self) -> dict[str, tuple[float, float]]:
        rate = self.evidence.rates["errors"]
        sides = {"stable": rate.stable, "candidate": rate.candidate}
        return {side: (counts.trials, counts.events) for side, counts in sides.items()}

    @property
    def verdict(self) -> tuple[Verdict, str]:
        (metric,) = self.analysis.metrics
        found = judge_counted(metric, self.evidence, alpha=ALPHA, min_samples=0)
        return found.verdict, found.message


def test_a_look_counts_once_and_a_gap_is_covered_by_the_next() -> None:
    looks = Looks()
    assert looks.verdict == (Verdict.NO_DATA, "not asked yet")
    looks.look(s=page(100), c=page(10))
    assert looks.counts == {"stable": (0, 0), "candidate": (10, 0)}, (
        "stable has a past, the candidate has none"
    )
    looks.look(s=page(200), missing=("c",))
    assert looks.verdict == (Verdict.PROVIDER_ERROR, "source main: no counts of pod c")
    looks.look(problem="source main: no answer within 5 s")
    assert looks.verdict[0] is Verdict.PROVIDER_ERROR
    looks.look(s=page(300), c=page(60, errors=2))
    assert looks.counts == {"stable": (200, 0), "candidate": (60, 2)}


def test_a_pod_that_the_source_loses_for_a_while_is_not_counted_from_zero_again() -> None:
    """It is not ready, so nobody misses it."""
    looks = Looks()
    looks.look(s=page(0), c1=page(40), c2=page(40))
    at = NOW + timedelta(minutes=5)
    gap = CountLook(
        at, {"s": ("stable", page(50)), "c1": ("candidate", page(50))}, frozenset({"s", "c1", "c2"})
    )
    looks.evidence = with_source_counts(looks.evidence, looks.analysis, {"errors": gap}, "connection")
    back = {"s": ("stable", page(50)), "c1": ("candidate", page(50)), "c2": ("candidate", page(45))}
    again: Any = CountLook(at + timedelta(minutes=1), back, frozenset(back))  # type: ignore[arg-type]
    looks.evidence = with_source_counts(looks.evidence, looks.analysis, {"errors": again}, "connection")
    assert looks.counts["candidate"] == (95, 0)


def test_a_pod_that_leaves_is_counted_for_the_last_time() -> None:
    looks = Looks()
    looks.look(s=page(0), c1=page(40), c2=page(10))
    looks.look(leaving=("c1",), s=page(0), c1=page(45), c2=page(10))
    looks.look(leaving=("c1",), s=page(0), c1=page(46), c2=page(10))
    assert looks.counts["candidate"] == (55, 0)


def test_counters_that_fell_are_nothing_that_happened() -> None:
    looks = Looks()
    looks.look(s=page(0), c=page(40))
    looks.look(s=page(0), c=page(4))
    assert looks.verdict[0] is Verdict.PROVIDER_ERROR
    looks.look(s=page(0), c=page(4, began=2.0))
    assert looks.counts["candidate"] == (44, 0), "another process"


def test_a_failure_stands_while_the_source_is_away() -> None:
    looks = Looks()
    looks.look(s=page(0), c=page(0))
    looks.look(s=page(100), c=page(100, errors=100))
    looks.look(problem="source main: no answer within 5 s")
    assert looks.verdict[0] is Verdict.FAIL


def test_another_who_counts_is_another_metric() -> None:
    """From the source to the pods and back: the candidate's past does not count twice."""
    looks = Looks()
    looks.look(s=page(0), c=page(40))
    looks.analysis = _analysis({k: v for k, v in ERRORS.items() if k != "sourceRef"})
    looks.look()
    assert "errors" not in looks.evidence.rates
    round_ = ScrapeRound(NOW, {"s": ("stable", page(0)), "c": ("candidate", page(50))}, {})
    looks.evidence = advance(looks.evidence, round_, {}, looks.analysis, "connection")
    assert looks.counts["candidate"] == (50, 0)
    looks.analysis = _analysis({**ERRORS, "sourceRef": {"name": "other"}})
    looks.look(s=page(0), c=page(60))
    assert looks.counts["candidate"] == (60, 0)


def test_it_survives_the_checkpoint() -> None:
    looks = Looks()
    looks.look(s=page(0), c=page(40, errors=1))
    assert load(json.loads(json.dumps(dump(looks.evidence)))) == looks.evidence


# --- what a source holds of the pods ----------------------------------------------------------------------


def _pod(name: str, **parts: Any) -> PodObserved:
    fields = {"name": name, "uid": f"uid-{name}", "ip": "10.0.0.1", "ready": True, "deleting": False}
    return PodObserved(**{**fields, "serving": True, **parts})


def _samples(pod: str, instance: str = "10.0.0.1:8080", **values: float) -> tuple[Sample, ...]:
    numbers = {"requests": 30.0, "failed": 2.0, "connections": 10.0, "errors": 1.0, "start": 7.0} | values
    series = {
        ("trimtab_requests_total", "2xx"): numbers["requests"] - numbers["failed"],
        ("trimtab_requests_total", "5xx"): numbers["failed"],
        ("trimtab_connections_total", ""): numbers["connections"],
        ("trimtab_error_connections_total", ""): numbers["errors"],
        ("trimtab_server_start_time_seconds", ""): numbers["start"],
    }
    labels = {"pod": pod, "job": "models", "instance": instance, "traffic": "live"}
    return tuple(Sample(name, labels | {"code": code}, value) for (name, code), value in series.items())


def _look(candidate: tuple[Sample, ...], stable: tuple[Sample, ...] = ()) -> CountLook:
    (metric,) = _analysis(ERRORS).metrics
    pods: Any = {"candidate": (_pod("c"),), "stable": (_pod("s"),)}
    look = Look(NOW, Answer(samples=candidate), Answer(samples=stable or _samples("s")))
    return count_look(metric, look, pods, {"stable": TRIMTAB_COUNTS, "candidate": TRIMTAB_COUNTS})


def test_series_become_the_page_of_their_pod() -> None:
    found = _look(_samples("c") + _samples("somebody-elses"))
    side, read = found.pages["uid-c"]
    assert (side, read.start_time_seconds, found.missing, found.problem) == ("candidate", 7.0, (), "")
    assert (read.counts.connections(), read.counts.error_connections()) == (10, 1)
    assert (read.counts.requests(), read.counts.requests("5xx")) == (30, 2)
    assert found.pages.keys() == {"uid-c", "uid-s"}, "what names another pod is nobody's"


def test_what_a_foreign_server_counts_is_read_by_its_mapping() -> None:
    """A series that MLServer does not export before its first request is 0 there."""
    mlserver = counts_of("mlserver")
    assert mlserver is not None
    labels = {"pod": "c", "path": "/v2/models/m/infer", "job": "models", "instance": "10.0.0.1:8082"}
    samples = (
        Sample("rest_server_requests_total", labels | {"status_code": "200"}, 9.0),
        Sample("rest_server_requests_total", labels | {"status_code": "503"}, 1.0),
        Sample("rest_server_requests_total", labels | {"path": "/v2/health/ready"}, 99.0),
        Sample("process_start_time_seconds", labels, 7.0),
    )
    (metric,) = _analysis(ERRORS).metrics
    pods: Any = {"candidate": (_pod("c"),), "stable": (_pod("s"),)}
    idle = Answer(samples=(Sample("process_start_time_seconds", labels | {"pod": "s"}, 7.0),))
    found = count_look(metric, Look(NOW, Answer(samples=samples), idle), pods, dict.fromkeys(SIDES, mlserver))
    assert (found.missing, found.problem) == ((), "")
    requests = {uid: page.counts.requests() for uid, (_, page) in found.pages.items()}
    assert requests == {"uid-c": 10, "uid-s": 0}
    assert found.pages["uid-c"][1].counts.requests("5xx") == 1


@pytest.mark.parametrize(
    ("samples", "missing", "problem", "why"),
    [
        ((), ("c",), "", "the source does not know the pod"),
        (_samples("c")[:-2], (), "trimtab_error_connections_total: is missing", "dropped on the way: not 0"),
        (_samples("c", errors=float("1e300")), (), "has a value that is no count", "nobody has that many"),
        (_samples("c", failed=0.5), (), "has a value that is no count", "of a recording rule perhaps"),
        (_samples("c") + _samples("c", "other:8080"), (), "scraped by two jobs", "each twice"),
    ],
)
def test_what_a_source_cannot_say(
    samples: tuple[Sample, ...], missing: tuple[str, ...], problem: str, why: str
) -> None:
    found = _look(samples)
    assert found.missing == missing, why
    assert problem in found.problem, why


def test_the_series_of_a_runtime_are_asked_for_as_they_are() -> None:
    (metric,) = _analysis(ERRORS).metrics
    mlserver = counts_of("mlserver")
    assert mlserver is not None
    asked = counts_question(
        metric,
        namespace="ml",
        deployment="flights",
        revisions={"stable": "aaaaaaaa", "candidate": "bbbbbbbb"},
        mappings={"stable": TRIMTAB_COUNTS, "candidate": mlserver},
        known=None,
    )
    assert (asked.source, asked.counts) == ("main", True)
    texts = dict(asked.texts)
    assert texts["candidate"] == (
        '{__name__=~"rest_server_requests_total|process_start_time_seconds",'
        'namespace="ml",pod=~"flights-bbbbbbbb-.+"}'
    )
    assert "trimtab_error_connections_total" in texts["stable"]
    assert "bucket" not in texts["stable"], "errors need no durations"


def test_a_source_reads_off_our_page_what_the_operator_reads_off_the_pod() -> None:
    counters = Counters(PageShape(MODEL, ()), None, (), profile_digest="", start_time_seconds=1.5)
    for status, seconds in ((200, 0.004), (200, 0.3), (500, 0.004), (400, 0.2)):
        counters.connection(LIVE)
        counters.answered(LIVE, status, seconds)
    counters.error_connection(LIVE)
    counters.answered(WARMUP, 500, 4.0)
    data = counters.page()
    ours, theirs = PageReader(MODEL).read(data), MappedReader("", TRIMTAB_COUNTS).read(data)
    assert replace(pod_counters("stable", theirs), in_flight=0, refused=0, request_seconds=0.0) == replace(
        pod_counters("stable", ours), in_flight=0, refused=0, request_seconds=0.0
    )
    assert ours.counts.requests() == 4
