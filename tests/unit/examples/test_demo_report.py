"""The demo's account of itself: true about what did not happen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flights.demo import manifests, serve, summary, watch
from flights.demo.report import DidNotHappen, Report
from flights.demo.story import Seeds
from trimtab.deployment.analysis import SCORE, skew_message
from trimtab.stats.skew import FeatureSkew, SkewLook, SkewOutcome
from trimtab.stats.verdicts import CanaryVerdict

FACTS = {
    "modelVersion": "flights-v2",
    "lineage": {"parameters": {"iterations": "60"}},
    "approval": "Approved",
    "artifact": {"digest": "sha256:ab"},
    "winner": 1,
    "trials": [{"index": 1, "parameters": {"leaves": "8"}, "objective": "0.5", "phase": "Succeeded"}],
    "evaluation": {"rows": 10410},
    "gates": [
        {"metric": "auc", "verdict": "Pass", "challenger": "0.67"},
        {
            "metric": "logLoss",
            "verdict": "Pass",
            "challenger": "0.51",
            "champion": "0.52",
            "difference": "0.01",
            "interval": ["-0.01", "0.03"],
            "groups": 12,
        },
    ],
}


def test_steps_that_happened_and_did_not(tmp_path: Path) -> None:
    report = Report()
    with report.step("first", 1) as facts:
        facts["digests"] = {"train": "sha256:ab"}
    with pytest.raises(DidNotHappen), report.step("second", 60):
        report.say("on the way")
        raise DidNotHappen("no version")
    first, second = report.steps
    assert first.happened and not second.happened
    assert "DID NOT HAPPEN" in report.table().splitlines()[2]
    path = tmp_path / "below" / "summary.json"
    report.write(path, happened=False)
    written = json.loads(path.read_text())
    assert written["happened"] is False
    assert [step["happened"] for step in written["steps"]] == [True, False]
    assert written["steps"][1]["problem"] == "DidNotHappen: no version"
    assert written["steps"][1]["plannedSeconds"] == 60
    assert written["timeline"][0]["text"] == "on the way"


def test_gates_are_shown_with_their_numbers() -> None:
    report = Report()
    with report.step("version", 1) as facts:
        facts.update(FACTS)
    text = summary.render(report)
    assert "flights-v2 is Approved: sha256:ab" in text
    assert "trial 1: leaves 8: objective on validation 0.5  <- winner" in text
    assert "champion 0.52, paired difference 0.01" in text
    assert "bootstrap interval -0.01 to 0.03 over 12 days" in text
    assert "parameters: iterations 60" in text


def test_the_experiment_is_addressed_to_a_cluster() -> None:
    document = manifests.experiment(
        "flights-x", registry="r:5000", image="i:1", prefix="p", tag="t", seed=3, search=None
    )
    spec = document["spec"]
    assert document["metadata"]["name"] == "flights-x"
    assert {entry["uri"] for entry in spec["data"]} == {
        f"oci://r:5000/p/{split}:t" for split in ("train", "validation", "reference", "evaluation")
    }
    assert (spec["trial"]["image"], spec["seed"]) == ("i:1", 3)
    assert "search" not in spec
    assert manifests.trial_with(document, retries=0)["spec"]["trial"]["retries"] == 0
    assert spec["trial"]["retries"] == 2


def look(**psi: float) -> SkewLook:
    """A look at features that are skewed by so much."""
    found = (
        FeatureSkew(name, SkewOutcome.SKEWED if value >= 0.1 else SkewOutcome.CLEAN, value, 0.0, 300, 0.01)
        for name, value in psi.items()
    )
    return SkewLook(CanaryVerdict.FAIL, 0.001, tuple(found))


def test_what_the_canary_failed_on_is_read_from_the_operators_own_words() -> None:
    message = skew_message(look(temp=12.1, dewp=9.3, **{SCORE: 0.24}, hour=0.02))
    assert serve.skewed(message) == {"temp": 12.1, "dewp": 9.3}
    quarantined = f"errors: candidate 3.00 %, stable 0.00 %; skew: {message}"
    assert serve.failed_metrics(quarantined, ["errors", "skew", "shift"]) == {"errors", "skew"}


def test_a_score_that_is_off_alone_is_a_finding() -> None:
    assert serve.skewed(skew_message(look(temp=0.01, **{SCORE: 0.24}))) == {SCORE: 0.24}


MONITOR = {
    "phase": "Drifted",
    "window": {
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-01-01T00:00:15Z",
        "rows": 598,
        "labelled": 571,
        "completeness": "Complete",
    },
    "signals": [
        {
            "signal": "FeatureDrift",
            "verdict": "Drifted",
            "raised": True,
            "top": [
                {"feature": "temp", "psiAdjusted": "6.51", "pAdjusted": "0", "floor": "0.1"},
                {"feature": "hour", "psiAdjusted": "0.12", "pAdjusted": "0.2", "floor": "0.1"},
                {"feature": "dest", "psiAdjusted": "0.01", "pAdjusted": "0.001", "floor": "0.1"},
                {"feature": "precip", "psiAdjusted": "0.2", "floor": "0.1"},
            ],
        },
        {
            "signal": "RealisedPerformance",
            "verdict": "Healthy",
            "metrics": [{"metric": "logLoss", "value": "0.53", "reference": "0.52"}],
        },
    ],
}


def test_a_feature_has_drifted_if_it_is_certain_and_far_enough() -> None:
    assert watch.flagged(MONITOR, fdr=0.01) == ["temp"]


def test_a_window_in_one_line() -> None:
    line = watch.window_line(MONITOR)
    assert line.startswith(
        "window to 00:00:15: Drifted, 598 rows, 571 labelled, Complete; FeatureDrift Drifted"
    )
    assert "raised temp 6.51" in line
    assert "RealisedPerformance Healthy logLoss 0.53 (reference 0.52)" in line
    assert watch.is_raised({"status": MONITOR}, "FeatureDrift")
    assert not watch.is_raised({"status": MONITOR}, "RealisedPerformance")
    assert not watch.is_raised({}, "FeatureDrift")


def test_the_whole_summary_in_words() -> None:
    report = Report()
    report.keep("weights", candidate="flights-v2", desired=33, applied=33, observed=26)
    for samples, verdict in ((0, "NoData"), (318, "Fail")):
        report.keep("verdicts", candidate="flights-v2", metric="skew", verdict=verdict, samples=samples)
    report.keep("windows", **MONITOR, reference={"modelVersion": "flights-v1"})
    latency = {"latencyMilliseconds": {"p50": 5.9}}
    report.facts["requests"] = {
        "total": {"sent": 2740, "failed": 0, "versions": {"v1": 2740}},
        "phases": [{"name": "start", "sent": 2740, "failed": 0, **latency}],
        "pools": [{"name": "winter", "drawn": 2740, "rows": 1000, "passes": 3}],
        "labels": {"accepted": 2611},
    }
    report.facts["lineage"] = {
        "modelVersion": "flights-v3",
        "experiment": {"name": "flights-r-0123456789", "uid": "u-1"},
        "data": {"train": "sha256:ab"},
        "trigger": {"kind": "DriftMonitor", "name": "flights", "decision": "d-2"},
        "decision": {"id": "d-2", "action": "Retrain"},
        "window": MONITOR["window"],
    }
    report.facts["thresholds"] = [{"where": "Deployment x", "value": 1, "default": 2}]
    text = summary.render(report)
    for expected in (
        "flights-v2: wanted 33, applied 33, counted by the servers 26",
        "flights-v2: skew Fail, 318 samples",
        "against the reference of flights-v1: 1 Drifted",
        "requests: 2740 sent, 0 failed",
        "pool winter: 2740 drawn of 1000 rows, passes 3",
        "<- Experiment flights-r-0123456789 (uid u-1)",
        "decision d-2 Retrain",
        "Deployment x: 1 (default 2)",
    ):
        assert expected in text
    assert "NoData" not in text


def test_seeds() -> None:
    assert Seeds.of(0) == Seeds(split=0, traffic=1)
    assert Seeds.of(3) == Seeds(split=3, traffic=4)
