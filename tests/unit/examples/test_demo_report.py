"""The demo's account of itself: true about what did not happen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flights.demo import manifests, summary
from flights.demo.report import DidNotHappen, Report

FACTS = {
    "modelVersion": "flights-v2",
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
    assert summary.reach() in text


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
