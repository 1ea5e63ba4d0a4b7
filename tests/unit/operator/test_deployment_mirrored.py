"""Evidence of copies and evidence of answers are never added up."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.effort import examples
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.deployment_status import StepStatus
from trimtab.deployment import checkpoint
from trimtab.deployment.analysis import Profiles
from trimtab.deployment.counted import Counted
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.judgement import judge
from trimtab.deployment.load import Load
from trimtab.deployment.mirrored import at_share, chances
from trimtab.deployment.report import observed_weight
from trimtab.deployment.steps import ALL, NOTHING, Share, position
from trimtab.stats.evidence import add_interval, error_limits, no_evidence
from trimtab.stats.ratios import SideCounts
from trimtab_runtime.contract.counts import ServerCounts

COPIES, LIVE = Share(mirror=20), Share(weight=10)


def evidence(*, errors: int = 0, copies: int = 200) -> Evidence:
    """Of 1,000 requests of stable and these copies."""
    rate = add_interval(
        no_evidence(error_limits()), stable=SideCounts(1_000, 0), candidate=SideCounts(copies, errors)
    )
    return Evidence(
        "a-turn",
        NOW,
        rates={"errors": rate},
        units={"stable": 1_000, "candidate": copies},
        counted={"errors": Counted("prometheus", units=copies)},
        observed_seconds={"a-turn/1": 60.0},
        traffic_seconds=60.0,
    )


def test_what_copies_showed_ends_with_the_first_weight_that_is_in_effect() -> None:
    mirrored = at_share(evidence(), COPIES, 0)
    assert mirrored == replace(evidence(), mirrored=True)
    assert at_share(mirrored, LIVE, 0) == mirrored, "the route still copies"
    begun = at_share(mirrored, LIVE, 10)
    assert (begun.rates, begun.units, begun.traffic_seconds) == ({}, {"stable": 0, "candidate": 0}, 0.0)
    assert begun.sums == {"stable": ServerCounts({}), "candidate": ServerCounts({})}
    assert begun.load == {"stable": Load(), "candidate": Load()}
    assert begun.counted["errors"].units == 0
    assert begun.observed_seconds == mirrored.observed_seconds, "time goes on"
    assert not begun.mirrored
    assert at_share(begun, LIVE, 10) == begun
    assert at_share(mirrored, ALL, 100).rates == {}, "a rollout may have no weight between"


@examples(30)
@given(st.sampled_from([NOTHING, LIVE, ALL]), st.integers(0, 100))
def test_a_rollout_without_copies_loses_nothing(share: Share, applied: int) -> None:
    assert at_share(evidence(), share, applied) == evidence()


def test_the_mark_survives_the_process() -> None:
    mirrored = at_share(evidence(), COPIES, 0)
    assert checkpoint.load(checkpoint.dump(mirrored)).mirrored
    stored = checkpoint.dump(evidence())
    del stored["mirrored"]
    assert not checkpoint.load(stored).mirrored, "as written by an operator that knew no copies"


def test_copies_are_told_per_hundred_requests_of_stable() -> None:
    assert observed_weight(evidence()) == 17
    assert observed_weight(at_share(evidence(), COPIES, 0)) == 20
    assert observed_weight(at_share(evidence(copies=2_000), COPIES, 0)) == 100, "a Gateway that copies more"


def test_a_metric_that_begins_twice_has_half_of_its_alpha_each_time() -> None:
    plain, shadow = ([{"weight": 50}], [{"shadow": {"percent": 50}}, {"weight": 50}])
    steps = [samples.spec(rollout={"steps": steps}).rollout.steps for steps in (plain, shadow)]
    assert [chances(each) for each in steps] == [1, 2]
    metrics = [{"name": "errors", "preset": "errorRate"}]
    verdicts = []
    for errors in range(3, 40):
        found = []
        for each in (plain, shadow):
            spec = samples.spec(rollout={"steps": each, "analysis": {"metrics": metrics}})
            step = StepStatus(index=0, started_at=NOW)
            (verdict,), _ = judge(spec, step, evidence(errors=errors), Profiles(), "")
            found.append(verdict.verdict == "Fail")
        verdicts.append(tuple(found))
    assert (True, False) in verdicts, "what fails at alpha need not fail at half of it"
    assert (False, True) not in verdicts
    assert verdicts[-1] == (True, True)


def test_the_share_of_a_step() -> None:
    spec = samples.spec(
        rollout={
            "steps": [{"shadow": {"percent": 5}}, {"pause": {}}, {"shadow": {"percent": 50}}, {"weight": 10}]
        }
    )
    shares = [
        position(spec.rollout.steps, StepStatus(index=index, started_at=NOW)).share for index in range(5)
    ]
    assert shares == [Share(mirror=5), Share(mirror=5), Share(mirror=50), Share(weight=10), ALL]
    assert position(spec.rollout.steps, None).share == Share(mirror=5)
