"""What splits must not share. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from trimtab_runtime.contract.data import (
    EVALUATION,
    LEARNT_SPLITS,
    REFERENCE,
    SPLITS,
    TRAIN,
    DataContract,
)
from trimtab_runtime.contract.errors import ContractError, Reason

from .cells import format_time
from .validation import Fingerprint

HELD_OUT_SPLITS = (REFERENCE, EVALUATION)


def check_splits(splits: Mapping[str, Fingerprint], contract: DataContract) -> None:
    """Raise SplitOverlap or TimeLeak for the first leak between splits.

    Rows may not occur in two splits. Groups may not occur both on the learnt side (train, validation) and on
    the held-out side (reference, evaluation). Without groups, evaluation must be later than all of train.
    """
    for a, b in combinations([split for split in SPLITS if split in splits], 2):
        shared = shared_rows(splits[a], splits[b])
        if shared:
            raise ContractError(
                Reason.SPLIT_OVERLAP, f"{a}/{b}", f"{shared} distinct rows occur in both splits"
            )
    for a in LEARNT_SPLITS:
        for b in HELD_OUT_SPLITS:
            _check_groups(splits, a, b, contract.group_column)
    if contract.time_column and not contract.group_column:
        _check_time(splits, contract.time_column)


def shared_rows(a: Fingerprint, b: Fingerprint) -> int:
    """Number of distinct rows that occur in both."""
    return len(np.intersect1d(a.hashes, b.hashes))


def _check_groups(splits: Mapping[str, Fingerprint], a: str, b: str, column: str) -> None:
    if a in splits and b in splits:
        shared = splits[a].groups & splits[b].groups
        if shared:
            message = f"{len(shared)} groups of {column} occur in both splits"
            raise ContractError(Reason.SPLIT_OVERLAP, f"{a}/{b}", message)


def _check_time(splits: Mapping[str, Fingerprint], column: str) -> None:
    train, evaluation = splits.get(TRAIN), splits.get(EVALUATION)
    if not train or not evaluation or not train.span or not evaluation.span:
        return
    if evaluation.span[0] <= train.span[1]:
        raise ContractError(
            Reason.TIME_LEAK,
            column,
            f"evaluation starts at {format_time(evaluation.span[0])}, train ends at "
            f"{format_time(train.span[1])}: evaluate on later rows, or declare a groupColumn",
        )
