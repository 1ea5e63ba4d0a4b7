"""The story: a model that learnt winter meets summer. What happens is decided by the cluster, not here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tests import objects

from flights.data import Part, Variant
from flights.demo import learn, lineage, manifests, serve, thresholds, watch
from flights.demo.clients import Clients, clients
from flights.demo.ground import Ground
from flights.demo.report import DidNotHappen, Report
from flights.demo.serve import Served
from flights.demo.watch import Watched
from flights.source import STEADY

MODEL = "flights"
PLAIN = Variant()
FDR = 0.01
"""The default of featureDrift.fdr, which driftmonitor.yaml leaves as it is."""


@dataclass(frozen=True)
class Seeds:
    """All that is drawn: the division of days and rows, the order of the traffic, the training."""

    split: int = 0
    traffic: int = 1
    training: int = 7

    @classmethod
    def of(cls, number: int) -> Seeds:
        """One number moves split and traffic."""
        return cls(split=number, traffic=number + 1)


class Story:
    """The three chapters. Each step raises DidNotHappen if what it tells of did not."""

    def __init__(self, report: Report, ground: Ground, seeds: Seeds) -> None:
        self.report = report
        self.ground = ground
        self.seeds = seeds
        self.served = Served(report, ground, MODEL)
        self.watched = Watched(report, ground, MODEL)
        self.applied: list[Mapping[str, Any]] = []

    def tell(self) -> None:
        """From an empty namespace to a retrained model in production."""
        seeds, seasons = self.seeds, ("winter", "july")
        with self.served.followed(), self.watched.followed():
            self.first_version()
            with clients(
                self.report,
                self.served.url,
                MODEL,
                seasons=seasons,
                split_seed=seeds.split,
                seed=seeds.traffic,
            ) as guests:
                self.winter_is_healthy(guests)
                self.celsius_is_caught(guests)
                self.july_is_learnt(guests)
        self.report.facts["thresholds"] = [asdict(one) for one in thresholds.changed(self.applied)]

    def first_version(self) -> None:
        """Winter's data, a version that passes the gates, and pods that serve it."""
        with self.report.step("winter's data published", 5) as facts:
            facts["digests"] = self._publish("winter")
        with self.report.step("Experiment flights-winter -> flights-v1", 25) as facts:
            facts.update(self._learn("flights-winter", makes="flights-v1"))
        with self.report.step("Deployment serves flights-v1", 10):
            self._apply(manifests.read("deployment"))
            self.served.serves("flights-v1", seconds=180)

    def winter_is_healthy(self, guests: Clients) -> None:
        """Clients of winter, answered by what learnt winter."""
        with self.report.step("DriftMonitor: flights-v1 in winter is Healthy", 30):
            self._apply(manifests.read("driftmonitor"))
            self.watched.healthy("flights-v1", seconds=180)
            guests.none_failed("Celsius")

    def celsius_is_caught(self, guests: Clients) -> None:
        """An upstream step writes Celsius in all splits; clients go on sending Fahrenheit."""
        with self.report.step("Celsius data published", 5) as facts:
            facts["digests"] = self._publish("winter", Variant(celsius=True))
        with self.report.step("Experiment flights-celsius -> flights-v2: gates pass", 30) as facts:
            facts.update(self._learn("flights-celsius", makes="flights-v2"))
        with self.report.step("canary of flights-v2 fails on skew of temp and dewp", 60) as facts:
            given_up = self.served.gives_up("flights-v2", seconds=300)
            facts.update(self._only_temp_and_dewp(given_up))
            self.served.serves("flights-v1", seconds=120)
            guests.none_failed("July")

    def july_is_learnt(self, guests: Clients) -> None:
        """The world moves on; its rows are published; the loop closes by itself."""
        with self.report.step("July's data published under the same tags", 5) as facts:
            published = facts["digests"] = self._publish("july")
        with self.report.step("July: inputs drift, log loss is worse -> Retrain", 75) as facts:
            guests.live_in("july")
            decision = facts["decision"] = watch.decision(self.watched.retrains(seconds=300))
            self._temp_and_dewp_first()
        name = decision["target"]["name"]
        with self.report.step(f"Experiment {name} -> flights-v3 on the new digests", 40) as facts:
            facts.update(self._follow(name, makes="flights-v3"))
            if facts["data"] != published:
                raise DidNotHappen(f"{name} did not learn from what was published: {facts['data']}")
        with self.report.step("canary of flights-v3 -> promoted", 90):
            self.served.serves("flights-v3", seconds=420)
        with self.report.step("DriftMonitor: flights-v3 in July is Healthy", 40):
            self.watched.healthy("flights-v3", seconds=240)
            guests.none_failed("the end")
            self._timetable_never_drifts()
            version = self.ground.get("modelversions.trimtab.dev", "flights-v3")
            windows = self.report.records["windows"]
            self.report.facts["lineage"] = lineage.of_retrained(self.ground, version, decision, windows)

    def _publish(self, season: str, variant: Variant = PLAIN) -> dict[Part, str]:
        return learn.publish_season(self.report, self.ground, season, variant, split_seed=self.seeds.split)

    def _apply(self, document: Mapping[str, Any]) -> None:
        learn.apply(self.report, self.ground, document)
        self.applied.append(document)

    def _learn(self, name: str, *, makes: str) -> dict[str, Any]:
        self._apply(
            manifests.experiment(
                name,
                registry=self.ground.registry.host,
                image=self.ground.images.flights.name,
                prefix=learn.PREFIX,
                seed=self.seeds.training,
                **manifests.DOCUMENTED,
            )
        )
        return self._follow(name, makes=makes)

    def _follow(self, name: str, *, makes: str) -> dict[str, Any]:
        experiment = learn.follow(self.report, self.ground, name)
        version = learn.approved_version(self.ground, experiment)
        if version["metadata"]["name"] != makes:
            raise DidNotHappen(f"{name} made {version['metadata']['name']}, not {makes}")
        return learn.version_facts(experiment, version)

    def _only_temp_and_dewp(self, deployment: objects.Object) -> dict[str, Any]:
        """The reason of the quarantine is skew, and skew of exactly these two features."""
        reason = serve.reason_of_rejection(deployment, "flights-v2")
        failed = serve.failed_metrics(reason["message"], serve.metric_names(deployment))
        features = serve.skewed(reason["message"])
        self.report.say(f"quarantined: {reason['reason']}: {reason['message']}")
        if failed != {"skew"} or set(features) != {"temp", "dewp"}:
            raise DidNotHappen(f"flights-v2 failed on something else: {reason['message']}")
        return {"quarantine": reason, "skewed": features}

    def _temp_and_dewp_first(self) -> None:
        """In every window whose inputs have drifted."""
        for window in watch.drifted_windows(self.report.records["windows"]):
            features = [one["feature"] for one in watch.signal_of(window, watch.FEATURE_DRIFT)["top"]]
            if set(features[:2]) != {"temp", "dewp"}:
                raise DidNotHappen(f"temp and dewp are not first in {window['end']}: {features}")

    def _timetable_never_drifts(self) -> None:
        """What no season moves was not flagged in any window of the story."""
        moved = {name for one in self.report.records["windows"] for name in watch.flagged(one, FDR)}
        self.report.say(f"drifted in some window: {', '.join(sorted(moved))}")
        if wrong := sorted(moved & set(STEADY)):
            raise DidNotHappen(f"drifted although no season moves them: {wrong}")
