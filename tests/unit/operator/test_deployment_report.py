"""What of a running analysis is worth a write of the status."""

from __future__ import annotations

import pytest
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, StepStatus, WeightStatus
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.health import NAME as POD_HEALTH
from trimtab.deployment.report import REPORT_SECONDS, with_report


def running(seconds: int = 0) -> DeploymentStatus:
    step = StepStatus(index=0, started_at=NOW, observed_seconds=seconds)
    return DeploymentStatus(step=step, weight=WeightStatus(desired=20, applied=0))


def verdicts(**named: Verdict) -> tuple[MetricVerdict, ...]:
    return tuple(MetricVerdict(name, verdict, True) for name, verdict in named.items())


@pytest.mark.parametrize(
    ("before", "after", "judging", "expected"),
    [
        ({}, {"errors": "NoData", POD_HEALTH: "NoData"}, False, False),
        ({POD_HEALTH: "NoData"}, {POD_HEALTH: "Pass"}, False, False),
        ({POD_HEALTH: "Pass"}, {POD_HEALTH: "Fail"}, False, True),
        ({"errors": "NoData"}, {"errors": "Inconclusive"}, False, False),
        ({"errors": "NoData"}, {"errors": "Inconclusive"}, True, True),
        ({"errors": "Inconclusive"}, {"errors": "Pass"}, False, True),
        ({"errors": "Inconclusive"}, {"errors": "ProviderError"}, False, True),
    ],
)
def test_which_verdicts_are_news(
    before: dict[str, str], after: dict[str, str], judging: bool, expected: bool
) -> None:
    known = verdicts(**{name: Verdict(verdict) for name, verdict in before.items()})
    stored = with_report(running(), DeploymentStatus(), known, None, seconds=0, judging=judging)
    fresh = verdicts(**{name: Verdict(verdict) for name, verdict in after.items()})
    told = with_report(running(), stored, fresh, None, seconds=5, judging=judging)
    assert (told.analysis != stored.analysis) == expected


def test_numbers_are_told_once_a_minute() -> None:
    (verdict,) = verdicts(errors=Verdict.INCONCLUSIVE)
    stored = with_report(running(), DeploymentStatus(), (verdict,), None, seconds=0, judging=True)
    more = MetricVerdict("errors", Verdict.INCONCLUSIVE, True, samples=100)
    soon, later = (
        with_report(running(), stored, (more,), None, seconds=seconds, judging=True)
        for seconds in (REPORT_SECONDS - 1, REPORT_SECONDS)
    )
    assert (soon.analysis, later.analysis[0].samples) == (stored.analysis, 100)
    assert later.step is not None
    assert later.step.observed_seconds == REPORT_SECONDS
