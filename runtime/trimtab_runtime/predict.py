"""`predict`: one model scores the evaluation rows, in the image its version is pinned to."""

from __future__ import annotations

import csv
import logging

from .contract import paths
from .contract.config import Predict
from .dataset.columns import read_columns, typed_columns
from .layout import Layout
from .model.folder import verify_model

log = logging.getLogger(__name__)


def predict(config: Predict, layout: Layout) -> None:
    """Read rows.csv, write <side>.csv (row number, score). The model is verified before it is loaded."""
    model = verify_model(layout.model, config.digest)
    # Late: these need the model's framework, which other containers do not have.
    from .model.prediction import load, score

    loaded = load(model)
    names = [paths.ROW_COLUMN, *(tensor.name for tensor in model.signature.inputs)]
    cells = read_columns([layout.inputs / paths.ROWS_FILE], names)
    scores = score(loaded, model, typed_columns(cells, model.signature))
    layout.outputs.mkdir(parents=True, exist_ok=True)
    with (layout.outputs / f"{config.side}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([paths.ROW_COLUMN, paths.SCORE_COLUMN])
        writer.writerows(zip(cells[paths.ROW_COLUMN], map(repr, scores.tolist()), strict=True))
    log.info("%s %s scored %d rows", config.side, config.digest, len(scores))
