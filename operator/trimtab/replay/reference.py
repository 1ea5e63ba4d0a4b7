"""The reference profile of a file: what a version of the model would carry, made by the same functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.replay.errors import CannotReplay
from trimtab.replay.roles import Answers, Roles, answers, threshold_of
from trimtab.replay.rows import Nothing, Numbers, Rows, Texts, Times
from trimtab_runtime.contract.profile import Feature, Profile, ScoreReference
from trimtab_runtime.contract.strict import sha256_digest
from trimtab_runtime.profiling.features import profile_feature
from trimtab_runtime.profiling.scores import performance, score_reference

DIGEST = sha256_digest(b"replay")


@dataclass(frozen=True)
class Reference:
    """`rows` are kept for the exact statistics. `skipped`: columns that no judgement is made of, and why."""

    rows: Rows
    profile: Profile
    answers: Answers | None
    skipped: tuple[str, ...]

    @property
    def has_labels(self) -> bool:
        return self.answers is not None and self.answers.labels is not None


def reference_of(rows: Rows, roles: Roles) -> Reference:
    """Raises CannotReplay for rows that no profile can be made of."""
    found = answers(rows, roles)
    if found is not None and found.labels is not None and np.isnan(found.labels).any():
        row = np.flatnonzero(np.isnan(found.labels))[0] + 1
        raise CannotReplay(
            f"{rows.source}: {roles.label} of row {row} is missing: give reference rows with labels, or "
            "leave --label out"
        )
    features, skipped = {}, []
    for name, column in rows.columns.items():
        if name in roles.named:
            continue
        match column:
            case Numbers():
                features[name] = profile_feature(column.listed(), is_number=True)
            case Texts():
                features[name] = profile_feature(column.listed(), is_number=False)
            case Times():
                skipped.append(f"{name} holds times; name it with --timestamp if rows happened then")
            case Nothing():
                skipped.append(f"{name} has no value in the reference")
    if not features:
        raise CannotReplay(f"{rows.source} has no column of numbers or texts to compare")
    return Reference(rows, _profile(rows, roles, features, found), found, tuple(skipped))


def _profile(rows: Rows, roles: Roles, features: dict[str, Feature], found: Answers | None) -> Profile:
    score = ScoreReference(edges=(), counts=(len(rows),), positives=(0,), sums=(0.0,), threshold=0.5)
    metrics: dict[str, float] = {}
    if found is not None:
        labels = np.zeros(len(rows)) if found.labels is None else found.labels
        score = score_reference(labels, found.scores, threshold_of(rows, roles, found.scores))
        metrics = {} if found.labels is None else performance(labels, found.scores)
    return Profile(
        data_digest=DIGEST,
        rows=len(rows),
        span=None,
        signature_digest=DIGEST,
        features=features,
        score=score,
        performance=metrics,
    )
