"""Metric names, their direction, and the values a result may carry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from .errors import ContractError, Reason
from .strict import finite

Goal = Literal["minimize", "maximize"]
GOALS: Final[tuple[Goal, ...]] = ("minimize", "maximize")

LOG_LOSS, BRIER, AUC, ACCURACY = "logLoss", "brier", "auc", "accuracy"

# What the evaluation Job computes, and so what a gate may name.
EVALUATION_METRICS: Final[Mapping[str, Goal]] = {
    LOG_LOSS: "minimize",
    BRIER: "minimize",
    AUC: "maximize",
    ACCURACY: "maximize",
}

METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}\Z")


def parse_metrics(value: Any, *, reason: Reason, field: str, max_items: int) -> dict[str, float]:
    """A map of metric name to finite number."""
    if not isinstance(value, dict):
        raise ContractError(reason, field, "must be an object of metric names and numbers")
    if len(value) > max_items:
        raise ContractError(reason, field, f"holds {len(value)} metrics, at most {max_items} are allowed")
    for name in value:
        if not METRIC_NAME.match(name):
            raise ContractError(reason, field, f"metric names must match {METRIC_NAME.pattern}")
    return {name: finite(number, reason, f"{field}.{name}") for name, number in value.items()}


def improvement(metric: str, challenger: float, champion: float) -> float:
    """Challenger against champion, signed so that positive means the challenger is better."""
    match EVALUATION_METRICS[metric]:
        case "minimize":
            return champion - challenger
        case "maximize":
            return challenger - champion
