"""Rows of a window as a model server would have counted them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.replay.errors import CannotReplay
from trimtab.replay.reference import DIGEST, Reference
from trimtab.replay.roles import Answers, Roles, answers
from trimtab.replay.rows import Column, Nothing, Numbers, Places, Rows, Texts
from trimtab_runtime.contract.buckets import ABOVE, BELOW, MISSING, bucket_names, bucket_of
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.profile import CategoricalFeature, Feature, NumericFeature
from trimtab_runtime.contract.serving import FEATURE_ROWS, FEEDBACK, LIVE, ROWS, SCORE_ROWS, Series

_RECENT = "0"


@dataclass(frozen=True)
class Counting:
    """The bucket of each row of a file, by feature, and of its score."""

    rows: Rows
    answers: Answers | None
    places: dict[str, Places]
    names: dict[str, tuple[str, ...]]
    score_places: Places | None
    score_buckets: int

    def window(self, chosen: Places) -> ServerCounts:
        """What these rows count."""
        values: dict[Series, int] = {(ROWS, LIVE): len(chosen)}
        for name, names in self.names.items():
            found = np.bincount(self.places[name][chosen], minlength=len(names)).tolist()
            values |= {(FEATURE_ROWS, LIVE, name, key): n for key, n in zip(names, found, strict=True)}
        scores = self.window_scores(chosen)
        values |= {(SCORE_ROWS, LIVE, str(bucket)): n for bucket, n in enumerate(scores)}
        values |= self._labels(chosen)
        return ServerCounts(values)

    def window_scores(self, chosen: Places) -> tuple[int, ...]:
        """Rows by score bucket; empty without scores."""
        if self.score_places is None:
            return ()
        return tuple(np.bincount(self.score_places[chosen], minlength=self.score_buckets).tolist())

    def labels(self, chosen: Places) -> tuple[list[int], list[int]]:
        """Labels 0 and labels 1 by score bucket."""
        if self.score_places is None or self.answers is None or self.answers.labels is None:
            return [], []
        of = self.answers.labels[chosen]
        counted = [
            np.bincount(self.score_places[chosen][of == label], minlength=self.score_buckets).tolist()
            for label in (0, 1)
        ]
        return counted[0], counted[1]

    def _labels(self, chosen: Places) -> dict[Series, int]:
        return {
            (FEEDBACK, DIGEST, str(bucket), str(label), _RECENT): count
            for label, counts in enumerate(self.labels(chosen))
            for bucket, count in enumerate(counts)
            if count
        }


def count(rows: Rows, roles: Roles, reference: Reference) -> Counting:
    """Raises CannotReplay for a column that is missing or of another type than in the reference."""
    places, names = {}, {}
    for name, feature in reference.profile.features.items():
        if name not in rows.columns:
            raise CannotReplay(
                f"{rows.source} has no column {name}, which the reference has: add it, or remove it there"
            )
        names[name] = bucket_names(feature)
        places[name] = _places(
            f"{rows.source}: {name}", feature, rows.columns[name], reference.rows.columns[name]
        )
    found = answers(rows, roles)
    score = reference.profile.score
    return Counting(
        rows=rows,
        answers=found,
        places=places,
        names=names,
        score_places=None if found is None else np.searchsorted(score.edges, found.scores, side="left"),
        score_buckets=len(score.counts),
    )


def _places(where: str, feature: Feature, column: Column, known: Column) -> Places:
    index = {name: place for place, name in enumerate(bucket_names(feature))}
    match column:
        case Nothing(rows):
            return np.full(rows, index[MISSING], dtype=np.intp)
        case Numbers(values) if isinstance(known, Numbers):
            return _of_numbers(feature, values, index)
        case Texts(codes, values) if isinstance(known, Texts):
            of_value = [index[bucket_of(feature, value)] for value in values]
            return np.array([*of_value, index[MISSING]], dtype=np.intp)[codes]  # MISSING_CODE is the last
        case _:
            kinds = {Numbers: "numbers", Texts: "texts"}
            raise CannotReplay(
                f"{where} holds {kinds.get(type(column), 'times')}, in the reference {kinds[type(known)]}: "
                "write the same type in both files"
            )


def _of_numbers(feature: Feature, values: np.ndarray, index: dict[str, int]) -> Places:
    """By distinct values, of which a column of classes has few."""
    match feature:
        case NumericFeature():
            places = np.searchsorted(feature.edges, values, side="left")
            places = np.where(values < feature.minimum, index[BELOW], places)
            places = np.where(values > feature.maximum, index[ABOVE], places)
        case CategoricalFeature():
            distinct, inverse = np.unique(values, return_inverse=True)
            of_value = [index[bucket_of(feature, value)] for value in distinct.tolist()]
            places = np.array(of_value, dtype=np.intp)[inverse]
    return np.where(np.isnan(values), index[MISSING], places)
