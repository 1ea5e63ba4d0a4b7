"""save_model: the model, its signature, and its profile on rows it has never seen."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.data import LEARNT_SPLITS
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.result import SCORES, SKLEARN, ModelCard
from trimtab_runtime.dataset.cells import format_time, parse_time
from trimtab_runtime.dataset.columns import model_input
from trimtab_runtime.dataset.leaks import shared_rows
from trimtab_runtime.dataset.validation import Fingerprint, fingerprint_file, join
from trimtab_runtime.layout import Layout
from trimtab_runtime.model.formats import format_named, format_of
from trimtab_runtime.profiling.features import profile_feature
from trimtab_runtime.profiling.scores import performance, score_reference
from trimtab_runtime.scoring import THRESHOLD

from .splits import Split, load_split
from .trial import data_contract, data_entries

# Scores of a stored model may differ from those of the trained one by rounding, not by more.
STORED_TOLERANCE = 1e-6


def save_model(
    model: Any, *, reference: Split, score: str = SCORES[0], threshold: float = THRESHOLD
) -> Profile:
    """Write model/, signature.json and profile.json to /trimtab/out; returns the profile.

    `model` is a classifier of two classes: a fitted scikit-learn one (a Pipeline as a rule), a fitted
    `XGBClassifier`, or an ONNX model as bytes or `onnx.ModelProto`. `reference` holds rows that neither
    fitting nor model selection saw: ValueError if a digest or a row is also in train or validation. `score`
    names how probabilities are read; there is one way, `predict_proba`.
    """
    _check_reference(reference)
    probabilities = positive_probability(model, reference, score)
    profile = build_profile(reference, probabilities, threshold)
    outputs = Layout.from_environment().outputs
    folder = outputs / paths.MODEL_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / paths.CARD_FILE).write_bytes(_store(model, folder, reference, probabilities, score).to_bytes())
    (outputs / paths.SIGNATURE_FILE).write_bytes(reference.signature.to_bytes())
    (outputs / paths.PROFILE_FILE).write_bytes(profile.to_bytes())
    return profile


def positive_probability(model: Any, split: Split, score: str = SCORES[0]) -> npt.NDArray[np.float64]:
    """The probability of label 1 for each row of a split."""
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}")
    classifier = format_named(format_of(model)).classifier(model, split.signature)
    if list(getattr(classifier, "classes_", [])) != [0, 1]:
        raise ValueError("the model must be a fitted classifier of the labels 0 and 1")
    return _probabilities(classifier, split)


def _probabilities(classifier: Any, split: Split) -> npt.NDArray[np.float64]:
    answer = np.asarray(classifier.predict_proba(model_input(classifier, split.columns, split.signature)))
    scores = answer[:, 1].astype(np.float64)
    if not np.all((scores >= 0) & (scores <= 1)):
        raise ValueError("predict_proba gave values that are not probabilities")
    return scores


def build_profile(reference: Split, scores: npt.NDArray[np.float64], threshold: float = THRESHOLD) -> Profile:
    """The profile of a model on its reference rows, given its scores there."""
    labels = reference.label.astype(np.float64)
    times = [parse_time(cell) for cell in dict.fromkeys(reference.time)]
    inputs = reference.signature.inputs
    return Profile(
        data_digest=reference.digests[0],
        rows=len(labels),
        span=(format_time(min(times)), format_time(max(times))) if times else None,
        signature_digest=reference.signature.digest,
        features={
            tensor.name: profile_feature(
                reference.columns[tensor.name].tolist(), is_number=tensor.datatype in ("FP64", "INT64")
            )
            for tensor in inputs
        },
        score=score_reference(labels, scores, threshold),
        performance=performance(labels, scores),
    )


def _check_reference(reference: Split) -> None:
    contract = data_contract()
    learnt = {entry.digest: entry.split for entry in data_entries() if entry.split in LEARNT_SPLITS}
    for digest in reference.digests:
        if digest in learnt:
            raise ValueError(f"the reference is the data of split {learnt[digest]}: hold rows out for it")

    def fingerprint(split: Split) -> Fingerprint:
        # `fetch` has checked the files; where none ran, reading the split did.
        found = [fingerprint_file(file, file.name, contract) for file in split.files]
        return join([part for part in found if part])

    held_out = fingerprint(reference)
    for name in dict.fromkeys(learnt.values()):
        shared = shared_rows(held_out, fingerprint(load_split(name)))
        if shared:
            raise ValueError(f"{shared} rows of the reference are also in split {name}: hold rows out for it")


def _store(
    model: Any, folder: Path, reference: Split, probabilities: npt.NDArray[np.float64], score: str
) -> ModelCard:
    """Store the model in its format, and read it back where the format keeps less than the Python object."""
    name = format_of(model)
    stored = format_named(name)
    stored.dump(model, folder / stored.FILE)
    if name != SKLEARN:
        again = _probabilities(stored.load(folder / stored.FILE, reference.signature), reference)
        if not np.allclose(again, probabilities, rtol=0, atol=STORED_TOLERANCE):
            raise ValueError(
                f"read back from {stored.FILE}, the model gives other scores: its format does not keep a "
                "setting of it, such as `missing` or an objective of your own"
            )
    major, minor, _ = platform.python_version_tuple()
    return ModelCard(name, stored.framework(), f"{major}.{minor}", stored.FILE, score)
