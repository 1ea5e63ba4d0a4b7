"""What must not lead to a retraining, and what must not be promoted: one flow on the v1 of a model.

The split is that of docs/flights.md, where September moves the inputs and not the loss; that is no law (for
split seed 2 it degrades too).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests import objects
from tests.e2e.world import World
from tests.objects import Object

from flights.data import Variant, splits
from flights.demo import manifests
from flights.demo.clients import Clients, clients
from flights.demo.learn import apply, year
from flights.demo.report import Report
from flights.demo.serve import Served
from flights.demo.watch import FEATURE_DRIFT, PERFORMANCE, Watched, decision, is_raised, signal_of

MODEL = TAG = "controls"
SPLIT_SEED, TRAFFIC_SEED = 0, 1
QUIET_WINDOWS = 4
WINDOWS_SECONDS = 180


@dataclass
class Flow:
    """A served model, its monitor, and its clients."""

    world: World
    report: Report
    served: Served
    watched: Watched

    @property
    def windows(self) -> list[dict[str, Any]]:
        return self.report.records.get("windows", [])

    def retrainings(self) -> list[str]:
        """The Experiments that a monitor has made."""
        found = self.world.get("experiments.trimtab.dev")["items"]
        return [one["metadata"]["name"] for one in found if one["metadata"]["name"].startswith(f"{MODEL}-r-")]

    def versions(self) -> list[str]:
        found = self.world.get("modelversions.trimtab.dev", f"--selector=trimtab.dev/model={MODEL}")["items"]
        return sorted(one["metadata"]["name"] for one in found)

    def decides(self, action: str, state: str, reason: str | None = None) -> Object:
        return self.watched.until(
            lambda it: (
                (decision(it).get("action"), decision(it).get("state"), decision(it).get("reason"))
                == (action, state, reason)
                and is_raised(it, FEATURE_DRIFT)
            ),
            f"{action} {state} {reason or ''}",
            WINDOWS_SECONDS,
        )


@pytest.fixture
def flow(world: World) -> Iterator[Flow]:
    """Version 1, learnt from winter and served, and a monitor that may retrain by itself."""
    report = Report()
    served, watched = Served(report, world, MODEL), Watched(report, world, MODEL)
    with served.followed(), watched.followed():
        world.publish(TAG, world.winter)
        learn(world, "controls-first")
        apply(report, world, manifests.for_model(manifests.read("deployment"), MODEL))
        served.serves(f"{MODEL}-v1", seconds=180)
        apply(report, world, manifests.for_model(manifests.read("driftmonitor"), MODEL))
        yield Flow(world, report, served, watched)
    for kind in ("driftmonitors", "deployments"):
        world.kubectl("delete", f"{kind}.trimtab.dev", MODEL, "--namespace", world.namespace)


def learn(world: World, name: str, **parameters: str) -> None:
    """An Experiment of the documented model on what the tag stands for, until its version is approved."""
    document = world.experiment(name, TAG, model=MODEL, **manifests.DOCUMENTED)
    document["spec"]["parameters"] = {**document["spec"]["parameters"], **parameters}
    world.apply(document)
    world.approved(world.succeeded(name)["status"]["result"]["modelVersion"])


def test_what_is_no_reason_to_retrain_and_what_is_not_promoted(flow: Flow) -> None:
    """Each season and each publication is a control of its own; v1 goes on until a sound v2 is there."""
    seasons = ("winter", "september", "july")
    with clients(
        flow.report,
        flow.served.url,
        MODEL,
        seasons=seasons,
        split_seed=SPLIT_SEED,
        seed=TRAFFIC_SEED,
    ) as guests:
        flow.watched.healthy(f"{MODEL}-v1", WINDOWS_SECONDS)
        september_drifts_and_is_alerted_only(flow, guests)
        july_with_unchanged_data_is_not_retrained(flow, guests)
        july_with_shuffled_labels_fails_its_gate(flow)
        a_sound_version_is_promoted(flow, guests)
        guests.none_failed("the end")


def september_drifts_and_is_alerted_only(flow: Flow, guests: Clients) -> None:
    """Inputs far from the reference and no worse log loss: an Alert, in this window and after it."""
    guests.live_in("september")
    flow.decides("Alert", "Executed")
    seen = len(flow.windows)
    flow.watched.until(
        lambda _: len(flow.windows) >= seen + QUIET_WINDOWS, "more windows", 2 * WINDOWS_SECONDS
    )
    for window in flow.windows[seen:]:
        assert signal_of(window, FEATURE_DRIFT)["verdict"] == "Drifted", window
        assert not signal_of(window, PERFORMANCE)["raised"], window
    assert {one["action"] for one in flow.report.records["decisions"]} == {"Alert"}
    assert flow.retrainings() == []


def july_with_unchanged_data_is_not_retrained(flow: Flow, guests: Clients) -> None:
    """Worse log loss asks for a retraining, but the tags stand for what v1 has learnt."""
    guests.live_in("july")
    monitor = flow.decides("Retrain", "Suppressed", "DataUnchanged")
    assert is_raised(monitor, PERFORMANCE)
    assert flow.retrainings() == []


def july_with_shuffled_labels_fails_its_gate(flow: Flow) -> None:
    """New data, so it is retrained; train's labels are noise, so the gate stops it. v1 stays."""
    shuffled = Variant(shuffle_train_labels=1)
    flow.world.publish(TAG, splits(year(), "july", shuffled, SPLIT_SEED))
    name = decision(flow.decides("Retrain", "Executed"))["target"]["name"]
    ended = flow.world.ended(name)
    assert objects.phase(ended) == "GateFailed", ended["status"]
    assert "Fail" in {gate["verdict"] for gate in ended["status"]["gates"]}
    assert flow.versions() == [f"{MODEL}-v1"]
    assert flow.retrainings() == [name]
    flow.served.serves(f"{MODEL}-v1", seconds=5)


def a_sound_version_is_promoted(flow: Flow, guests: Clients) -> None:
    """What the story's second version would have been without Celsius: winter's rows in Fahrenheit."""
    guests.live_in("winter")
    flow.world.publish(TAG, flow.world.winter)
    learn(flow.world, "controls-second", leaves="10")
    flow.served.serves(f"{MODEL}-v2", seconds=300)
    assert flow.versions() == [f"{MODEL}-v1", f"{MODEL}-v2"]
