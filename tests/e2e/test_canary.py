"""Canaries under real traffic: a sound candidate takes over, a bad one is given up, no request is lost.

The operator is killed on the way, in each state that a candidate passes through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests import objects
from tests.e2e.fragile_model import CELSIUS, SOUND
from tests.e2e.operator_process import kill_while, killed_while
from tests.e2e.serving import Served, candidate, history, is_settled, quarantined, step, verdicts
from tests.e2e.traffic import traffic
from tests.e2e.world import World
from tests.objects import Object

SKEW = {"name": "skew", "preset": "trainServeSkew", "floor": "0.1"}
ERRORS = {"name": "errors", "preset": "errorRate", "maxAbsolute": "0.02"}
ANALYSIS = {"metrics": [ERRORS, SKEW]}
Steps = Sequence[Mapping[str, Any]]
A_THIRD: Mapping[str, Any] = {"weight": 33}
JUDGED: Steps = (A_THIRD, {"analyze": {"minSamples": 300, "maxDuration": "3m"}})
WAITING: Steps = (A_THIRD, {"pause": {}})
EVERY: Steps = (*JUDGED, {"pause": {}}, {"weight": 67}, {"pause": {"for": "3s"}})
ATTEMPTS = 5


@pytest.fixture(scope="module")
def canary(world: World, fragile: str) -> Served:
    served = Served(world, name="canary", model=fragile)
    served.apply()
    served.ready()
    return served


@pytest.fixture
def served(canary: Served) -> Served:
    """With one revision, whatever the test before has left."""
    deployment = canary.get()
    if not (is_settled(deployment, "True") or is_settled(deployment, "False")):
        canary.apply()
        deployment = canary.ready()
    canary.await_only(deployment["status"]["stable"]["revision"])
    return canary


def stable(deployment: Object) -> str:
    return str(deployment["status"]["stable"]["revision"])


def test_a_candidate_fed_other_units_than_it_learnt_is_given_up(served: Served, pool: Path) -> None:
    """Only trainServeSkew can see it; under `follow` the version before it is then the one to serve."""
    served.apply()
    old = stable(served.ready())
    with traffic(served.url, served.model, pool) as load:
        served.apply(version=None, steps=JUDGED, analysis=ANALYSIS)
        deployment = served.until(_candidate_is_rejected, "the abort")
        load.wait_for(60)
    load.assert_none_failed(at_least=300)
    assert verdicts(deployment)["skew"] == "Fail" and verdicts(deployment)["errors"] != "Fail"
    assert stable(deployment) == old
    assert f"{served.model}-v{CELSIUS}" in objects.condition(deployment, "Ready")["message"]


def _is_aborted(deployment: Object) -> bool:
    """As of the current generation: the candidate before may have been aborted too."""
    return objects.phase(deployment) == "Aborted" and is_settled(deployment, "False")


def _candidate_is_rejected(deployment: Object) -> bool:
    rejected = objects.condition(deployment, "Ready").get("reason") == "CandidateRejected"
    return rejected and is_settled(deployment, "True")


def test_a_sound_candidate_takes_over_and_no_request_fails(served: Served, pool: Path) -> None:
    """Through every kind of step and the promotion, and through kill -9 of the operator."""
    old = stable(served.get())
    with traffic(served.url, served.model, pool) as load:
        load.wait_for(60)
        load.mark("weight")
        served.apply(steps=EVERY, analysis=ANALYSIS, env={"FLAVOUR": "sound"})
        kill_while(served, "setting a weight", lambda d: step(d) == 0)
        load.mark("analysis")
        kill_while(served, "analysing", lambda d: step(d) == 1 and _metrics_are_read(d))
        load.mark("pause")
        kill_while(served, "paused", lambda d: step(d) == 2 and objects.phase(d) == "Paused")
        new = candidate(served.get())
        judged = served.pods(new)
        load.mark("two thirds and promotion")
        served.act("promote")
        deployment = served.ready()
        load.wait_for(60)
    load.assert_none_failed(at_least=3000)
    assert stable(deployment) == new
    assert judged <= served.pods() and len(served.pods()) == 2, "promotion made pods again"
    assert served.records() >= {old, new}, "the record of the old revision stays"
    assert history(deployment)[-1] == "Promoted"
    assert deployment["status"]["lastAction"]["outcome"] == "Done"


def _metrics_are_read(deployment: Object) -> bool:
    return objects.condition(deployment, "MetricsAvailable").get("status") == "True"


def test_a_candidate_that_fails_every_request_is_given_up_at_once(served: Served, pool: Path) -> None:
    """After a handful of errors, long before minSamples; it is quarantined, and no more requests fail."""
    old = stable(served.get())
    steps = (A_THIRD, {"analyze": {"minSamples": 10_000, "maxDuration": "1h"}})
    with traffic(served.url, served.model, pool) as load:
        load.wait_for(60)
        load.mark("canary")
        served.apply(steps=steps, analysis=ANALYSIS, env={"FRAGILE": "errors"})
        deployment = served.until(_is_aborted, "all traffic to be back")
        served.await_only(old)
        load.mark("after")
        load.wait_for(120)
    assert load.failed("canary") > 0, "nothing failed: the test proves nothing"
    assert load.failed("after") == 0, load.final
    assert list(quarantined(deployment).values())[-1] == "AnalysisFailed"
    errors = next(m for m in deployment["status"]["analysis"] if m["metric"] == "errors")
    # What came between two scrapes, about 100; far below minSamples also where a machine scrapes late.
    assert errors["verdict"] == "Fail" and errors["samples"] < 1000, errors
    assert stable(deployment) == old
    assert objects.condition(deployment, "Ready")["reason"] == "Aborted"
    version = served.world.get("modelversion", f"{served.model}-v{SOUND}")
    assert {"deployment": served.name, "reason": "AnalysisFailed"} in version["status"]["quarantinedBy"]


def test_people_abort_promote_and_supersede_and_no_request_fails(served: Served, pool: Path) -> None:
    old = stable(served.get())
    with traffic(served.url, served.model, pool, connections=("kept alive",)) as load:
        load.wait_for(60)
        load.mark("abort")
        rejected = _abort_with_a_kill(served)
        served.await_only(old)
        load.mark("supersede")
        superseded = _candidate_that_waits(served, "superseded")
        wanted = _candidate_that_waits(served, "wanted")
        load.mark("promote")
        served.act("promote")
        # The pods that it lacks take seconds to start.
        kill_while(served, "promoting", lambda d: step(d) == len(WAITING))
        deployment = served.ready()
        load.wait_for(60)
    load.assert_none_failed(at_least=1500)
    assert stable(deployment) == wanted
    assert quarantined(deployment).get(rejected) == "AbortedByPerson"
    assert not {superseded, wanted} & quarantined(deployment).keys()
    assert "CandidateDropped" in history(deployment)


def _abort_with_a_kill(served: Served) -> str:
    """Revision of a candidate that a person gave up, during which the operator was killed.

    That takes a tenth of a second or two: if the kill came too late, another candidate has to go.
    """
    for attempt in range(ATTEMPTS):
        rejected = _candidate_that_waits(served, f"rejected-{attempt}")
        in_time = killed_while(
            served, "aborting", lambda d: "abort" in d["status"], cause=lambda: served.act("abort")
        )
        served.until(_is_aborted, "the abort")
        if in_time:
            return rejected
    raise AssertionError(f"{ATTEMPTS} times the abort was over before the operator was dead")


def _candidate_that_waits(served: Served, flavour: str) -> str:
    """Revision of a new candidate, once it has traffic and waits for a person."""
    before = candidate(served.get())
    served.apply(steps=WAITING, analysis=ANALYSIS, env={"FLAVOUR": flavour})

    def waits(deployment: Object) -> bool:
        return candidate(deployment) not in ("", before) and objects.phase(deployment) == "Paused"

    return candidate(served.until(waits, f"candidate {flavour} to wait for a person"))


@pytest.mark.parametrize(("fault", "reason"), [("hang", "ProgressDeadlineExceeded"), ("broken", "PodHealth")])
def test_a_candidate_that_does_not_start_gets_no_traffic(served: Served, fault: str, reason: str) -> None:
    old = stable(served.get())
    served.apply(steps=WAITING, env={"FRAGILE": fault}, deadline="20s")
    deployment = served.until(_is_aborted, "the abort")
    served.await_only(old)
    assert list(quarantined(deployment).values())[-1] == reason
    assert (stable(deployment), objects.condition(deployment, "Available")["status"]) == (old, "True")
