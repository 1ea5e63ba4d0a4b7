"""For training programs: read the splits, log metrics, save the model with its signature and profile.

    from trimtab_runtime.training import load_split, log_metric, params, save_model, trial

    train, validation = load_split("train"), load_split("validation")
    model = fit(train.rows, train.label, leaves=int(params()["leaves"]), seed=trial().seed)
    log_metric("logLoss", log_loss(validation.label, model.predict_proba(validation.rows)[:, 1]))
    save_model(model, reference=load_split("reference"))

Programs in other languages read and write the same plain files; docs of the Experiment describe them.
"""

from .saving import save_model
from .splits import Split, load_split
from .trial import log_metric, params, trial

__all__ = ["Split", "load_split", "log_metric", "params", "save_model", "trial"]
