"""Loading a verified model and scoring rows. Only predict and serving containers import this."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.result import ModelCard
from trimtab_runtime.dataset.columns import Array, model_input

from .folder import Model
from .formats import Format, format_named


def load(model: Model) -> Any:
    """Load a verified model, after its framework version and Python minor were found to be ours.

    Takes the record returned by `verify_model`, so that nothing unverified is ever unpickled.
    """
    card = model.record.card
    if card is None:
        raise ContractError(
            Reason.MODEL_INVALID,
            f"model/{paths.CARD_FILE}",
            "is missing: only models of save_model can be loaded",
        )
    stored = format_named(card.format)
    check_runtime(card, stored)
    try:
        return stored.load(model.files / card.file, model.signature)
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(
            Reason.MODEL_INVALID,
            f"model/{card.file}",
            f"cannot be loaded ({type(error).__name__}): does this image have the code it was trained with?",
        ) from error


def check_runtime(card: ModelCard, stored: Format) -> None:
    """Equal framework version and Python minor, or RuntimeMismatch naming both sides."""
    ours = stored.framework()
    python = ".".join(platform.python_version_tuple()[:2])
    for field, wanted, has in (("framework", card.framework, ours), ("python", card.python, python)):
        if wanted != has:
            raise ContractError(
                Reason.RUNTIME_MISMATCH, field, f"the model was saved with {wanted}, this image has {has}"
            )


def score(loaded: Any, model: Model, columns: Mapping[str, Array]) -> npt.NDArray[np.float64]:
    """The probability of label 1 per row; anything that is no probability is ResultInvalid."""
    try:
        answer = loaded.predict_proba(model_input(loaded, columns, model.signature))
        scores = np.asarray(answer, dtype=np.float64)[:, 1]
    except Exception as error:
        raise ContractError(
            Reason.MODEL_INVALID, "predict_proba", f"failed on rows of its signature ({type(error).__name__})"
        ) from error
    if not np.all((scores >= 0) & (scores <= 1)):
        raise ContractError(Reason.RESULT_INVALID, "predict_proba", "gave values that are not probabilities")
    return scores
