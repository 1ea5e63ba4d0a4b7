"""`publish evaluation`: scores against labels. What the gates make of the numbers is the operator's."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trimtab_runtime.comparison import compare
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import PublishEvaluation
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.message import Comparison, EvaluationResult
from trimtab_runtime.dataset.cells import INTEGER, NUMBER
from trimtab_runtime.dataset.columns import read_columns
from trimtab_runtime.dataset.table import CsvTable, open_table
from trimtab_runtime.layout import Layout
from trimtab_runtime.regular_file import open_regular
from trimtab_runtime.scoring import METRICS

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
MAX_LINE_BYTES = 64  # row number and score


@dataclass(frozen=True)
class _Labels:
    """Labels by row number, and the dense number of each row's group (of the row itself without groups)."""

    labels: Floats
    groups: npt.NDArray[np.intp]


def publish_evaluation(config: PublishEvaluation, layout: Layout) -> EvaluationResult:
    """Measure the challenger and, if there is one, compare it with the champion on the same rows."""
    labels = _read_labels(layout.labels)
    challenger = _read_scores(layout, paths.CHALLENGER, len(labels.labels))
    comparisons: tuple[Comparison, ...] = ()
    if config.has_champion:
        champion = _read_scores(layout, paths.CHAMPION, len(labels.labels))
        comparisons = compare(labels.labels, challenger, champion, labels.groups, seed=config.seed)
    metrics = {name: measure(labels.labels, challenger, None) for name, measure in METRICS.items()}
    for name, value in metrics.items():
        log.info("%s %.6g", name, value)
    return EvaluationResult(
        attempt=config.attempt,
        data_digest=config.data_digest,
        rows=len(labels.labels),
        groups=int(labels.groups.max()) + 1,
        metrics=metrics,
        gates=comparisons,
    )


def _read_labels(path: Path) -> _Labels:
    """Our own file, written by `fetch`."""
    with open_table(path, paths.LABELS_FILE) as table:
        grouped = paths.GROUP_COLUMN in table.header
    columns = read_columns([path], [paths.LABEL_COLUMN, *([paths.GROUP_COLUMN] if grouped else [])])
    labels = np.array([float(cell) for cell in columns[paths.LABEL_COLUMN]])
    if not grouped:
        return _Labels(labels, np.arange(len(labels)))
    _, groups = np.unique(columns[paths.GROUP_COLUMN], return_inverse=True)
    return _Labels(labels, groups)


def _read_scores(layout: Layout, side: str, rows: int) -> Floats:
    """Scores in row order; they come from a container we do not trust."""
    name, path = f"{side}.csv", layout.side_scores(side)
    try:
        with open_regular(path, name) as file:
            text = file.read((rows + 1) * MAX_LINE_BYTES + 1)
    except FileNotFoundError as error:
        message = f"the container predict-{side} ended without writing it"
        raise ContractError(Reason.RESULT_MISSING, name, message) from error
    if len(text) > (rows + 1) * MAX_LINE_BYTES:
        raise _invalid(name, f"is larger than {rows} scores can be")
    scores = np.full(rows, np.nan)
    for row, score in _parse_scores(text, name):
        if not INTEGER.match(row) or not 0 <= int(row) < rows:
            raise _invalid(name, "has a row that rows.csv does not have")
        if not np.isnan(scores[int(row)]):
            raise _invalid(name, "has a row twice")
        if not NUMBER.match(score) or not 0 <= float(score) <= 1:
            raise _invalid(name, "has a score that is no number from 0 to 1")
        scores[int(row)] = float(score)
    missing = int(np.isnan(scores).sum())
    if missing:
        raise _invalid(name, f"lacks {missing} of {rows} rows")
    return scores


def _parse_scores(text: bytes, name: str) -> list[tuple[str, str]]:
    try:
        with io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="") as lines:
            table = CsvTable(name, lines)
            if table.header != (paths.ROW_COLUMN, paths.SCORE_COLUMN):
                raise _invalid(name, f"must have the columns {paths.ROW_COLUMN},{paths.SCORE_COLUMN}")
            chunks = [chunk.columns for chunk in table.chunks()]
    except ContractError as error:
        raise _invalid(name, error.message) from error
    return [
        pair
        for columns in chunks
        for pair in zip(columns[paths.ROW_COLUMN], columns[paths.SCORE_COLUMN], strict=True)
    ]


def _invalid(name: str, message: str) -> ContractError:
    return ContractError(Reason.RESULT_INVALID, name, message)
