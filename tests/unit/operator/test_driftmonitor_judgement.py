"""What a window says of each signal, and what it means after the windows before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.harness.population import SUMMER, SUMMER_MISJUDGED, WARM, WINTER, World
from tests.unit.operator.drift_samples import (
    BYTES,
    PROFILE,
    SECONDS,
    SIGNALS,
    START,
    Server,
    spec,
    status,
    window,
)

from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus
from trimtab.driftmonitor.judgement import Judgement, is_repeat, judge
from trimtab.driftmonitor.windows import ClosedWindow, Completeness
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.serving import FEEDBACK

ALL = ("FeatureDrift", "PredictionDrift", "DataQuality", "RealisedPerformance")


def judged(closed: ClosedWindow, before: DriftMonitorStatus | None = None, **changes: Any) -> Judgement:
    found = judge(spec(**changes), before or status(), PROFILE, closed)
    assert found is not None
    return found


def verdicts(judgement: Judgement) -> dict[str, str]:
    return {signal.signal: signal.verdict for signal in judgement.signals}


def after(before: DriftMonitorStatus, judgement: Judgement) -> DriftMonitorStatus:
    return before.model_copy(
        update={
            "phase": judgement.phase,
            "window": judgement.window,
            "signals": judgement.signals,
            "persistence": judgement.persistence,
        }
    )


def sequence(*worlds: World | ClosedWindow) -> Judgement:
    """The judgement of the last of these windows, each after the others."""
    before, found = status(), None
    for number, world in enumerate(worlds):
        start = START + timedelta(seconds=number * SECONDS)
        closed = window(800, world, start=start) if isinstance(world, World) else world
        found = judged(closed, before)
        before = after(before, found)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("world", "off", "why"),
    [
        (WINTER, (), "the world that the model was trained in"),
        (SUMMER, ("FeatureDrift",), "other inputs, and the model is right about them"),
        (World(right=False), ("RealisedPerformance",), "the same inputs mean something else"),
        (SUMMER_MISJUDGED, ("FeatureDrift", "RealisedPerformance"), "both"),
        (World(missing=0.5), ("FeatureDrift", "DataQuality"), "missing is a category of its own"),
    ],
)
def test_verdicts_of_one_window(world: World, off: tuple[str, ...], why: str) -> None:
    found = verdicts(judged(window(800, world)))
    assert found == {signal: "Drifted" if signal in off else "Healthy" for signal in ALL}, why


def test_numbers_are_shown_furthest_first() -> None:
    drift, _, quality, performance = judged(window(800, SUMMER_MISJUDGED)).signals
    temp, carrier = drift.top
    assert (temp.feature, carrier.feature) == ("temp", "carrier")
    assert float(temp.psi_adjusted) > 0.5 > float(carrier.psi_adjusted)
    assert (temp.floor, temp.samples) == ("0.2", 800) and float(temp.p_adjusted or 1) < 1e-100
    assert drift.assumes == "IndependentRows" and performance.assumes is None
    assert drift.min_samples is not None and drift.seconds_to_min_samples is not None
    assert drift.seconds_to_min_samples == -(-drift.min_samples * SECONDS // 800)
    (metric,) = performance.metrics
    assert float(metric.value) > float(metric.bound) == pytest.approx(float(metric.reference) + 0.15)
    assert {check.check for check in quality.checks} == {"Missing", "Unseen"}


def test_one_odd_window_raises_nothing() -> None:
    found = sequence(WINTER, SUMMER)
    assert (found.phase, found.raised) == ("InsufficientData", ())
    assert sequence(WINTER, SUMMER, WINTER).phase == "Healthy"


def test_two_of_three_raise_and_two_clear() -> None:
    assert sequence(SUMMER, WINTER, SUMMER).raised == ("FeatureDrift",)
    assert sequence(SUMMER, SUMMER, WINTER).phase == "Drifted"
    assert sequence(SUMMER, SUMMER, WINTER, WINTER).phase == "Healthy"
    assert sequence(SUMMER, WINTER, WINTER, SUMMER).raised == ()


def test_it_must_be_the_same_feature() -> None:
    """A missing temperature is drift of temp; the next window is off in its labels only."""
    assert sequence(SUMMER, World(right=False)).raised == ()


def test_what_needs_no_memory_is_not_kept() -> None:
    assert sequence(WINTER, WINTER).persistence == ()
    (entry,) = sequence(WINTER, SUMMER).persistence
    assert (entry.signal, entry.subject, entry.marks) == ("FeatureDrift", "temp", ("Above",))


@pytest.mark.parametrize("completeness", [Completeness.PARTIAL, Completeness.LATE])
def test_an_incomplete_window_is_never_healthy_and_may_be_drifted(completeness: Completeness) -> None:
    quiet = judged(window(800, WINTER, completeness=completeness))
    assert (quiet.phase, set(verdicts(quiet).values())) == ("InsufficientData", {"InsufficientData"})
    moved = judged(window(800, SUMMER, completeness=completeness))
    assert verdicts(moved)["FeatureDrift"] == "Drifted"
    assert verdicts(moved)["RealisedPerformance"] == "InsufficientData"
    assert judged(
        window(800, WINTER, completeness=completeness), after(status(), sequence(SUMMER, SUMMER))
    ).raised


def test_a_mixed_window_says_nothing_of_anything() -> None:
    found = judged(window(800, SUMMER_MISJUDGED, completeness=Completeness.MIXED))
    assert set(verdicts(found).values()) == {"InsufficientData"}
    assert found.persistence == ()


def test_few_rows_prove_no_health_but_a_large_shift_is_seen() -> None:
    few = judged(window(60, WINTER))
    assert few.phase == "InsufficientData"
    assert verdicts(few)["FeatureDrift"] == "InsufficientData"
    assert verdicts(judged(window(120, SUMMER)))["FeatureDrift"] == "Drifted"


def test_silence_is_no_health() -> None:
    found = judged(window(0))
    assert (found.phase, set(verdicts(found).values())) == ("NoTraffic", {"NoTraffic"})
    assert is_repeat(after(status(), found), found), "worth one write, not one per window"
    raised = after(status(), sequence(SUMMER, SUMMER))
    silent = judged(window(0), raised)
    assert (silent.phase, silent.raised) == ("NoTraffic", ("FeatureDrift",)), "silence ends no alarm"


def test_an_incomplete_window_without_rows_is_nothing() -> None:
    assert judge(spec(), status(), PROFILE, window(0, completeness=Completeness.PARTIAL)) is None


def test_labels_that_are_too_few_prove_nothing() -> None:
    found = judged(window(800, World(right=False, labels=0.05)))
    performance = found.signals[-1]
    assert (performance.verdict, performance.min_samples) == ("InsufficientData", 100)
    assert "of 100 labels" in performance.message


def test_more_labels_than_answers_void_the_window() -> None:
    server = Server()
    empty = server.page()
    server.answer(400)
    server.label(400, bucket=0)
    closed = replace(window(0), counts=server.page().since(empty))
    performance = judged(closed).signals[-1]
    assert (performance.verdict, performance.metrics) == ("InsufficientData", ())
    assert "800 labels for 400 answers" in performance.message
    before = status(window={"start": START, "end": START, "rows": 900, "completeness": "Complete"})
    assert judged(closed, before).signals[-1].verdict != "InsufficientData", (
        "they may be of the window before"
    )


def test_labels_of_unknown_buckets_are_left_out() -> None:
    closed = window(800)
    odd = ServerCounts({**closed.counts.values, (FEEDBACK, BYTES[1], "60", "1", "0"): 500})
    assert judged(replace(closed, counts=odd)).phase == "Healthy"


def test_broken_data_is_remembered_for_one_window() -> None:
    broken = World(temp=WARM, missing=0.5)
    assert sequence(broken).broken
    assert sequence(broken, SUMMER).broken, "the window before"
    assert not sequence(broken, SUMMER, SUMMER).broken


def test_signals_that_are_off_are_not_judged() -> None:
    found = judged(window(800, SUMMER_MISJUDGED), signals={"predictionDrift": SIGNALS["predictionDrift"]})
    assert verdicts(found) == {"PredictionDrift": "Healthy"}
