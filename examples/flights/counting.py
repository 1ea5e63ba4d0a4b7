"""Versions of the model as the operator sees them: rows counted in the buckets of a reference profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from flights.model import Settings, pipeline
from flights.source import CATEGORICAL, COLUMNS, FEATURES, GROUP_COLUMN, LABEL, Flight
from trimtab.model.profile_tables import order_of
from trimtab.stats.features import FeatureTable
from trimtab.stats.grouping import quantile_groups
from trimtab.stats.performance import Performance, bucket_scores, realised
from trimtab.stats.proportions import Occurrences
from trimtab.stats.quality import QualityCheck, QualityShare
from trimtab.stats.skew import SideTable
from trimtab_runtime.contract.buckets import MISSING, UNSEEN, bucket_names, bucket_of
from trimtab_runtime.contract.data import parse_data_contract
from trimtab_runtime.contract.profile import Feature, ScoreReference
from trimtab_runtime.contract.signature import signature_of
from trimtab_runtime.dataset.columns import as_rows, typed_columns
from trimtab_runtime.profiling.features import profile_feature
from trimtab_runtime.profiling.scores import score_reference

Places = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
SEED = 7
SCORE = "score"


@dataclass(frozen=True)
class Rows:
    """Flights as a model takes them. `days` are dense numbers of the days, one per row."""

    columns: Mapping[str, npt.NDArray[Any]]
    inputs: npt.NDArray[Any]
    labels: Floats
    days: Places

    def __len__(self) -> int:
        return len(self.labels)


def rows_of(flights: Sequence[Flight]) -> Rows:
    """Typed by the data contract of the sample Experiment."""
    sample = yaml.safe_load(Path(__file__).with_name("experiment-winter.yaml").read_text())
    signature = signature_of(parse_data_contract(sample["spec"]["dataContract"]))
    cells = {name: [flight.values[place] for flight in flights] for place, name in enumerate(COLUMNS)}
    columns = typed_columns(cells, signature)
    _, days = np.unique(cells[GROUP_COLUMN], return_inverse=True)
    return Rows(columns, as_rows(columns, signature), np.array(cells[LABEL], dtype=np.float64), days)


@dataclass(frozen=True)
class Version:
    """A fitted model and the profile of its reference rows."""

    pipeline: Any
    features: Mapping[str, Feature]
    score: ScoreReference

    def scores(self, rows: Rows) -> Floats:
        """The probability of being late."""
        probabilities: Floats = self.pipeline.predict_proba(rows.inputs)[:, 1]
        return probabilities


def learn(train: Sequence[Flight], reference: Sequence[Flight]) -> Version:
    """Fit on train alone, and profile on the reference, as a trial does."""
    learnt, held_out = rows_of(train), rows_of(reference)
    model = pipeline(FEATURES, CATEGORICAL, Settings(), SEED).fit(learnt.inputs, learnt.labels)
    features = {
        name: profile_feature(held_out.columns[name].tolist(), is_number=name not in CATEGORICAL)
        for name in FEATURES
    }
    scores = model.predict_proba(held_out.inputs)[:, 1]
    return Version(model, features, score_reference(held_out.labels, scores))


class Counted:
    """Rows in the buckets of one version: what its servers would have counted."""

    def __init__(self, version: Version, rows: Rows) -> None:
        self._version = version
        self._labels = rows.labels.astype(np.intp)
        self._score_places = np.searchsorted(version.score.edges, version.scores(rows), side="left")
        self._names = {name: bucket_names(feature) for name, feature in version.features.items()}
        self._places = {
            name: _places(feature, self._names[name], rows.columns[name].tolist())
            for name, feature in version.features.items()
        }

    def tables(self, window: Places) -> list[FeatureTable]:
        """One table per feature for the rows of a window."""
        return [
            FeatureTable(name, side.reference, side.live, order_of(self._version.features[name]))
            for name, side in self.sides(window).items()
        ]

    def sides(self, window: Places) -> dict[str, SideTable]:
        """Reference and window counts per feature."""
        return {name: SideTable(self._reference(name), self._counts(name, window)) for name in self._names}

    def score_table(self, window: Places) -> FeatureTable:
        """The score, merged to ten groups of the reference."""
        reference = self._version.score.counts
        groups = quantile_groups(reference)
        current = np.bincount(self._score_places[window], minlength=len(reference))
        order = tuple(range(len(groups.starts)))
        return FeatureTable(SCORE, groups.merge(reference), groups.merge(current), order)

    def quality(self, window: Places, max_increase: float) -> list[QualityShare]:
        """Missing and unseen per feature."""
        return [
            QualityShare(
                name, check, self._share(name, label), self._share(name, label, window), max_increase
            )
            for name in self._names
            for check, label in ((QualityCheck.MISSING, MISSING), (QualityCheck.UNSEEN, UNSEEN))
        ]

    def realised(self, window: Places) -> Performance:
        """Performance of a window, all its labels back."""
        places, labels, size = (
            self._score_places[window],
            self._labels[window],
            len(self._version.score.counts),
        )
        return realised(
            self._bucket_scores(),
            np.bincount(places[labels == 0], minlength=size),
            np.bincount(places[labels == 1], minlength=size),
        )

    def realised_reference(self) -> Performance:
        """The same numbers of the reference rows."""
        score = self._version.score
        negatives = np.subtract(score.counts, score.positives)
        return realised(self._bucket_scores(), negatives, score.positives)

    def _bucket_scores(self) -> tuple[float, ...]:
        score = self._version.score
        return bucket_scores(score.edges, score.counts, score.sums)

    def _counts(self, name: str, window: Places) -> Places:
        return np.bincount(self._places[name][window], minlength=len(self._names[name]))

    def _reference(self, name: str) -> list[int]:
        feature = self._version.features[name]
        known = dict(enumerate(feature.counts))
        return [
            feature.missing if label == MISSING else known.get(place, 0)
            for place, label in enumerate(self._names[name])
        ]

    def _share(self, name: str, label: str, window: Places | None = None) -> Occurrences:
        counts = self._reference(name) if window is None else self._counts(name, window)
        return Occurrences(int(counts[self._names[name].index(label)]), int(np.sum(counts)))


def _places(feature: Feature, names: Sequence[str], values: Sequence[Any]) -> Places:
    index = {name: place for place, name in enumerate(names)}
    return np.array([index[bucket_of(feature, value)] for value in values], dtype=np.intp)


def windows(rows: int, *, size: int, count: int, seed: int) -> Iterator[Places]:
    """Windows as the load generator fills them: drawn without replacement, reshuffled when used up."""
    generator = np.random.default_rng(seed)
    left = np.empty(0, dtype=np.intp)
    for _ in range(count):
        while len(left) < size:
            left = np.concatenate([left, generator.permutation(rows)])
        window, left = left[:size], left[size:]
        yield window
