"""Windows in their order through the operator's own judgement and decisions.

What a retraining depends on outside of the windows is taken for free: new data is there, no other retraining
runs, the budget is unspent. A decision stays open, since nothing carries it out: later windows are those that
would have followed had nobody acted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.data import DataSource
from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec
from trimtab.apis.v1alpha1.driftmonitor_status import DecisionStatus, DriftMonitorStatus
from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.driftmonitor.choice import open_decision
from trimtab.driftmonitor.decide import decide
from trimtab.driftmonitor.drift import DEFAULT_FDR
from trimtab.driftmonitor.judgement import Judgement, judge
from trimtab.driftmonitor.ledger import Ledger
from trimtab.driftmonitor.observed import DriftMonitorObserved, Reference, RetrainWorld, Template
from trimtab.driftmonitor.windows import ClosedWindow, Completeness
from trimtab.model.profile_tables import feature_tables
from trimtab.replay.chunks import Chunk
from trimtab.replay.counting import Counting
from trimtab.replay.reference import DIGEST
from trimtab.stats.features import DriftLimits, FeatureDrift, FeatureTable, judge_features
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.strict import sha256_digest

_TRAIN = "train"
_NAME = "replay"


@dataclass(frozen=True)
class Judged:
    """One window. `decision` is the one that is open after it; `features` are all that are judged."""

    chunk: Chunk
    window: ClosedWindow
    judgement: Judgement
    features: tuple[FeatureDrift, ...]
    decision: DecisionStatus | None


def judge_all(
    spec: DriftMonitorSpec, profile: Profile, counting: Counting, chunks: Sequence[Chunk]
) -> Iterator[Judged]:
    status = _decided(_observed(spec, DriftMonitorStatus(), None), chunks[0].start)
    for chunk in chunks:
        counts = counting.window(chunk.places)
        window = ClosedWindow(chunk.start, chunk.end, DIGEST, counts, Completeness.COMPLETE)
        judgement = judge(spec, status, profile, window)
        if judgement is None:
            raise AssertionError("a complete window is always judged")
        status = _decided(_observed(spec, status, judgement), chunk.end)
        yield Judged(chunk, window, judgement, _features(spec, profile, window), open_decision(status))


def _decided(observed: DriftMonitorObserved, now: datetime) -> DriftMonitorStatus:
    wire = decide(observed, now).status
    return observed.status if wire is None else DriftMonitorStatus.model_validate(wire)


def _features(spec: DriftMonitorSpec, profile: Profile, window: ClosedWindow) -> tuple[FeatureDrift, ...]:
    """Status shows the furthest ones alone; here is each."""
    if not window.rows:
        return ()
    drift = spec.signals.feature_drift
    limits = (
        DriftLimits(fdr=float(drift.fdr), floor=float(drift.floor)) if drift else DriftLimits(DEFAULT_FDR)
    )
    tables = [
        FeatureTable(t.name, t.reference, t.live, t.order) for t in feature_tables(profile, window.counts)
    ]
    return judge_features(tables, limits).features


def _observed(
    spec: DriftMonitorSpec, status: DriftMonitorStatus, judgement: Judgement | None
) -> DriftMonitorObserved:
    return DriftMonitorObserved(
        name=_NAME,
        namespace=_NAME,
        uid=_NAME,
        generation=1,
        body={},
        spec=spec,
        status=status,
        model=_NAME,
        reference=Reference(_NAME, DIGEST, DIGEST),
        judgement=judgement,
        world=_world(),
    )


def _world() -> RetrainWorld:
    """Nothing stands in the way of a retraining."""
    # Of the Experiment that would be copied only its data is looked at.
    data: Any = DataSource.model_construct
    experiment: Any = ExperimentSpec.model_construct
    return RetrainWorld(
        template=Template(_NAME, experiment(data=(data(name=_TRAIN, split=_TRAIN),)), {}),
        served_data={_TRAIN: DIGEST},
        data={_TRAIN: sha256_digest(b"new data")},
        ledger=Ledger(),
    )
