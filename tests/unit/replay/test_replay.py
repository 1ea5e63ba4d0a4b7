"""Replays of files: verdicts, numbers and decisions as the operator would have made them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
from tests.unit.replay.files import hours, rows, write

from trimtab.replay.document import document
from trimtab.replay.page import page
from trimtab.replay.roles import Roles
from trimtab.replay.run import Asked, Replay, replay

ANSWERED = Roles(score="p", label="late")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("reference") / "reference.csv", rows(1, 5000))


def replayed(reference: Path, tmp_path: Path, columns: dict[str, list[Any]], **asked: Any) -> Replay:
    current = write(tmp_path / "current.csv", columns)
    return replay(Asked(reference, current, **{"roles": ANSWERED, **asked}))


def in_turn(*parts: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [cell for part in parts for cell in part[name]] for name in parts[0]}


def test_no_drift_is_healthy_and_decides_nothing(reference: Path, tmp_path: Path) -> None:
    done = replayed(reference, tmp_path, rows(2, 6000), chunk_size=2000)
    assert [result.judged.judgement.phase for result in done.results] == ["Healthy"] * 3
    assert [result.judged.decision for result in done.results] == [None] * 3


def test_a_feature_that_moves_is_raised_by_the_second_window(reference: Path, tmp_path: Path) -> None:
    moved = in_turn(rows(2, 2000), rows(3, 4000, shift=0.5))
    done = replayed(reference, tmp_path, moved, chunk_size=2000)
    found = [result.judged.judgement for result in done.results]
    assert [judgement.phase for judgement in found] == ["Healthy", "InsufficientData", "Drifted"]
    last = done.results[-1]
    assert [f.feature for f in last.judged.features if f.verdict == "Drifted"] == ["x"]
    assert last.judged.decision is not None
    assert (last.judged.decision.id, last.judged.decision.action) == ("d-1", "Alert")


def test_labels_that_say_worse_ask_for_a_retraining(reference: Path, tmp_path: Path) -> None:
    """The inputs are what they were, and so is the estimate: only labels show concept drift."""
    done = replayed(reference, tmp_path, rows(2, 6000, flipped=0.3), chunk_size=2000)
    decision = done.results[-1].judged.decision
    assert decision is not None
    assert (decision.action, decision.state) == ("Retrain", "Suggested")
    performance = done.results[-1].performance
    estimated, truth = performance.estimated["auc"], performance.realised["auc"]
    assert estimated.value is not None and truth is not None
    assert estimated.value - truth > 5 * estimated.standard_error


def test_the_estimate_is_near_the_truth_and_that_of_raw_scores(reference: Path, tmp_path: Path) -> None:
    done = replayed(reference, tmp_path, rows(2, 4000), exact=True)
    (result,) = done.results
    for name, estimated in result.performance.estimated.items():
        if name == "logLoss":
            continue  # of raw scores it is another number: buckets take their mean score
        exact, truth = result.performance.exact_estimated[name], result.performance.realised[name]
        assert estimated.value is not None and exact is not None and truth is not None
        assert abs(estimated.value - truth) < 4 * estimated.standard_error, name
        assert abs(estimated.value - exact) < 2 * estimated.standard_error, name


def test_exact_statistics_are_scipys_and_lie_within_the_bounds(reference: Path, tmp_path: Path) -> None:
    before, after = np.array(rows(1, 5000)["x"]), rows(2, 3000, shift=0.3)
    done = replayed(reference, tmp_path, after, exact=True)
    (result,) = done.results
    bucketed, exact = result.statistics["x"], result.exact["x"]
    test = scipy.stats.ks_2samp(before, after["x"])
    assert (exact["kolmogorovSmirnov"].value, exact["kolmogorovSmirnov"].p) == pytest.approx(
        (test.statistic, test.pvalue)
    )
    assert exact["wasserstein"].value == pytest.approx(scipy.stats.wasserstein_distance(before, after["x"]))
    for name, known in exact.items():
        low, high = bucketed[name].low, bucketed[name].high
        if name in ("kolmogorovSmirnov", "wasserstein", "energy"):
            assert low is not None and low <= known.value <= (math.inf if high is None else high), name
    cities = result.exact["city"]
    assert cities["chiSquare"].value == pytest.approx(result.statistics["city"]["chiSquare"].value)
    assert cities["jensenShannon"].value == pytest.approx(result.statistics["city"]["jensenShannon"].value)


def test_jensen_shannon_of_numbers_is_nannymls(tmp_path: Path) -> None:
    """The bins that its source takes, written out here: those of Doane over the reference, and one more."""
    draw = np.random.default_rng(7)
    before, after = draw.normal(size=1000).round(6), draw.normal(0.4, 1.2, size=500).round(6)
    known = write(tmp_path / "known.csv", {"x": before.tolist()})
    done = replayed(known, tmp_path, {"x": after.tolist()}, roles=Roles(), exact=True)
    bins = np.histogram_bin_edges(before, bins="doane")
    shares = [np.histogram(side, bins)[0] / len(side) for side in (before, after)]
    outside = [1 - share.sum() for share in shares]
    expected = scipy.spatial.distance.jensenshannon(
        np.append(shares[0], outside[0]), np.append(shares[1], outside[1]), base=2
    )
    assert done.results[0].exact["x"]["jensenShannon"].value == pytest.approx(expected, abs=1e-9)


def test_windows_close_at_whole_multiples_and_silence_is_one(reference: Path, tmp_path: Path) -> None:
    columns = rows(2, 3000)
    times = hours(3000, per_hour=1000)
    times[2000:] = [time.replace("T02", "T04") for time in times[2000:]]
    done = replayed(
        reference,
        tmp_path,
        {**columns, "at": times},
        roles=Roles(timestamp="at", score="p", label="late"),
        every="1h",
    )
    chunks = [result.judged.chunk for result in done.results]
    assert [chunk.start.hour for chunk in chunks] == [0, 1, 2, 3, 4]
    assert [result.judged.window.rows for result in done.results] == [1000, 1000, 0, 0, 1000]
    assert done.results[2].judged.judgement.phase == "NoTraffic"
    assert "at" not in done.results[0].statistics


def test_without_scores_only_inputs_are_judged(reference: Path, tmp_path: Path) -> None:
    done = replayed(reference, tmp_path, rows(2, 2000), roles=Roles())
    signals = [signal.signal for signal in done.results[0].judged.judgement.signals]
    assert signals == ["FeatureDrift", "DataQuality"]
    assert "late" in done.results[0].statistics, "a column without a role is a feature"
    assert done.estimator.off == "without --score nothing can be estimated"


def test_the_threshold_is_that_of_the_predictions(tmp_path: Path) -> None:
    known, now = rows(1, 3000), rows(2, 2000)
    for part in (known, now):
        part["said"] = ["yes" if p > 0.3 else "no" for p in part["p"]]
        part["late"] = ["yes" if late else "no" for late in part["late"]]
    done = replayed(
        write(tmp_path / "known.csv", known),
        tmp_path,
        now,
        roles=Roles(score="p", prediction="said", label="late", positive="yes"),
    )
    realised = done.results[0].performance.realised
    right = [said == late for said, late in zip(now["said"], now["late"], strict=True)]
    assert realised["accuracy"] == pytest.approx(np.mean(right), abs=0.002)


def test_missing_values_and_new_cities_are_data_quality(reference: Path, tmp_path: Path) -> None:
    columns = rows(2, 3000)
    columns["y"][:600] = [None] * 600
    columns["city"][:600] = ["Bonn"] * 600
    done = replayed(reference, tmp_path, columns)
    (quality,) = [s for s in done.results[0].judged.judgement.signals if s.signal == "DataQuality"]
    assert quality.verdict == "Drifted"
    assert {(c.feature, c.check) for c in quality.checks[:2]} == {("y", "Missing"), ("city", "Unseen")}


def test_parquet_is_read_as_csv_is(reference: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    columns = rows(2, 2000)
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "current.parquet")
    by_parquet = replay(Asked(reference, tmp_path / "current.parquet", ANSWERED))
    by_csv = replayed(reference, tmp_path, columns)
    assert document(by_parquet)["windows"] == document(by_csv)["windows"]


def test_the_document_is_json_with_every_number(reference: Path, tmp_path: Path) -> None:
    done = replayed(reference, tmp_path, rows(2, 2000), chunk_size=1000, exact=True)
    found = json.loads(json.dumps(document(done), allow_nan=False))
    assert found["version"] == 1
    (x, *_) = found["windows"][0]["features"]
    assert x["feature"] == "x"
    assert {"psi", "psiAdjusted", "chiSquare", "kolmogorovSmirnov", "wassersteinOverSigma"} <= set(
        x["statistics"]
    )
    assert x["statistics"]["kolmogorovSmirnov"].keys() == {"value", "p", "low", "high"}
    assert found["windows"][0]["estimated"]["auc"].keys() == {
        *("value", "samplingError", "calibrationError", "standardError"),
    }


def test_the_page_needs_nothing_else(reference: Path, tmp_path: Path) -> None:
    columns = rows(2, 4000, shift=0.5)
    columns["<b>x"] = columns.pop("x")
    known = rows(1, 5000)
    known["<b>x"] = known.pop("x")
    done = replayed(write(tmp_path / "known.csv", known), tmp_path, columns, chunk_size=2000, exact=True)
    text = page(done)
    assert "<script" not in text and "<link" not in text and "src=" not in text
    assert "&lt;b&gt;x" in text and "<b>x" not in text
    assert text.count("<svg") == 2
    assert "d-1 Alert Executed" in text


def test_a_monitor_from_a_file_judges(reference: Path, tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        "kind: DriftMonitor\napiVersion: trimtab.dev/v1alpha1\nmetadata: {name: a}\nspec:\n"
        "  deploymentRef: {name: a}\n  persistence: {raise: 1, of: 1}\n  mode: Observe\n"
        "  signals: {featureDrift: {floor: '0.5', clearFloor: '0.1'}}\n"
    )
    done = replayed(reference, tmp_path, rows(2, 2000, shift=0.5), monitor=path)
    assert done.results[0].judged.judgement.raised == ()
    path.write_text(path.read_text().replace("'0.5'", "'0.15'"))
    done = replayed(reference, tmp_path, rows(2, 2000, shift=0.5), monitor=path)
    assert done.results[0].judged.judgement.raised == ("FeatureDrift",)
