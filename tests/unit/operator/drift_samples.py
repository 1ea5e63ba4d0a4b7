"""One DriftMonitor, servers that count, and what may be observed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.harness.population import FEATURES, WINTER, Population, World, profile_of
from tests.unit.operator import samples
from tests.unit.operator.samples import NOW, digest

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec
from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus
from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.driftmonitor.judgement import Judgement, judge
from trimtab.driftmonitor.ledger import Ledger
from trimtab.driftmonitor.observed import (
    DriftMonitorObserved,
    Reference,
    RetrainWorld,
    Template,
)
from trimtab.driftmonitor.windows import ClosedWindow, Completeness
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.page import PageReader, ServerPage
from trimtab_runtime.contract.serving import LIVE, PageShape
from trimtab_runtime.server.counters import Counters

SECONDS = 10
START = datetime.fromtimestamp(NOW.timestamp() // SECONDS * SECONDS, NOW.tzinfo)
BYTES = {number: digest(str(number)) for number in range(1, 6)}
PROFILE = profile_of(WINTER, data_digest=digest("a"), signature_digest=digest("b"))
REFERENCE = Reference("churn-v1", BYTES[1], PROFILE.digest)
SIGNALS: dict[str, Any] = {
    "featureDrift": {"floor": "0.2", "clearFloor": "0.1"},
    "predictionDrift": {"floor": "0.2", "clearFloor": "0.1"},
    "dataQuality": {"maxMissingIncrease": "0.2", "maxUnseen": "0.2"},
    "realisedPerformance": {"minLabelled": 100, "metrics": [{"metric": "logLoss", "maxIncrease": "0.15"}]},
}
DATA = {
    split: digest(char)
    for split, char in zip(("train", "validation", "reference", "evaluation"), "cdef", strict=True)
}
NEW_DATA = {split: digest(char) for split, char in zip(DATA, "6789", strict=True)}


class Server:
    """One process that serves version ``number``, with the real server's counters and page."""

    def __init__(self, number: int = 1, started: float = 1000.0) -> None:
        shape = PageShape.of(BYTES[number], PROFILE, FEATURES)
        digest_ = PROFILE.digest
        self.counters = Counters(shape, PROFILE, FEATURES, profile_digest=digest_, start_time_seconds=started)
        self._reader = PageReader(BYTES[number], digest_, PROFILE)
        self._population = Population()

    def answer(self, rows: int, world: World = WINTER, *, label_of: int = 1) -> None:
        self._population.now = world
        for _ in range(rows):
            row = self._population.draw()
            (bucket,) = self.counters.rows(LIVE, row.columns, (row.score,))
            if row.label is not None:
                self.counters.label(BYTES[label_of], bucket, row.label, "0")

    def label(self, count: int, *, of: int = 1, bucket: int = 0) -> None:
        for _ in range(count):
            self.counters.label(BYTES[of], bucket, "1", "0")

    def page(self) -> ServerPage:
        return self._reader.read(self.counters.page())


def window(
    rows: int,
    world: World = WINTER,
    *,
    completeness: Completeness = Completeness.COMPLETE,
    start: datetime = START,
) -> ClosedWindow:
    server = Server()
    empty = server.page()
    server.answer(rows, world)
    counts = server.page().since(empty) if rows else ServerCounts({})
    return ClosedWindow(start, start + timedelta(seconds=SECONDS), BYTES[1], counts, completeness)


def spec_wire(**changes: Any) -> dict[str, Any]:
    known = {
        "deploymentRef": {"name": "churn"},
        "window": f"{SECONDS}s",
        "signals": SIGNALS,
        "mode": "Auto",
        "limits": {"cooldown": "1h", "maxRetrainsPerDay": 2},
    }
    return known | changes


def spec(**changes: Any) -> DriftMonitorSpec:
    return DriftMonitorSpec.model_validate(spec_wire(**changes))


def status(**parts: Any) -> DriftMonitorStatus:
    """A monitor that compares with version 1."""
    reference = {
        "modelVersion": REFERENCE.model_version,
        "digest": REFERENCE.digest,
        "profileDigest": REFERENCE.profile_digest,
        "since": START - timedelta(hours=1),
    }
    return DriftMonitorStatus.model_validate({"reference": reference} | parts)


def observed(**parts: Any) -> DriftMonitorObserved:
    known: dict[str, Any] = {
        "name": "churn",
        "namespace": "ml",
        "uid": samples.UID,
        "generation": 1,
        "body": {"metadata": {"name": "churn", "namespace": "ml", "uid": samples.UID}},
        "spec": spec(),
        "status": status(),
        "model": "churn",
        "reference": REFERENCE,
    }
    return DriftMonitorObserved(**(known | parts))


def judged(
    of: DriftMonitorObserved, world: World, *, rows: int = 800, start: datetime = START
) -> DriftMonitorObserved:
    """The monitor with a window of this world just closed."""
    closed = window(rows, world, start=start)
    judgement = judge(of.spec, of.status, PROFILE, closed)
    assert isinstance(judgement, Judgement)
    return replace(of, judgement=judgement)


def template(**edits: Any) -> Template:
    sources = [
        {"name": split, "split": split, "uri": f"oci://registry.example/churn/{split}:current"}
        for split in DATA
    ]
    wire = samples.spec_wire() | {"data": sources} | edits
    return Template("churn-first", ExperimentSpec.model_validate(wire), wire)


def world(**parts: Any) -> RetrainWorld:
    """New data, an empty ledger, nothing on its way."""
    known: dict[str, Any] = {
        "template": template(),
        "served_data": DATA,
        "data": NEW_DATA,
        "ledger": Ledger(),
    }
    return RetrainWorld(**(known | parts))


def decision_wire(state: str = "Approved", **parts: Any) -> Mapping[str, Any]:
    evidence = {
        "start": START,
        "end": START + timedelta(seconds=SECONDS),
        "modelVersion": "churn-v1",
        "signals": ["FeatureDrift", "RealisedPerformance"],
        "message": "logLoss",
    }
    return {"id": "d-1", "action": "Retrain", "state": state, "at": NOW, "evidence": evidence} | parts
