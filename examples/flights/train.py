"""The training program: fit on train, report on validation, save with the reference.

Runs in the trial's container as `python -m flights.train`; all it needs lies in /trimtab/in.
"""

from __future__ import annotations

from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from flights.model import Settings, pipeline
from trimtab_runtime.training import load_split, log_metric, params, save_model, trial


def main() -> None:
    """One trial. An exception ends it with a traceback in the log and a failed attempt."""
    settings = Settings.read(params())
    train, validation = load_split("train"), load_split("validation")
    columns = [tensor.name for tensor in train.signature.inputs]
    texts = [tensor.name for tensor in train.signature.inputs if tensor.datatype == "BYTES"]
    print(f"{settings} on {len(train.label)} rows of {len(set(train.group))} days", flush=True)

    model = pipeline(columns, texts, settings, seed=trial().seed)
    model.fit(train.rows, train.label)

    scores = model.predict_proba(validation.rows)[:, 1]
    for name, metric in (("logLoss", log_loss), ("brier", brier_score_loss), ("auc", roc_auc_score)):
        value = float(metric(validation.label, scores))
        log_metric(name, value)
        print(f"validation {name} {value:.4f}", flush=True)

    save_model(model, reference=load_split("reference"))


if __name__ == "__main__":
    main()
